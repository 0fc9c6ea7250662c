/* A message in Markdown (CommonMark) as harmless HTML. */
#ifndef PLI_MARKDOWN_H
#define PLI_MARKDOWN_H

#include <stddef.h>

struct buf;

#define MARKDOWN_MAX_BYTES (1024 * 1024)

/* Appends HTML made of these elements only: p br h3-h6 em strong code pre blockquote ul ol li hr
 * a. Headings are lowered by two, below those of the page.  HTML in the message is shown as the
 * text it is, never as HTML.  Images are left out, their alternative text stays.  Links go to
 * http:, https: and mailto: only, with rel="noopener noreferrer nofollow"; others become plain
 * text.  Line ends stay line ends.  Malformed UTF-8 becomes U+FFFD.  A text that would cost too
 * much (deep nesting, tens of thousands of brackets) or is over MARKDOWN_MAX_BYTES is shown as it
 * was typed, in <pre>. */
void markdown_html(struct buf *out, const char *text, size_t n);

#endif
