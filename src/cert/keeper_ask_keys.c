/* Questions about the keeper's own keys; see keeper.h. */
#include <string.h>

#include "buf.h"

#include "keeper_frame.h"
#include "keeper_own.h"

#include "keeper.h"

static enum pli_status malformed(struct err *err)
{
	return err_set(err, PLI_BUG, "the keeper's answer is malformed");
}

static void take(struct cursor *c, struct buf *out)
{
	size_t n;
	const uint8_t *p = cursor_blob(c, &n);

	if (p)
		buf_add(out, p, n);
}

enum pli_status keeper_key_prepare(struct keeper *keeper, unsigned key, uint32_t overlap_s, const char *root_pem,
				   const struct keeper_key_change *change, struct err *err)
{
	struct keeper_call call = { .id = keeper_call_id(keeper), .verb = KEEPER_KEY_PREPARE };
	AUTO_BUF frame = { 0 };
	size_t start = keeper_frame_begin(&frame, KEEPER_KEY_PREPARE, call.id);
	enum pli_status status;
	struct cursor c;

	buf_u8(&frame, (uint8_t)key);
	buf_u32(&frame, overlap_s);
	buf_blob(&frame, root_pem, strlen(root_pem));
	keeper_frame_end(&frame, start, 0, 0);
	status = keeper_exchange(keeper, &call, &frame, err);
	cursor_init(&c, call.body.p, call.body.n);
	if (status == PLI_OK) {
		take(&c, change->old);
		take(&c, change->new);
		take(&c, change->public);
		take(&c, change->d);
		if (c.bad || c.n)
			status = malformed(err);
	}
	buf_free(&call.body);
	return status;
}

enum pli_status keeper_key_commit(struct keeper *keeper, unsigned key, uint64_t seq, const void *entry, size_t n, struct err *err)
{
	struct keeper_call call = { .id = keeper_call_id(keeper), .verb = KEEPER_KEY_COMMIT };
	AUTO_BUF frame = { 0 };
	size_t start = keeper_frame_begin(&frame, KEEPER_KEY_COMMIT, call.id);
	enum pli_status status;

	buf_u8(&frame, (uint8_t)key);
	buf_u64(&frame, seq);
	buf_blob(&frame, entry, n);
	keeper_frame_end(&frame, start, 0, 0);
	status = keeper_exchange(keeper, &call, &frame, err);
	buf_free(&call.body);
	return status;
}

enum pli_status keeper_key_state(struct keeper *keeper, unsigned key, struct keeper_key_state *state_r, struct err *err)
{
	struct keeper_call call = { .id = keeper_call_id(keeper), .verb = KEEPER_KEY_STATE };
	struct keeper_key_state state = { 0 };
	AUTO_BUF frame = { 0 };
	size_t start = keeper_frame_begin(&frame, KEEPER_KEY_STATE, call.id), n;
	enum pli_status status;
	const uint8_t *hex;
	struct cursor c;

	buf_u8(&frame, (uint8_t)key);
	keeper_frame_end(&frame, start, 0, 0);
	status = keeper_exchange(keeper, &call, &frame, err);
	cursor_init(&c, call.body.p, call.body.n);
	if (status == PLI_OK) {
		hex = cursor_blob(&c, &n);
		state.pending = cursor_u8(&c);
		state.at_work = cursor_u8(&c);
		if (c.bad || c.n || n >= sizeof(state.fingerprint))
			status = malformed(err);
		else
			memcpy(state.fingerprint, hex, n);
	}
	if (status == PLI_OK)
		*state_r = state;
	buf_free(&call.body);
	return status;
}
