/* Frames between front and keeper of a witness, on one stream socket.  Big-endian: u32 length of what follows (9 … 128 KiB) · u64 id · then
 *   request   u8 kind (1 add-checkpoint: its body; 2 latest: a log's origin) · bytes
 *   answer    u16 code · u8 type (0 text/plain, 1 text/x.tlog.size) · bytes */
#ifndef PLI_WITNESS_FRAME_H
#define PLI_WITNESS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct witness_answer;

#define WITNESS_FRAME_MAX (128u << 10)

enum witness_kind { WITNESS_ADD = 1, WITNESS_LATEST };

struct witness_frame {
	uint64_t id;
	enum witness_kind kind;
	uint16_t code;
	uint8_t type;
	const uint8_t *p;		/* borrowed */
	size_t n;
};
void witness_frame_ask(struct buf *out, uint64_t id, enum witness_kind kind, const void *p, size_t n);
void witness_frame_answer(struct buf *out, uint64_t id, const struct witness_answer *answer);
/* The first frame of p[0..n): *used_r its bytes, 0 while it is not whole.  False: this is none. */
bool witness_frame_request(const void *p, size_t n, struct witness_frame *frame_r, size_t *used_r);
bool witness_frame_reply(const void *p, size_t n, struct witness_frame *frame_r, size_t *used_r);
/* Sends all of p[0..n) over the link; blocks.  False: the link is broken. */
bool witness_frame_send(int fd, const char *p, size_t n);

#endif
