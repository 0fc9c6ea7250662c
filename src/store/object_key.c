/* What binds the keys of an object's segments to their place.
 *
 * Encryption context of segment n: "pli/object/1" entity(16) object(16) n(u32).
 * Wrapped by the keeper while staged, aad: "pli/stage/1" entity object n(u32).
 * Sealed under the letter key once committed, aad: "pli/segment/1" entity letter object n(u32) file_offset(u64)
 * plain_offset(u64) plain_size(u64) last(u8).  So neither a segment nor the end of an object can be moved or left out by
 * changing rows. */
#include <assert.h>
#include <string.h>

#include "pool.h"

#include "cipher.h"
#include "keywrap.h"

#include "clock.h"

#include "object_private.h"

#define BATCH 256	/* of a keeper call */

void object_context(const struct uuid *entity, const struct uuid *object, uint32_t n, uint8_t out[OBJECT_CONTEXT_BYTES])
{
	memcpy(out, "pli/object/1", 12);
	memcpy(out + 12, entity->b, 16);
	memcpy(out + 28, object->b, 16);
	for (int i = 0; i < 4; i++)
		out[44 + i] = (uint8_t)(n >> (24 - 8 * i));
}

static void stage_aad(const struct uuid *entity, const struct uuid *object, uint32_t n, struct buf *out)
{
	buf_str(out, "pli/stage/1");
	buf_add(out, entity->b, 16);
	buf_add(out, object->b, 16);
	buf_u32(out, n);
}

enum pli_status object_stage_wrap_under(struct object_store *store, const struct uuid *entity, const struct uuid *object,
					const uint8_t key[32], struct object_segment *segment, struct err *err)
{
	const struct keywrap *kw = &store->keywrap;
	struct keywrap_item item = { .kid = segment->kid, .in = key, .in_n = 32 };
	enum pli_status status;
	AUTO_BUF aad;

	buf_init(&aad);
	stage_aad(entity, object, segment->n, &aad);
	item.aad = aad.p;
	item.aad_n = aad.n;
	status = kw->wrap(kw->arg, &item, 1, err);
	if (status != PLI_OK)
		return status;
	memcpy(segment->wrapped, item.out, item.out_n);
	segment->wrapped_n = item.out_n;
	return PLI_OK;
}

enum pli_status object_stage_wrap(struct object_store *store, const struct uuid *entity, const struct uuid *object,
				  const uint8_t key[32], struct object_segment *segment, struct err *err)
{
	const struct keywrap *kw = &store->keywrap;
	enum pli_status status = kw->kek(kw->arg, "stage", entity, clock_day(clock_now_us()), segment->kid, err);

	return status == PLI_OK ? object_stage_wrap_under(store, entity, object, key, segment, err) : status;
}

/* At most BATCH of them. */
static enum pli_status unwrap_batch(struct object_store *store, const struct uuid *entity, const struct uuid *object,
				    const struct object_segment *segments, size_t count, uint8_t (*keys_r)[32],
				    struct err *err)
{
	struct keywrap_item *items = mem_alloc(count * sizeof(*items));
	struct buf *aads = mem_alloc(count * sizeof(*aads));
	enum pli_status status;

	for (size_t i = 0; i < count; i++) {
		buf_init(&aads[i]);
		stage_aad(entity, object, segments[i].n, &aads[i]);
		items[i].kid = segments[i].kid;
		items[i].aad = aads[i].p;
		items[i].aad_n = aads[i].n;
		items[i].in = segments[i].wrapped;
		items[i].in_n = segments[i].wrapped_n;
	}
	status = store->keywrap.unwrap(store->keywrap.arg, items, count, err);
	for (size_t i = 0; i < count; i++) {
		if (status == PLI_OK && items[i].out_n != 32)
			status = err_set(err, PLI_IO, "a staging key has a wrong size");
		if (status == PLI_OK)
			memcpy(keys_r[i], items[i].out, 32);
		mem_wipe(items[i].out, sizeof(items[i].out));
		buf_free(&aads[i]);
	}
	mem_free(aads);
	mem_free(items);
	return status;
}

enum pli_status object_stage_unwrap(struct object_store *store, const struct uuid *entity, const struct uuid *object,
				    const struct object_segment *segments, size_t count, uint8_t (*keys_r)[32],
				    struct err *err)
{
	enum pli_status status = PLI_OK;

	for (size_t at = 0; at < count && status == PLI_OK; at += BATCH)
		status = unwrap_batch(store, entity, object, segments + at, count - at < BATCH ? count - at : BATCH,
				      keys_r + at, err);
	return status;
}

static void letter_aad(const struct uuid *entity, const struct uuid *letter, const struct uuid *object, bool last,
		       const struct object_segment *segment, struct buf *out)
{
	buf_str(out, "pli/segment/1");
	buf_add(out, entity->b, 16);
	buf_add(out, letter->b, 16);
	buf_add(out, object->b, 16);
	buf_u32(out, segment->n);
	buf_u64(out, segment->file_offset);
	buf_u64(out, segment->plain_offset);
	buf_u64(out, segment->plain_size);
	buf_u8(out, last);
}

enum pli_status object_letter_wrap(const uint8_t letter_key[32], const struct uuid *entity, const struct uuid *letter,
				   const struct uuid *object, bool last, const uint8_t key[32],
				   struct object_segment *segment, struct err *err)
{
	enum pli_status status;
	AUTO_BUF aad;
	AUTO_BUF out;

	buf_init(&aad);
	buf_init(&out);
	letter_aad(entity, letter, object, last, segment, &aad);
	status = cipher_seal(letter_key, aad.p, aad.n, key, 32, &out, err);
	if (status != PLI_OK)
		return status;
	assert(out.n <= sizeof(segment->wrapped));
	memcpy(segment->wrapped, out.p, out.n);
	segment->wrapped_n = out.n;
	segment->kid[0] = 0;
	return PLI_OK;
}

enum pli_status object_letter_unwrap(const uint8_t letter_key[32], const struct uuid *entity, const struct uuid *letter,
				     const struct uuid *object, bool last, const struct object_segment *segment,
				     uint8_t key_r[32], struct err *err)
{
	enum pli_status status;
	AUTO_BUF aad;
	AUTO_BUF out;

	buf_init(&aad);
	buf_init_secret(&out);
	letter_aad(entity, letter, object, last, segment, &aad);
	status = cipher_open(letter_key, aad.p, aad.n, segment->wrapped, segment->wrapped_n, &out, err);
	if (status != PLI_OK || out.n != 32)
		return err_set(err, PLI_IO, "stored bytes do not open");
	memcpy(key_r, out.p, 32);
	return PLI_OK;
}
