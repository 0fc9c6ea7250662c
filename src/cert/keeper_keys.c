/* See keeper_keys.h. */
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "canon.h"
#include "entry.h"
#include "keeper_frame.h"
#include "keeper_heads.h"
#include "kek_store.h"
#include "key_change.h"
#include "signatures.h"

#include "keeper_keys.h"

static void blob_text(struct buf *out, const char *text)
{
	buf_blob(out, text, strlen(text));
}

static enum pli_status state(const struct keeper_keys *k, const struct keeper_request *r, struct buf *out, struct err *err)
{
	enum key_name name = (enum key_name)r->key;
	char hex[65];
	enum pli_status status = key_change_current(k->ring, name, hex, err);
	size_t start;

	if (status != PLI_OK)
		return status;
	start = keeper_frame_begin(out, KEEPER_KEY_STATE | FRAME_ANSWER, r->id);
	buf_u8(out, PLI_OK);
	blob_text(out, hex);
	buf_u8(out, key_change_pending(k->ring, name));
	buf_u8(out, name == KEY_WRAP && kek_store_rerooting(k->keks));
	keeper_frame_end(out, start, 0, 0);
	return PLI_OK;
}

static enum pli_status prepare(const struct keeper_keys *k, const struct keeper_request *r, struct buf *out, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct key_change c;
	struct keeper_status heads;
	bool begun = key_change_pending(k->ring, (enum key_name)r->key);
	size_t start;
	enum pli_status status;

	keeper_heads_status(k->heads, &heads);
	if (heads.refusing)
		return err_set(err, PLI_CONFLICT, "%s", heads.reason);
	status = key_change_prepare(k->ring, k->origin, (enum key_name)r->key, pool_strn(pool, (const char *)r->text, r->text_n),
				    r->overlap_s, &c, err);
	if (status != PLI_OK)
		return status;
	/* Both keys' statements, and the root's on a certificate that was made now; a wrapping key signs nothing. */
	if (r->key != KEY_WRAP)
		signatures_add(k->signatures, SIGNATURE_CHANGE, r->key == KEY_LOG || begun ? 2 : 3);
	start = keeper_frame_begin(out, KEEPER_KEY_PREPARE | FRAME_ANSWER, r->id);
	buf_u8(out, PLI_OK);
	blob_text(out, c.old);
	blob_text(out, c.new);
	buf_blob(out, c.public.p, c.public.n);
	buf_blob(out, c.d.p, c.d.n);
	keeper_frame_end(out, start, 0, 0);
	key_change_free(&c);
	return PLI_OK;
}

/* Nothing changes but what the journal says, under a head of ours. */
static enum pli_status commit(const struct keeper_keys *k, const struct keeper_request *r, uint64_t generation, struct buf *out,
			      struct err *err)
{
	enum key_name name = (enum key_name)r->key;
	uint32_t overlap_s;
	uint8_t leaf[32];
	size_t start;
	enum pli_status status;

	entry_leaf(r->text, r->text_n, leaf);
	if (!keeper_heads_holds(k->heads, r->first, leaf))
		return err_set(err, PLI_CONFLICT, "entry %" PRIu64 " is not that one in the keeper's tree", r->first + 1);
	status = key_change_check(k->ring, k->origin, name, r->text, r->text_n, &overlap_s, err);
	if (status == PLI_OK)
		status = key_change_commit(k->ring, name, overlap_s, clock_now_us(), err);
	if (status != PLI_OK)
		return status;
	if (name != KEY_WRAP) {
		keeper_heads_rekey(k->heads, generation, r->id);
		return PLI_OK;
	}
	status = kek_store_reroot(k->keks, err);
	if (status != PLI_OK)
		return PLI_IO;
	start = keeper_frame_begin(out, KEEPER_KEY_COMMIT | FRAME_ANSWER, r->id);
	buf_u8(out, PLI_OK);
	keeper_frame_end(out, start, 0, 0);
	return PLI_OK;
}

/* ---- the end of a month's key ---- */

/* The journal's entry that letters were moved away from it; nothing more can be known here of what lies under a key. */
static enum pli_status moved_check(const struct keeper_keys *k, const struct keeper_request *r, struct pool *pool, const char **next_r,
				   struct err *err)
{
	const char *d, *kid = pool_strn(pool, (const char *)r->kid, r->kid_n);
	struct entry_view view;
	uint8_t leaf[32];
	enum pli_status status;

	entry_leaf(r->text, r->text_n, leaf);
	if (!keeper_heads_holds(k->heads, r->first, leaf))
		return err_set(err, PLI_CONFLICT, "entry %" PRIu64 " is not that one in the keeper's tree", r->first + 1);
	status = entry_parse(pool, r->text, r->text_n, &view, err);
	if (status != PLI_OK)
		return status;
	d = view.e.d_json ? view.e.d_json : "{}";
	*next_r = canon_member_str(pool, d, strlen(d), "next");
	if (!str_eq(view.e.ev, "key.moved") || !str_eq(view.e.log, k->origin) || !*next_r || !str_eq(canon_member_str(pool, d, strlen(d), "kid"), kid))
		return err_set(err, PLI_CONFLICT, "the entry does not say that letters were moved away from %s", kid);
	return PLI_OK;
}

/* Said by this process itself: whoever has taken front over cannot keep it back. */
static void say_leaving(void *arg, const char *kid, uint64_t number, int64_t due_us)
{
	const struct keeper_keys *k = arg;
	char text[200], when[25];

	snprintf(text, sizeof(text), "%s is given up, as entry %" PRIu64 " of the journal says: unless something uses it, it is destroyed after %.10s",
		 kid, number, clock_rfc3339(when, due_us));
	if (k->said)
		k->said("key.left", text, false);
}

void keeper_keys_started(const struct keeper_keys *k)
{
	unsigned count, damaged;
	int64_t due_us;
	char text[200], when[25];

	if (!k->said || kek_store_left(k->keks, &count, &due_us, &damaged, NULL) != PLI_OK)
		return;
	if (count) {
		snprintf(text, sizeof(text), "keys of months that are given up: %u; unless something uses it, the first is destroyed after %.10s", count,
			 clock_rfc3339(when, due_us));
		k->said("key.left", text, true);
	}
	if (damaged) {
		snprintf(text, sizeof(text), "marks of keys given up that cannot be read: %u (keys/kek/*.left); those keys stay", damaged);
		k->said("key.left", text, false);
	}
}

static enum pli_status destroy(const struct keeper_keys *k, const struct keeper_request *r, struct buf *out, struct err *err)
{
	int64_t now_us = clock_now_us(), due_us = 0;
	AUTO_POOL pool = pool_new();
	enum pli_status status = PLI_OK;
	const struct kek_leaving leaving = { say_leaving, (void *)(uintptr_t)k };
	const char *next = "";
	size_t start;

	if (r->text_n) {
		status = moved_check(k, r, pool, &next, err);
		if (status == PLI_OK)
			status = kek_store_leave(k->keks, r->kid, r->kid_n, next, r->first + 1, now_us, &leaving, err);
	}
	if (status == PLI_OK)
		status = kek_store_destroy(k->keks, r->kid, r->kid_n, now_us, &due_us, err);
	if (status != PLI_OK)
		return status;
	start = keeper_frame_begin(out, KEEPER_KEK_DESTROY | FRAME_ANSWER, r->id);
	buf_u8(out, PLI_OK);
	buf_u64(out, (uint64_t)due_us);
	keeper_frame_end(out, start, 0, 0);
	return PLI_OK;
}

enum pli_status keeper_keys_handle(const struct keeper_keys *keys, const struct keeper_request *request, uint64_t generation,
				   struct buf *out, struct err *err)
{
	switch (request->verb) {
	case KEEPER_KEY_STATE:
		return state(keys, request, out, err);
	case KEEPER_KEY_PREPARE:
		return prepare(keys, request, out, err);
	case KEEPER_KEK_DESTROY:
		return destroy(keys, request, out, err);
	default:
		return commit(keys, request, generation, out, err);
	}
}
