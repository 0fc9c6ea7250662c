/* Writing text of any origin so that it stays text in the place where it stands.  Everywhere, bytes
 * that are not UTF-8 and NUL become U+FFFD. */
#ifndef PLI_ESCAPE_H
#define PLI_ESCAPE_H

#include <stddef.h>

struct buf;

/* HTML text and quoted attributes: & < > " ' as entities; C0 but TAB LF CR, and DEL and C1, as U+FFFD. */
void escape_html(struct buf *out, const char *s, size_t n);
/* The same with <br> before every LF; CR is left out. */
void escape_html_lines(struct buf *out, const char *s, size_t n);
/* A whole address in an attribute: http, https, mailto or relative (never //host), percent-encoded where
 * an address may not hold the byte (RFC 3986 section 2), then as an attribute.  Anything else: "#". */
void escape_url(struct buf *out, const char *s, size_t n);
/* One component of an address: all but A-Z a-z 0-9 - . _ ~ percent-encoded; "." and ".." give nothing. */
void escape_url_part(struct buf *out, const char *s, size_t n);
/* One line of plain text: every control character (text.h) becomes a space. */
void escape_line(struct buf *out, const char *s, size_t n);
/* Lines of plain text: LF stays, CR is left out, TAB stays, other control characters become spaces. */
void escape_lines(struct buf *out, const char *s, size_t n);

#endif
