/* The list of an archive: which letters there are, as the service's seal and its certification operator say.  Lines, each ended by a line
 * feed, "Key: value", in this order and no others:
 *
 *   Pli-Archive: 1
 *   Origin: ORIGIN                      of the journal
 *   Date: YYYY-MM-DDTHH:MM:SS.mmmZ      when the list was made
 *   Entity: NAME
 *   Scope: entity | own | chosen        all letters of the entity, of the one who asked, or those asked for
 *   Numbers: FROM TO                    entity and own: all of them with these numbers are in the list; chosen: 0 0
 *   Letters: COUNT
 *   Letter: ID, NUMBER, sha256 LEAF, latest NUMBER, sha256 LEAF       by rising number: its deposit's entry and its newest one
 *   Checkpoint-Size: SIZE
 *   Checkpoint-Root: HEX
 *
 * The entries named stand in the tree of that head, and the head is the service's: the keeper looks (certify.h).  That no letter was left
 * out of a range is what the service says; lists whose ranges follow each other say it of all of them. */
#ifndef PLI_ARCHIVE_LIST_H
#define PLI_ARCHIVE_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

struct buf;
struct pool;

#define ARCHIVE_LIST_MAX 500		/* letters in one list */

struct archive_list_letter {
	struct uuid letter;
	uint64_t seq, latest_seq;	/* of deposit.accepted; of the newest entry under the head */
	uint8_t leaf[32], latest_leaf[32];
};
struct archive_list {
	const char *origin, *date, *entity, *scope;
	uint64_t from, to;		/* numbers */
	const struct archive_list_letter *letters;
	unsigned count;
	uint64_t tree_size;
	uint8_t tree_root[32];
};
void archive_list_write(const struct archive_list *list, struct buf *out);
/* Strict: refuses whatever is not byte for byte what archive_list_write would give.  PLI_INPUT.  Everything lives in pool. */
MUST enum pli_status archive_list_parse(struct pool *pool, const void *p, size_t n, struct archive_list *list_r, struct err *err);

/* A list with its signatures, as they lie in an archive. */
struct archive_list_signed {
	const char *text;
	size_t text_n;
	const void *p7s, *token;	/* CAdES by seal and operator; RFC 3161 over it */
	size_t p7s_n, token_n;
	const char *root_pem, *seal_pem, *operator_pem, *tsa_pem;
};
/* Both have signed it, with certificates for that, good at the time of the token, under root_pem.  root_given: the root it must be, or NULL.
 * PLI_CONFLICT, PLI_INPUT. */
MUST enum pli_status archive_list_verify(struct pool *pool, const struct archive_list_signed *s, const char *root_given,
					 struct archive_list *list_r, struct err *err);

#endif
