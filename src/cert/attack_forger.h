/* A forger's own root, certificates and keys: as good as the service's, but not the service's. */
#ifndef PLI_ATTACK_FORGER_H
#define PLI_ATTACK_FORGER_H

#include <stdint.h>

#include "status.h"

struct pool;
struct sealer;
struct token_maker;

struct attack_forger {
	const char *root_pem, *seal_pem, *operator_pem, *tsa_pem, *log_pub;	/* in the pool */
	struct sealer *seal, *operator_;
	struct token_maker *tsa;
	uint8_t log_secret[64];
};
MUST enum pli_status attack_forger_make(struct pool *pool, struct attack_forger *forger_r, struct err *err);
void attack_forger_free(struct attack_forger *forger);

#endif
