#include "buf.h"

#include "smtp_data.h"

static enum pli_status refuse(const char *what, struct err *err)
{
	return err_field(err, PLI_INPUT, "bare-line-end", "", "The message holds %s; lines end with CR LF.", what);
}

/* How many bytes from p on are nothing but text. */
static size_t plain_run(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] != '\r' && p[i] != '\n' && p[i] != '\0')
		i++;
	return i;
}

/* One byte that is not in the middle of a run of text; *end_r: it was the last of the message. */
static enum pli_status step(struct smtp_data *d, char c, struct buf *out, int *end_r, struct err *err)
{
	if (c == '\0')
		return refuse("a NUL byte", err);
	switch (d->state) {
	case SMTP_DATA_CR:
	case SMTP_DATA_DOT_CR:
		if (c != '\n')
			return refuse("a CR without LF", err);
		if (d->state == SMTP_DATA_DOT_CR) {
			*end_r = 1;
			return PLI_OK;
		}
		buf_add(out, "\r\n", 2);
		d->state = SMTP_DATA_LINE_START;
		return PLI_OK;
	case SMTP_DATA_LINE_START:
		if (c == '.') {
			d->state = SMTP_DATA_DOT;
			return PLI_OK;
		}
		break;
	case SMTP_DATA_DOT:
		if (c == '\r') {
			d->state = SMTP_DATA_DOT_CR;
			return PLI_OK;
		}
		break;
	case SMTP_DATA_TEXT:
		break;
	}
	if (c == '\n')
		return refuse("a LF without CR", err);
	if (c == '\r') {
		d->state = SMTP_DATA_CR;
		return PLI_OK;
	}
	buf_ch(out, c);
	d->state = SMTP_DATA_TEXT;
	return PLI_OK;
}

enum pli_status smtp_data_feed(struct smtp_data *data, const void *p, size_t n, size_t *used_r, struct buf *out, struct err *err)
{
	const char *bytes = p;
	size_t at = 0;
	int end = 0;

	while (at < n && !end) {
		enum pli_status st;

		if (data->state == SMTP_DATA_TEXT) {
			size_t run = plain_run(bytes + at, n - at);

			buf_add(out, bytes + at, run);
			at += run;
			if (at == n)
				break;
		}
		st = step(data, bytes[at++], out, &end, err);
		if (st != PLI_OK) {
			*used_r = at;
			return st;
		}
	}
	*used_r = at;
	return end ? PLI_OK : PLI_AGAIN;
}
