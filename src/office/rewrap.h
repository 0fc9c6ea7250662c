/* Letters and drafts taken from one KEK to another, some at a time: the letter key and every link token are unwrapped and wrapped again by
 * the keeper, then put into their rows in one transaction.  What the letter key encrypts stays as it is. */
#ifndef PLI_REWRAP_H
#define PLI_REWRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "status.h"
#include "uuid.h"

struct db_conn;
struct office;
struct wrapped;

#define REWRAP_LETTERS_MAX 64
#define REWRAP_KEYS_FULL 1024		/* of a group: no further letter is added */

struct rewrap_letter {
	struct uuid letter;
	bool draft;
	char from[64], to[64];
	int64_t period;			/* of `to` */
	unsigned first, count;		/* of the group's keys */
};
/* A group, of one entity. */
struct rewrap {
	struct office *office;
	struct uuid entity;
	struct rewrap_letter letters[REWRAP_LETTERS_MAX];
	unsigned count;
	struct buf keys;
	bool raced;			/* rewrap_run: something of it was changed by others meanwhile, and nothing was written */
};

void rewrap_init(struct rewrap *group, struct office *office, const struct uuid *entity);
void rewrap_free(struct rewrap *group);		/* wipes */
bool rewrap_full(const struct rewrap *group);
/* Reads the letter's keys (a draft has one), which lie under `from`, for taking them to the KEK in use of `period`.  One that is not there
 * under `from` any more is left out.  PLI_INPUT: what its rows hold is no wrapped key. */
MUST enum pli_status rewrap_add(struct rewrap *group, struct db_conn *conn, const struct uuid *letter, bool draft, const char *from,
				int64_t period, struct err *err);
/* Durable on return.  Blocks.  All or nothing: PLI_BUSY with raced; PLI_ABSENT when a KEK is not at the keeper, PLI_INPUT when one of the
 * keys does not open. */
MUST enum pli_status rewrap_run(struct rewrap *group, struct err *err);

/* Wrapped values that are in no row yet.  n of places: 0 for the letter key, else the recipient. */
struct rewrap_value {
	unsigned n;
	const void *wrapped;		/* in: under `from`; out: owned by the caller's pool, under `to` */
	size_t wrapped_n;
};
struct pool;
MUST enum pli_status rewrap_values(struct office *office, struct pool *pool, const struct uuid *entity, const struct uuid *letter,
				   const char *from, const char *to, struct rewrap_value *values, unsigned count, struct err *err);

#endif
