/* How often the keeper has signed, by kind, since the instance began: keys/signatures.  What the keeper signs without anybody's
 * knowledge would show here; front writes the sums into the journal once a day.  A head is counted when it is signed: one whose group was lost
 * after that stands in the sums and nowhere else.
 *
 * Two slots of 512 bytes, written in turn: "PLIS" ‖ u64 generation ‖ u64 for each kind ‖ CRC-32 of what is before; big-endian.  Slots of before have
 * the first four kinds alone.
 * A sum is written at once but flushed only at the end: a power cut may lose the last seconds, a crash of the process nothing. */
#ifndef PLI_SIGNATURES_H
#define PLI_SIGNATURES_H

#include <stdint.h>

#include "status.h"

enum signature_kind {
	SIGNATURE_CHECKPOINT, SIGNATURE_TOKEN, SIGNATURE_SEAL, SIGNATURE_MAIL,
	SIGNATURE_CHANGE,	/* of a key: statements by old and new, the root's on a certificate */
	SIGNATURE_KINDS
};

struct signatures;

/* Made when it is not there; a damaged file begins again from zero. */
MUST enum pli_status signatures_open(int keys_dir_fd, struct signatures **signatures_r, struct err *err);
/* NULL is allowed. */
void signatures_close(struct signatures *signatures);
/* Any thread; NULL: nothing is counted. */
void signatures_add(struct signatures *signatures, enum signature_kind kind, unsigned count);
void signatures_get(struct signatures *signatures, uint64_t counts_r[SIGNATURE_KINDS]);

#endif
