/* How the storage room reaches keys it must not hold: implemented by the keeper's client, one room higher. */
#ifndef PLI_KEYWRAP_H
#define PLI_KEYWRAP_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;
struct uuid;

/* Wrap or unwrap up to 256 keys of at most 64 bytes in one round trip; thread-safe; blocks at most 10 s (then PLI_BUSY).
 * kid names the KEK; aad = what the key is for and where it belongs. */
struct keywrap_item {
	const char *kid;		/* KEK id as made by kek_make */
	const void *aad;
	size_t aad_n;
	const void *in;
	size_t in_n;
	uint8_t out[128];		/* wrapped: nonce12 ‖ ct ‖ tag16 */
	size_t out_n;
};
struct keywrap {
	void *arg;
	/* purpose: "stage" (period = UTC day), "letter" (period = UTC month of expiry), "meta" (period 0).  Idempotent:
	 * the same four give the same kid.  kid: printable, at most 63 bytes and NUL. */
	enum pli_status (*kek)(void *arg, const char *purpose, const struct uuid *entity, int64_t period, char kid_r[64], struct err *err);
	enum pli_status (*wrap)(void *arg, struct keywrap_item *items, size_t count, struct err *err);
	enum pli_status (*unwrap)(void *arg, struct keywrap_item *items, size_t count, struct err *err);
};

#endif
