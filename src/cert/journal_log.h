/* The journal's tree as others read it: hash tiles (C2SP tlog-tiles) and consistency proofs, out of the keeper's tiles and the database's
 * newest leaves.  Hashes alone, never an entry.  Blocks; any thread. */
#ifndef PLI_JOURNAL_LOG_H
#define PLI_JOURNAL_LOG_H

#include <stdint.h>

#include "status.h"

struct buf;
struct db;
struct db_conn;
struct journal;

/* The log's name, as given to journal_open. */
const char *journal_origin(const struct journal *journal);

/* Appends the checkpoint, as the log wrote it, of the first head that covers `size` entries, and gives that head's size: always the same once
 * there is one.  PLI_ABSENT: there is none yet. */
MUST enum pli_status journal_covering_note(struct journal *journal, struct db *db, uint64_t size, uint64_t *size_r, struct buf *out,
					   struct err *err);

/* Appends the first width hashes (1 … 256) of tile n at that level of tiles.  PLI_ABSENT when the tree under the newest signed head that
 * stands in the database has not so many. */
MUST enum pli_status journal_tile(struct journal *journal, struct db_conn *conn, unsigned level, uint64_t n, unsigned width,
				  struct buf *out, struct err *err);

/* RFC 6962 section 2.1.2, between two sizes under signed heads; path_r: TREE_PATH_MAX hashes.  Nothing for from = 0 or from = to.  PLI_RANGE. */
MUST enum pli_status journal_consistency(struct journal *journal, struct db_conn *conn, uint64_t from, uint64_t to,
					 uint8_t (*path_r)[32], unsigned *count_r, struct err *err);

#endif
