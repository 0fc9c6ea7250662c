/* The head guard: plain scans over a bounded text, no allocation, no state beyond the struct. */
#include <string.h>
#include <strings.h>

#include "text.h"

#include "head_guard.h"

bool head_guard_is_token_char(unsigned char ch)
{
	if ((ch >= '0' && ch <= '9') || (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z'))
		return true;
	return ch != '\0' && strchr("!#$%&'*+-.^_`|~", ch) != NULL;
}

long head_guard_end(const char *p, size_t n, size_t *line)
{
	while (*line < n) {
		const char *start = p + *line;
		const char *lf = memchr(start, '\n', n - *line);
		const char *limit = lf ? lf : p + n;
		const char *cr = memchr(start, '\r', (size_t)(limit - start));

		/* A CR is allowed directly before the LF, or as the last byte so far. */
		if (cr && cr + 1 != limit)
			return -1;
		if (memchr(start, '\0', (size_t)(limit - start)))
			return -1;
		if (!lf)
			return 0;
		if (!cr)
			return -1;
		if (cr == start)
			return *line == 0 ? -1 : (long)(lf + 1 - p);
		*line = (size_t)(lf + 1 - p);
	}
	return 0;
}

static bool span_is(struct head_span s, const char *lower)
{
	return s.n == strlen(lower) && strncasecmp(s.p, lower, s.n) == 0;
}

bool head_guard_token(struct head_span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!head_guard_is_token_char((unsigned char)s.p[i]))
			return false;
	return s.n > 0;
}

static struct head_span span_trim(struct head_span s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* The piece before the next occurrence of ch (or all), which is taken off *rest. */
static struct head_span span_cut(struct head_span *rest, char ch)
{
	const char *at = memchr(rest->p, ch, rest->n);
	struct head_span s = { rest->p, at ? (size_t)(at - rest->p) : rest->n };
	size_t used = s.n + (at ? 1 : 0);

	rest->p += used;
	rest->n -= used;
	return s;
}

static int guard_refuse(int status, const char **why_r, const char *why)
{
	*why_r = why;
	return status;
}

static int guard_version(struct head_span v, struct head_guard *g, const char **why_r)
{
	if (v.n != 8 || memcmp(v.p, "HTTP/", 5) != 0 || v.p[6] != '.' || v.p[5] < '0' || v.p[5] > '9' ||
	    v.p[7] < '0' || v.p[7] > '9')
		return guard_refuse(400, why_r, "the request line does not end in an HTTP version");
	if (v.p[5] != '1' || v.p[7] > '1')
		return guard_refuse(505, why_r, "only HTTP/1.1 and HTTP/1.0 are served here");
	g->minor = (unsigned)(v.p[7] - '0');
	g->wants_close = g->minor == 0;
	return 0;
}

bool head_guard_target(struct head_span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return true;
}

static int guard_request_line(struct head_span line, struct head_guard *g, const char **why_r)
{
	g->method = span_cut(&line, ' ');
	if (!head_guard_token(g->method))
		return guard_refuse(400, why_r, "the method is not a token");
	g->target = span_cut(&line, ' ');
	if (g->target.n == 0)
		return guard_refuse(400, why_r, "the request line has no target");
	if (!head_guard_target(g->target))
		return guard_refuse(400, why_r, "the target holds bytes that must be percent-encoded");
	return guard_version(line, g, why_r);
}

bool head_guard_value(struct head_span v)
{
	bool eight_bit = false;

	for (size_t i = 0; i < v.n; i++) {
		unsigned char ch = (unsigned char)v.p[i];

		if ((ch < ' ' && ch != '\t') || ch == 0x7f)
			return false;
		if (ch >= 0x80)
			eight_bit = true;
	}
	return !eight_bit || utf8_valid(v.p, v.n);
}

const char *head_guard_length(struct head_span v, uint64_t *length_r)
{
	*length_r = 0;
	if (v.n == 0 || v.n > 18)
		return "Content-Length is not a number that can be meant";
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return "Content-Length is not one plain number";
		*length_r = *length_r * 10 + (uint64_t)(v.p[i] - '0');
	}
	return NULL;
}

static int guard_content_length(struct head_span v, struct head_guard *g, const char **why_r)
{
	const char *wrong;

	if (g->has_length)
		return guard_refuse(400, why_r, "Content-Length stands there more than once");
	wrong = head_guard_length(v, &g->content_length);
	if (wrong)
		return guard_refuse(400, why_r, wrong);
	g->has_length = true;
	return 0;
}

static void guard_connection(struct head_span list, struct head_guard *g)
{
	while (list.n)
		if (span_is(span_trim(span_cut(&list, ',')), "close"))
			g->wants_close = true;
}

/* The fields that frame the message or choose the connection's fate. */
static int guard_known_field(const struct head_guard_field *f, struct head_guard *g, const char **why_r)
{
	switch (f->name.n) {
	case 4:
		if (!span_is(f->name, "host"))
			return 0;
		if (g->host.p)
			return guard_refuse(400, why_r, "Host stands there more than once");
		g->host = f->value;
		return 0;
	case 6:
		if (!span_is(f->name, "expect"))
			return 0;
		if (!span_is(f->value, "100-continue"))
			return guard_refuse(417, why_r, "only Expect: 100-continue is understood");
		g->expects_continue = true;
		return 0;
	case 10:
		if (span_is(f->name, "connection"))
			guard_connection(f->value, g);
		return 0;
	case 14:
		return span_is(f->name, "content-length") ? guard_content_length(f->value, g, why_r) : 0;
	case 17:
		if (!span_is(f->name, "transfer-encoding"))
			return 0;
		return guard_refuse(411, why_r,
				    "Transfer-Encoding is not accepted in requests: send a Content-Length");
	default:
		return 0;
	}
}

static int guard_field_line(struct head_span line, struct head_guard *g, const char **why_r)
{
	struct head_guard_field *f = &g->fields[g->field_count];
	const char *colon = memchr(line.p, ':', line.n);

	if (line.p[0] == ' ' || line.p[0] == '\t')
		return guard_refuse(400, why_r, "a header line begins with white space");
	if (g->field_count == HEAD_GUARD_FIELDS)
		return guard_refuse(431, why_r, "there are more than 100 header lines");
	if (!colon)
		return guard_refuse(400, why_r, "a header line has no colon");
	f->name = (struct head_span){ line.p, (size_t)(colon - line.p) };
	if (!head_guard_token(f->name))
		return guard_refuse(400, why_r, "a header name is not a token directly followed by its colon");
	f->value = span_trim((struct head_span){ colon + 1, line.n - f->name.n - 1 });
	if (!head_guard_value(f->value))
		return guard_refuse(400, why_r, "a header value holds control characters or is not UTF-8");
	g->field_count++;
	return guard_known_field(f, g, why_r);
}

/* The next line without its CRLF; the caller knows that every LF has its CR. */
static struct head_span guard_next_line(struct head_span *rest)
{
	struct head_span line = span_cut(rest, '\n');

	if (line.n)
		line.n--;
	return line;
}

int head_guard_check(const char *p, size_t n, struct head_guard *g_r, const char **why_r)
{
	struct head_span rest = { p, n }, line;
	size_t from = 0;
	int status;
	char name[256];

	memset(g_r, 0, offsetof(struct head_guard, fields));
	if (head_guard_end(p, n, &from) != (long)n)
		return guard_refuse(400, why_r, "lines must end in CR LF, and no CR, LF or NUL may stand elsewhere");
	line = guard_next_line(&rest);
	status = guard_request_line(line, g_r, why_r);
	while (status == 0) {
		line = guard_next_line(&rest);
		if (line.n == 0)
			break;
		status = guard_field_line(line, g_r, why_r);
	}
	if (status != 0)
		return status;
	if (!g_r->host.p)
		return guard_refuse(400, why_r, "Host is missing");
	if (!head_guard_host(g_r->host, name, sizeof(name)))
		return guard_refuse(400, why_r, "Host is malformed");
	if (g_r->minor == 0)
		g_r->expects_continue = false;
	return 0;
}

static bool host_is_ip6(struct head_span s)
{
	size_t colons = 0;

	for (size_t i = 0; i < s.n; i++) {
		char ch = s.p[i];
		bool hex = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f') || (ch >= 'A' && ch <= 'F');

		if (!hex && ch != ':' && ch != '.')
			return false;
		colons += ch == ':';
	}
	return colons >= 2;
}

static bool host_is_name(struct head_span s)
{
	for (size_t i = 0; i < s.n; i++) {
		char ch = s.p[i];
		bool plain = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');

		if (!plain && ch != '-' && ch != '_' && (ch != '.' || i == 0 || s.p[i - 1] == '.'))
			return false;
	}
	return s.n > 0;
}

static bool host_port_is_good(struct head_span s)
{
	unsigned long port = 0;

	if (s.n == 0)
		return true;
	if (s.p[0] != ':' || s.n > 6)
		return false;
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		port = port * 10 + (unsigned long)(s.p[i] - '0');
	}
	return port <= 65535;
}

bool head_guard_host(struct head_span host, char *name_r, size_t cap)
{
	struct head_span name = host, port;
	const char *end;

	if (host.n == 0)
		return false;
	if (host.p[0] == '[') {
		end = memchr(host.p, ']', host.n);
		if (!end || !host_is_ip6((struct head_span){ host.p + 1, (size_t)(end - host.p) - 1 }))
			return false;
		name.n = (size_t)(end - host.p) + 1;
	} else {
		end = memchr(host.p, ':', host.n);
		if (end)
			name.n = (size_t)(end - host.p);
		if (!host_is_name(name))
			return false;
	}
	port = (struct head_span){ host.p + name.n, host.n - name.n };
	if (!host_port_is_good(port) || name.n >= cap)
		return false;
	for (size_t i = 0; i < name.n; i++)
		name_r[i] = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] + 32) : name.p[i];
	name_r[name.n] = '\0';
	return true;
}
