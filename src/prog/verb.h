/* The verbs' functions, one file per kind: verb_init.c verb_serve.c verb_operator.c verb_key.c verb_key_rotate.c verb_retention.c verb_backup.c
 * verb_restore.c verb_archive.c verb_import.c verb_send.c verb_letter.c verb_proof.c verb_manual.c.
 * Each returns the exit status. */
#ifndef PLI_VERB_H
#define PLI_VERB_H

struct cli_call;

int verb_init(struct cli_call *call);
int verb_serve(struct cli_call *call);
int verb_reload(struct cli_call *call);
int verb_check(struct cli_call *call);
int verb_entity_add(struct cli_call *call);
int verb_user_add(struct cli_call *call);
int verb_user_list(struct cli_call *call);
int verb_user_disable(struct cli_call *call);
int verb_user_password(struct cli_call *call);
int verb_token_add(struct cli_call *call);
int verb_token_list(struct cli_call *call);
int verb_token_revoke(struct cli_call *call);
int verb_letter_unlock(struct cli_call *call);
int verb_journal_verify(struct cli_call *call);
int verb_journal_verify_dir(struct cli_call *call);	/* without --url and --mail */
int verb_journal_accept_loss(struct cli_call *call);
int verb_clock_confirm(struct cli_call *call);
int verb_key_list(struct cli_call *call);
int verb_key_protect(struct cli_call *call);
int verb_key_unprotect(struct cli_call *call);
int verb_letter_hold(struct cli_call *call);
int verb_letter_release(struct cli_call *call);
int verb_letter_delete(struct cli_call *call);
int verb_entity_set(struct cli_call *call);
int verb_entity_class(struct cli_call *call);
int verb_entity_retention(struct cli_call *call);
int verb_backup(struct cli_call *call);
int verb_restore(struct cli_call *call);
int verb_scrub(struct cli_call *call);
int verb_selfproof(struct cli_call *call);
int verb_key_rotate(struct cli_call *call);
int verb_archive_export(struct cli_call *call);
int verb_archive_verify(struct cli_call *call);
int verb_archive_import(struct cli_call *call);

int verb_send(struct cli_call *call);
int verb_list(struct cli_call *call);
int verb_show(struct cli_call *call);
int verb_resend(struct cli_call *call);
int verb_journal(struct cli_call *call);
int verb_stats(struct cli_call *call);
int verb_proof_get(struct cli_call *call);
int verb_proof_certificate(struct cli_call *call);
int verb_proof_verify(struct cli_call *call);
int verb_proof_attack(struct cli_call *call);
int verb_proof_renew(struct cli_call *call);

int verb_man(struct cli_call *call);
int verb_completion(struct cli_call *call);

#endif
