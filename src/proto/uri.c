/* Percent encoding and URLs, see uri.h. */
#include <assert.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "uri.h"

static bool is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void encode(struct buf *out, const unsigned char *p, size_t n, const char *keep)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < n; i++) {
		if (is_alnum(p[i]) || (p[i] && strchr(keep, p[i]))) {
			buf_ch(out, (char)p[i]);
		} else {
			buf_ch(out, '%');
			buf_ch(out, digits[p[i] >> 4]);
			buf_ch(out, digits[p[i] & 15]);
		}
	}
}

void uri_encode(struct buf *out, const void *p, size_t n)
{
	encode(out, p, n, "-._~");
}

void uri_encode_path(struct buf *out, const void *p, size_t n)
{
	encode(out, p, n, "-._~/");
}

bool uri_decode(struct buf *out, const char *p, size_t n, bool plus)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char byte;

		if (p[i] == '%') {
			if (n - i < 3 || !hex_decode(&byte, 1, p + i + 1, 2))
				return false;
			buf_ch(out, (char)byte);
			i += 2;
		} else {
			buf_ch(out, plus && p[i] == '+' ? ' ' : p[i]);
		}
	}
	return true;
}

/* Printable ASCII that needs no escape anywhere a URL may stand. */
static bool is_plain(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f || strchr("\"'<>\\^`{}|", *s))
			return false;
	return true;
}

void uri_https(struct buf *out, const char *host, unsigned port, const char *path)
{
	bool literal = strchr(host, ':') && host[0] != '[';

	assert(*host && is_plain(host) && is_plain(path) && path[0] == '/');
	buf_fmt(out, literal ? "https://[%s]" : "https://%s", host);
	if (port && port != 443)
		buf_fmt(out, ":%u", port);
	buf_str(out, path);
}

static bool host_valid(const char *p, size_t n, bool literal)
{
	if (!n || n > 253)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (literal ? !(c == ':' || c == '.' || (is_alnum(c) && (c <= '9' || (c | 32) <= 'f'))) :
			      !(is_alnum(c) || c == '-' || c == '.'))
			return false;
	}
	return literal || (p[0] != '-' && p[0] != '.');
}

static bool port_parse(const char *p, size_t n, unsigned *port_r)
{
	unsigned port = 0;

	if (!n || n > 5)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		port = port * 10 + (unsigned)(p[i] - '0');
	}
	*port_r = port;
	return port >= 1 && port <= 65535;
}

static char *lower(struct pool *pool, const char *p, size_t n)
{
	char *s = pool_strn(pool, p, n);

	for (char *c = s; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 32);
	return s;
}

/* host, host:port, [literal], [literal]:port */
static bool authority_parse(struct pool *pool, const char *p, size_t n, struct uri *uri)
{
	bool literal = n && p[0] == '[';
	const char *end = p + n, *host = p + literal, *host_end;

	host_end = memchr(host, literal ? ']' : ':', (size_t)(end - host));
	if (!host_end) {
		if (literal)
			return false;
		host_end = end;
	}
	if (!host_valid(host, (size_t)(host_end - host), literal))
		return false;
	uri->host = lower(pool, host, (size_t)(host_end - host));
	p = host_end + literal;
	if (p == end)
		return true;
	return *p == ':' && port_parse(p + 1, (size_t)(end - p) - 1, &uri->port);
}

enum pli_status uri_parse(struct pool *pool, const char *s, const char *const *schemes, struct uri *uri_r,
			  struct err *err)
{
	struct uri uri = { .path = "", .query = "" };
	const char *colon = strstr(s, "://"), *rest;
	size_t n;

	if (!colon || !is_plain(s) || strlen(s) > 2048)
		return err_set(err, PLI_INPUT, "not a URL of the form SCHEME://HOST[:PORT][/PATH]");
	uri.scheme = lower(pool, s, (size_t)(colon - s));
	while (*schemes && strcmp(*schemes, uri.scheme) != 0)
		schemes++;
	if (!*schemes)
		return err_set(err, PLI_INVALID, "URLs with the scheme \"%.16s\" have no use here",
			       uri.scheme);
	rest = colon + 3;
	n = strcspn(rest, "/?#");
	if (memchr(rest, '@', n))
		return err_set(err, PLI_INVALID, "user names and passwords do not belong into a URL");
	if (strchr(rest, '#'))
		return err_set(err, PLI_INVALID, "this URL has a fragment (#...)");
	if (!authority_parse(pool, rest, n, &uri))
		return err_set(err, PLI_INPUT, "the URL has no usable host or port");
	rest += n;
	n = strcspn(rest, "?");
	uri.path = pool_strn(pool, rest, n);
	uri.query = pool_str(pool, rest[n] ? rest + n + 1 : "");
	*uri_r = uri;
	return PLI_OK;
}
