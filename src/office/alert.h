/* Evidence alerts (A11): what is wrong with the proofs themselves, told once to those who can mend it.
 *
 * Whoever notices that something is so calls alert_raise, as often as he likes while it lasts, and alert_end when it is over, also when he
 * cannot know whether it was ever raised (after a start, say).  Both only note it in memory; alert_round, on a thread of its own, does the
 * rest: a row, a line in the log, one mail to each security administrator in his language, an entry in the journal, and all four once
 * more at the end.  Rows and mails need no keeper, so that they also come when the keeper is what is wrong; entries wait for it.
 *
 * Security administrators: who has the flag of the instance, unless he said no; other administrators who said yes (security_admin.h). */
#ifndef PLI_ALERT_H
#define PLI_ALERT_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct office;
struct pool;

enum alert_kind {
	ALERT_PROOF,			/* a check of proofs, journal or content has failed */
	ALERT_TSA,			/* the external time-stamping authority is away */
	ALERT_WITNESS,			/* a witness is away; entered in the journal by who noticed it */
	ALERT_UNSIGNED,			/* entries without a signed head for too long, or none could be signed */
	ALERT_CLOCK,			/* the machine's clock was set; the start is entered by who noticed it */
	ALERT_KINDS
};
const char *alert_kind_name(enum alert_kind kind);

#define ALERT_SUBJECT_MAX 120

/* subject: which one, "" if there is only one; detail: for the operator, English.  Neither may name a person, a letter's words or an
 * address.  Any thread; never blocks. */
void alert_raise(struct office *office, enum alert_kind kind, const char *subject, const char *detail);
void alert_end(struct office *office, enum alert_kind kind, const char *subject);

/* At start: those of a kind end that are about none of these any more, as the settings have changed. */
void alert_keep(struct office *office, enum alert_kind kind, const char *const *subjects, unsigned count);

/* How many are on; for banner and metrics.  Never blocks. */
unsigned alert_count(struct office *office, enum alert_kind kind);

/* The newest, those that are on first; in pool. */
struct alert {
	enum alert_kind kind;
	const char *subject, *detail;
	int64_t since_us, seen_us, ended_us;	/* ended: 0 while it is on */
	int64_t told;				/* mails at its start; -1: not yet */
	int64_t entry;				/* of its start in the journal; 0: see the journal, -1: not yet */
};
MUST enum pli_status alert_list(struct office *office, struct pool *pool, unsigned limit, struct alert **alerts_r, unsigned *count_r,
				struct err *err);

/* Looks for what nobody else notices (entries that stay unsigned, a clock that is off) and says what was not said yet.  Every second or so;
 * blocks for as long as database and keeper take. */
void alert_round(struct office *office);
/* Before the office is closed: what is on gets its row, and is told when it serves again.  Waits for no keeper. */
void alert_flush(struct office *office);

#endif
