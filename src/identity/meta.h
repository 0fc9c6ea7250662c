/* Personal data in rows: lists of short texts sealed under an entity's metadata key and bound to their place.
 *
 * Place as additional data: purpose ‖ 0 ‖ entity (16) ‖ id (16) ‖ n (u32, big-endian); a sealed value moved to another
 * row, column or entity does not open.  Plain form of a list: count (u8), then each text as u32 length and bytes.  The order
 * of the texts belongs to whoever writes them. */
#ifndef PLI_META_H
#define PLI_META_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;
struct pool;
struct uuid;

struct meta_place {
	const char *purpose;		/* at most 23 characters */
	const struct uuid *entity;	/* NULL: all zero (the instance) */
	const struct uuid *id;		/* letter, account, …; NULL: all zero */
	uint32_t n;
};
#define META_AAD_MAX 64
/* Writes the additional data; returns its length. */
size_t meta_aad(uint8_t out[META_AAD_MAX], const struct meta_place *place);

/* Appends to out. */
MUST enum pli_status meta_seal(const uint8_t key[32], const struct meta_place *place, const void *p, size_t n,
			       struct buf *out, struct err *err);
/* Appends the plain bytes to out; PLI_IO when the stored value does not open. */
MUST enum pli_status meta_open(const uint8_t key[32], const struct meta_place *place, const void *p, size_t n,
			       struct buf *out, struct err *err);

/* NULL texts are kept as "". */
MUST enum pli_status meta_seal_texts(const uint8_t key[32], const struct meta_place *place, const char *const *texts,
				     unsigned count, struct buf *out, struct err *err);
/* Exactly count texts, in pool. */
MUST enum pli_status meta_open_texts(struct pool *pool, const uint8_t key[32], const struct meta_place *place,
				     const void *p, size_t n, const char **texts_r, unsigned count, struct err *err);

#endif
