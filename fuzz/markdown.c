/* Markdown: every tag that comes out is one of ours, in full; what is taken for prose comes out as the parser writes it. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmark.h>

#include "buf.h"
#include "markdown.h"
#include "markdown_prose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t tag_known(const char *p)
{
	static const char rel[] = "\" rel=\"noopener noreferrer nofollow\">";
	static const char *const tags[] = {
		"<p>",    "</p>",         "<br />",        "<h3>",   "</h3>",   "<h4>",
		"</h4>",  "<h5>",         "</h5>",         "<h6>",   "</h6>",   "<em>",
		"</em>",  "<strong>",     "</strong>",     "<code>", "</code>", "<pre>",
		"</pre>", "<blockquote>", "</blockquote>", "<ul>",   "</ul>",   "<ol>",
		"</ol>",  "<li>",         "</li>",         "<hr />", "</a>",    NULL,
	};
	size_t n;

	for (const char *const *t = tags; *t; t++)
		if (strncmp(p, *t, strlen(*t)) == 0)
			return strlen(*t);
	if (strncmp(p, "<ol start=\"", 11) == 0) {
		n = 11 + strspn(p + 11, "0123456789");
		return strncmp(p + n, "\">", 2) == 0 ? n + 2 : 0;
	}
	if (strncasecmp(p, "<a href=\"http://", 16) != 0 && strncasecmp(p, "<a href=\"https://", 17) != 0 &&
	    strncasecmp(p, "<a href=\"mailto:", 16) != 0)
		return 0;
	n = 9 + strcspn(p + 9, "\"<>");
	return strncmp(p + n, rel, sizeof(rel) - 1) == 0 ? n + sizeof(rel) - 1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF html = { 0 };

	markdown_html(&html, (const char *)data, size);
	buf_str(&html, "");
	for (const char *p = html.p; *p;) {
		size_t n = *p == '<' ? tag_known(p) : 1;

		assert(n);
		p += n;
	}
	buf_reset(&html);
	if (markdown_prose(&html, (const char *)data, size)) {
		char *parsed = cmark_markdown_to_html((const char *)data, size,
						      CMARK_OPT_SAFE | CMARK_OPT_HARDBREAKS | CMARK_OPT_VALIDATE_UTF8);

		buf_str(&html, "");
		assert(strcmp(html.p, parsed) == 0);
		free(parsed);
	}
	return 0;
}
