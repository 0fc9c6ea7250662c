/* ZIP archives (APPNOTE 6.3.10): a stored one of any size made while it is sent, with its exact
 * length known before and any offset as a start; a small one in memory; and a strict reader of
 * small ones.
 *
 * What the writer makes, for entry i of n:
 *   local header   "PK\3\4" version(2: 20, or 45 with ZIP64) flags(2: 0x0800 = names in UTF-8) method(2: 0)
 *                  DOS time(2) DOS date(2), UTC; crc(4) size(4) size(4) name_n(2) extra_n(2) name extra
 *   data           size bytes
 * then for each entry a central header ("PK\1\2", the same and the local header's offset), and the
 * end record ("PK\5\6"), with the ZIP64 end record and locator before it where a number needs it.
 * Extra fields: 0x0001 (ZIP64: sizes from 4 GiB - 1 on, offset likewise), 0x5455 (time in UTC,
 * zip_istream only). No data descriptors, no comments, no gaps. */
#ifndef PLI_ZIP_H
#define PLI_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;
struct istream;
struct pool;

struct zip_entry {
	const char *name; /* clean and unique: filename_clean, filename_unique */
	uint64_t size;
	uint32_t crc;
	int64_t mtime_us;
	/* The content from byte `skip` on (skip < size); called when its turn comes, never for empty entries. */
	enum pli_status (*open)(void *arg, uint64_t skip, struct istream **is_r, struct err *err);
	void *arg;
};

/* Exact length of the archive. */
uint64_t zip_length(const struct zip_entry *entries, size_t count);
/* Where the content of entry `index` begins in the archive. */
uint64_t zip_data_offset(const struct zip_entry *entries, size_t index);
/* The archive, from its first byte or from offset (at most its length).  entries are borrowed
 * until close. A content that is shorter or longer than it should be, or (when read from its
 * start) has another CRC, is PLI_IO. */
struct istream *zip_istream(const struct zip_entry *entries, size_t count);
struct istream *zip_istream_at(const struct zip_entry *entries, size_t count, uint64_t offset);

/* A file in memory. */
struct zip_file {
	const char *name;
	const uint8_t *p;
	size_t n;
};
/* A stored archive without extra fields; with "mimetype" first its content begins at byte 38, as
 * ASiC (ETSI EN 319 162-1 section A.1) wants.  Names must be unique and safe (asserted). */
void zip_write(struct buf *out, const struct zip_file *files, size_t count, int64_t mtime_us);

#define ZIP_READ_FILES_MAX 65000

/* Reads an archive that lies in memory (borrowed while the result is used).  Stored contents point
 * into p, deflated ones are inflated into pool, at most total_max bytes in all.  Every byte of the
 * archive must be accounted for: headers agree, nothing before, between or behind; names are
 * relative, UTF-8, without `..`, `\`, control characters or duplicates; sizes and CRC are right;
 * no encryption, descriptors, links or ZIP64. Directory entries are checked and left out.
 * PLI_INPUT with what is wrong, PLI_LIMIT over total_max. */
MUST enum pli_status zip_read_open(struct pool *pool, const void *p, size_t n, size_t total_max,
				   struct zip_file **files_r, size_t *count_r, struct err *err);

#endif
