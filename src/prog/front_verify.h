/* The whole journal verified from within front: `pli journal verify`, and the nightly proof of itself. */
#ifndef PLI_FRONT_VERIFY_H
#define PLI_FRONT_VERIFY_H

#include <stdint.h>

#include "status.h"

struct front;

/* As journal_verify; also while letters come and go.  Blocks for as long as it takes to read every entry. */
MUST enum pli_status front_verify(struct front *front, uint64_t *size_r, uint8_t root_r[32], uint64_t *bad_r, struct err *err);

#endif
