/* The whole journal verified from within front: `pli journal verify`, and the nightly proof of itself. */
#ifndef PLI_FRONT_VERIFY_H
#define PLI_FRONT_VERIFY_H

#include <stdint.h>

#include "external_verify.h"
#include "status.h"

struct front;

struct front_verified {
	uint64_t size;			/* entries, and their root */
	uint8_t root[32];
	uint64_t bad;			/* PLI_CONFLICT: the first number that does not hold */
	struct external_sum external;	/* tokens of the authority outside */
};
/* As journal_verify, then every token of an authority outside; also while letters come and go.  Blocks for as long as it takes to read every entry. */
MUST enum pli_status front_verify(struct front *front, struct front_verified *sum_r, struct err *err);

#endif
