/* See witness_frame.h. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "buf.h"
#include "text.h"

#include "witness.h"

#include "witness_frame.h"

static void length_fill(struct buf *out, size_t start)
{
	uint32_t n = (uint32_t)(out->n - start - 4);
	const uint8_t bytes[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };

	memcpy(out->p + start, bytes, 4);
}

void witness_frame_ask(struct buf *out, uint64_t id, enum witness_kind kind, const void *p, size_t n)
{
	size_t start = out->n;

	buf_u32(out, 0);
	buf_u64(out, id);
	buf_u8(out, (uint8_t)kind);
	buf_add(out, p, n);
	length_fill(out, start);
}

void witness_frame_answer(struct buf *out, uint64_t id, const struct witness_answer *answer)
{
	size_t start = out->n;

	buf_u32(out, 0);
	buf_u64(out, id);
	buf_u16(out, (uint16_t)answer->code);
	buf_u8(out, str_starts(answer->type, "text/x.tlog.size"));
	buf_add(out, answer->body.p, answer->body.n);
	length_fill(out, start);
}

static bool whole(const void *p, size_t n, struct cursor *c, size_t *used_r)
{
	uint32_t length;

	*used_r = 0;
	cursor_init(c, p, n);
	if (n < 4)
		return true;
	length = cursor_u32(c);
	if (length < 9 || length > WITNESS_FRAME_MAX)
		return false;
	if (n - 4 < length)
		return true;
	cursor_init(c, (const uint8_t *)p + 4, length);
	*used_r = 4 + (size_t)length;
	return true;
}

static void rest(struct cursor *c, struct witness_frame *f)
{
	f->n = c->n;
	f->p = cursor_bytes(c, c->n);
}

bool witness_frame_request(const void *p, size_t n, struct witness_frame *frame_r, size_t *used_r)
{
	struct witness_frame f = { 0 };
	struct cursor c;
	unsigned kind;

	if (!whole(p, n, &c, used_r))
		return false;
	if (!*used_r)
		return true;
	f.id = cursor_u64(&c);
	kind = cursor_u8(&c);
	if (kind != WITNESS_ADD && kind != WITNESS_LATEST)
		return false;
	f.kind = (enum witness_kind)kind;
	rest(&c, &f);
	*frame_r = f;
	return true;
}

bool witness_frame_reply(const void *p, size_t n, struct witness_frame *frame_r, size_t *used_r)
{
	struct witness_frame f = { 0 };
	struct cursor c;

	if (!whole(p, n, &c, used_r))
		return false;
	if (!*used_r)
		return true;
	f.id = cursor_u64(&c);
	f.code = cursor_u16(&c);
	f.type = cursor_u8(&c);
	rest(&c, &f);
	*frame_r = f;
	return !c.bad;
}

bool witness_frame_send(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t put = send(fd, p, n, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		p += put;
		n -= (size_t)put;
	}
	return true;
}
