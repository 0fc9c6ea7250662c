/* A message as a letter, the MIME library included: whatever comes in, only frames as agreed come out, in their order, and the same
 * ones a second time; the words are Markdown whose page holds no markup. */
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "buf.h"

#include "markdown.h"

#include "mail_out.h"
#include "mail_read.h"
#include "mail_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct taken {
	struct buf all, text;
	bool in_part;
};

static enum pli_status take(void *arg, const struct mail_frame *f, struct err *err)
{
	struct taken *t = arg;

	assert(mail_frame_write(&t->all, f, err) == PLI_OK);
	assert(f->type == MAIL_FIELD || f->type == MAIL_PART || f->type == MAIL_BYTES || f->type == MAIL_PART_END);
	assert((f->type == MAIL_BYTES || f->type == MAIL_PART_END) == t->in_part);
	if (f->type == MAIL_PART || f->type == MAIL_PART_END)
		t->in_part = f->type == MAIL_PART;
	if (f->type == MAIL_FIELD && f->field == MAIL_TEXT)
		buf_add(&t->text, f->value.p, f->value.n);
	return PLI_OK;
}

/* Shown as typed: of tags only those of paragraphs and line ends. */
static void text_check(const struct buf *text)
{
	AUTO_BUF html = { 0 };

	markdown_html(&html, text->p, text->n);
	if (html.n >= 5 && memcmp(html.p, "<pre>", 5) == 0)	/* too costly for Markdown: all of it as it is */
		return;
	for (size_t i = 0; i < html.n; i++)
		if (html.p[i] == '<')
			assert(strncmp(html.p + i, "<p>", 3) == 0 || strncmp(html.p + i, "</p>", 4) == 0 || strncmp(html.p + i, "<br", 3) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mail_sets sets;
	static bool prepared;
	struct taken first = { 0 }, second = { 0 };
	struct err err = { 0 };
	enum pli_status st;

	if (!prepared)
		mail_read_prepare(&sets);
	prepared = true;
	st = mail_read_letter(data, size, &(struct mail_out){ take, &first }, &err);
	assert(st == PLI_OK || st == PLI_INVALID || st == PLI_LIMIT);
	assert(mail_read_letter(data, size, &(struct mail_out){ take, &second }, &err) == st);
	assert(first.all.n == second.all.n && (!first.all.n || memcmp(first.all.p, second.all.p, first.all.n) == 0));
	if (st == PLI_OK && first.text.n)
		text_check(&first.text);
	buf_free(&first.all);
	buf_free(&first.text);
	buf_free(&second.all);
	buf_free(&second.text);
	return 0;
}
