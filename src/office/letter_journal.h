/* The journal as its readers see it (B16, B31 to B36): which rows, in which words, how many of each kind.
 *
 * Who may see hidden copies (the sender, his entity's auditors) sees all rows; others see no row of the document chain, whose counts
 * would tell of a hidden copy, and none of a hidden copy's own chain. */
#ifndef PLI_LETTER_JOURNAL_H
#define PLI_LETTER_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

struct buf;
struct letter_part;
struct office;
struct pool;
struct principal;

struct letter_journal_query {
	const char *letter, *type, *state, *user, *from, *to, *q, *cursor;	/* texts as given, NULL = any */
	unsigned limit;
	const char *lang;		/* fr | en */
	bool csv;
};
/* {entries:[…], next}, or CSV of ten columns.  PLI_INVALID with the field of the query that is wrong. */
MUST enum pli_status letter_journal(struct office *office, const struct principal *who, struct pool *pool,
				    const struct letter_journal_query *query, struct buf *out, struct err *err);

/* One row, for a page; texts "" when there is nothing, all borrowed for the call. */
struct letter_journal_row {
	uint64_t number;
	int64_t date_us, stamp_us;	/* stamp: 0 until a timestamp covers the entry */
	int64_t external_us;		/* the same by an authority outside */
	const char *type, *state, *event, *etsi;	/* codes; state and etsi may be NULL */
	const char *entity, *siren, *user, *document, *message;
	bool has_letter;
	struct uuid letter;
	const char *channel, *ip, *tls, *method;
	int level;			/* -1: none */
	const struct letter_part *part;	/* NULL: of no file */
};
typedef enum pli_status letter_journal_fn(void *arg, const struct letter_journal_row *row, struct err *err);

#define LETTER_JOURNAL_COUNTED_MAX 10000
#define LETTER_JOURNAL_USERS_MAX 20
struct letter_journal_count {
	const char *code;		/* type, state, or the user's e-mail */
	const char *name;		/* of a user */
	unsigned n;
};
/* How many rows each choice would leave, the other choices as they are; lists end with code NULL, in the order of the tables of codes,
 * users by count.  periods: today, the last 7 days, the last 30 days, all. */
struct letter_journal_counts {
	struct letter_journal_count types[16], states[24], users[LETTER_JOURNAL_USERS_MAX + 1];
	unsigned periods[4];
	bool capped;			/* only the newest LETTER_JOURNAL_COUNTED_MAX rows are counted */
};
struct letter_journal_page {
	const char *next;		/* cursor; NULL: nothing follows */
	bool cut;			/* more letters may have the words than were looked at: the newest were */
	struct letter_journal_counts counts;
};
/* A page of rows, newest first, to fn, and the counts.  query->csv is not looked at. */
MUST enum pli_status letter_journal_page(struct office *office, const struct principal *who, struct pool *pool,
					 const struct letter_journal_query *query, letter_journal_fn *fn, void *arg,
					 struct letter_journal_page *page_r, struct err *err);

/* One entry and what proves it.  PLI_ABSENT: no such number, or not for his eyes. */
struct letter_journal_entry {
	const char *json;		/* canonical; NULL once erased */
	uint8_t leaf[32];
	uint64_t size;			/* of the tree of the checkpoint; 0: none covers the entry yet */
	uint8_t root[32];
	uint8_t *path;			/* hashes of 32 bytes */
	unsigned path_count;
	const char *checkpoint;		/* the signed note */
	const void *token;		/* time-stamp token of that checkpoint, DER */
	size_t token_n;
};
MUST enum pli_status letter_journal_entry(struct office *office, const struct principal *who, struct pool *pool, uint64_t number,
					  const char *lang, letter_journal_fn *fn, void *arg, struct letter_journal_entry *entry_r,
					  struct err *err);

#endif
