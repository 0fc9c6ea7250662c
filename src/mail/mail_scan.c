#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "mail_scan.h"

#define BOUNDARY_MAX 70		/* RFC 2046 section 5.1.1 */
#define VALUE_MAX 4096		/* of a Content-Type that is looked at */

struct boundary {
	char p[BOUNDARY_MAX];
	size_t n;	/* 0: any line that begins with two dashes */
};

struct scan {
	bool in_header;
	bool in_type;		/* the header line is a Content-Type or its continuation */
	bool holds_message;	/* the part holds a message: after its header another one follows */
	char type[VALUE_MAX];
	size_t type_n;
	unsigned parts, lines, all_lines;
	size_t header_bytes;
	unsigned boundary_count;
	struct boundary boundaries[MAIL_BOUNDARIES_MAX];
};

static enum pli_status too_many(struct err *err, const char *what)
{
	return err_field(err, PLI_INVALID, "message-structure", "", "The message has too many %s.", what);
}

/* From behind the word "boundary" on: `*0*= "value"`.  What is odd in the value ends it: a shorter beginning matches more. */
static size_t boundary_value(const char *p, const char *end, struct boundary *b)
{
	const char *from = p;
	bool quoted;

	while (p < end && (*p == '*' || isdigit((unsigned char)*p)))
		p++;
	while (p < end && isspace((unsigned char)*p))
		p++;
	if (p == end || *p != '=')
		return 0;
	for (p++; p < end && isspace((unsigned char)*p); p++)
		;
	quoted = p < end && *p == '"';
	p += quoted;
	b->n = 0;
	for (; p < end && b->n < BOUNDARY_MAX; p++) {
		if (*p == '"' || *p == '\\' || *p == '%' || *p == '(' || *p == '\r' || *p == '\n' ||
		    (!quoted && (*p == ';' || isspace((unsigned char)*p))))
			break;
		b->p[b->n++] = *p;
	}
	/* `utf-8''abc`: the value proper begins behind the quotes. */
	if (memchr(b->p, '\'', b->n))
		b->n = 0;
	return (size_t)(p - from);
}

static enum pli_status type_done(struct scan *s, struct err *err)
{
	const char *p = s->type, *end = s->type + s->type_n;

	s->in_type = false;
	while (p < end && isspace((unsigned char)*p))
		p++;
	if (end - p >= 8 && strncasecmp(p, "message/", 8) == 0)
		s->holds_message = true;
	for (; end - p >= 8; p++) {
		if (strncasecmp(p, "boundary", 8) != 0)
			continue;
		if (s->boundary_count == MAIL_BOUNDARIES_MAX)
			return too_many(err, "parts within parts");
		if (boundary_value(p + 8, end, &s->boundaries[s->boundary_count]))
			s->boundary_count++;
	}
	/* What was too long to be looked at might say anything. */
	if (s->type_n == VALUE_MAX && s->boundary_count < MAIL_BOUNDARIES_MAX)
		s->boundaries[s->boundary_count++].n = 0;
	return PLI_OK;
}

static void type_add(struct scan *s, const char *p, size_t n)
{
	size_t room = VALUE_MAX - s->type_n;

	memcpy(s->type + s->type_n, p, n < room ? n : room);
	s->type_n += n < room ? n : room;
}

static bool is_boundary(const struct scan *s, const char *p, size_t n)
{
	if (n < 2 || p[0] != '-' || p[1] != '-')
		return false;
	for (unsigned i = 0; i < s->boundary_count; i++)
		if (n - 2 >= s->boundaries[i].n && memcmp(p + 2, s->boundaries[i].p, s->boundaries[i].n) == 0)
			return true;
	return false;
}

static void header_begin(struct scan *s)
{
	s->in_header = true;
	s->in_type = s->holds_message = false;
	s->lines = 0;
	s->header_bytes = 0;
}

/* A line of a header, n bytes without its end. */
static enum pli_status header_line(struct scan *s, const char *p, size_t n, struct err *err)
{
	enum pli_status st = PLI_OK;

	if (s->in_type && (n == 0 || !isspace((unsigned char)p[0])))
		st = type_done(s, err);
	if (st != PLI_OK)
		return st;
	if (n == 0) {
		if (s->holds_message)
			header_begin(s);
		else
			s->in_header = false;
		return PLI_OK;
	}
	s->header_bytes += n;
	if (++s->lines > MAIL_HEADER_LINES_MAX || ++s->all_lines > MAIL_ALL_HEADER_LINES_MAX ||
	    s->header_bytes > MAIL_HEADER_BYTES_MAX)
		return too_many(err, "header lines");
	if (s->in_type) {
		type_add(s, p, n);
	} else if (n >= 12 && strncasecmp(p, "content-type", 12) == 0) {
		const char *colon = memchr(p, ':', n);
		s->in_type = colon != NULL;
		s->type_n = 0;
		if (colon)
			type_add(s, colon + 1, n - (size_t)(colon + 1 - p));
	}
	return PLI_OK;
}

static enum pli_status line(struct scan *s, const char *p, size_t n, struct err *err)
{
	enum pli_status st;

	if (!is_boundary(s, p, n))
		return s->in_header ? header_line(s, p, n, err) : PLI_OK;
	if (s->in_header && s->in_type) {
		st = type_done(s, err);
		if (st != PLI_OK)
			return st;
	}
	if (++s->parts > MAIL_PARTS_MAX)
		return too_many(err, "parts");
	header_begin(s);
	return PLI_OK;
}

enum pli_status mail_scan(const char *p, size_t n, struct err *err)
{
	struct scan s = { .in_header = true };
	const char *end = p + n;

	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p)), *stop = lf ? lf : end;
		size_t line_n = (size_t)(stop - p);
		enum pli_status st;

		if (line_n && p[line_n - 1] == '\r')
			line_n--;
		st = line(&s, p, line_n, err);
		if (st != PLI_OK)
			return st;
		p = lf ? lf + 1 : end;
	}
	return PLI_OK;
}
