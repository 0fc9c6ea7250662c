/* See reply.h. */
#include <stdio.h>
#include <string.h>

#include "reply.h"

#define MASK "(address)"

static bool is_atext(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("!#$%&'*+-/=?^_`{|}~.", c));
}

static bool is_domain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.';
}

/* Where the local part that ends before at begins; at itself when there is none. */
static size_t local_start(const char *s, size_t at)
{
	size_t from = at;

	if (at > 1 && s[at - 1] == '"') {
		for (from = at - 1; from > 0 && s[from - 1] != '"'; from--)
			;
		return from > 0 ? from - 1 : at - 1;
	}
	while (from > 0 && is_atext(s[from - 1]))
		from--;
	return from;
}

/* Behind the domain or literal that begins at to. */
static size_t domain_end(const char *s, size_t n, size_t to)
{
	size_t end = to;

	if (to < n && s[to] == '[') {
		const char *close = memchr(s + to, ']', n - to);

		return close ? (size_t)(close - s) + 1 : n;
	}
	while (end < n && is_domain(s[end]))
		end++;
	return end;
}

/* One printable line; blanks at the ends and in rows go. */
static size_t flatten(char *out, const char *words, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < n && at < REPLY_MAX; i++) {
		unsigned char c = (unsigned char)words[i];

		if (c == '\r' || c == '\n' || c == '\t')
			c = ' ';
		if (c == ' ' && (at == 0 || out[at - 1] == ' '))
			continue;
		out[at++] = (char)(c >= 0x20 && c <= 0x7e ? c : '?');
	}
	while (at > 0 && out[at - 1] == ' ')
		at--;
	return at;
}

void reply_clean(char out[REPLY_MAX + 1], const char *words, size_t n)
{
	char line[REPLY_MAX + 1];
	size_t line_n = flatten(line, words, n), done = 0, to = 0;

	for (size_t i = 0; i < line_n; i++) {
		size_t from, end;

		if (line[i] != '@')
			continue;
		from = local_start(line, i);
		end = domain_end(line, line_n, i + 1);
		if (from == i || end == i + 1)
			continue;
		if (from < done)
			from = done;
		if (to + (from - done) + sizeof(MASK) > REPLY_MAX) {
			line_n = from;	/* no room for the mask: the words end here */
			break;
		}
		memcpy(out + to, line + done, from - done);
		to += from - done;
		memcpy(out + to, MASK, sizeof(MASK) - 1);
		to += sizeof(MASK) - 1;
		done = end;
		i = end - 1;
	}
	line_n -= done;
	if (line_n > REPLY_MAX - to)
		line_n = REPLY_MAX - to;
	memcpy(out + to, line + done, line_n);
	to += line_n;
	out[to] = '\0';
}

void reply_clear(struct reply *reply)
{
	reply->code = 0;
	reply->open = false;
	reply->text[0] = '\0';
}

static int code_of(const char *line, size_t n)
{
	if (n < 3 || line[0] < '2' || line[0] > '5' || line[1] < '0' || line[1] > '9' || line[2] < '0' || line[2] > '9' ||
	    (n > 3 && line[3] != ' ' && line[3] != '-' && line[3] != '\r' && line[3] != '\n'))
		return 0;
	return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

static void words_add(struct reply *reply, const char *words, size_t n)
{
	char clean[REPLY_MAX + 1];
	size_t used = strlen(reply->text);

	reply_clean(clean, words, n);
	snprintf(reply->text + used, sizeof(reply->text) - used, "%s%s", used && clean[0] ? " " : "", clean);
}

void reply_take(struct reply *reply, const char *line, size_t n)
{
	int code = code_of(line, n);
	size_t head = !code ? 0 : n > 3 ? 4 : 3;

	if (!reply->open || (code && code != reply->code)) {
		reply_clear(reply);
		reply->code = code;
		words_add(reply, line, code ? 3 : 0);
	}
	if (code)
		reply->open = n > 3 && line[3] == '-';
	words_add(reply, line + head, n - head);
}
