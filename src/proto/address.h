/* E-mail addresses as people type them: one, or many separated by comma, semicolon or newline,
 * each `local@domain` or `Name <local@domain>` or `"Name, with comma" <local@domain>`.
 *
 * Accepted is the part of RFC 5321 section 4.1.2 that every relay carries: dot-string local part
 * in ASCII (at most 64 bytes), a domain of at least two labels, internationalised ones turned into
 * A-labels (IDNA 2008, non-transitional), at most 254 bytes together.  Refused, each with its
 * reason: control and bidi characters, CR, NUL, spaces, quoted local parts, comments, source
 * routes, groups, IP literals, empty labels, local parts with non-ASCII letters. */
#ifndef PLI_ADDRESS_H
#define PLI_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

struct pool;

#define ADDRESS_MAX 254
#define ADDRESS_NAME_MAX 128

struct address {
	const char *name; /* display name, NFC, "" if none; at most ADDRESS_NAME_MAX bytes */
	const char *addr; /* local part as typed, domain in lower-case A-labels: what mail is sent to */
	const char
		*show; /* the same with the domain in U-labels where that is unambiguous: what people read */
};
struct address_list {
	struct address *items;
	size_t count;
	size_t cap;
};

/* Appends the addresses of text (n bytes) to list (zeroed before the first call); one already
 * there (address_same) is counted once.  Strings and items live in pool.  field names the input
 * field in errors. PLI_INPUT: NUL or bad UTF-8; PLI_INVALID type "bad-address" (the text names it,
 * made harmless), type "too-many-recipients" over max.  Empty text and empty elements add nothing. */
MUST enum pli_status address_list_parse(struct pool *pool, struct address_list *list, const char *text,
					size_t n, const char *field, size_t max, struct err *err);
/* Exactly one address. */
MUST enum pli_status address_parse(struct pool *pool, const char *text, size_t n, const char *field,
				   struct address *address_r, struct err *err);
/* Case-insensitive in local part and domain: whoever can be told apart only by case is one person. */
bool address_same(const char *a, const char *b);
/* The item of list with that address, or NULL. */
const struct address *address_list_find(const struct address_list *list, const char *addr);
/* Form for look-up keys: addr in lower case, in pool. */
const char *address_key(struct pool *pool, const char *addr);

#endif
