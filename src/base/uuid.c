/* UUIDv7 (RFC 9562 section 5.7, method 1 of section 6.2): 48 bits of milliseconds, 12 bits that count
 * within one millisecond, 62 random bits.  Within a process the ids grow strictly, over threads too. */
#include <stdatomic.h>
#include <string.h>

#include "clock.h"
#include "pool.h"
#include "text.h"

#include "uuid.h"

/* Milliseconds << 12 | counter of the newest id.  The one thing that ids of a process share. */
static _Atomic uint64_t newest;

void uuid_make(struct uuid *id_r)
{
	uint64_t now = (uint64_t)(clock_now_us() / 1000) << 12;
	uint64_t before = atomic_load_explicit(&newest, memory_order_relaxed);
	uint64_t stamp;
	uint64_t ms;

	/* A clock that stands or goes back: count on from the newest, into the next milliseconds if
	 * need be. */
	do
		stamp = now > before ? now : before + 1;
	while (!atomic_compare_exchange_weak_explicit(&newest, &before, stamp, memory_order_relaxed,
						      memory_order_relaxed));
	ms = stamp >> 12;
	for (int i = 0; i < 6; i++)
		id_r->b[i] = (uint8_t)(ms >> (40 - 8 * i));
	id_r->b[6] = (uint8_t)(0x70 | (stamp >> 8 & 0x0F));
	id_r->b[7] = (uint8_t)stamp;
	mem_random(id_r->b + 8, 8);
	id_r->b[8] = (uint8_t)(0x80 | (id_r->b[8] & 0x3F));
}

char *uuid_format(char out[37], const struct uuid *id)
{
	static const uint8_t groups[] = { 4, 2, 2, 2, 6 };
	char *at = out;
	size_t from = 0;

	for (size_t g = 0; g < sizeof(groups); g++) {
		if (g)
			*at++ = '-';
		hex_encode(at, id->b + from, groups[g]);
		at += 2 * groups[g];
		from += groups[g];
	}
	return out;
}

bool uuid_parse(struct uuid *id_r, const char *s)
{
	static const uint8_t groups[] = { 4, 2, 2, 2, 6 };
	struct uuid id;
	size_t to = 0;

	if (!s || strlen(s) != 36)
		return false;
	for (size_t g = 0; g < sizeof(groups); g++) {
		if (g && *s++ != '-')
			return false;
		if (!hex_decode(id.b + to, groups[g], s, 2u * groups[g]))
			return false;
		s += 2 * groups[g];
		to += groups[g];
	}
	*id_r = id;
	return true;
}

bool uuid_same(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool uuid_is_nil(const struct uuid *id)
{
	static const struct uuid nil;

	return uuid_same(id, &nil);
}
