/* Staged and committed objects: the bytes of a part (attachment or message), encrypted, digested, in the row or in a blob file.
 *
 * One mechanism for all doors.  object_stage gives a stream; bytes go limit > SHA-256 and CRC-32 > encrypt > memory (at most
 * 16 KiB) or blob file; ostream_finish ends them.  Large objects: digest in a thread of its own, beside encryption and
 * writing; constant memory (< 2 MiB an object).
 *
 * Two kinds, and callers need not see the difference:
 * - Not resumable: belongs to the request that stages it.  Its key, and up to 16 KiB its sealed bytes, stay in the memory of
 *   this process until commit; above 16 KiB a row is written first (so that the sweep can find what a crash leaves), then the
 *   file.  After a crash all of it is gone, as is its request.  No keeper call before the commit.
 * - Resumable (tus): a row from the beginning, its keys wrapped by the keeper under the staging KEK of (entity, UTC day);
 *   survives a crash up to the last object_checkpoint, and wholly after ostream_finish.
 *
 * An object is 1..n segments, each a chunked-encryption message (cipher.h) with its own random key and salt, context
 * 'pli/object/1' ‖ entity ‖ object ‖ segment(u32): no chunk is ever sealed twice.  At commit each segment key is sealed under
 * the letter key, bound to entity, letter, object, the segment's place and size, and whether it is the last.
 *
 * All calls may block on disk, database and (resumable ones, and their commit) keeper; never from a write function but
 * object_commit_apply and object_erase_apply. */
#ifndef PLI_OBJECT_H
#define PLI_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

struct db;
struct db_conn;
struct db_tx;
struct istream;
struct keywrap;
struct ostream;
struct pool;

struct object_store;
/* blob_dir_fd: directory for blob files (borrowed); keywrap: copied.  One per process.  With a quota, counts the blob
 * files that are there. */
MUST enum pli_status object_store_new(struct db *db, int blob_dir_fd, const struct keywrap *keywrap,
				      struct object_store **store_r, struct err *err);
void object_store_free(struct object_store *store);	/* no stream may be open */
/* The directory of blob files, for what else must lie on the same disk (spool.h). */
int object_store_dir(const struct object_store *store);

struct object_info {
	struct uuid object;
	uint64_t size;
	uint8_t sha256[32];
	uint32_t crc32;
};

/* One pass: the returned stream takes the bytes; after ostream_finish, object_staged_info gives size and digests.
 * Closing without finish removes row and file (resumable: leaves them as of the last checkpoint).  limit_bytes: PLI_LIMIT
 * beyond.  PLI_FULL when the disk is full or less than reserve_bytes would stay free.  A stream that failed once fails
 * from then on. */
struct object_stage_options {
	const struct uuid *entity;
	const struct uuid *account;	/* whose staging it is; NULL = nobody's */
	uint64_t limit_bytes;
	uint64_t reserve_bytes;		/* free space that must stay; 0 = none */
	bool resumable;
	int64_t expires_us;		/* the sweep removes it after this, if not committed */
};
MUST enum pli_status object_stage(struct object_store *store, const struct object_stage_options *options,
				  struct ostream **os_r, struct uuid *object_r, struct err *err);
/* Valid after a successful ostream_finish of the stream given by object_stage/object_resume, before its close. */
void object_staged_info(struct ostream *os, struct object_info *info_r);
/* The same for an object staged before, or committed; PLI_ABSENT, or PLI_CONFLICT while it is incomplete. */
MUST enum pli_status object_find(struct object_store *store, const struct uuid *entity, const struct uuid *object,
				 struct object_info *info_r, struct err *err);

/* Durable progress of a resumable object so far: flushes, writes the progress row, gives the offset to announce.
 * PLI_GONE when it was discarded or swept meanwhile. */
MUST enum pli_status object_checkpoint(struct ostream *os, uint64_t *offset_r, struct err *err);
/* After a break or restart: cuts the file to the last progress row, starts a new segment, continues the digests.
 * PLI_ABSENT; PLI_CONFLICT when complete already, or still being written by another stream of this process. */
MUST enum pli_status object_resume(struct object_store *store, const struct uuid *entity, const struct uuid *object,
				   struct ostream **os_r, uint64_t *offset_r, struct err *err);
/* Limits of a resumed stream, as in object_stage_options; without this call there are none. */
void object_limit(struct ostream *os, uint64_t limit_bytes, uint64_t reserve_bytes);
/* Offset of the last durable progress row (0 if none; the size when complete). */
MUST enum pli_status object_progress(struct object_store *store, const struct uuid *entity, const struct uuid *object, uint64_t *offset_r, struct err *err);
/* Removes an uncommitted object now (row in a transaction, then the file).  PLI_ABSENT if there is none. */
MUST enum pli_status object_discard(struct object_store *store, const struct uuid *entity, const struct uuid *object, struct err *err);

/* Commit, two steps.  (1) outside the transaction: the segment keys (of resumable ones unwrapped by the keeper) are sealed
 * under letter_key.  PLI_ABSENT, PLI_CONFLICT (used, being committed, incomplete).  The objects stay claimed until pool is
 * freed; pool must not be freed before db_write has returned.
 * (2) inside the letter's transaction: the rows become the letter's.  PLI_CONFLICT if already used or swept.  May be run
 * again after a rollback.
 * (3) when the transaction did not happen: object_commit_abandon, then the objects are as before prepare (to be used again,
 * or discarded).  Without it, what was held in memory is gone with the pool once apply has run. */
struct object_commit;
MUST enum pli_status object_commit_prepare(struct object_store *store, struct pool *pool, const struct uuid *entity,
					   const struct uuid *letter, const uint8_t letter_key[32],
					   const struct uuid *objects, unsigned count,
					   struct object_commit **commit_r, struct err *err);
MUST enum pli_status object_commit_apply(struct db_tx *tx, struct object_commit *commit, struct err *err);
void object_commit_abandon(struct object_commit *commit);
/* Number i of the objects given to prepare; borrowed, lives in pool. */
const struct object_info *object_commit_info(const struct object_commit *commit, unsigned i);

/* Reads a committed object from `offset` to the end (AEAD tags checked, a failure is PLI_IO "stored bytes do not open").
 * The stream holds no read transaction.  Random access: cost independent of offset.  PLI_ABSENT when the object is not
 * this letter's; PLI_RANGE beyond the end (the end itself is allowed). */
MUST enum pli_status object_read(struct object_store *store, const struct uuid *entity, const struct uuid *letter, const struct uuid *object,
				 const uint8_t letter_key[32], uint64_t offset, struct istream **is_r, struct err *err);

/* The end of a committed object: rows inside the transaction that purges the letter; then, after it, the file.  A file whose
 * removal was missed is found by the sweep. */
MUST enum pli_status object_erase_apply(struct db_tx *tx, const struct uuid *entity, const struct uuid *letter,
					const struct uuid *object, struct err *err);
MUST enum pli_status object_erase_file(struct object_store *store, const struct uuid *entity, const struct uuid *object,
				       struct err *err);

/* While pinned (counted), no file of a committed object is removed, so that a copy being made finds all of them; what was to be removed
 * is found by a later sweep. */
void object_pin(struct object_store *store);
void object_unpin(struct object_store *store);

/* Removes staged objects that expired or belong to requests of a process that is gone (row in a transaction, then file),
 * and files without a row older than grace_us.  Walks all blob files: for once in a while. */
MUST enum pli_status object_sweep(struct object_store *store, int64_t now_us, int64_t grace_us, unsigned *removed_r, struct err *err);

/* Puts the keys of what is staged under the staging keys in use, where those of its days were made under a wrapping key of before: of some
 * segments behind *at (all zero: from the first), which then says how far it came; *moved_r: so many were changed.  PLI_ABSENT: there are no more.
 * What is written at this moment may stay as it is until it is sent or swept.  Blocks. */
struct object_rekey_at {
	struct uuid entity, object;
	uint32_t n;
};
MUST enum pli_status object_stage_rekey(struct object_store *store, struct object_rekey_at *at, unsigned *moved_r, struct err *err);

#endif
