/* A growable byte buffer.  b.p is always NUL-terminated after the first append (the NUL is not counted). */
#ifndef PLI_BUF_H
#define PLI_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *p;
	size_t n;
	size_t cap;
	unsigned char secret;	/* wipe on growth and free */
};

void buf_init(struct buf *b);
void buf_init_secret(struct buf *b);
void buf_free(struct buf *b);		/* wipes when secret; leaves an empty, usable buffer */
void buf_reset(struct buf *b);		/* n = 0, keeps the memory */
void *buf_reserve(struct buf *b, size_t n);	/* room for n more; pointer to the first free byte */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, const char *s);
void buf_ch(struct buf *b, char c);
void buf_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vfmt(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Big-endian integers, for frames and records. */
void buf_u8(struct buf *b, uint8_t v);
void buf_u16(struct buf *b, uint16_t v);
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
/* u32 length, then the bytes. */
void buf_blob(struct buf *b, const void *p, size_t n);
/* Drop the first n bytes. */
void buf_shift(struct buf *b, size_t n);

static inline void buf_auto_free(struct buf *b)
{
	buf_free(b);
}
#define AUTO_BUF __attribute__((cleanup(buf_auto_free))) struct buf

/* Reading side of the same encoding.  After any over-read `bad` is set and every getter gives 0. */
struct cursor {
	const uint8_t *p;
	size_t n;
	int bad;
};
void cursor_init(struct cursor *c, const void *p, size_t n);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
const uint8_t *cursor_bytes(struct cursor *c, size_t n);	/* borrowed; NULL when short */
const uint8_t *cursor_blob(struct cursor *c, size_t *n_r);	/* borrowed; NULL when short */

#endif
