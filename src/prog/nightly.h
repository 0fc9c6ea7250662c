/* Front's thread that has the instance prove itself once a night (selfproof_run.h). */
#ifndef PLI_NIGHTLY_H
#define PLI_NIGHTLY_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct front;
struct nightly;

struct nightly_facts {
	const char *at, *zone;		/* "03:10", or "off" */
	int64_t now_us, begun_us;	/* now, and when this process began */
	int64_t made_us;		/* when the instance was first served */
	int64_t last_us;		/* when the newest proof was begun; 0: none */
	int64_t tried_us;		/* when one was last tried by this thread; 0: never */
	bool clock_off;			/* the machine's clock is not to be trusted */
};
/* Is it time?  Once after each `at`; what was missed while nothing ran, ten minutes after the start; what could not be done, half an hour
 * later; not on an instance's first day. */
bool nightly_due(const struct nightly_facts *facts);

MUST enum pli_status nightly_start(struct front *front, struct nightly **nightly_r, struct err *err);
/* Does not wait for a proof under way for longer than it takes to notice: false, what it uses must stay until the process ends.  NULL is
 * allowed. */
bool nightly_stop(struct nightly *nightly, unsigned wait_ms);

#endif
