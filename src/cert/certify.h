/* What the keeper seals and certifies, read by itself before it signs: it knows four texts and nothing else.
 *
 *   manifest   META-INF/ASiCManifest.xml (asic.h): one signer, the seal
 *   receipt    receipt.txt (receipt.h): two signers, the seal and the certification operator, and a token over their signatures
 *   list       of the letters in an archive (archive_list.h): signers and token as of a receipt
 *   pdf        the statement below about a proof in PDF: the seal, as pades.h says
 *
 * Of a PDF the keeper sees the digest alone.  It vouches that the entries which the document is about stand in its tree; what the pages
 * say besides is the front's word, and the bundle that is attached to them lets everybody compare.  Lines:
 *   Pli-Pdf: 1 · Digest: HEX, SHA-256 over the signed ranges · Entry: NUMBER, sha256 LEAF, EVENT (one or more) · Checkpoint-Size ·
 *   Checkpoint-Root
 *
 * Each names a checkpoint, which must be of the keeper's own tree; a receipt names entries, each with its leaf hash, which must
 * stand at that number of the tree. */
#ifndef PLI_CERTIFY_H
#define PLI_CERTIFY_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct pool;

enum certify_kind { CERTIFY_MANIFEST, CERTIFY_RECEIPT, CERTIFY_PDF, CERTIFY_LIST };

struct certify_entry {
	uint64_t seq;
	uint8_t leaf[32];
};
struct certify_text {
	enum certify_kind kind;
	uint64_t tree_size;
	uint8_t tree_root[32];
	uint8_t digest[32];			/* PDF */
	const struct certify_entry *entries;	/* by rising seq (of a list: in its order); lives in the pool */
	size_t entry_count;
};
/* Strict: of a receipt every line must be one that receipt.h names, in its order.  PLI_INPUT with the line at fault. */
MUST enum pli_status certify_parse(struct pool *pool, const void *p, size_t n, struct certify_text *text_r, struct err *err);

#endif
