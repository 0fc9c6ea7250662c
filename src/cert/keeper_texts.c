/* See keeper_texts.h. */
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"

#include "certify.h"
#include "head_store.h"
#include "keeper_signers.h"
#include "pades.h"
#include "seal.h"
#include "signatures.h"
#include "token.h"

#include "keeper_texts.h"

/* Each entry that a receipt names is the one at its number. */
static enum pli_status entries_check(struct head_store *store, const struct certify_text *text, struct err *err)
{
	enum pli_status status = PLI_OK;
	uint8_t leaf[1][32];

	for (size_t i = 0; status == PLI_OK && i < text->entry_count; i++) {
		status = head_store_leaves(store, text->entries[i].seq, 1, leaf, err);
		if (status == PLI_OK && memcmp(leaf[0], text->entries[i].leaf, 32) != 0)
			status = err_set(err, PLI_CONFLICT, "entry %" PRIu64 " is another in the keeper's tree", text->entries[i].seq + 1);
	}
	return status;
}

/* The text is one of those that are signed, its checkpoint is of this tree, and its entries stand there. */
static enum pli_status text_check(struct head_store *store, struct pool *pool, const void *p, size_t n, struct certify_text *text, struct err *err)
{
	enum pli_status status = certify_parse(pool, p, n, text, err);
	uint8_t root[32];

	if (status != PLI_OK)
		return status;
	if (!text->tree_size || text->tree_size > store->tree.size)
		return err_set(err, PLI_CONFLICT, "the keeper's tree has no head of that size");
	status = head_store_root(store, text->tree_size, root, err);
	if (status != PLI_OK)
		return status;
	if (memcmp(root, text->tree_root, 32) != 0)
		return err_set(err, PLI_CONFLICT, "the checkpoint named is not of the keeper's tree");
	return entries_check(store, text, err);
}

/* Signatures, and for a receipt the time of them. */
static enum pli_status text_sign(struct keeper_signers *signers, struct signatures *signatures, const struct certify_text *text, const void *p, size_t n,
				 struct buf *p7s, struct buf *token, struct err *err)
{
	enum pli_status status;

	if (text->kind == CERTIFY_PDF) {
		status = pades_make(keeper_signers_seal(signers), keeper_signers_tsa(signers), text->digest, clock_now_us(), p7s, err);
		if (status == PLI_OK) {
			signatures_add(signatures, SIGNATURE_SEAL, 1);
			signatures_add(signatures, SIGNATURE_TOKEN, 1);
		}
		return status;
	}
	if (text->kind == CERTIFY_MANIFEST) {
		status = seal_make(keeper_signers_seal(signers), p, n, p7s, err);
		if (status == PLI_OK)
			signatures_add(signatures, SIGNATURE_SEAL, 1);
		return status;
	}
	status = seal_make_two(keeper_signers_seal(signers), keeper_signers_operator(signers), p, n, p7s, err);
	if (status != PLI_OK)
		return status;
	signatures_add(signatures, SIGNATURE_SEAL, 2);
	status = token_make(keeper_signers_tsa(signers), p7s->p, p7s->n, clock_now_us(), token, err);
	if (status == PLI_OK)
		signatures_add(signatures, SIGNATURE_TOKEN, 1);
	return status;
}

enum pli_status keeper_texts_sign(struct head_store *store, struct keeper_signers *signers, struct signatures *signatures, const void *p, size_t n,
				  struct buf *p7s_out, struct buf *token_out, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct certify_text text;
	enum pli_status status = text_check(store, pool, p, n, &text, err);

	return status == PLI_OK ? text_sign(signers, signatures, &text, p, n, p7s_out, token_out, err) : status;
}
