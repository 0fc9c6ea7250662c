/* A question to the journal under way, for letter_journal*.c only. */
#ifndef PLI_LETTER_JOURNAL_OWN_H
#define PLI_LETTER_JOURNAL_OWN_H

#include "letter_journal.h"

struct db_conn;
struct search_query;

struct journal_find {
	struct office *office;
	const struct principal *who;
	struct pool *pool;
	struct db_conn *conn;		/* from before journal_find_rows to the end of what it found */
	const struct letter_journal_query *query;

	const struct search_query *search;	/* NULL: any letter */
	uint64_t number;		/* the search is a number: that entry, too; 0: it is not */
	struct uuid letter, account;
	bool of_letter, of_account, nobody;
	int64_t from_us, to_us;
	uint64_t before;
	unsigned limit;

	uint64_t *seqs;			/* room for limit; newest first */
	unsigned count;
	bool more, cut;
	struct letter_journal_counts *counts;	/* NULL: not asked for */
};

/* What is asked, checked; also the right to ask. */
MUST enum pli_status journal_find_read(struct journal_find *find, struct err *err);
MUST enum pli_status journal_find_rows(struct journal_find *find, struct err *err);
/* Whether that entry is for his eyes; conn as above.  PLI_ABSENT. */
MUST enum pli_status journal_find_one(struct journal_find *find, uint64_t seq, struct err *err);

/* One kind of row and how many there are, into find->counts. */
struct journal_kind {
	const char *type, *state;	/* state may be NULL */
	bool has_account;
	struct uuid account;
	unsigned period;		/* 0: today, 1: 7 days, 2: 30 days, 3: older */
	bool in_range;			/* of the times asked for */
	unsigned n;
};
void journal_counts_init(struct letter_journal_counts *counts);
void journal_counts_add(struct journal_find *find, const struct journal_kind *kind);
/* Beginnings of today, and of the last 7 and 30 days, in the instance's zone. */
void journal_periods(const struct office *office, int64_t begin_us_r[3]);
/* Without a search: all at once, by the database. */
MUST enum pli_status journal_counts_read(struct journal_find *find, struct err *err);
/* E-mails become names, users by count; drops what is empty. */
MUST enum pli_status journal_counts_finish(struct journal_find *find, struct err *err);

#endif
