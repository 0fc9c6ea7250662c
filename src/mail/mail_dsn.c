#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "text.h"

#include "mail_text.h"

#include "mail_dsn.h"

#define STATUS_CHARS 11		/* "5.123.123" and some more */

struct block {
	bool any;		/* holds a field of a recipient */
	enum mail_action action;
	char status[STATUS_CHARS + 1];
	struct buf diagnostic, remote;
};

/* class.subject.detail (RFC 3463 section 2) at p, followed by no further digit or dot-digit. */
static size_t status_length(const char *p, size_t n)
{
	size_t at = 1;

	if (n < 5 || (p[0] != '2' && p[0] != '4' && p[0] != '5'))
		return 0;
	for (int i = 0; i < 2; i++) {
		size_t digits = 0;

		if (at >= n || p[at++] != '.')
			return 0;
		while (at < n && digits < 3 && isdigit((unsigned char)p[at])) {
			at++;
			digits++;
		}
		if (!digits)
			return 0;
	}
	if (at < n && (isdigit((unsigned char)p[at]) || (p[at] == '.' && at + 1 < n && isdigit((unsigned char)p[at + 1]))))
		return 0;
	return at;
}

static enum mail_action action_of(const char *p, size_t n)
{
	static const struct {
		const char *word;
		enum mail_action action;
	} words[] = {
		{ "failed", MAIL_FAILED }, { "delayed", MAIL_DELAYED }, { "delivered", MAIL_DELIVERED },
		{ "relayed", MAIL_DELIVERED }, { "expanded", MAIL_DELIVERED },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		size_t len = strlen(words[i].word);
		if (n >= len && strncasecmp(p, words[i].word, len) == 0 && (n == len || !isalnum((unsigned char)p[len])))
			return words[i].action;
	}
	return MAIL_NONE;
}

static void words_of(struct buf *out, const char *p, size_t n)
{
	const char *semicolon = memchr(p, ';', n < 20 ? n : 20);

	/* `smtp; 550 …`, `dns; mx.example.org`: the type goes. */
	if (semicolon) {
		n -= (size_t)(semicolon + 1 - p);
		p = semicolon + 1;
	}
	buf_reset(out);
	mail_text_one_line(out, p, n, MAIL_WORDS_MAX);
}

static bool field_is(const char *p, size_t n, const char *name)
{
	return strlen(name) == n && strncasecmp(p, name, n) == 0;
}

/* One unfolded field. */
static void field_take(struct block *b, const char *p, size_t n)
{
	const char *colon = memchr(p, ':', n), *value;
	size_t name_n, value_n;

	if (!colon)
		return;
	name_n = (size_t)(colon - p);
	while (name_n && isspace((unsigned char)p[name_n - 1]))
		name_n--;
	value = colon + 1;
	value_n = n - (size_t)(value - p);
	while (value_n && isspace((unsigned char)*value)) {
		value++;
		value_n--;
	}
	if (field_is(p, name_n, "final-recipient") || field_is(p, name_n, "original-recipient")) {
		b->any = true;
	} else if (field_is(p, name_n, "action")) {
		b->any = true;
		b->action = action_of(value, value_n);
	} else if (field_is(p, name_n, "status")) {
		size_t len = status_length(value, value_n);
		b->any = true;
		memcpy(b->status, value, len);
		b->status[len] = '\0';
	} else if (field_is(p, name_n, "diagnostic-code")) {
		words_of(&b->diagnostic, value, value_n);
	} else if (field_is(p, name_n, "remote-mta")) {
		words_of(&b->remote, value, value_n);
	}
}

static enum pli_status block_end(struct block *b, mail_dsn_fn *fn, void *arg, unsigned *count, struct err *err)
{
	struct mail_dsn dsn;
	enum pli_status st = PLI_OK;

	if (b->any && *count < MAIL_DSN_RECIPIENTS_MAX) {
		if (b->action == MAIL_NONE && b->status[0])
			b->action = b->status[0] == '5' ? MAIL_FAILED : b->status[0] == '4' ? MAIL_DELAYED : MAIL_DELIVERED;
		dsn = (struct mail_dsn){ b->action, b->status, b->diagnostic.p ? b->diagnostic.p : "",
					 b->remote.p ? b->remote.p : "" };
		(*count)++;
		st = fn(arg, &dsn, err);
	}
	buf_reset(&b->diagnostic);
	buf_reset(&b->remote);
	if (b->diagnostic.p)
		b->diagnostic.p[0] = '\0';
	if (b->remote.p)
		b->remote.p[0] = '\0';
	b->any = false;
	b->action = MAIL_NONE;
	b->status[0] = '\0';
	return st;
}

/* The next line without its end; false when there is none. */
static bool next_line(const char **p, const char *end, const char **line_r, size_t *n_r)
{
	const char *lf;

	if (*p >= end)
		return false;
	lf = memchr(*p, '\n', (size_t)(end - *p));
	*line_r = *p;
	*n_r = (size_t)((lf ? lf : end) - *p);
	if (*n_r && (*line_r)[*n_r - 1] == '\r')
		(*n_r)--;
	*p = lf ? lf + 1 : end;
	return true;
}

enum pli_status mail_dsn_parse(const char *p, size_t n, mail_dsn_fn *fn, void *arg, struct err *err)
{
	const char *end = p + n, *line;
	struct block b = { .action = MAIL_NONE };
	AUTO_BUF field = { 0 };
	enum pli_status st = PLI_OK;
	unsigned count = 0;
	size_t line_n;

	while (st == PLI_OK && next_line(&p, end, &line, &line_n)) {
		if (line_n && (*line == ' ' || *line == '\t')) {
			buf_add(&field, line, line_n);
			continue;
		}
		if (field.n)
			field_take(&b, field.p, field.n);
		buf_reset(&field);
		if (line_n)
			buf_add(&field, line, line_n);
		else
			st = block_end(&b, fn, arg, &count, err);
	}
	if (field.n)
		field_take(&b, field.p, field.n);
	if (st == PLI_OK)
		st = block_end(&b, fn, arg, &count, err);
	buf_free(&b.diagnostic);
	buf_free(&b.remote);
	return st;
}

/* ---- without a report ---- */

/* Where in a line a status code or a reply code stands; fills status ("5.0.0" for a bare 5xx). */
static bool line_speaks(const char *p, size_t n, char status_r[STATUS_CHARS + 1])
{
	for (size_t i = 0; i < n; i++) {
		bool begins = i == 0 || !(isalnum((unsigned char)p[i - 1]) || p[i - 1] == '.' || p[i - 1] == '-');
		size_t len = begins ? status_length(p + i, n - i) : 0;

		if (len && p[i] != '2') {
			memcpy(status_r, p + i, len);
			status_r[len] = '\0';
			return true;
		}
	}
	while (n && isspace((unsigned char)*p)) {
		p++;
		n--;
	}
	if (n >= 4 && (p[0] == '4' || p[0] == '5') && p[1] >= '0' && p[1] <= '5' && isdigit((unsigned char)p[2]) &&
	    (p[3] == ' ' || p[3] == '-')) {
		snprintf(status_r, STATUS_CHARS + 1, "%c.0.0", p[0]);
		return true;
	}
	return false;
}

enum mail_action mail_dsn_guess(const char *p, size_t n, char status_r[12], struct buf *line_out)
{
	const char *end = p + n, *line;
	enum mail_action found = MAIL_NONE;
	char status[STATUS_CHARS + 1];
	size_t line_n;

	status_r[0] = '\0';
	while (found != MAIL_FAILED && next_line(&p, end, &line, &line_n)) {
		enum mail_action action;

		if (!line_speaks(line, line_n, status))
			continue;
		action = status[0] == '5' ? MAIL_FAILED : MAIL_DELAYED;
		/* A failure says more than a delay. */
		if (found == MAIL_NONE || action == MAIL_FAILED) {
			found = action;
			memcpy(status_r, status, sizeof(status));
			buf_reset(line_out);
			mail_text_one_line(line_out, line, line_n, MAIL_WORDS_MAX);
		}
	}
	return found;
}
