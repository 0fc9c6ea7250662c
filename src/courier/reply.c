/* See reply.h. */
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "mask.h"

#include "reply.h"

/* One printable line; blanks at the ends and in rows go. */
static void flatten(struct buf *out, const char *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)words[i];

		if (c == '\r' || c == '\n' || c == '\t')
			c = ' ';
		if (c == ' ' && (out->n == 0 || out->p[out->n - 1] == ' '))
			continue;
		buf_ch(out, (char)(c >= 0x20 && c <= 0x7e ? c : '?'));
	}
	while (out->n > 0 && out->p[out->n - 1] == ' ')
		out->n--;
}

void reply_clean(char out[REPLY_MAX + 1], const char *words, size_t n)
{
	AUTO_BUF line = { 0 }, masked = { 0 };

	flatten(&line, words, n);
	mask_addresses(&masked, line.p, line.n);
	/* Cut only now: an address that is cut in two is not known any more. */
	if (masked.n > REPLY_MAX)
		masked.n = REPLY_MAX;
	if (masked.n)
		memcpy(out, masked.p, masked.n);
	out[masked.n] = '\0';
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
