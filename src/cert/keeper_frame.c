/* Encoding and strict decoding of the keeper's frames; see keeper_frame.h. */
#include <string.h>

#include "entry.h"
#include "keeper.h"
#include "key.h"
#include "keyfile.h"
#include "tsa_query.h"

#include "keeper_frame.h"

#define KID_MAX 63
#define PASSWORD_MAX_BYTES 1024
#define HASH_MAX_BYTES 127
#define KEY_MAX_BYTES 64
#define WRAPPED_MAX_BYTES 128
#define AAD_MAX_BYTES 1024
#define MANIFEST_MAX_BYTES (512u << 10)

enum pli_status keeper_frame_next(const uint8_t *p, size_t n, struct keeper_frame *frame_r, size_t *used_r, struct err *err)
{
	struct keeper_frame f;
	struct cursor c;
	uint32_t length;

	*used_r = 0;
	if (n < 4)
		return PLI_OK;
	cursor_init(&c, p, n);
	length = cursor_u32(&c);
	if (length < FRAME_HEADER_BYTES - 4 || length > FRAME_MAX_BYTES)
		return err_set(err, PLI_INPUT, "a frame of %u bytes is not one of ours", length);
	if (n - 4 < length)
		return PLI_OK;
	f.verb = cursor_u8(&c);
	f.flags = cursor_u8(&c);
	f.count = cursor_u16(&c);
	f.id = cursor_u64(&c);
	f.body = p + FRAME_HEADER_BYTES;
	f.body_n = length - (FRAME_HEADER_BYTES - 4);
	*frame_r = f;
	*used_r = 4 + (size_t)length;
	return PLI_OK;
}

static bool blob_within(struct cursor *c, size_t max, const uint8_t **p_r, size_t *n_r)
{
	*p_r = cursor_blob(c, n_r);
	return *p_r && *n_r <= max;
}

static bool items_parse(struct cursor *c, size_t key_max, struct keeper_request *r)
{
	for (unsigned i = 0; i < r->count; i++) {
		struct keeper_item *item = &r->items[i];

		item->kid_n = cursor_u8(c);
		item->kid = cursor_bytes(c, item->kid_n);
		item->aad_n = cursor_u16(c);
		item->aad = cursor_bytes(c, item->aad_n);
		item->key_n = cursor_u8(c);
		item->key = cursor_bytes(c, item->key_n);
		if (c->bad || !item->kid_n || item->kid_n > KID_MAX || item->aad_n > AAD_MAX_BYTES || !item->key_n || item->key_n > key_max)
			return false;
	}
	return r->count > 0;
}

static bool texts_parse(struct cursor *c, struct keeper_request *r)
{
	for (unsigned i = 0; i < r->count; i++) {
		r->kinds[i] = cursor_u8(c);
		if (!blob_within(c, MANIFEST_MAX_BYTES, &r->items[i].key, &r->items[i].key_n))
			return false;
	}
	return r->count > 0;
}

static bool queries_parse(struct cursor *c, struct keeper_request *r)
{
	for (unsigned i = 0; i < r->count; i++) {
		r->items[i].key_n = cursor_u16(c);
		r->items[i].key = cursor_bytes(c, r->items[i].key_n);
		if (!r->items[i].key || r->items[i].key_n > TSA_QUERY_MAX_BYTES)
			return false;
	}
	return r->count > 0;
}

static bool kek_parse(struct cursor *c, struct keeper_request *r)
{
	const uint8_t *entity;

	r->purpose = cursor_u8(c);
	entity = cursor_bytes(c, sizeof(r->entity.b));
	r->period = (int64_t)cursor_u64(c);
	if (!entity || r->purpose < 1 || r->purpose > 3)
		return false;
	memcpy(r->entity.b, entity, sizeof(r->entity.b));
	return true;
}

static bool body_parse(struct cursor *c, struct keeper_request *r)
{
	switch (r->verb) {
	case KEEPER_KEK_MAKE:
		return kek_parse(c, r);
	case KEEPER_WRAP:
		return items_parse(c, KEY_MAX_BYTES, r);
	case KEEPER_UNWRAP:
		return items_parse(c, WRAPPED_MAX_BYTES, r);
	case KEEPER_PASSWORD_MAKE:
		r->profile = cursor_u8(c);
		return (r->profile == 1 || r->profile == 2) && blob_within(c, PASSWORD_MAX_BYTES, &r->password, &r->password_n);
	case KEEPER_PASSWORD_CHECK:
		return blob_within(c, HASH_MAX_BYTES, &r->hash, &r->hash_n) &&
		       blob_within(c, PASSWORD_MAX_BYTES, &r->password, &r->password_n);
	case KEEPER_APPEND:
		r->first = cursor_u64(c);
		r->leaves = cursor_bytes(c, (size_t)32 * r->count);
		return r->count && r->leaves && r->first < UINT64_C(1) << 53;
	case KEEPER_HEADS_SINCE:
		r->size = cursor_u64(c);
		r->limit = cursor_u32(c);
		return true;
	case KEEPER_SEAL:
		return blob_within(c, MANIFEST_MAX_BYTES, &r->manifest, &r->manifest_n);
	case KEEPER_STATUS:
	case KEEPER_COMMITTED:
		return true;
	case KEEPER_TOTP_CHECK:
		if (r->count != 1 || !items_parse(c, WRAPPED_MAX_BYTES, r))
			return false;
		r->code = cursor_u32(c);
		return true;
	case KEEPER_MAIL_SIGN:
		return texts_parse(c, r);
	case KEEPER_KEK_DESTROY:
		r->kid_n = cursor_u8(c);
		r->kid = cursor_bytes(c, r->kid_n);
		r->first = cursor_u64(c);
		return r->kid && r->kid_n && blob_within(c, ENTRY_MAX_BYTES, &r->text, &r->text_n) && r->first < UINT64_C(1) << 53;
	case KEEPER_KEY_STATE:
		r->key = cursor_u8(c);
		return r->key < KEY_NAMES;
	case KEEPER_KEY_PREPARE:
		r->key = cursor_u8(c);
		r->overlap_s = cursor_u32(c);
		return r->key < KEY_NAMES && blob_within(c, KEYFILE_MAX_BYTES, &r->text, &r->text_n);
	case KEEPER_KEY_COMMIT:
		r->key = cursor_u8(c);
		r->first = cursor_u64(c);
		return r->key < KEY_NAMES && blob_within(c, ENTRY_MAX_BYTES, &r->text, &r->text_n) && r->first < UINT64_C(1) << 53;
	case KEEPER_STAMP:
		return queries_parse(c, r);
	}
	return false;
}

enum pli_status keeper_request_parse(const struct keeper_frame *frame, struct keeper_request *r, struct err *err)
{
	bool counted = frame->verb == KEEPER_WRAP || frame->verb == KEEPER_UNWRAP || frame->verb == KEEPER_APPEND ||
		       frame->verb == KEEPER_MAIL_SIGN || frame->verb == KEEPER_STAMP;
	bool continues = (counted && frame->verb != KEEPER_MAIL_SIGN && frame->verb != KEEPER_STAMP) || frame->verb == KEEPER_SEAL;
	struct cursor c;

	r->verb = (enum keeper_verb)frame->verb;
	r->more = frame->flags & FRAME_MORE;
	r->ahead = frame->flags & FRAME_AHEAD;
	r->count = frame->count;
	r->id = frame->id;
	cursor_init(&c, frame->body, frame->body_n);
	if (frame->verb < KEEPER_KEK_MAKE || frame->verb > KEEPER_COMMITTED || (frame->flags & ~(FRAME_MORE | FRAME_AHEAD)) ||
	    (r->ahead && frame->verb != KEEPER_APPEND) ||
	    (!counted && r->count && frame->verb != KEEPER_TOTP_CHECK) || (!continues && r->more) ||
	    r->count > FRAME_ITEMS_MAX || !body_parse(&c, r) || c.bad || c.n)
		return err_set(err, PLI_INPUT, "the keeper does not understand this request");
	return PLI_OK;
}

size_t keeper_frame_begin(struct buf *out, uint8_t verb, uint64_t id)
{
	size_t start = out->n;

	buf_u32(out, 0);
	buf_u8(out, verb);
	buf_u8(out, 0);
	buf_u16(out, 0);
	buf_u64(out, id);
	return start;
}

void keeper_frame_end(struct buf *out, size_t start, uint8_t flags, uint16_t count)
{
	size_t length = out->n - start - 4;
	uint8_t *p = (uint8_t *)out->p + start;

	p[0] = (uint8_t)(length >> 24);
	p[1] = (uint8_t)(length >> 16);
	p[2] = (uint8_t)(length >> 8);
	p[3] = (uint8_t)length;
	p[5] = flags;
	p[6] = (uint8_t)(count >> 8);
	p[7] = (uint8_t)count;
}

void keeper_frame_refuse(struct buf *out, uint8_t verb, uint64_t id, enum pli_status status, const struct err *err)
{
	size_t start = keeper_frame_begin(out, verb | FRAME_ANSWER, id);

	buf_u8(out, (uint8_t)status);
	buf_blob(out, err->text, strlen(err->text));
	buf_blob(out, err->hint, strlen(err->hint));
	buf_u32(out, err->retry_after_s);
	keeper_frame_end(out, start, 0, 0);
}

void keeper_frame_head(struct buf *out, const struct keeper_head *head)
{
	buf_u64(out, head->size);
	buf_add(out, head->root, 32);
	buf_u64(out, (uint64_t)head->gen_time_us);
	buf_blob(out, head->checkpoint, head->checkpoint_n);
	buf_blob(out, head->token, head->token_n);
}

bool keeper_frame_head_parse(struct cursor *c, struct keeper_head *head_r)
{
	const uint8_t *root;

	head_r->size = cursor_u64(c);
	root = cursor_bytes(c, 32);
	head_r->gen_time_us = (int64_t)cursor_u64(c);
	head_r->checkpoint = (const char *)cursor_blob(c, &head_r->checkpoint_n);
	head_r->token = cursor_blob(c, &head_r->token_n);
	if (c->bad || !root)
		return false;
	memcpy(head_r->root, root, 32);
	return true;
}
