/* See mail_heads.h. */
#include <string.h>

#include <gmime/gmime.h>

#include "buf.h"
#include "text.h"

#include "mail_read.h"
#include "mail_tree.h"

#include "mail_heads.h"

struct finding {
	struct head_line *heads;
	unsigned count;
};

static void add(struct finding *f, const struct head_line *line)
{
	for (unsigned i = 0; i < f->count; i++)
		if (f->heads[i].size == line->size && memcmp(f->heads[i].root, line->root, 32) == 0 && str_eq(f->heads[i].origin, line->origin))
			return;
	if (f->count < MAIL_HEADS_MAX)
		f->heads[f->count++] = *line;
}

static void add_lines(struct finding *f, const char *text, size_t n)
{
	const char *end = text + n;

	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		size_t length = (size_t)((eol ? eol : end) - text);
		struct head_line line;

		if (length < 1000 && head_line_parse(text, length, &line) && strchr(line.origin, '/'))
			add(f, &line);
		text = eol ? eol + 1 : end;
	}
}

/* Words for the reader; a forwarded mail's, too: it bears witness as well. */
static void walk(struct finding *f, GMimeObject *object, int depth)
{
	if (depth > MAIL_DEPTH_MAX)
		return;
	if (GMIME_IS_MESSAGE_PART(object)) {
		GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
		const char *header = inner ? g_mime_object_get_header(GMIME_OBJECT(inner), HEAD_LINE_HEADER) : NULL;
		struct head_line line;

		if (header && head_line_parse(header, strlen(header), &line))
			add(f, &line);
		if (inner && g_mime_message_get_mime_part(inner))
			walk(f, g_mime_message_get_mime_part(inner), depth + 1);
	} else if (GMIME_IS_MULTIPART(object)) {
		int count = g_mime_multipart_get_count(GMIME_MULTIPART(object));

		for (int i = 0; i < count; i++)
			walk(f, g_mime_multipart_get_part(GMIME_MULTIPART(object), i), depth + 1);
	} else if (mail_tree_is_words(object)) {
		AUTO_BUF words = { 0 };

		if (mail_tree_words(GMIME_PART(object), MAIL_TEXT_MAX, &words))
			add_lines(f, words.p ? words.p : "", words.n);
	}
}

void mail_heads_of(GMimeMessage *message, struct head_line heads_r[MAIL_HEADS_MAX], unsigned *count_r)
{
	struct finding f = { .heads = heads_r };
	const char *header = g_mime_object_get_header(GMIME_OBJECT(message), HEAD_LINE_HEADER);
	struct head_line line;

	if (header && head_line_parse(header, strlen(header), &line))
		add(&f, &line);
	walk(&f, g_mime_message_get_mime_part(message), 0);
	*count_r = f.count;
}

enum pli_status mail_heads(const void *p, size_t n, struct head_line heads_r[MAIL_HEADS_MAX], unsigned *count_r, struct err *err)
{
	GMimeMessage *message;
	enum pli_status st = mail_tree_parse(p, n, &message, err);

	*count_r = 0;
	if (st != PLI_OK)
		return st;
	mail_heads_of(message, heads_r, count_r);
	g_object_unref(message);
	return PLI_OK;
}
