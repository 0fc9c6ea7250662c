/* The keys by which the keeper signs, made ready: the seal, the certification operator, the time-stamping authority, the log's key and
 * those log keys of before that still sign beside it (key_change.h). */
#ifndef PLI_KEEPER_SIGNERS_H
#define PLI_KEEPER_SIGNERS_H

#include <stdint.h>

#include "status.h"

#define LOG_PUBLICS_MAX 64

struct buf;
struct keyring;
struct sealer;
struct token_maker;

struct keeper_signers;		/* one thread at a time */
/* ring is borrowed for its life. */
MUST enum pli_status keeper_signers_open(const struct keyring *ring, int64_t now_us, struct keeper_signers **signers_r, struct err *err);
void keeper_signers_close(struct keeper_signers *signers);	/* NULL is allowed */

struct sealer *keeper_signers_seal(struct keeper_signers *signers);
struct sealer *keeper_signers_operator(struct keeper_signers *signers);
struct token_maker *keeper_signers_tsa(struct keeper_signers *signers);

/* Appends the signed checkpoint; *count_r: its signatures. */
MUST enum pli_status keeper_signers_checkpoint(struct keeper_signers *signers, const char *origin, uint64_t size, const uint8_t root[32],
					       int64_t now_us, struct buf *out, unsigned *count_r, struct err *err);
/* Public log keys, the one in use first, then all of before; *count_r of them, borrowed. */
const uint8_t (*keeper_signers_log_publics(const struct keeper_signers *signers, unsigned *count_r))[32];

#endif
