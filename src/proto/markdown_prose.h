/* A message in which nothing means anything to Markdown: words, lines, paragraphs.  Most letters are no more than that, and parsing
 * them as Markdown is the dearest part of showing them. */
#ifndef PLI_MARKDOWN_PROSE_H
#define PLI_MARKDOWN_PROSE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* Appends the HTML that a CommonMark parser would have made of text (line ends as <br />), byte for byte.  False, and nothing appended:
 * there is, or could be, markup in it. */
bool markdown_prose(struct buf *out, const char *text, size_t n);

#endif
