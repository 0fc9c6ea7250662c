/* An import under way, for archive_import.c and archive_write.c only.  Everything lives in its pool, which wipes. */
#ifndef PLI_ARCHIVE_WORK_H
#define PLI_ARCHIVE_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

#include "object.h"

#include "archive_import.h"
#include "archive_own.h"
#include "deposit_own.h"
#include "retention.h"

struct archived_proof {
	unsigned n;			/* recipient; 0: the sender's */
	struct object_info info;
};
struct archived {
	struct archived *next;
	struct archive_import *work;
	struct letter letter;
	uint8_t list_sha256[32], letter_key[32], proof_key[32];
	bool has_content, has_message_object;
	struct uuid message_object;
	const void *message;		/* of at most LETTER_MESSAGE_INLINE_BYTES */
	size_t message_n;
	struct uuid *staged;		/* every object of it */
	unsigned staged_count;
	struct archived_proof *proofs;
	unsigned proof_count;

	/* Ready to be written. */
	char kid[64];			/* "": no content */
	struct deposit_bytes wrapped_key, sealed, sealed_archive, sealed_message;
	struct deposit_bytes *recipients_sealed, *parts_sealed;
	struct object_commit *content, *evidence;	/* content NULL: no objects */
	struct search_terms terms;
	struct journal_entry *entry;
};
struct archive_import {
	struct office *office;
	const struct journal_actor *by;
	struct uuid entity;
	const uint8_t *meta_key;
	struct pool *pool;
	int64_t now_us, content_until_us, evidence_until_us;
	struct retention_span span;
	struct archived *first, **last;
	struct archived *now;		/* NULL: the present one is here already */
	struct ostream *os;		/* of what is being staged */
	unsigned content_n;
	struct buf message;
	unsigned imported, known;
	uint64_t rows;			/* letters, recipients and files */
	bool done;
};

/* archive_write.c: keys, sealed values, the entry: all that needs no transaction. */
MUST enum pli_status archive_letter_prepare(struct archive_import *import, struct archived *l, struct err *err);

#endif
