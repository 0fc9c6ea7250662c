/* Mails of our own, read back; see caught_mail.h. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "caught_mail.h"

#define DEPTH_MAX 6
#define PARTS_MAX 32

struct piece {
	const char *p;
	size_t n;
};

static struct piece after(struct piece s, size_t n)
{
	return (struct piece){ s.p + n, s.n - n };
}

/* Length of the line at s with its end; *text_n_r without it. */
static size_t line_length(struct piece s, size_t *text_n_r)
{
	const char *lf = memchr(s.p, '\n', s.n);
	size_t n = lf ? (size_t)(lf - s.p) + 1 : s.n;

	*text_n_r = n;
	if (lf)
		*text_n_r -= n > 1 && lf[-1] == '\r' ? 2 : 1;
	return n;
}

static int hex_digit(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch >= 'A' && ch <= 'F')
		return ch - 'A' + 10;
	return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* word: in a head line, where `_` is a space; else a `=` at the end of a line takes the line end away. */
static void add_quoted(struct buf *out, struct piece s, bool word)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '=' && i + 2 < s.n && hex_digit(s.p[i + 1]) >= 0 && hex_digit(s.p[i + 2]) >= 0) {
			buf_ch(out, (char)(hex_digit(s.p[i + 1]) * 16 + hex_digit(s.p[i + 2])));
			i += 2;
		} else if (s.p[i] == '=' && !word && i + 1 < s.n && s.p[i + 1] == '\n') {
			i += 1;
		} else if (s.p[i] == '=' && !word && i + 2 < s.n && s.p[i + 1] == '\r' && s.p[i + 2] == '\n') {
			i += 2;
		} else {
			buf_ch(out, word && s.p[i] == '_' ? ' ' : s.p[i]);
		}
	}
}

static int base64_digit(char ch)
{
	static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = ch ? strchr(ALPHABET, ch) : NULL;

	return at ? (int)(at - ALPHABET) : -1;
}

/* Line ends and whatever else is no digit are passed over. */
static void add_base64(struct buf *out, struct piece s)
{
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < s.n && s.p[i] != '='; i++) {
		int digit = base64_digit(s.p[i]);

		if (digit < 0)
			continue;
		bits = bits << 6 | (uint32_t)digit;
		have += 6;
		if (have >= 8) {
			have -= 8;
			buf_ch(out, (char)(bits >> have & 0xff));
		}
	}
}

/* Valid UTF-8 without control characters; line feeds stay when lines is set. */
static const char *clean(struct pool *pool, struct piece s, bool lines, size_t *n_r)
{
	AUTO_BUF out;
	const char *p = s.p, *end = s.p + s.n;

	buf_init(&out);
	while (p < end) {
		const char *from = p;
		uint32_t cp = utf8_next(&p, end);

		if (cp == (uint32_t)-1) {
			buf_str(&out, "\xEF\xBF\xBD");
			p = p > from ? p : from + 1;
		} else if (cp == '\n' && lines) {
			buf_ch(&out, '\n');
		} else if (cp == '\t') {
			buf_ch(&out, ' ');
		} else if (cp && !codepoint_is_control(cp)) {
			buf_add(&out, from, (size_t)(p - from));
		}
	}
	*n_r = out.n;
	return pool_strn(pool, out.p ? out.p : "", out.n);
}

/* ---- head lines ---- */

/* "=?utf-8?q?…?=" at s; its length, 0 when there is none. */
static size_t add_word(struct buf *out, struct piece s)
{
	size_t charset, text_at, end;

	if (s.n < 8 || s.p[0] != '=' || s.p[1] != '?')
		return 0;
	for (charset = 2; charset < s.n && s.p[charset] != '?' && s.p[charset] != ' '; charset++)
		;
	if (charset + 3 >= s.n || s.p[charset] != '?' || s.p[charset + 2] != '?')
		return 0;
	text_at = charset + 3;
	for (end = text_at; end + 1 < s.n && !(s.p[end] == '?' && s.p[end + 1] == '='); end++)
		if (s.p[end] == ' ')
			return 0;
	if (end + 1 >= s.n)
		return 0;
	if (s.p[charset + 1] == 'q' || s.p[charset + 1] == 'Q')
		add_quoted(out, (struct piece){ s.p + text_at, end - text_at }, true);
	else
		add_base64(out, (struct piece){ s.p + text_at, end - text_at });
	return end + 2;
}

static const char *words(struct pool *pool, struct piece s)
{
	AUTO_BUF out;
	size_t i = 0, n;
	bool was_word = false;

	buf_init(&out);
	while (i < s.n) {
		size_t blank = i, got;

		while (was_word && blank < s.n && (s.p[blank] == ' ' || s.p[blank] == '\t'))
			blank++;
		got = add_word(&out, after(s, blank));
		if (got) {	/* blanks between two words are none */
			i = blank + got;
			was_word = true;
		} else {
			buf_ch(&out, s.p[i++]);
			was_word = false;
		}
	}
	return clean(pool, (struct piece){ out.p ? out.p : "", out.n }, false, &n);
}

/* The value of a head line, unfolded, in pool; "" when there is none.  *body_r: what follows the empty line. */
static struct piece field(struct pool *pool, struct piece mail, const char *name, struct piece *body_r)
{
	AUTO_BUF value;
	size_t name_n = strlen(name), text_n, n;
	bool within = false, found = false;

	buf_init(&value);
	while (mail.n) {
		n = line_length(mail, &text_n);
		if (text_n == 0)
			break;
		if (mail.p[0] == ' ' || mail.p[0] == '\t') {
			if (within)
				buf_add(&value, mail.p, text_n);
		} else {
			within = !found && text_n > name_n && mail.p[name_n] == ':' && strncasecmp(mail.p, name, name_n) == 0;
			if (within) {
				found = true;
				buf_add(&value, mail.p + name_n + 1, text_n - name_n - 1);
			}
		}
		mail = after(mail, n);
	}
	if (body_r) {
		n = mail.n ? line_length(mail, &text_n) : 0;
		*body_r = after(mail, n);
	}
	for (n = 0; n < value.n && value.p[n] == ' '; n++)
		;
	return (struct piece){ pool_strn(pool, value.n ? value.p + n : "", value.n - n), value.n - n };
}

/* ---- parts ---- */

static const char *boundary_of(struct pool *pool, struct piece type)
{
	const char *at = NULL;
	size_t n;

	for (size_t i = 0; i + 9 < type.n && !at; i++)
		if (strncasecmp(type.p + i, "boundary=", 9) == 0)
			at = type.p + i + 9;
	if (!at)
		return NULL;
	if (*at == '"') {
		at++;
		n = strcspn(at, "\"");
	} else {
		n = strcspn(at, "; \t");
	}
	return n && n <= 70 ? pool_strn(pool, at, n) : NULL;
}

static bool plain_find(struct pool *pool, struct piece mail, unsigned depth, struct buf *out);

static bool parts_find(struct pool *pool, struct piece body, const char *boundary, unsigned depth, struct buf *out)
{
	size_t boundary_n = strlen(boundary), text_n;
	struct piece part = { NULL, 0 };
	unsigned count = 0;

	while (body.n && count < PARTS_MAX) {
		size_t n = line_length(body, &text_n);

		if (text_n >= boundary_n + 2 && body.p[0] == '-' && body.p[1] == '-' && memcmp(body.p + 2, boundary, boundary_n) == 0) {
			if (part.p) {
				part.n = (size_t)(body.p - part.p);
				if (plain_find(pool, part, depth + 1, out))
					return true;
			}
			part.p = body.p + n;
			count++;
		}
		body = after(body, n);
	}
	return false;
}

static bool plain_find(struct pool *pool, struct piece mail, unsigned depth, struct buf *out)
{
	struct piece body, type = field(pool, mail, "Content-Type", &body), how = field(pool, mail, "Content-Transfer-Encoding", NULL);
	const char *boundary = boundary_of(pool, type);

	if (depth > DEPTH_MAX)
		return false;
	if (strncasecmp(type.p, "multipart/", 10) == 0)
		return boundary && parts_find(pool, body, boundary, depth, out);
	if (type.n && strncasecmp(type.p, "text/plain", 10) != 0)
		return false;
	if (strncasecmp(how.p, "quoted-printable", 16) == 0)
		add_quoted(out, body, false);
	else if (strncasecmp(how.p, "base64", 6) == 0)
		add_base64(out, body);
	else
		buf_add(out, body.p, body.n);
	return true;
}

void caught_mail_read(struct pool *pool, const void *p, size_t n, struct caught_mail *mail_r)
{
	struct piece mail = { p, n < CAUGHT_MAIL_MAX ? n : CAUGHT_MAIL_MAX };
	AUTO_BUF text;

	buf_init(&text);
	(void)plain_find(pool, mail, 0, &text);
	*mail_r = (struct caught_mail){
		.from = words(pool, field(pool, mail, "From", NULL)), .to = words(pool, field(pool, mail, "To", NULL)),
		.subject = words(pool, field(pool, mail, "Subject", NULL)), .date = words(pool, field(pool, mail, "Date", NULL)),
	};
	mail_r->text = clean(pool, (struct piece){ text.p ? text.p : "", text.n }, true, &mail_r->text_n);
}
