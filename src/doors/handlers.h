/* The handlers that the route table names.  Each reads its fields, asks the office, and answers; a failure is returned with its
 * text in err and becomes a problem document or a page in one place.  All run on worker threads. */
#ifndef PLI_HANDLERS_H
#define PLI_HANDLERS_H

#include "status.h"

struct door_call;
struct ostream;

enum pli_status api_letter_post(struct door_call *c, struct err *err);
enum pli_status api_letter_list(struct door_call *c, struct err *err);
enum pli_status api_letter_get(struct door_call *c, struct err *err);
enum pli_status api_letter_message(struct door_call *c, struct err *err);
enum pli_status api_letter_delete(struct door_call *c, struct err *err);
enum pli_status api_letter_resend(struct door_call *c, struct err *err);
enum pli_status api_letter_proof(struct door_call *c, struct err *err);
enum pli_status api_certificate(struct door_call *c, struct err *err);
enum pli_status desk_certificate(struct door_call *c, struct err *err);
enum pli_status api_letter_receipt(struct door_call *c, struct err *err);
enum pli_status api_archive_list(struct door_call *c, struct err *err);
enum pli_status api_draft_post(struct door_call *c, struct err *err);
enum pli_status api_draft_list(struct door_call *c, struct err *err);
enum pli_status api_draft_get(struct door_call *c, struct err *err);
enum pli_status api_draft_patch(struct door_call *c, struct err *err);
enum pli_status api_draft_delete(struct door_call *c, struct err *err);
enum pli_status api_draft_send(struct door_call *c, struct err *err);
enum pli_status api_journal(struct door_call *c, struct err *err);
enum pli_status api_statistics(struct door_call *c, struct err *err);
enum pli_status api_upload_options(struct door_call *c, struct err *err);
enum pli_status api_upload_post(struct door_call *c, struct err *err);
enum pli_status api_upload_head(struct door_call *c, struct err *err);
enum pli_status api_upload_patch(struct door_call *c, struct err *err);
enum pli_status api_upload_delete(struct door_call *c, struct err *err);
enum pli_status api_openapi(struct door_call *c, struct err *err);
enum pli_status page_landing(struct door_call *c, struct err *err);
enum pli_status page_open(struct door_call *c, struct err *err);
enum pli_status page_refuse(struct door_call *c, struct err *err);
enum pli_status page_renew(struct door_call *c, struct err *err);
enum pli_status page_letter(struct door_call *c, struct err *err);
enum pli_status page_file(struct door_call *c, struct err *err);
enum pli_status page_zip(struct door_call *c, struct err *err);
enum pli_status page_proof(struct door_call *c, struct err *err);
enum pli_status page_receipt(struct door_call *c, struct err *err);
enum pli_status page_about(struct door_call *c, struct err *err);
enum pli_status page_asset(struct door_call *c, struct err *err);
enum pli_status page_health(struct door_call *c, struct err *err);
enum pli_status page_ready(struct door_call *c, struct err *err);
enum pli_status page_ca(struct door_call *c, struct err *err);
enum pli_status page_robots(struct door_call *c, struct err *err);
enum pli_status page_security_txt(struct door_call *c, struct err *err);
enum pli_status page_anchor(struct door_call *c, struct err *err);
enum pli_status page_verify(struct door_call *c, struct err *err);
enum pli_status api_tsa(struct door_call *c, struct err *err);
enum pli_status page_verify_post(struct door_call *c, struct err *err);

/* Pages of people signed in. */
enum pli_status page_home(struct door_call *c, struct err *err);
enum pli_status page_signin(struct door_call *c, struct err *err);
enum pli_status page_signin_post(struct door_call *c, struct err *err);
enum pli_status page_signin_code(struct door_call *c, struct err *err);
enum pli_status page_signin_code_post(struct door_call *c, struct err *err);
enum pli_status page_signout(struct door_call *c, struct err *err);
enum pli_status page_stepup(struct door_call *c, struct err *err);
enum pli_status page_stepup_post(struct door_call *c, struct err *err);
enum pli_status page_forgotten(struct door_call *c, struct err *err);
enum pli_status page_forgotten_post(struct door_call *c, struct err *err);
enum pli_status page_link(struct door_call *c, struct err *err);
enum pli_status page_link_post(struct door_call *c, struct err *err);
enum pli_status page_profile(struct door_call *c, struct err *err);
enum pli_status page_profile_post(struct door_call *c, struct err *err);
enum pli_status page_password(struct door_call *c, struct err *err);
enum pli_status page_password_post(struct door_call *c, struct err *err);
enum pli_status page_factor(struct door_call *c, struct err *err);
enum pli_status page_factor_add(struct door_call *c, struct err *err);
enum pli_status page_factor_add_post(struct door_call *c, struct err *err);
enum pli_status page_factor_codes(struct door_call *c, struct err *err);
enum pli_status page_factor_remove(struct door_call *c, struct err *err);
enum pli_status page_sessions(struct door_call *c, struct err *err);
enum pli_status page_sessions_end(struct door_call *c, struct err *err);
enum pli_status page_tokens(struct door_call *c, struct err *err);
enum pli_status page_tokens_post(struct door_call *c, struct err *err);
enum pli_status page_tokens_end(struct door_call *c, struct err *err);
enum pli_status page_journal(struct door_call *c, struct err *err);
enum pli_status page_journal_csv(struct door_call *c, struct err *err);
enum pli_status page_journal_entry(struct door_call *c, struct err *err);
enum pli_status page_journal_file(struct door_call *c, struct err *err);
enum pli_status page_statistics(struct door_call *c, struct err *err);
enum pli_status page_statistics_csv(struct door_call *c, struct err *err);

/* The desk: where people signed in write letters and follow them. */
enum pli_status page_outbox(struct door_call *c, struct err *err);
enum pli_status desk_list(struct door_call *c, struct err *err);
enum pli_status desk_letter(struct door_call *c, struct err *err);
enum pli_status desk_hold(struct door_call *c, struct err *err);
enum pli_status desk_resend(struct door_call *c, struct err *err);
enum pli_status desk_proof(struct door_call *c, struct err *err);
enum pli_status desk_receipt(struct door_call *c, struct err *err);
enum pli_status desk_file(struct door_call *c, struct err *err);
enum pli_status desk_new(struct door_call *c, struct err *err);
enum pli_status desk_new_post(struct door_call *c, struct err *err);
enum pli_status desk_edit(struct door_call *c, struct err *err);
enum pli_status desk_edit_post(struct door_call *c, struct err *err);
enum pli_status desk_review(struct door_call *c, struct err *err);
enum pli_status desk_send(struct door_call *c, struct err *err);
enum pli_status desk_delete(struct door_call *c, struct err *err);
enum pli_status desk_upload_post(struct door_call *c, struct err *err);
enum pli_status desk_upload_delete(struct door_call *c, struct err *err);

/* The public log. */
enum pli_status page_log_checkpoint(struct door_call *c, struct err *err);
enum pli_status page_log_key(struct door_call *c, struct err *err);
enum pli_status page_log_tile(struct door_call *c, struct err *err);

/* Administration. */
enum pli_status admin_users(struct door_call *c, struct err *err);
enum pli_status admin_user_new(struct door_call *c, struct err *err);
enum pli_status admin_user_new_post(struct door_call *c, struct err *err);
enum pli_status admin_user(struct door_call *c, struct err *err);
enum pli_status admin_user_role(struct door_call *c, struct err *err);
enum pli_status admin_user_state(struct door_call *c, struct err *err);
enum pli_status admin_user_link(struct door_call *c, struct err *err);
enum pli_status admin_invitations(struct door_call *c, struct err *err);
enum pli_status admin_alerts(struct door_call *c, struct err *err);
enum pli_status admin_entities(struct door_call *c, struct err *err);
enum pli_status admin_entity_new(struct door_call *c, struct err *err);
enum pli_status admin_entity_new_post(struct door_call *c, struct err *err);
enum pli_status admin_entity(struct door_call *c, struct err *err);
enum pli_status admin_entity_class(struct door_call *c, struct err *err);
enum pli_status admin_entity_retention(struct door_call *c, struct err *err);
enum pli_status admin_entity_state(struct door_call *c, struct err *err);

/* Streamed bodies. */
enum pli_status page_verify_sink(struct door_call *c, struct ostream **sink_r, struct err *err);
enum pli_status desk_compose_sink(struct door_call *c, struct ostream **sink_r, struct err *err);
void desk_compose_broken(struct door_call *c);
enum pli_status desk_upload_post_sink(struct door_call *c, struct ostream **sink_r, struct err *err);
enum pli_status desk_upload_patch_sink(struct door_call *c, struct ostream **sink_r, struct err *err);
enum pli_status api_letter_sink(struct door_call *c, struct ostream **sink_r, struct err *err);
void api_letter_broken(struct door_call *c);
enum pli_status api_upload_post_sink(struct door_call *c, struct ostream **sink_r, struct err *err);
enum pli_status api_upload_patch_sink(struct door_call *c, struct ostream **sink_r, struct err *err);
void api_upload_broken(struct door_call *c);

#endif
