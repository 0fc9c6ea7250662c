/* tus uploads: staged objects with a name and a declared length, continued over breaks and restarts (A5, B5). */
#ifndef PLI_UPLOAD_H
#define PLI_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "principal.h"
#include "status.h"
#include "uuid.h"

struct office;
struct ostream;
struct pool;

struct upload_info {
	struct uuid upload;
	uint64_t length, offset;
	int64_t expires_us;
	bool done;
	const char *name, *type;
};
/* key: the Idempotency-Key, NULL if none.  *replayed_r: the key made this upload before; info_r says how far it has come.  PLI_GONE when
 * what it made is part of a letter by now, or given up. */
MUST enum pli_status upload_create(struct office *office, const struct principal *who, uint64_t length, const char *name, const char *type,
				   const char *key, struct upload_info *info_r, bool *replayed_r, struct err *err);
MUST enum pli_status upload_get(struct office *office, const struct principal *who, struct pool *pool, const char *id,
				struct upload_info *info_r, struct err *err);
/* A stream that continues at `offset`; PLI_CONFLICT when offset is not the upload's (text says which it is) or another request is writing.
 * The stream takes at most the missing bytes. sha256: digest the bytes of this request must have (Upload-Checksum), NULL if none: on mismatch
 * upload_append_end gives PLI_INPUT type "checksum-mismatch" and nothing of it counts. */
MUST enum pli_status upload_append_begin(struct office *office, const struct principal *who, const char *id, uint64_t offset,
					 const uint8_t *sha256, struct ostream **os_r, struct err *err);
/* Makes what came durable (also after a break) and gives the offset to announce. */
MUST enum pli_status upload_append_end(struct office *office, struct ostream *os, uint64_t *offset_r, bool *done_r, struct err *err);
MUST enum pli_status upload_delete(struct office *office, const struct principal *who, const char *id, struct err *err);

#endif
