/* The certificate of time and silence over letters and recipients that somebody names: each chain gets an entry of today, then the proofs are made
 * and put together. */
#ifndef PLI_CERTIFICATE_MAKE_H
#define PLI_CERTIFICATE_MAKE_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;
struct journal_actor;
struct office;
struct pool;
struct principal;

#define CERTIFICATE_LETTERS_MAX 200

struct certificate_order {
	const char *const *letters;	/* ids */
	size_t letter_count;
	const char *const *recipients;	/* addresses: of each letter those alone; none: all, hidden copies too */
	size_t recipient_count;
	const char *deadline;		/* a date or RFC 3339, or NULL */
};
/* PLI_INVALID (letters, recipients, deadline), PLI_ABSENT, PLI_DENIED: as for the sender's proof of each; PLI_CONFLICT: a draft, a
 * letter of an archive; PLI_LIMIT: more than 200 recipients. */
MUST enum pli_status certificate_make(struct office *office, const struct principal *who, const struct journal_actor *actor, struct pool *pool,
				      const struct certificate_order *order, const char *lang, struct buf *out, struct err *err);

#endif
