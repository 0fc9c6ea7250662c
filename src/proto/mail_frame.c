#include <stdbool.h>
#include <string.h>

#include "buf.h"
#include "text.h"

#include "mail_frame.h"

static bool text_good(const struct mail_bytes *b, size_t max)
{
	return b->n <= max && utf8_valid(b->p, b->n);
}

static bool line_good(const struct mail_bytes *b, size_t max)
{
	return text_good(b, max) && text_is_line(b->p, b->n);
}

static bool frame_good(const struct mail_frame *f)
{
	switch (f->type) {
	case MAIL_OPEN:
		return f->kind < MAIL_KIND_COUNT;
	case MAIL_DATA:
	case MAIL_BYTES:
		return f->value.n >= 1 && f->value.n <= MAIL_FRAME_BYTES_MAX;
	case MAIL_FIELD:
		if (f->field >= MAIL_FIELD_COUNT || !line_good(&f->name, MAIL_NAME_MAX))
			return false;
		return f->field == MAIL_TEXT ? text_good(&f->value, MAIL_VALUE_MAX) : line_good(&f->value, MAIL_VALUE_MAX);
	case MAIL_PART:
		return f->name.n <= MAIL_NAME_MAX && f->value.n <= MAIL_NAME_MAX && line_good(&f->value, MAIL_NAME_MAX);
	case MAIL_REPORT:
		return f->action < MAIL_ACTION_COUNT && line_good(&f->status, 11) && line_good(&f->diagnostic, MAIL_WORDS_MAX) &&
		       line_good(&f->remote, MAIL_WORDS_MAX);
	case MAIL_REFUSED:
		return line_good(&f->value, MAIL_WORDS_MAX);
	case MAIL_END:
	case MAIL_PART_END:
	case MAIL_DONE:
		return true;
	}
	return false;
}

static void put(struct buf *out, const struct mail_bytes *b)
{
	buf_blob(out, b->n ? b->p : "", b->n);
}

enum pli_status mail_frame_write(struct buf *out, const struct mail_frame *frame, struct err *err)
{
	size_t start = out->n;
	uint8_t *length;

	if (!frame_good(frame))
		return err_set(err, PLI_INPUT, "frame of type %u is not as agreed", (unsigned)frame->type);
	buf_u32(out, 0);
	buf_u8(out, (uint8_t)frame->type);
	switch (frame->type) {
	case MAIL_OPEN:
		buf_u8(out, (uint8_t)frame->kind);
		buf_u64(out, frame->size);
		break;
	case MAIL_DATA:
	case MAIL_BYTES:
		buf_add(out, frame->value.p, frame->value.n);
		break;
	case MAIL_FIELD:
		buf_u8(out, (uint8_t)frame->field);
		/* fall through */
	case MAIL_PART:
		put(out, &frame->name);
		put(out, &frame->value);
		break;
	case MAIL_REPORT:
		buf_u8(out, (uint8_t)frame->action);
		put(out, &frame->status);
		put(out, &frame->diagnostic);
		put(out, &frame->remote);
		break;
	case MAIL_REFUSED:
		put(out, &frame->value);
		break;
	case MAIL_END:
	case MAIL_PART_END:
	case MAIL_DONE:
		break;
	}
	length = (uint8_t *)out->p + start;
	for (int i = 0; i < 4; i++)
		length[i] = (uint8_t)((out->n - start - 4) >> (24 - 8 * i));
	return PLI_OK;
}

static void take(struct cursor *c, struct mail_bytes *b_r)
{
	b_r->p = (const char *)cursor_blob(c, &b_r->n);
	if (!b_r->p)
		*b_r = (struct mail_bytes){ "", 0 };
}

static void take_body(struct cursor *c, struct mail_frame *f)
{
	switch (f->type) {
	case MAIL_OPEN:
		f->kind = (enum mail_kind)cursor_u8(c);
		f->size = cursor_u64(c);
		break;
	case MAIL_DATA:
	case MAIL_BYTES:
		f->value.n = c->n;
		f->value.p = (const char *)cursor_bytes(c, c->n);
		break;
	case MAIL_FIELD:
		f->field = (enum mail_field)cursor_u8(c);
		/* fall through */
	case MAIL_PART:
		take(c, &f->name);
		take(c, &f->value);
		break;
	case MAIL_REPORT:
		f->action = (enum mail_action)cursor_u8(c);
		take(c, &f->status);
		take(c, &f->diagnostic);
		take(c, &f->remote);
		break;
	case MAIL_REFUSED:
		take(c, &f->value);
		break;
	case MAIL_END:
	case MAIL_PART_END:
	case MAIL_DONE:
		break;
	}
}

enum pli_status mail_frame_read(const void *p, size_t n, struct mail_frame *frame_r, size_t *used_r, struct err *err)
{
	struct mail_frame f = { 0 };
	struct cursor c;
	uint32_t length;

	if (n < 4)
		return err_set(err, PLI_AGAIN, "frame not whole");
	cursor_init(&c, p, 4);
	length = cursor_u32(&c);
	if (length < 1 || length > MAIL_FRAME_MAX)
		return err_set(err, PLI_INPUT, "frame of %u bytes", length);
	if (n - 4 < length)
		return err_set(err, PLI_AGAIN, "frame not whole");
	cursor_init(&c, (const uint8_t *)p + 4, length);
	f.type = (enum mail_frame_type)cursor_u8(&c);
	take_body(&c, &f);
	if (c.bad || c.n != 0 || !frame_good(&f))
		return err_set(err, PLI_INPUT, "frame of type %u is malformed", (unsigned)f.type);
	*frame_r = f;
	*used_r = 4 + (size_t)length;
	return PLI_OK;
}
