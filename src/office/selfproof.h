/* The nightly proof of itself (N17): Pli sends itself a letter, opens it, and verifies the proofs of it as a stranger would; does the same
 * with letters of others drawn by lot, and reads their content again; then (prog/selfproof_run.c) the whole journal and the newest backup.
 * What came of it is an entry of the journal, published with its inclusion proof: one line that the log has signed.
 *
 * A check that fails is an alert until the next run in which none does.  One that could not be made (keeper busy, disk full) is none. */
#ifndef PLI_SELFPROOF_H
#define PLI_SELFPROOF_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

struct buf;
struct office;
struct pool;

enum selfproof_outcome { SELFPROOF_HOLDS, SELFPROOF_FAILS, SELFPROOF_UNDONE };
const char *selfproof_outcome_name(enum selfproof_outcome outcome);	/* holds | fails | undone */

#define SELFPROOF_CHECKS_MAX 8
/* Checks by name: letter, letters, journal, backup. */
struct selfproof_check {
	char name[12], text[200];	/* text: English, names nobody */
	enum selfproof_outcome outcome;
};
struct selfproof {
	struct selfproof_check checks[SELFPROOF_CHECKS_MAX];
	unsigned count;
	int64_t at_us, took_us;
	int64_t letters;		/* of others, that were looked at */
	int64_t size;			/* of the journal that was verified; 0: it was not */
	int64_t backup;			/* entries of the backup whose head is one of this journal's; -1: none */
	uint64_t entry;			/* its number in the journal; 0: not there */
};
/* No check has failed, and the letter's and the journal's were made. */
bool selfproof_holds(const struct selfproof *run);
bool selfproof_failed(const struct selfproof *run);	/* one at least */
/* Notes a check; the outcome of PLI_OK holds, of PLI_BUSY and its like undone, of anything else fails with err's words. */
void selfproof_note(struct selfproof *run, const char *name, enum pli_status st, const struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* Each notes one check; all block. */
void selfproof_letter(struct office *office, struct selfproof *run);
void selfproof_letters(struct office *office, struct selfproof *run);
/* Entry, row, alert, log; run->entry is filled. */
MUST enum pli_status selfproof_finish(struct office *office, struct selfproof *run, struct err *err);

/* The newest.  PLI_ABSENT: there was none. */
MUST enum pli_status selfproof_newest(struct office *office, struct selfproof *run_r, struct err *err);
/* The published text: its entry on one line, then what proves it (C2SP tlog-proof).  PLI_ABSENT. */
MUST enum pli_status selfproof_published(struct office *office, struct pool *pool, struct buf *out, struct err *err);

#endif
