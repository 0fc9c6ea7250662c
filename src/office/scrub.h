/* Everything stored is read again (B42): each message and file opens under its keys (AEAD), has its length and its SHA-256, each blob has a
 * row.  What is damaged is named; nothing is changed. */
#ifndef PLI_SCRUB_H
#define PLI_SCRUB_H

#include <stdint.h>

#include "status.h"

struct office;

struct scrub_options {
	uint64_t rate_bytes;		/* at most so many a second; 0: as fast as it goes */
	uint64_t content_max_bytes;	/* of scrub_letter: content of more than this is not read; 0: all */
	/* One fault.  kind: key | message | file; letter: its id; what: in words. */
	void (*fault)(void *arg, const char *kind, const char *letter, const char *what);
	void *arg;
};
struct scrub_result {
	uint64_t letters, objects, bytes, faults;
	uint64_t orphans;		/* blobs without a row, which the sweep removes */
};
/* Blocks for as long as it takes; letters deposited meanwhile may or may not be read. */
MUST enum pli_status scrub_run(struct office *office, const struct scrub_options *options, struct scrub_result *result_r, struct err *err);

/* The same for one letter; nothing to say of one that is purged. */
struct uuid;
MUST enum pli_status scrub_letter(struct office *office, const struct uuid *entity, const struct uuid *letter,
				  const struct scrub_options *options, struct err *err);

#endif
