/* The list that goes with letters into an archive: which ones there are, sealed under the journal's head (archive_list.h). */
#ifndef PLI_ARCHIVE_EXPORT_H
#define PLI_ARCHIVE_EXPORT_H

#include <stddef.h>

#include "status.h"

struct buf;
struct office;
struct pool;
struct principal;

#define ARCHIVE_EXPORT_MAX 200		/* letters in one answer */

/* Of the letters that who may prove: those with these ids (count > 0, each once), or all, newest first, page by page (cursor NULL: the first).
 * Appends {"list","signature","timestamp","certificates":{"root","seal","operator","tsa"},"letters":[id…],"next"}; signature and timestamp in
 * base64.  Letters that were imported are another instance's, and not in it.  PLI_DENIED, PLI_ABSENT, PLI_INVALID. */
MUST enum pli_status archive_export_list(struct office *office, const struct principal *who, struct pool *pool, const char *const *ids,
					 size_t count, const char *cursor, struct buf *json_out, struct err *err);

#endif
