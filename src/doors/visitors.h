/* What people without an account may ask of the server's time and memory: so many requests a minute from one network address, and so
 * many bytes held for all of them together.  In memory, of fixed size; a restart forgets. */
#ifndef PLI_VISITORS_H
#define PLI_VISITORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct visitors;

#define VISITORS_BURST 60	/* at once from one address; after that one more a second */

/* held_max_bytes: for all together. */
struct visitors *visitors_new(size_t held_max_bytes);
void visitors_free(struct visitors *visitors);

/* Counts a request from that address (portal_from) at now_us (monotonic), as so many as it costs.  False: too many, *wait_s_r seconds are
 * to be waited. */
bool visitors_admit(struct visitors *visitors, const char *from, unsigned cost, int64_t now_us, unsigned *wait_s_r);
/* n more bytes are held for a stranger; false: too many are held already.  Any thread. */
bool visitors_hold(struct visitors *visitors, size_t n);
void visitors_release(struct visitors *visitors, size_t n);

#endif
