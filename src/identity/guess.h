/* Guesses at secrets, counted in the database so that a restart forgives nothing.
 *
 * Each try is counted before it is evaluated, under everything that it has in common with others: a hundred at once are a hundred.  A
 * few are free; after that each must wait twice as long as the one before, up to a bound; a whole quiet hour halves the count.
 * Those whose try was right, or was never evaluated, get it back.
 *
 * Who knocks from a browser in which this account has signed in before is counted under that browser alone.  So a thousand strangers
 * cannot keep the owner out; without such a browser he waits at most the bound, or takes a reset link, which makes one of his browser. */
#ifndef PLI_GUESS_H
#define PLI_GUESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct directory;

enum guess_kind {
	GUESS_NAME_FROM,	/* this name from this network address */
	GUESS_FROM,		/* any name from this network address */
	GUESS_NAME,		/* this name from anywhere */
	GUESS_DEVICE,		/* this name from a browser that it knows */
	GUESS_CODE,		/* the code of this account's second factor, password known, from a strange browser */
	GUESS_SESSION,		/* within a session: shown again before a weighty act */
	GUESS_RESET_NAME,	/* reset links for this name */
	GUESS_RESET_FROM,	/* reset links from this network address */
	GUESS_LINK_FROM,	/* links for a password that are none */
};
#define GUESS_BUCKETS_MAX 4

struct guess {
	unsigned count;
	struct {
		enum guess_kind kind;
		uint8_t mac[32];
	} buckets[GUESS_BUCKETS_MAX];
};
/* Adds one more thing in common: n bytes at p. */
void guess_add(struct directory *directory, struct guess *guess, enum guess_kind kind, const void *p, size_t n);
/* Counts the try under all of them, or under none: PLI_RATE with retry_after_s when one of them must wait.  Blocks. */
MUST enum pli_status guess_reserve(struct directory *directory, const struct guess *guess, int64_t now_us, struct err *err);
/* The try was not evaluated, or was right: it is given back.  right: what is counted for this name and address, browser, code or
 * session alone begins anew; what it shares with others does not. */
MUST enum pli_status guess_give_back(struct directory *directory, const struct guess *guess, bool right, struct err *err);
/* Forgets what has halved to nothing; called by housekeeping. */
MUST enum pli_status guess_sweep(struct directory *directory, int64_t now_us, struct err *err);

/* Microseconds that must have passed since the last of so many tries before the next one; for tests and texts. */
int64_t guess_delay_us(enum guess_kind kind, int64_t tries);

#endif
