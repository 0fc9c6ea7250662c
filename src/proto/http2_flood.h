/* How much a peer of HTTP/2 may ask for without wanting an answer, over time: two leaky counters per connection.
 *
 * Streams that are opened and given up at once (CVE-2023-44487), also when we are made to reset them (CVE-2025-8671);
 * and frames that carry nothing: PING, SETTINGS, PRIORITY, empty DATA and CONTINUATION, window updates beyond what our own
 * data explains (CVE-2019-9511 to 9518).  Each stands for a little work, and there is no end of them. */
#ifndef PLI_HTTP2_FLOOD_H
#define PLI_HTTP2_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

/* A browser gives up a page with a hundred streams at once, but not every second. */
#define HTTP2_RESETS_BURST 256u
#define HTTP2_RESETS_PER_S 16u
#define HTTP2_FRAMES_BURST 4096u
#define HTTP2_FRAMES_PER_S 256u

struct http2_flood {
	int64_t at_us;		/* both counters stand as of then */
	uint64_t resets;	/* in millionths */
	uint64_t frames;
};

/* Each counts one, at now_us of the monotonic clock; true: too many. */
bool http2_flood_reset(struct http2_flood *f, int64_t now_us);
bool http2_flood_frame(struct http2_flood *f, int64_t now_us);
/* Our own frame explains `frames` of the peer's. */
void http2_flood_excuse(struct http2_flood *f, unsigned frames);

#endif
