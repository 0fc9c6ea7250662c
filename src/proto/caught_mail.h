/* A mail of our own making, read back for the outbox of a demonstration: head lines and the plain text, as a person would see them.
 *
 * Reads what mime.h writes, signed or not: folded head lines, encoded words in UTF-8, nested multiparts, quoted-printable and base64.
 * Anything else is shown as far as it is understood; nothing in it is trusted. */
#ifndef PLI_CAUGHT_MAIL_H
#define PLI_CAUGHT_MAIL_H

#include <stddef.h>

struct pool;

#define CAUGHT_MAIL_MAX (4 * 1024 * 1024)

struct caught_mail {
	const char *from, *to, *subject, *date;	/* one line, valid UTF-8; "" when it has none */
	const char *text;			/* line feeds only, valid UTF-8, without control characters */
	size_t text_n;
};
/* Everything lives in pool; p is not kept. */
void caught_mail_read(struct pool *pool, const void *p, size_t n, struct caught_mail *mail_r);

#endif
