/* Letters from an archive become letters of an entity here, as they were: read by their sender and by readers of the entity, proved to the
 * auditors by the very proofs that came with them, kept and erased by a retention of this instance; never sent again.
 *
 * A letter's content lies under a key of its own below the KEK of the month in which it goes, like any other's; its proofs under another key,
 * sealed under the entity's metadata key, so that they outlive the content.  Everything of one import is staged first and becomes
 * visible in one transaction, with an entry `archive.imported` for each letter: a crash before it leaves nothing but staged objects, which the
 * sweep removes.  Letters that the entity has already are passed over, so that an import may be repeated. */
#ifndef PLI_ARCHIVE_IMPORT_H
#define PLI_ARCHIVE_IMPORT_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

struct archive_import;
struct buf;
struct bundle_facts;
struct journal_actor;
struct letter;
struct office;
struct pool;

/* One import is one transaction, for which deposits wait, and may wait less than the 10 s that a group has for its signature.  600 letters of
 * one recipient each (1,200 rows below) took less than 0.5 s of two processors with thirty processes at work on them. */
#define ARCHIVE_IMPORT_MAX 2000		/* letters in one import */
#define ARCHIVE_IMPORT_ROWS_MAX 10000	/* letters, recipients and files together; a single letter may have more */

/* retention: name of the span that holds from now on.  PLI_INVALID. */
MUST enum pli_status archive_import_new(struct office *office, const struct journal_actor *by, const struct uuid *entity, const char *retention,
					struct archive_import **import_r, struct err *err);
/* What was not committed is discarded.  NULL is allowed. */
void archive_import_free(struct archive_import *import);

/* One letter, then what belongs to it, then its end; the caller has verified all of it against its proofs before he commits.  facts: of the
 * sender's proof, until letter_end.  PLI_CONFLICT: the letter is another entity's here. */
MUST enum pli_status archive_import_letter(struct archive_import *import, const struct uuid *letter, const struct bundle_facts *facts,
					   const uint8_t list_sha256[32], struct err *err);
MUST enum pli_status archive_import_proof(struct archive_import *import, unsigned n, const void *zip, size_t zip_n, struct err *err);
MUST enum pli_status archive_import_content(struct archive_import *import, unsigned n, uint64_t size, struct err *err);
MUST enum pli_status archive_import_bytes(struct archive_import *import, const void *p, size_t n, struct err *err);
MUST enum pli_status archive_import_content_end(struct archive_import *import, struct err *err);
MUST enum pli_status archive_import_letter_end(struct archive_import *import, struct err *err);

struct archive_import_counts {
	unsigned imported, known, without;	/* known: were here already; without: of those imported, without content */
	int64_t content_until_us;
};
/* All of them, or none. */
MUST enum pli_status archive_import_commit(struct archive_import *import, struct archive_import_counts *counts_r, struct err *err);

/* The proof as it came: the sender's (n 0) or recipient n's.  PLI_ABSENT. */
MUST enum pli_status archive_import_proof_get(struct office *office, struct pool *pool, const struct letter *letter, unsigned n,
					      struct buf *out, struct err *err);

#endif
