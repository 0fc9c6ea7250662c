/* See head_draft.h. */
#include <string.h>

#include "clock.h"

#include "keeper_signers.h"
#include "signatures.h"
#include "token.h"
#include "tree.h"

#include "head_draft.h"

#define AGE_MAX_US SECOND_US	/* far above what a commit takes */

/* A clock set back does not make a later head older. */
static int64_t time_of_token(int64_t not_before_us)
{
	int64_t now_us = clock_now_us();

	if (now_us < not_before_us)
		now_us = not_before_us;
	return now_us - now_us % 1000;
}

enum pli_status head_draft_sign(struct head_draft *draft, struct keeper_signers *signers, const char *origin, struct signatures *signatures,
				const struct tree *tree, int64_t not_before_us, struct err *err)
{
	unsigned signature_count;
	enum pli_status status;

	buf_reset(&draft->checkpoint);
	buf_reset(&draft->token);
	draft->size = tree->size;
	draft->made_us = clock_mono_us();
	tree_root(tree, draft->root);
	status = keeper_signers_checkpoint(signers, origin, draft->size, draft->root, clock_now_us(), &draft->checkpoint, &signature_count, err);
	if (status == PLI_OK) {
		signatures_add(signatures, SIGNATURE_CHECKPOINT, signature_count);
		draft->gen_time_us = time_of_token(not_before_us);
		status = token_make(keeper_signers_tsa(signers), draft->checkpoint.p, draft->checkpoint.n, draft->gen_time_us, &draft->token, err);
	}
	if (status == PLI_OK)
		signatures_add(signatures, SIGNATURE_TOKEN, 1);
	else
		draft->size = 0;
	return status;
}

bool head_draft_is(const struct head_draft *draft, uint64_t size, const uint8_t root[32])
{
	return draft->size && draft->size == size && memcmp(draft->root, root, 32) == 0 && clock_mono_us() - draft->made_us < AGE_MAX_US;
}

void head_draft_drop(struct head_draft *draft)
{
	buf_free(&draft->checkpoint);
	buf_free(&draft->token);
	*draft = (struct head_draft){ 0 };
}
