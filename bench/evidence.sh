# What evidence costs, and how fast it is given: read by bench/run.  Two programs are made from the measured one (bench/altered), which no
# one runs but this bench: `plain` without tree, signatures and tokens, whose keeper still makes the hash of each entry durable before a
# letter is answered for; and `alone`, whose answers do not wait for the keeper at all.

evidence_programs() {
	bench/altered "$W/pli-plain" \
		src/cert/keeper_heads.c 's/^\t\ttree_add(t, leaves + i \* 32);/\t\tt->size++;/
s/^\ttree_root(&t, record.root);//' \
		src/cert/head_draft.c 's/^\ttree_root(tree, draft->root);//
s/status = keeper_signers_checkpoint(.*/buf_str(\&draft->checkpoint, "none"), signature_count = 0, status = PLI_OK;/
s/status = token_make(keeper_signers_tsa(signers).*/buf_str(\&draft->token, "none"), status = PLI_OK;/' \
		src/cert/head_store.c 's/status = tile_leaf(s, s->trial.*/;/
s/^\t\ttree_add(&t, head->leaves\[i\]);/\t\tt.size++;/' \
		src/cert/journal.c 's/tree_add(&j->plan.tree, .*/j->plan.tree.size++;/' \
		src/cert/journal_sync.c 's/if (memcmp(root, head->root, 32) != 0) {/if (false) {/
s/^\t\ttree_root(&g->tree, root);//' || die 'the program without evidence cannot be built'
	bench/altered "$W/pli-alone" \
		src/cert/journal.c 's/tree_add(&j->plan.tree, .*/j->plan.tree.size++;/
s/^\t\*j->groups_last = g;//
s/^\tj->groups_last = &g->next;//
s/^\t\tannounce(j, count);/\t\t;/
s/^\tconfirm(j, behind);/\tdb_group_release(group, PLI_OK, NULL), mem_free(g);/' || die 'the program without a keeper cannot be built'
}
