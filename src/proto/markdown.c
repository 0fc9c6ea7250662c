/* Markdown to HTML by cmark, see markdown.h.
 *
 * The tree is made harmless before it is rendered: images give way to their text, HTML to text
 * nodes, links to nodes whose HTML is written here.  cmark then renders in its safe mode, a second
 * wall. */
#include <string.h>
#include <strings.h>

#include <cmark.h>

#include "buf.h"
#include "text.h"

#include "markdown_prose.h"

#include "markdown.h"

#define DEPTH_MAX 48
#define URL_MAX_BYTES 2048
#define SPECIALS_MAX 20000 /* of one kind: what cmark needs may grow with the square of their number */

static void escape(struct buf *out, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		switch (p[i]) {
		case '&': buf_str(out, "&amp;"); break;
		case '<': buf_str(out, "&lt;"); break;
		case '>': buf_str(out, "&gt;"); break;
		case '"': buf_str(out, "&quot;"); break;
		case '\0': buf_str(out, "\xEF\xBF\xBD"); break;
		default: buf_ch(out, p[i]);
		}
	}
}

/* As it was typed; malformed UTF-8 becomes U+FFFD. */
static void plain(struct buf *out, const char *text, size_t n)
{
	const char *p = text, *end = text + n;

	buf_str(out, "<pre>\n");
	while (p < end) {
		const char *from = p;

		if (utf8_next(&p, end) == (uint32_t)-1)
			buf_str(out, "\xEF\xBF\xBD");
		else
			escape(out, from, (size_t)(p - from));
	}
	buf_str(out, "</pre>\n");
}

/* ---- links ---- */

static bool is_web(const char *url)
{
	return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

/* http and https with a host and without user name (https://bank.example@evil.example), or mailto. */
static bool url_allowed(const char *url)
{
	const char *host;
	size_t n;

	if (!url || strlen(url) > URL_MAX_BYTES || !text_is_line(url, strlen(url)))
		return false;
	if (strncasecmp(url, "mailto:", 7) == 0)
		return url[7] != '\0';
	if (!is_web(url))
		return false;
	host = strstr(url, "://") + 3;
	n = strcspn(host, "/?#\\");
	return n && !memchr(host, '@', n) && host[n] != '\\';
}

static void href_write(struct buf *out, const char *url)
{
	static const char digits[] = "0123456789ABCDEF";

	for (const unsigned char *p = (const unsigned char *)url; *p; p++) {
		if (*p == '&') {
			buf_str(out, "&amp;");
		} else if (*p == '\'') {
			buf_str(out, "&#39;");
		} else if (*p <= ' ' || *p >= 0x7f || strchr("\"<>\\^`{|}", *p)) {
			buf_ch(out, '%');
			buf_ch(out, digits[*p >> 4]);
			buf_ch(out, digits[*p & 15]);
		} else {
			buf_ch(out, (char)*p);
		}
	}
}

/* Children go before node, node goes away. */
static void unwrap(cmark_node *node)
{
	cmark_node *child;

	while ((child = cmark_node_first_child(node)))
		cmark_node_insert_before(node, child);
	cmark_node_unlink(node);
	cmark_node_free(node);
}

static void link_replace(cmark_node *node)
{
	AUTO_BUF open = { 0 };
	cmark_node *custom, *child;

	if (!url_allowed(cmark_node_get_url(node))) {
		unwrap(node);
		return;
	}
	buf_str(&open, "<a href=\"");
	href_write(&open, cmark_node_get_url(node));
	buf_str(&open, "\" rel=\"noopener noreferrer nofollow\">");
	custom = cmark_node_new(CMARK_NODE_CUSTOM_INLINE);
	cmark_node_set_on_enter(custom, open.p);
	cmark_node_set_on_exit(custom, "</a>");
	cmark_node_insert_before(node, custom);
	while ((child = cmark_node_first_child(node)))
		cmark_node_append_child(custom, child);
	cmark_node_unlink(node);
	cmark_node_free(node);
}

static void literal_replace(cmark_node *node, cmark_node_type type)
{
	cmark_node *text = cmark_node_new(type);

	cmark_node_set_literal(text, cmark_node_get_literal(node));
	cmark_node_insert_before(node, text);
	cmark_node_unlink(node);
	cmark_node_free(node);
}

static void heading_lower(cmark_node *node)
{
	int level = cmark_node_get_heading_level(node) + 2;

	cmark_node_set_heading_level(node, level > 6 ? 6 : level);
}

static void node_tame(cmark_node *node)
{
	switch (cmark_node_get_type(node)) {
	case CMARK_NODE_IMAGE: unwrap(node); break;
	case CMARK_NODE_LINK: link_replace(node); break;
	case CMARK_NODE_HTML_INLINE: literal_replace(node, CMARK_NODE_TEXT); break;
	case CMARK_NODE_HTML_BLOCK: literal_replace(node, CMARK_NODE_CODE_BLOCK); break;
	case CMARK_NODE_CODE_BLOCK: cmark_node_set_fence_info(node, ""); break;
	case CMARK_NODE_HEADING: heading_lower(node); break;
	default: break;
	}
}

/* Leaves have one event (enter), all others two, with children or without. */
static bool is_leaf(cmark_node *node)
{
	switch (cmark_node_get_type(node)) {
	case CMARK_NODE_HTML_BLOCK:
	case CMARK_NODE_THEMATIC_BREAK:
	case CMARK_NODE_CODE_BLOCK:
	case CMARK_NODE_TEXT:
	case CMARK_NODE_SOFTBREAK:
	case CMARK_NODE_LINEBREAK:
	case CMARK_NODE_CODE:
	case CMARK_NODE_HTML_INLINE: return true;
	default: return false;
	}
}

static bool too_deep(cmark_node *root)
{
	cmark_iter *iter = cmark_iter_new(root);
	cmark_event_type event;
	int depth = 0;
	bool deep = false;

	while (!deep && (event = cmark_iter_next(iter)) != CMARK_EVENT_DONE) {
		cmark_node *node = cmark_iter_get_node(iter);

		if (is_leaf(node))
			continue;
		depth += event == CMARK_EVENT_ENTER ? 1 : -1;
		deep = depth > DEPTH_MAX;
	}
	cmark_iter_free(iter);
	return deep;
}

/* Nodes are changed at their last event: then the iterator's next step does not lead to them any
 * more. */
static void tree_tame(cmark_node *root)
{
	cmark_iter *iter = cmark_iter_new(root);
	cmark_event_type event;

	while ((event = cmark_iter_next(iter)) != CMARK_EVENT_DONE) {
		cmark_node *node = cmark_iter_get_node(iter);

		if (event == CMARK_EVENT_EXIT || is_leaf(node))
			node_tame(node);
	}
	cmark_iter_free(iter);
}

/* ---- the whole ---- */

static bool too_costly(const char *text, size_t n)
{
	static const char specials[] = "[<*_`&!~\\";
	unsigned count[256] = { 0 };

	for (size_t i = 0; i < n; i++)
		count[(unsigned char)text[i]]++;
	for (const char *s = specials; *s; s++)
		if (count[(unsigned char)*s] > SPECIALS_MAX)
			return true;
	return false;
}

void markdown_html(struct buf *out, const char *text, size_t n)
{
	cmark_node *root;
	char *html;

	if (n <= MARKDOWN_MAX_BYTES && markdown_prose(out, text, n))
		return;
	if (n > MARKDOWN_MAX_BYTES || too_costly(text, n)) {
		plain(out, text, n);
		return;
	}
	root = cmark_parse_document(text, n, CMARK_OPT_DEFAULT | CMARK_OPT_VALIDATE_UTF8);
	if (too_deep(root)) {
		cmark_node_free(root);
		plain(out, text, n);
		return;
	}
	tree_tame(root);
	html = cmark_render_html(root, CMARK_OPT_SAFE | CMARK_OPT_HARDBREAKS);
	buf_str(out, html);
	free(html);
	cmark_node_free(root);
}
