/* Mail that we send (RFC 5322, 2045-2047): one shape, text and HTML as alternatives, 7-bit, CRLF,
 * no line over 76 characters where folding allows (a link alone on its line stays whole).  The same input gives the same bytes, so that a
 * retry is equal to the first try.  Nothing from outside can begin a header line: what cannot be
 * encoded is refused. */
#ifndef PLI_MIME_H
#define PLI_MIME_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;

struct mime_mailbox {
	const char *name; /* "" or NULL: none */
	const char *addr; /* ASCII, as address.h gives it */
};
struct mime_header {
	const char *name; /* "X-Pli-Letter", "Auto-Submitted" */
	const char *value; /* one line, UTF-8 */
};
struct mime_mail {
	struct mime_mailbox from;
	struct mime_mailbox to;
	const char *subject;
	int64_t date_us; /* fixed over retries */
	int offset_min; /* zone of the Date header */
	const char *message_id; /* "id@host", without angle brackets; fixed over retries */
	const struct mime_header *headers; /* further ones, at most 32 */
	size_t header_count;
	const char *text; /* UTF-8, \n or \r\n */
	const char *html; /* NULL: text/plain alone */
};

/* Headers From, To, Subject, Date, Message-ID, the further ones, MIME-Version, then the content.
 * PLI_INVALID, naming the header, for control characters, bad UTF-8, bad addresses, over-long
 * values and further headers that are written already.  On failure out is as it was. */
MUST enum pli_status mime_build(struct buf *out, const struct mime_mail *mail, struct err *err);
/* The content alone, Content-Type line first: what a signature is made over (RFC 8551 section
 * 3.5.3). */
MUST enum pli_status mime_content(struct buf *out, const struct mime_mail *mail, struct err *err);
/* The header lines alone, without MIME-Version, content headers and the empty line. */
MUST enum pli_status mime_head(struct buf *out, const struct mime_mail *mail, struct err *err);

/* What signs content (mime_content's bytes, as they are), together with it: multipart/signed of RFC 8551 section 3.5.3.  Appends a
 * Content-Type header, the empty line, both parts.  p7s: CMS in DER, SHA-256. */
void mime_signed(struct buf *out, const void *content, size_t content_n, const void *p7s, size_t p7s_n);

/* "Sat, 21 Nov 2026 21:34:35 +0100" */
void mime_date(struct buf *out, int64_t t_us, int offset_min);

#endif
