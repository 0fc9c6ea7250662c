/* What came back, the MIME library included, and the body of a delivery report alone: only reports as agreed come out. */
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "buf.h"
#include "text.h"

#include "mail_dsn.h"
#include "mail_out.h"
#include "mail_read.h"
#include "mail_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum pli_status take(void *arg, const struct mail_frame *f, struct err *err)
{
	AUTO_BUF out = { 0 };

	(void)arg;
	assert(f->type == MAIL_REPORT && mail_frame_write(&out, f, err) == PLI_OK);
	return PLI_OK;
}

static enum pli_status recipient(void *arg, const struct mail_dsn *dsn, struct err *err)
{
	unsigned *count = arg;

	(void)err;
	assert(++*count <= MAIL_DSN_RECIPIENTS_MAX);
	assert(text_is_line(dsn->diagnostic, strlen(dsn->diagnostic)) && strlen(dsn->diagnostic) <= MAIL_WORDS_MAX);
	assert(text_is_line(dsn->remote, strlen(dsn->remote)) && strlen(dsn->status) <= 11);
	return PLI_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mail_sets sets;
	static bool prepared;
	AUTO_BUF line = { 0 };
	unsigned count = 0;
	char status[12];
	struct err err = { 0 };
	enum pli_status st;

	if (!prepared)
		mail_read_prepare(&sets);
	prepared = true;
	st = mail_read_bounce(data, size, &(struct mail_out){ take, NULL }, &err);
	assert(st == PLI_OK || st == PLI_INVALID);
	assert(mail_dsn_parse((const char *)data, size, recipient, &count, &err) == PLI_OK);
	if (mail_dsn_guess((const char *)data, size, status, &line) != MAIL_NONE)
		assert(strlen(status) >= 5 && text_is_line(line.p, line.n) && line.n <= MAIL_WORDS_MAX);
	return 0;
}
