/* What front asks the keeper, in frames and back; see keeper.h. */
#include <assert.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"
#include "uuid.h"

#include "keeper_frame.h"
#include "keeper_own.h"

#include "keeper.h"

#define SEAL_PIECE (256u << 10)
#define SOON_US (2 * SECOND_US)

static enum pli_status malformed(struct err *err)
{
	return err_set(err, PLI_BUG, "the keeper's answer is malformed");
}

/* ---- keys ---- */

static enum pli_status kek_make(void *arg, const char *purpose, const struct uuid *entity, int64_t period, char kid_r[64], struct err *err)
{
	uint8_t number = str_eq(purpose, "stage") ? 1 : str_eq(purpose, "letter") ? 2 : str_eq(purpose, "meta") ? 3 : 0;
	struct keeper *k = arg;
	struct keeper_call call = { .id = keeper_call_id(k), .verb = KEEPER_KEK_MAKE };
	AUTO_BUF frame = { 0 };
	enum pli_status status;
	const uint8_t *kid;
	struct cursor c;
	size_t start, n;

	if (!number)
		return err_set(err, PLI_BUG, "no key has the purpose '%s'", purpose);
	start = keeper_frame_begin(&frame, KEEPER_KEK_MAKE, call.id);
	buf_u8(&frame, number);
	buf_add(&frame, entity->b, sizeof(entity->b));
	buf_u64(&frame, (uint64_t)period);
	keeper_frame_end(&frame, start, 0, 0);
	status = keeper_exchange(k, &call, &frame, err);
	if (status == PLI_OK) {
		cursor_init(&c, call.body.p, call.body.n);
		kid = cursor_blob(&c, &n);
		if (!kid || !n || n > 63) {
			status = malformed(err);
		} else {
			memcpy(kid_r, kid, n);
			kid_r[n] = 0;
		}
	}
	buf_free(&call.body);
	return status;
}

enum pli_status keeper_kek_destroy(struct keeper *keeper, const char *kid, uint64_t seq, const void *entry, size_t entry_n, int64_t *due_us_r,
				   struct err *err)
{
	struct keeper_call call = { .id = keeper_call_id(keeper), .verb = KEEPER_KEK_DESTROY };
	size_t start, n = strlen(kid);
	AUTO_BUF frame = { 0 };
	enum pli_status status;
	struct cursor c;

	assert(n < 64);
	start = keeper_frame_begin(&frame, KEEPER_KEK_DESTROY, call.id);
	buf_u8(&frame, (uint8_t)n);
	buf_add(&frame, kid, n);
	buf_u64(&frame, seq);
	buf_blob(&frame, entry, entry_n);
	keeper_frame_end(&frame, start, 0, 0);
	status = keeper_exchange(keeper, &call, &frame, err);
	if (status == PLI_OK) {
		cursor_init(&c, call.body.p, call.body.n);
		*due_us_r = (int64_t)cursor_u64(&c);
		if (c.bad || c.n)
			status = malformed(err);
	}
	buf_free(&call.body);
	return status;
}

static void put_item(struct buf *out, const struct keywrap_item *item)
{
	size_t kid_n = strlen(item->kid);

	assert(kid_n < 64 && item->aad_n <= 1024 && item->in_n <= 128);
	buf_u8(out, (uint8_t)kid_n);
	buf_add(out, item->kid, kid_n);
	buf_u16(out, (uint16_t)item->aad_n);
	buf_add(out, item->aad, item->aad_n);
	buf_u8(out, (uint8_t)item->in_n);
	buf_add(out, item->in, item->in_n);
}

/* Frames of at most 256 items each, all but the last with `more`. */
static void put_items(struct buf *out, uint8_t verb, uint64_t id, const struct keywrap_item *items, size_t count)
{
	for (size_t at = 0; at < count; ) {
		size_t n = count - at < FRAME_ITEMS_MAX ? count - at : FRAME_ITEMS_MAX, start = keeper_frame_begin(out, verb, id);

		for (size_t i = at; i < at + n; i++)
			put_item(out, &items[i]);
		at += n;
		keeper_frame_end(out, start, at < count ? FRAME_MORE : 0, (uint16_t)n);
	}
}

static enum pli_status wraps(struct keeper *k, uint8_t verb, struct keywrap_item *items, size_t count, struct err *err)
{
	struct keeper_call call = { .id = keeper_call_id(k), .verb = verb };
	AUTO_BUF frames = { .secret = 1 };
	enum pli_status status;
	struct cursor c;

	if (!count)
		return PLI_OK;
	if (count > FRAME_WRAPS_MAX)
		return err_set(err, PLI_LIMIT, "at most %d keys in one request", FRAME_WRAPS_MAX);
	put_items(&frames, verb, call.id, items, count);
	status = keeper_exchange(k, &call, &frames, err);
	cursor_init(&c, call.body.p, call.body.n);
	if (status == PLI_OK && call.count != count)
		status = malformed(err);
	for (size_t i = 0; i < count && status == PLI_OK; i++) {
		const uint8_t *out;

		items[i].out_n = cursor_u8(&c);
		out = cursor_bytes(&c, items[i].out_n);
		if (!out || items[i].out_n > sizeof(items[i].out))
			status = malformed(err);
		else
			memcpy(items[i].out, out, items[i].out_n);
	}
	buf_free(&call.body);
	return status;
}

static enum pli_status wrap(void *arg, struct keywrap_item *items, size_t count, struct err *err)
{
	return wraps(arg, KEEPER_WRAP, items, count, err);
}

static enum pli_status unwrap(void *arg, struct keywrap_item *items, size_t count, struct err *err)
{
	return wraps(arg, KEEPER_UNWRAP, items, count, err);
}

void keeper_keywrap(struct keeper *keeper, struct keywrap *keywrap_r)
{
	*keywrap_r = (struct keywrap){ .arg = keeper, .kek = kek_make, .wrap = wrap, .unwrap = unwrap };
}

/* ---- passwords ---- */

enum pli_status keeper_password_make(struct keeper *keeper, const char *profile, const char *password, char hash_r[128], struct err *err)
{
	struct keeper_call call = { .id = keeper_call_id(keeper), .verb = KEEPER_PASSWORD_MAKE };
	AUTO_BUF frame = { .secret = 1 };
	enum pli_status status;
	const uint8_t *hash;
	struct cursor c;
	size_t start, n;

	start = keeper_frame_begin(&frame, KEEPER_PASSWORD_MAKE, call.id);
	buf_u8(&frame, str_eq(profile, "letter") ? 2 : 1);
	buf_blob(&frame, password, strlen(password));
	keeper_frame_end(&frame, start, 0, 0);
	status = keeper_exchange(keeper, &call, &frame, err);
	if (status == PLI_OK) {
		cursor_init(&c, call.body.p, call.body.n);
		hash = cursor_blob(&c, &n);
		if (!hash || n > 127) {
			status = malformed(err);
		} else {
			memcpy(hash_r, hash, n);
			hash_r[n] = 0;
		}
	}
	buf_free(&call.body);
	return status;
}

enum pli_status keeper_password_check(struct keeper *keeper, const char *hash, const char *password, bool *ok_r, struct err *err)
{
	struct keeper_call call = { .id = keeper_call_id(keeper), .verb = KEEPER_PASSWORD_CHECK };
	AUTO_BUF frame = { .secret = 1 };
	enum pli_status status;
	size_t start;

	start = keeper_frame_begin(&frame, KEEPER_PASSWORD_CHECK, call.id);
	buf_blob(&frame, hash, strlen(hash));
	buf_blob(&frame, password, strlen(password));
	keeper_frame_end(&frame, start, 0, 0);
	status = keeper_exchange(keeper, &call, &frame, err);
	if (status == PLI_OK && call.body.n != 1)
		status = malformed(err);
	if (status == PLI_OK)
		*ok_r = call.body.p[0] == 1;
	buf_free(&call.body);
	return status;
}

enum pli_status keeper_totp_check(struct keeper *keeper, const struct keywrap_item *secret, uint32_t code, bool *right_r,
				  uint64_t *step_r, struct err *err)
{
	struct keeper_call call = { .id = keeper_call_id(keeper), .verb = KEEPER_TOTP_CHECK };
	AUTO_BUF frame = { .secret = 1 };
	enum pli_status status;
	struct cursor c;
	size_t start;

	start = keeper_frame_begin(&frame, KEEPER_TOTP_CHECK, call.id);
	put_item(&frame, secret);
	buf_u32(&frame, code);
	keeper_frame_end(&frame, start, 0, 1);
	status = keeper_exchange(keeper, &call, &frame, err);
	cursor_init(&c, call.body.p, call.body.n);
	if (status == PLI_OK) {
		*right_r = cursor_u8(&c) == 1;
		*step_r = cursor_u64(&c);
		if (c.bad || c.n)
			status = malformed(err);
	}
	buf_free(&call.body);
	return status;
}

/* ---- the tree ---- */

static uint64_t append(struct keeper *keeper, uint64_t first, const uint8_t (*leaves)[32], size_t count, uint8_t flags, keeper_append_done *done,
		       void *arg)
{
	struct keeper_call *call = mem_alloc(sizeof(*call));
	uint64_t id = keeper_call_id(keeper);
	AUTO_BUF frames = { 0 };

	assert(count && count <= FRAME_LEAVES_MAX);
	call->id = id;
	/* A commit takes what time it takes; what is asked of the keeper has a limit. */
	call->deadline_us = flags & FRAME_AHEAD ? INT64_MAX : 0;
	call->verb = KEEPER_APPEND;
	call->append_done = done;
	call->arg = arg;
	for (size_t at = 0; at < count; ) {
		size_t n = count - at < FRAME_ITEMS_MAX ? count - at : FRAME_ITEMS_MAX;
		size_t start = keeper_frame_begin(&frames, KEEPER_APPEND, id);

		buf_u64(&frames, first + at);
		buf_add(&frames, leaves[at], n * 32);
		at += n;
		keeper_frame_end(&frames, start, at < count ? flags | FRAME_MORE : flags, (uint16_t)n);
	}
	keeper_post(keeper, call, &frames);
	return id;
}

void keeper_append(struct keeper *keeper, uint64_t first, const uint8_t (*leaves)[32], size_t count, keeper_append_done *done, void *arg)
{
	append(keeper, first, leaves, count, 0, done, arg);
}

uint64_t keeper_append_ahead(struct keeper *keeper, uint64_t first, const uint8_t (*leaves)[32], size_t count, keeper_append_done *done, void *arg)
{
	return append(keeper, first, leaves, count, FRAME_AHEAD, done, arg);
}

bool keeper_append_committed(struct keeper *keeper, uint64_t id)
{
	AUTO_BUF frame = { 0 };

	keeper_frame_end(&frame, keeper_frame_begin(&frame, KEEPER_COMMITTED, id), 0, 0);
	return keeper_go_on(keeper, id, &frame);
}

static enum pli_status heads_once(struct keeper *k, uint64_t *size, unsigned *left, bool *more_r, keeper_head_fn *fn, void *arg,
				  struct err *err)
{
	struct keeper_call call = { .id = keeper_call_id(k), .verb = KEEPER_HEADS_SINCE };
	AUTO_BUF frame = { 0 };
	struct keeper_head head;
	enum pli_status status;
	struct cursor c;
	size_t start;

	start = keeper_frame_begin(&frame, KEEPER_HEADS_SINCE, call.id);
	buf_u64(&frame, *size);
	buf_u32(&frame, *left);
	keeper_frame_end(&frame, start, 0, 0);
	status = keeper_exchange(k, &call, &frame, err);
	cursor_init(&c, call.body.p, call.body.n);
	for (unsigned i = 0; i < call.count && status == PLI_OK; i++) {
		if (!keeper_frame_head_parse(&c, &head) || head.size <= *size) {
			status = malformed(err);
			break;
		}
		*size = head.size;
		(*left)--;
		status = fn(arg, &head, err);
	}
	*more_r = call.count && (call.flags & FRAME_MORE);
	buf_free(&call.body);
	return status;
}

enum pli_status keeper_heads_since(struct keeper *keeper, uint64_t size, unsigned limit, keeper_head_fn *fn, void *arg, struct err *err)
{
	enum pli_status status = PLI_OK;
	bool more = true;

	while (status == PLI_OK && more && limit)
		status = heads_once(keeper, &size, &limit, &more, fn, arg, err);
	return status;
}

enum pli_status keeper_mail_sign(struct keeper *keeper, const struct keeper_mail_item *items, unsigned count, struct err *err)
{
	struct keeper_call call = { .id = keeper_call_id(keeper), .verb = KEEPER_MAIL_SIGN };
	AUTO_BUF frame = { .secret = 1 };	/* mails hold links */
	enum pli_status status;
	struct cursor c;
	size_t start;

	if (!count)
		return PLI_OK;
	assert(count <= KEEPER_MAILS_MAX);
	start = keeper_frame_begin(&frame, KEEPER_MAIL_SIGN, call.id);
	for (unsigned i = 0; i < count; i++) {
		buf_u8(&frame, (uint8_t)items[i].kind);
		buf_blob(&frame, items[i].text, items[i].n);
	}
	keeper_frame_end(&frame, start, 0, (uint16_t)count);
	if (frame.n > FRAME_MAX_BYTES)
		return err_set(err, PLI_LIMIT, "too much to be signed at once");
	status = keeper_exchange(keeper, &call, &frame, err);
	cursor_init(&c, call.body.p, call.body.n);
	if (status == PLI_OK && call.count != count)
		status = malformed(err);
	for (unsigned i = 0; i < count && status == PLI_OK; i++) {
		size_t n;
		const uint8_t *p = cursor_blob(&c, &n);

		if (!p || !n)
			status = malformed(err);
		else
			buf_add(items[i].out, p, n);
	}
	buf_free(&call.body);
	return status;
}

/* Of all or, when an answer is malformed, of none. */
static enum pli_status stamps_take(const struct keeper_call *call, const struct keeper_stamp_item *items, unsigned count, struct err *err)
{
	const uint8_t *replies[KEEPER_STAMPS_MAX];
	size_t sizes[KEEPER_STAMPS_MAX];
	struct cursor c;

	cursor_init(&c, call->body.p, call->body.n);
	for (unsigned i = 0; i < count; i++)
		replies[i] = cursor_blob(&c, &sizes[i]);
	if (call->count != count || c.bad || c.n)
		return malformed(err);
	for (unsigned i = 0; i < count; i++)
		buf_add(items[i].reply_out, replies[i], sizes[i]);
	return PLI_OK;
}

enum pli_status keeper_stamp(struct keeper *keeper, const struct keeper_stamp_item *items, unsigned count, struct err *err)
{
	struct keeper_call call = { .id = keeper_call_id(keeper), .verb = KEEPER_STAMP };
	AUTO_BUF frame = { 0 };
	enum pli_status status;
	size_t start = keeper_frame_begin(&frame, KEEPER_STAMP, call.id);

	assert(count && count <= KEEPER_STAMPS_MAX);
	for (unsigned i = 0; i < count; i++) {
		buf_u16(&frame, (uint16_t)items[i].n);
		buf_add(&frame, items[i].query, items[i].n);
	}
	keeper_frame_end(&frame, start, 0, (uint16_t)count);
	status = keeper_exchange(keeper, &call, &frame, err);
	if (status == PLI_OK)
		status = stamps_take(&call, items, count, err);
	buf_free(&call.body);
	return status;
}

/* Signatures over a text that the keeper reads; token_out may be NULL. */
static enum pli_status ask_seal(struct keeper *keeper, const void *manifest, size_t n, struct buf *p7s_out, struct buf *token_out,
				struct err *err)
{
	struct keeper_call call = { .id = keeper_call_id(keeper), .verb = KEEPER_SEAL };
	AUTO_BUF frames = { 0 };
	enum pli_status status;
	const uint8_t *p7s, *token;
	struct cursor c;
	size_t at = 0, start, p7s_n, token_n;

	do {
		size_t piece = n - at < SEAL_PIECE ? n - at : SEAL_PIECE;

		start = keeper_frame_begin(&frames, KEEPER_SEAL, call.id);
		buf_blob(&frames, (const char *)manifest + at, piece);
		at += piece;
		keeper_frame_end(&frames, start, at < n ? FRAME_MORE : 0, 0);
	} while (at < n);
	status = keeper_exchange(keeper, &call, &frames, err);
	if (status == PLI_OK) {
		cursor_init(&c, call.body.p, call.body.n);
		p7s = cursor_blob(&c, &p7s_n);
		token = cursor_blob(&c, &token_n);
		if (!p7s || !token || (token_out && !token_n))
			status = malformed(err);
		else
			buf_add(p7s_out, p7s, p7s_n);
		if (status == PLI_OK && token_out)
			buf_add(token_out, token, token_n);
	}
	buf_free(&call.body);
	return status;
}

enum pli_status keeper_seal(struct keeper *keeper, const void *manifest, size_t n, struct buf *p7s_out, struct err *err)
{
	return ask_seal(keeper, manifest, n, p7s_out, NULL, err);
}

enum pli_status keeper_certify(struct keeper *keeper, const void *receipt, size_t n, struct buf *p7s_out, struct buf *token_out, struct err *err)
{
	return ask_seal(keeper, receipt, n, p7s_out, token_out, err);
}

static bool status_parse(struct cursor *c, struct keeper_status *s)
{
	const uint8_t *root, *counter_root, *reason;
	size_t n;

	memset(s, 0, sizeof(*s));
	s->size = cursor_u64(c);
	root = cursor_bytes(c, 32);
	s->counter_size = cursor_u64(c);
	counter_root = cursor_bytes(c, 32);
	s->counter_generation = cursor_u64(c);
	s->refusing = cursor_u8(c) != 0;
	reason = cursor_blob(c, &n);
	for (int i = 0; i < SIGNATURE_KINDS; i++)
		s->signatures[i] = cursor_u64(c);
	if (c->bad || n >= sizeof(s->reason))
		return false;
	memcpy(s->root, root, 32);
	memcpy(s->counter_root, counter_root, 32);
	memcpy(s->reason, reason, n);
	return true;
}

static enum pli_status status_ask(struct keeper *keeper, int64_t patience_us, struct keeper_status *status_r, struct err *err)
{
	struct keeper_call call = { .id = keeper_call_id(keeper), .verb = KEEPER_STATUS, .patience_us = patience_us };
	struct keeper_status found;
	AUTO_BUF frame = { 0 };
	enum pli_status status;
	struct cursor c;
	size_t start = keeper_frame_begin(&frame, KEEPER_STATUS, call.id);

	keeper_frame_end(&frame, start, 0, 0);
	status = keeper_exchange(keeper, &call, &frame, err);
	cursor_init(&c, call.body.p, call.body.n);
	if (status == PLI_OK && !status_parse(&c, &found))
		status = malformed(err);
	if (status == PLI_OK)
		*status_r = found;
	buf_free(&call.body);
	return status;
}

enum pli_status keeper_status(struct keeper *keeper, struct keeper_status *status_r, struct err *err)
{
	return status_ask(keeper, 0, status_r, err);
}

enum pli_status keeper_status_soon(struct keeper *keeper, struct keeper_status *status_r, struct err *err)
{
	return status_ask(keeper, SOON_US, status_r, err);
}
