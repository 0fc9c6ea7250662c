/* "Attack this proof": forgeries made live out of a proof that holds, and what catches each.
 *
 * The forger has the proof, this program and every tool, makes keys and certificates of his own, writes the list of files anew where it
 * helps him: all but the service's keys.  So each forgery must be caught by somebody who knows the fingerprints of the service; one that
 * is not would be a fault of ours. */
#ifndef PLI_ATTACK_H
#define PLI_ATTACK_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

struct pool;

#define ATTACK_MAX_BYTES (1u << 20)	/* of a proof: each forgery is as large */
#define ATTACK_MAX 160

struct attack_try {
	const char *act;	/* stable: "flip", "drop", … */
	const char *target;	/* file, or files, that it was done to */
	bool relisted;		/* and the list of files was written anew, so that the seal alone, or what lies under it, can notice */
	bool caught;
	unsigned failed;	/* checks */
	const char *by;		/* id of the first of them */
	const char *text;	/* their words, one after the other */
	const void *zip;	/* the forgery itself; NULL unless kept */
	size_t zip_n;
};
struct attack {
	struct attack_try tries[ATTACK_MAX];
	unsigned count, caught;
};
/* All lives in pool.  PLI_CONFLICT: the proof itself does not hold; PLI_LIMIT: larger than ATTACK_MAX_BYTES. */
MUST enum pli_status attack_run(struct pool *pool, const void *zip, size_t n, bool keep, struct attack *attack_r, struct err *err);

#endif
