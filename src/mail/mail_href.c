/* See mail_href.h. */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "buf.h"

#include "mail_text.h"

#include "mail_href.h"

/* HTML 5.2, those whose value a browser follows or sends to; `content` of a refresh, behind `url=`. */
static const char *const names[] = { "href", "action", "formaction", "src", "srcset", "data", "background", "poster", "ping", "content" };

static bool is_blank(char c)
{
	return (unsigned char)c <= ' ';
}

/* The name of an attribute that begins at p: its length, or 0. */
static size_t name_at(const char *p, const char *end, bool *content_r)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t n = strlen(names[i]);

		if ((size_t)(end - p) > n && strncasecmp(p, names[i], n) == 0 && (p[n] == '=' || is_blank(p[n]))) {
			*content_r = names[i][0] == 'c';
			return n;
		}
	}
	return 0;
}

/* References undone; control characters and line ends are none of an address. */
static void undo(const char *p, const char *end, size_t max, struct buf *out)
{
	while (p < end && out->n < max) {
		char u[4];
		size_t n = 0, len = *p == '&' ? mail_text_reference(p, (size_t)(end - p), u, &n) : 0;

		if (!len) {
			u[0] = *p;
			n = len = 1;
		}
		p += len;
		if (n > 1 || (unsigned char)u[0] > ' ')
			buf_add(out, u, n);
		else if (u[0] == ' ' && out->n)
			buf_ch(out, ' ');
	}
	while (out->n && out->p[out->n - 1] == ' ')
		out->n--;
}

/* Bytes of a scheme and its colon at p; 0: none. */
static size_t scheme(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && (isalnum((unsigned char)p[i]) || (i && strchr("+-.", p[i]))))
		i++;
	return i && i < n && p[i] == ':' && isalpha((unsigned char)p[0]) ? i + 1 : 0;
}

/* As the URL standard reads the schemes that have hosts: so many slashes as there are, of either kind. */
static void resolve(const char *p, size_t n, struct buf *out)
{
	size_t at = scheme(p, n), from = at;
	bool web = (at == 5 && strncasecmp(p, "http:", 5) == 0) || (at == 6 && strncasecmp(p, "https:", 6) == 0);

	if (at && !web) {
		buf_add(out, p, n);
		return;
	}
	while (at < n && (p[at] == '/' || p[at] == '\\'))
		at++;
	if (web)
		buf_fmt(out, "%.*s//", (int)from, p);
	else if (at - from >= 2)
		buf_str(out, "https://");
	else if (at > from)
		buf_ch(out, '/');
	for (; at < n; at++)
		buf_ch(out, p[at] == '\\' ? '/' : p[at]);
}

static enum pli_status value_tell(const char *p, const char *end, bool content, size_t max, mail_href_fn fn, void *arg, struct err *err)
{
	AUTO_BUF raw = { 0 }, out = { 0 };
	const char *url;
	size_t n;

	undo(p, end, max, &raw);
	url = raw.n ? raw.p : "";
	if (content) {
		url = strcasestr(url, "url");
		url = url ? strchr(url, '=') : NULL;
		url = url ? url + 1 + strspn(url + 1, " '\"") : "";
	}
	n = strlen(url);	/* no control character is in it */
	if (n && *url != '#' && strncasecmp(url, "cid:", 4) != 0)
		resolve(url, n, &out);
	return fn(arg, out.n ? out.p : "", out.n, err);
}

enum pli_status mail_href_each(const char *html, size_t n, size_t max, mail_href_fn fn, void *arg, struct err *err)
{
	const char *end = html + n;
	enum pli_status st = PLI_OK;

	for (const char *p = html; st == PLI_OK && p < end; p++) {
		const char *v, *to;
		bool content = false;
		size_t len;
		char quote;

		/* Behind a blank, a slash, another value or a prefix; within an address that is told anyway it is a parameter's name. */
		if (p > html && !is_blank(p[-1]) && !strchr("/\"':", p[-1]))
			continue;
		len = name_at(p, end, &content);
		if (!len)
			continue;
		v = p + len;
		while (v < end && is_blank(*v))
			v++;
		if (v == end || *v != '=')
			continue;
		do
			v++;
		while (v < end && is_blank(*v));
		quote = v < end && (*v == '"' || *v == '\'') ? *v++ : '\0';
		for (to = v; to < end && (size_t)(to - v) < 8 * max && (quote ? *to != quote : !is_blank(*to) && *to != '>');)
			to++;
		st = value_tell(v, to, content, max, fn, arg, err);
	}
	return st;
}
