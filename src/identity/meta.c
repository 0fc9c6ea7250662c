/* Sealed lists of texts; the format stands in the header. */
#include <assert.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "uuid.h"

#include "cipher.h"

#include "meta.h"

size_t meta_aad(uint8_t out[META_AAD_MAX], const struct meta_place *place)
{
	size_t n = strlen(place->purpose) + 1;

	assert(n + 36 <= META_AAD_MAX);
	memcpy(out, place->purpose, n);
	memset(out + n, 0, 32);
	if (place->entity)
		memcpy(out + n, place->entity->b, 16);
	if (place->id)
		memcpy(out + n + 16, place->id->b, 16);
	n += 32;
	for (int shift = 24; shift >= 0; shift -= 8)
		out[n++] = (uint8_t)(place->n >> shift);
	return n;
}

enum pli_status meta_seal(const uint8_t key[32], const struct meta_place *place, const void *p, size_t n,
			  struct buf *out, struct err *err)
{
	uint8_t aad[META_AAD_MAX];

	return cipher_seal(key, aad, meta_aad(aad, place), p, n, out, err);
}

enum pli_status meta_open(const uint8_t key[32], const struct meta_place *place, const void *p, size_t n,
			  struct buf *out, struct err *err)
{
	uint8_t aad[META_AAD_MAX];

	if (cipher_open(key, aad, meta_aad(aad, place), p, n, out, NULL) != PLI_OK)
		return err_set(err, PLI_IO, "A stored value (%s) does not open: the database was changed or is damaged.",
			       place->purpose);
	return PLI_OK;
}

enum pli_status meta_seal_texts(const uint8_t key[32], const struct meta_place *place, const char *const *texts,
				unsigned count, struct buf *out, struct err *err)
{
	AUTO_BUF plain;

	assert(count < 256);
	buf_init_secret(&plain);
	buf_u8(&plain, (uint8_t)count);
	for (unsigned i = 0; i < count; i++) {
		const char *s = texts[i] ? texts[i] : "";
		buf_blob(&plain, s, strlen(s));
	}
	return meta_seal(key, place, plain.p, plain.n, out, err);
}

enum pli_status meta_open_texts(struct pool *pool, const uint8_t key[32], const struct meta_place *place,
				const void *p, size_t n, const char **texts_r, unsigned count, struct err *err)
{
	AUTO_BUF plain;
	struct cursor c;
	enum pli_status st;

	buf_init_secret(&plain);
	st = meta_open(key, place, p, n, &plain, err);
	if (st != PLI_OK)
		return st;
	cursor_init(&c, plain.p, plain.n);
	if (cursor_u8(&c) != count)
		c.bad = 1;
	for (unsigned i = 0; i < count; i++) {
		size_t len;
		const uint8_t *s = cursor_blob(&c, &len);
		texts_r[i] = s ? pool_strn(pool, (const char *)s, len) : "";
	}
	if (c.bad)
		return err_set(err, PLI_IO, "A stored value (%s) has an unknown form.", place->purpose);
	return PLI_OK;
}
