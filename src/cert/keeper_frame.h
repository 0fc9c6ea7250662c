/* The frames between front and keeper, on one stream socket.  Big-endian.
 *
 *   u32 length of all that follows (12 … 1 MiB) · u8 verb (answers: | 0x80) · u8 flags (1 = more, 2 = ahead) · u16 count of items · u64 id · body
 *
 * Requests
 *   KEK_MAKE        u8 purpose (1 stage, 2 letter, 3 meta) · entity 16 · u64 period
 *   WRAP UNWRAP     count × { u8 n, kid · u16 n, aad · u8 n, key }                 more: the same request goes on in the next frame
 *   PASSWORD_MAKE   u8 profile (1 account, 2 letter) · blob password
 *   PASSWORD_CHECK  blob hash · blob password
 *   APPEND          u64 index of the first leaf · count × leaf 32                  more: as above, first = where it goes on
 *                   ahead: of a group that is being committed; it counts, and is answered, when COMMITTED comes
 *   COMMITTED       nothing; its id is that of an APPEND ahead, whose answer is the answer
 *   HEADS_SINCE     u64 size · u32 limit
 *   SEAL            blob text that certify.h knows                                 more: as above
 *   STATUS          nothing
 *   TOTP_CHECK      one item of UNWRAP (whose additional data begin with "totp" and a zero) · u32 code
 *   MAIL_SIGN       count × { u8 kind (mail_sign.h) · blob text }                  one frame
 *   KEK_DESTROY     u8 n, kid · u64 number of the leaf · blob entry `key.moved` (empty: none)
 *   KEY_STATE       u8 key (key.h)
 *   KEY_PREPARE     u8 key · u32 seconds that a log key of before signs on · blob root certificate, PEM
 *   KEY_COMMIT      u8 key · u64 number of the leaf · blob entry
 *   STAMP           count × { u16 n, request of a time-stamping client (tsa_query.h) }       one frame
 * Answers begin with u8 status; if it is not PLI_OK: blob text · blob hint · u32 retry-after seconds.  Else
 *   KEK_MAKE        blob kid
 *   WRAP UNWRAP     count × { u8 n, result }
 *   PASSWORD_MAKE   blob hash
 *   PASSWORD_CHECK  u8 right
 *   APPEND          head
 *   HEADS_SINCE     count × head                                                   more: the keeper has further ones
 *   SEAL            blob signatures · blob token over them (empty for a manifest)
 *   STATUS          u64 size · root 32 · u64 counter size · counter root 32 · u64 generation · u8 refusing · blob reason
 *   TOTP_CHECK      u8 right · u64 step
 *   MAIL_SIGN       count × blob signature
 *   KEK_DESTROY     u64 time µs before which it will not be destroyed (0: it is)
 *   KEY_STATE       blob fingerprint, hex · u8 a change is prepared · u8 a change is still at work
 *   KEY_PREPARE     blob old · blob new fingerprint · blob public part, PEM · blob d of the entry
 *   KEY_COMMIT      nothing
 *   STAMP           count × blob answer to that client
 * head = u64 size · root 32 · u64 genTime µs · blob checkpoint · blob token.   blob = u32 n, bytes. */
#ifndef PLI_KEEPER_FRAME_H
#define PLI_KEEPER_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "status.h"
#include "uuid.h"

#define FRAME_MAX_BYTES (1u << 20)
#define FRAME_ITEMS_MAX 256
#define FRAME_HEADER_BYTES 16
#define FRAME_MORE 1
#define FRAME_AHEAD 2
#define FRAME_ANSWER 0x80
/* Items of a request with all its frames: more would not fit its one answer. */
#define FRAME_WRAPS_MAX 6000
#define FRAME_LEAVES_MAX 65536

enum keeper_verb {
	KEEPER_KEK_MAKE = 1, KEEPER_WRAP, KEEPER_UNWRAP, KEEPER_PASSWORD_MAKE, KEEPER_PASSWORD_CHECK,
	KEEPER_APPEND, KEEPER_HEADS_SINCE, KEEPER_SEAL, KEEPER_STATUS, KEEPER_TOTP_CHECK, KEEPER_MAIL_SIGN,
	KEEPER_KEK_DESTROY,
	KEEPER_KEY_STATE, KEEPER_KEY_PREPARE, KEEPER_KEY_COMMIT, KEEPER_STAMP,
	KEEPER_COMMITTED,
};

struct keeper_frame {
	uint8_t verb, flags;
	uint16_t count;
	uint64_t id;
	const uint8_t *body;
	size_t body_n;
};
/* The first frame of p[0..n).  *used_r: its bytes, 0 when more bytes are needed.  PLI_INPUT: this is no frame, close the link. */
MUST enum pli_status keeper_frame_next(const uint8_t *p, size_t n, struct keeper_frame *frame_r, size_t *used_r, struct err *err);

struct keeper_item {
	const uint8_t *kid, *aad, *key;
	size_t kid_n, aad_n, key_n;
};
struct keeper_request {
	enum keeper_verb verb;
	bool more, ahead;
	uint16_t count;
	uint64_t id;
	uint8_t purpose, profile;
	struct uuid entity;
	int64_t period;
	struct keeper_item items[FRAME_ITEMS_MAX];	/* count of them; of MAIL_SIGN key is the text, of STAMP the request */
	uint8_t kinds[FRAME_ITEMS_MAX];			/* MAIL_SIGN */
	const uint8_t *kid;				/* KEK_DESTROY */
	size_t kid_n;
	const uint8_t *password, *hash, *manifest, *leaves;
	size_t password_n, hash_n, manifest_n;
	uint64_t first, size;
	uint32_t limit, code;
	uint8_t key;					/* KEY_* */
	uint32_t overlap_s;
	const uint8_t *text;				/* KEY_PREPARE, KEY_COMMIT, KEK_DESTROY */
	size_t text_n;
};
/* Everything borrowed from the frame's bytes.  PLI_INPUT: answer it so. */
MUST enum pli_status keeper_request_parse(const struct keeper_frame *frame, struct keeper_request *request_r, struct err *err);

/* Writing: begin returns where the frame starts in out, end fills its length.  flags and count may be set by end. */
size_t keeper_frame_begin(struct buf *out, uint8_t verb, uint64_t id);
void keeper_frame_end(struct buf *out, size_t start, uint8_t flags, uint16_t count);
/* A whole answer that refuses. */
void keeper_frame_refuse(struct buf *out, uint8_t verb, uint64_t id, enum pli_status status, const struct err *err);

struct keeper_head;
void keeper_frame_head(struct buf *out, const struct keeper_head *head);
/* checkpoint and token are borrowed. */
bool keeper_frame_head_parse(struct cursor *c, struct keeper_head *head_r);

#endif
