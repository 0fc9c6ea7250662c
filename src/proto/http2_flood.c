/* See http2_flood.h. */
#include "clock.h"

#include "http2_flood.h"

#define ONE ((uint64_t)SECOND_US)	/* so that a rate per second is a loss per microsecond */

static void flood_lose(uint64_t *count, uint64_t n)
{
	*count = *count > n ? *count - n : 0;
}

static void flood_leak(struct http2_flood *f, int64_t now_us)
{
	uint64_t us = now_us > f->at_us ? (uint64_t)(now_us - f->at_us) : 0;

	if (us > (uint64_t)SECOND_US * 3600)	/* all has leaked; and no product overflows */
		us = (uint64_t)SECOND_US * 3600;
	f->at_us = now_us;
	flood_lose(&f->resets, us * HTTP2_RESETS_PER_S);
	flood_lose(&f->frames, us * HTTP2_FRAMES_PER_S);
}

bool http2_flood_reset(struct http2_flood *f, int64_t now_us)
{
	flood_leak(f, now_us);
	f->resets += ONE;
	return f->resets > HTTP2_RESETS_BURST * ONE;
}

bool http2_flood_frame(struct http2_flood *f, int64_t now_us)
{
	flood_leak(f, now_us);
	f->frames += ONE;
	return f->frames > HTTP2_FRAMES_BURST * ONE;
}

void http2_flood_excuse(struct http2_flood *f, unsigned frames)
{
	flood_lose(&f->frames, frames * ONE);
}
