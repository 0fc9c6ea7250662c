/* Header values of the tus resumable upload protocol 1.0.0: core, creation, creation-with-upload,
 * checksum, expiration, termination.  Parsing only; statuses are those of the protocol (400). */
#ifndef PLI_TUS_H
#define PLI_TUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;
struct pool;

#define TUS_VERSION "1.0.0"
#define TUS_EXTENSIONS "creation,creation-with-upload,checksum,expiration,termination"
#define TUS_CHECKSUMS "sha256"
#define TUS_OFFSET_TYPE "application/offset+octet-stream"
#define TUS_METADATA_MAX 16

/* Tus-Resumable is there and is ours; else the answer is 412 with Tus-Version. */
bool tus_version_known(const char *value);
/* Upload-Length, Upload-Offset: 1 to 19 decimal digits.  field is the header's name for the text.
 * PLI_INPUT when missing (NULL) or malformed, PLI_LIMIT over max. */
MUST enum pli_status tus_number(const char *value, const char *field, uint64_t max, uint64_t *n_r,
				struct err *err);

struct tus_item {
	const char *key; /* 1 to 64 visible ASCII characters */
	const char *value; /* decoded, NUL-terminated; may hold any byte; "" if none was sent */
	size_t value_n;
};
struct tus_metadata {
	struct tus_item items[TUS_METADATA_MAX];
	int count;
};
/* Upload-Metadata: "key base64,key base64,key".  NULL or "" is empty.  Keys unique, whole value at
 * most 4 KiB, canonical base64.  PLI_INPUT. */
MUST enum pli_status tus_metadata_parse(struct pool *pool, const char *value, struct tus_metadata *metadata_r,
					struct err *err);
const struct tus_item *tus_metadata_get(const struct tus_metadata *metadata, const char *key);

/* Upload-Checksum: "sha256 BASE64".  PLI_INPUT, also for other algorithms (the protocol wants
 * 400). */
MUST enum pli_status tus_checksum_parse(const char *value, uint8_t digest_r[32], struct err *err);
/* Upload-Expires: "Tue, 15 Nov 1994 08:12:31 GMT". */
void tus_date(struct buf *out, int64_t t_us);

#endif
