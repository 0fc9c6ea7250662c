/* The recipients of a letter out of the raw fields To, Cc and Bcc: parsed, made uniform, each person once (B18, B19, B24). */
#ifndef PLI_ADDRESS_BOOK_H
#define PLI_ADDRESS_BOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

struct pool;

enum address_kind { ADDRESS_TO, ADDRESS_CC, ADDRESS_BCC, ADDRESS_KIND_COUNT };
const char *address_kind_name(enum address_kind kind);	/* to | cc | bcc */

struct address_book_item {
	const char *name;	/* "" if none */
	const char *address;	/* local part as typed, domain in lower-case A-labels */
	enum address_kind kind;
};
struct address_book {
	struct address_book_item *items;	/* To, then Cc, then Bcc, each in the order given */
	unsigned count;
	unsigned of_kind[ADDRESS_KIND_COUNT];
};
/* fields[kind]: NULL-terminated list of raw texts, each with any number of addresses, or NULL.  Who stands in several
 * fields counts once, where he stands first (To before Cc before Bcc).  Everything lives in pool.
 * PLI_INVALID with the field: bad-address, too-many-recipients (more than max), no-recipient. */
MUST enum pli_status address_book_parse(struct pool *pool, const char *const *const fields[ADDRESS_KIND_COUNT],
					unsigned max, struct address_book *book_r, struct err *err);
/* One address in its uniform form, in pool. */
MUST enum pli_status address_book_one(struct pool *pool, const char *text, const char *field, const char **address_r,
				      struct err *err);
/* Whether both are one person's address. */
bool address_book_same(const char *a, const char *b);

#endif
