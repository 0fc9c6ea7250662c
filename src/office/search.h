/* Finding letters by words, without keeping a word in clear (B16, B31).
 *
 * A letter's row holds terms: HMAC-SHA256, cut to 8 bytes, under a key derived from the entity's metadata key, of each word of subject,
 * sender, recipients and file names, of the first three letters of each, and of each whole address.  A query asks for letters with all
 * of its words: words of one or two letters whole, longer ones as beginnings, an address as a whole, a number as the letter's number.
 * The terms give candidates; each is then opened, as its viewer may see it, and compared with the words: the answer is exact, and a
 * hidden copy is found only by who may know of it.  What the terms tell: that two letters share a word, and how many words a letter has. */
#ifndef PLI_SEARCH_H
#define PLI_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

struct db_conn;
struct db_tx;
struct letter;
struct office;
struct pool;
struct principal;

#define SEARCH_TEXT_MAX 200	/* bytes of a query */
#define SEARCH_WORDS_MAX 8

/* ---- what is found ---- */

struct search_terms {
	const void *open, *hidden;	/* in the pool; hidden NULL: no hidden copies */
	size_t open_n, hidden_n;
};
/* meta_key: of the letter's entity. */
void search_terms(struct pool *pool, const uint8_t meta_key[32], const struct letter *letter, struct search_terms *terms_r);
/* Inside a write function; a letter that has its row keeps it. */
MUST enum pli_status search_add(struct db_tx *tx, const struct letter *letter, const struct search_terms *terms, struct err *err);

/* Letters from before there was a search get their rows, some at a time; blocks.  *done_r: none is left. */
MUST enum pli_status search_fill(struct office *office, bool *done_r, struct err *err);

/* ---- what is asked ---- */

struct search_query;
/* PLI_INVALID, field "q": too long, too many words, not text.  *query_r NULL: the text has no word, everything is found. */
MUST enum pli_status search_parse(struct pool *pool, const struct principal *who, const char *text, const struct search_query **query_r,
				  struct err *err);
/* The whole query is a number, "123" or "n° 123": that one; else 0. */
uint64_t search_number(const struct search_query *query);
/* The letter, as its viewer sees it, has all the words. */
bool search_holds(const struct search_query *query, const struct letter *letter);
/* Candidates, newest first, of numbers below `before`, that who may see in lists; at most limit. */
struct search_found {
	struct uuid letter;
	int64_t number;
};
MUST enum pli_status search_candidates(struct db_conn *conn, const struct principal *who, const struct search_query *query,
				       int64_t before, unsigned limit, struct search_found *found_r, unsigned *count_r, struct err *err);

#endif
