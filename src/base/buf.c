/* Growable buffers and the cursor that reads what they encode; see buf.h. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"

#include "buf.h"

void buf_init(struct buf *b)
{
	memset(b, 0, sizeof(*b));
}

void buf_init_secret(struct buf *b)
{
	buf_init(b);
	b->secret = 1;
}

void buf_free(struct buf *b)
{
	if (b->p && b->secret)
		mem_wipe(b->p, b->cap);
	mem_free(b->p);
	b->p = NULL;
	b->n = 0;
	b->cap = 0;
}

void buf_reset(struct buf *b)
{
	if (b->p && b->secret)
		mem_wipe(b->p, b->n);
	b->n = 0;
	if (b->p)
		b->p[0] = 0;
}

void *buf_reserve(struct buf *b, size_t n)
{
	size_t need, cap;
	char *p;

	assert(n < SIZE_MAX / 4 && b->n < SIZE_MAX / 4);
	need = b->n + n + 1;
	if (need <= b->cap)
		return b->p + b->n;
	cap = b->cap ? b->cap : 256;
	while (cap < need)
		cap *= 2;
	if (b->secret) {
		/* realloc would leave a copy behind. */
		p = mem_alloc(cap);
		if (b->p) {
			memcpy(p, b->p, b->n);
			mem_wipe(b->p, b->cap);
			mem_free(b->p);
		}
	} else {
		p = mem_grow(b->p, cap);
	}
	b->p = p;
	b->cap = cap;
	b->p[b->n] = 0;
	return b->p + b->n;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	char *to = buf_reserve(b, n);

	if (n)
		memcpy(to, p, n);
	b->n += n;
	b->p[b->n] = 0;
}

void buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_ch(struct buf *b, char c)
{
	if (b->n + 2 > b->cap)
		(void)buf_reserve(b, 1);
	b->p[b->n++] = c;
	b->p[b->n] = 0;
}

void buf_vfmt(struct buf *b, const char *fmt, va_list ap)
{
	size_t room;
	va_list again;
	char *to;
	int n;

	to = buf_reserve(b, 64);
	room = b->cap - b->n;
	va_copy(again, ap);
	n = vsnprintf(to, room, fmt, ap);
	assert(n >= 0);
	if ((size_t)n >= room) {
		to = buf_reserve(b, (size_t)n);
		vsnprintf(to, (size_t)n + 1, fmt, again);
		if (b->secret)
			mem_wipe_stack();
	}
	va_end(again);
	b->n += (size_t)n;
}

void buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(b, fmt, ap);
	va_end(ap);
}

void buf_u8(struct buf *b, uint8_t v)
{
	buf_add(b, &v, 1);
}

void buf_u16(struct buf *b, uint16_t v)
{
	uint8_t bytes[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	buf_add(b, bytes, sizeof(bytes));
}

void buf_u32(struct buf *b, uint32_t v)
{
	uint8_t bytes[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	buf_add(b, bytes, sizeof(bytes));
}

void buf_u64(struct buf *b, uint64_t v)
{
	buf_u32(b, (uint32_t)(v >> 32));
	buf_u32(b, (uint32_t)v);
}

void buf_blob(struct buf *b, const void *p, size_t n)
{
	assert(n <= UINT32_MAX);
	buf_u32(b, (uint32_t)n);
	buf_add(b, p, n);
}

void buf_shift(struct buf *b, size_t n)
{
	assert(n <= b->n);
	if (!n)
		return;
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
	if (b->secret)
		mem_wipe(b->p + b->n, n);
	b->p[b->n] = 0;
}

void cursor_init(struct cursor *c, const void *p, size_t n)
{
	c->p = p;
	c->n = n;
	c->bad = 0;
}

const uint8_t *cursor_bytes(struct cursor *c, size_t n)
{
	static const uint8_t nothing[1];
	const uint8_t *p = c->p;

	if (c->bad || n > c->n) {
		c->bad = 1;
		return NULL;
	}
	if (!n)
		return p ? p : nothing;
	c->p += n;
	c->n -= n;
	return p;
}

static uint64_t cursor_big_endian(struct cursor *c, size_t n)
{
	const uint8_t *p = cursor_bytes(c, n);
	uint64_t v = 0;

	for (size_t i = 0; p && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t cursor_u8(struct cursor *c)
{
	return (uint8_t)cursor_big_endian(c, 1);
}

uint16_t cursor_u16(struct cursor *c)
{
	return (uint16_t)cursor_big_endian(c, 2);
}

uint32_t cursor_u32(struct cursor *c)
{
	return (uint32_t)cursor_big_endian(c, 4);
}

uint64_t cursor_u64(struct cursor *c)
{
	return cursor_big_endian(c, 8);
}

const uint8_t *cursor_blob(struct cursor *c, size_t *n_r)
{
	size_t n = cursor_u32(c);
	const uint8_t *p = cursor_bytes(c, n);

	*n_r = p ? n : 0;
	return p;
}
