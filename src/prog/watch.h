/* Looks every few seconds whether the operator should be warned: storage that fills up (each step on the way, and the way back), a
 * certificate that ends soon.  Says each thing once, not each time it looks. */
#ifndef PLI_WATCH_H
#define PLI_WATCH_H

#include <stdatomic.h>
#include <stdint.h>

#include "status.h"

struct front;
struct watch;

/* certificate_end_us may change; 0: not known.  Both borrowed. */
MUST enum pli_status watch_start(const struct front *front, const atomic_int_fast64_t *certificate_end_us, struct watch **watch_r,
				 struct err *err);
/* NULL is allowed. */
void watch_stop(struct watch *watch);

#endif
