#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "pool.h"

#include "http.h"

#include "handlers.h"

#include "route.h"

#define FORM_MAX (64 * 1024)
#define TSQ_MAX (16 * 1024)
#define JSON_MAX (2 * 1024 * 1024)

static const struct route ROUTES[] = {
	{ .method = HTTP_POST, .pattern = "/api/v1/letters", .who = ROUTE_TOKEN, .types = ROUTE_JSON | ROUTE_MULTIPART,
	  .body_max = JSON_MAX, .handle = api_letter_post, .sink_open = api_letter_sink, .sink_types = ROUTE_MULTIPART,
	  .sink_broken = api_letter_broken, .help = "Deposit a letter" },
	{ .method = HTTP_GET, .pattern = "/api/v1/letters", .who = ROUTE_TOKEN, .handle = api_letter_list,
	  .help = "List letters, newest first" },
	{ .method = HTTP_GET, .pattern = "/api/v1/letters/{id}", .who = ROUTE_TOKEN, .handle = api_letter_get,
	  .help = "One letter" },
	{ .method = HTTP_DELETE, .pattern = "/api/v1/letters/{id}", .who = ROUTE_TOKEN, .handle = api_letter_delete,
	  .help = "Delete a letter's content, once its retention has ended" },
	{ .method = HTTP_GET, .pattern = "/api/v1/letters/{id}/message", .who = ROUTE_TOKEN, .handle = api_letter_message,
	  .help = "Its message, as it was deposited" },
	{ .method = HTTP_GET, .pattern = "/api/v1/letters/{id}/files/{n}", .who = ROUTE_TOKEN, .handle = desk_file,
	  .help = "One of its files" },
	{ .method = HTTP_POST, .pattern = "/api/v1/letters/{id}/resend", .who = ROUTE_TOKEN, .types = ROUTE_JSON | ROUTE_EMPTY,
	  .body_max = JSON_MAX, .handle = api_letter_resend, .help = "Send the notices again" },
	{ .method = HTTP_GET, .pattern = "/api/v1/letters/{id}/proof", .who = ROUTE_TOKEN, .handle = api_letter_proof,
	  .help = "The proof bundle" },
	{ .method = HTTP_GET, .pattern = "/api/v1/letters/{id}/proof.pdf", .who = ROUTE_TOKEN, .handle = api_letter_receipt,
	  .help = "A proof as a sealed PDF" },
	{ .method = HTTP_POST, .pattern = "/api/v1/certificates", .who = ROUTE_TOKEN, .types = ROUTE_JSON, .body_max = JSON_MAX,
	  .handle = api_certificate, .help = "A certificate of time and silence over letters" },
	{ .method = HTTP_GET, .pattern = "/api/v1/archive/list", .who = ROUTE_TOKEN, .handle = api_archive_list,
	  .help = "The sealed list of letters for an archive" },
	{ .method = HTTP_POST, .pattern = "/api/v1/drafts", .who = ROUTE_TOKEN, .types = ROUTE_JSON | ROUTE_MULTIPART,
	  .body_max = JSON_MAX, .handle = api_draft_post, .sink_open = api_letter_sink, .sink_types = ROUTE_MULTIPART,
	  .sink_broken = api_letter_broken, .help = "Begin a draft" },
	{ .method = HTTP_GET, .pattern = "/api/v1/drafts", .who = ROUTE_TOKEN, .handle = api_draft_list,
	  .help = "List drafts, last changed first" },
	{ .method = HTTP_GET, .pattern = "/api/v1/drafts/{id}", .who = ROUTE_TOKEN, .handle = api_draft_get, .help = "One draft" },
	{ .method = HTTP_PATCH, .pattern = "/api/v1/drafts/{id}", .who = ROUTE_TOKEN, .types = ROUTE_JSON | ROUTE_MULTIPART,
	  .body_max = JSON_MAX, .handle = api_draft_patch, .sink_open = api_letter_sink, .sink_types = ROUTE_MULTIPART,
	  .sink_broken = api_letter_broken, .help = "Change a draft: what is named, the rest stays" },
	{ .method = HTTP_DELETE, .pattern = "/api/v1/drafts/{id}", .who = ROUTE_TOKEN, .handle = api_draft_delete,
	  .help = "Give a draft up" },
	{ .method = HTTP_POST, .pattern = "/api/v1/drafts/{id}/send", .who = ROUTE_TOKEN, .types = ROUTE_JSON | ROUTE_EMPTY,
	  .body_max = JSON_MAX, .handle = api_draft_send, .help = "Send a draft: it becomes a letter" },
	{ .method = HTTP_GET, .pattern = "/api/v1/journal", .who = ROUTE_TOKEN, .handle = api_journal,
	  .help = "Journal, newest first; JSON or CSV" },
	{ .method = HTTP_GET, .pattern = "/api/v1/statistics", .who = ROUTE_TOKEN, .handle = api_statistics,
	  .help = "What became of letters, in figures" },
	{ .method = HTTP_OPTIONS, .pattern = "/api/v1/uploads", .who = ROUTE_ANYONE, .handle = api_upload_options,
	  .help = "What this tus server can do" },
	{ .method = HTTP_POST, .pattern = "/api/v1/uploads", .who = ROUTE_TOKEN, .types = ROUTE_TUS | ROUTE_EMPTY,
	  .handle = api_upload_post, .sink_open = api_upload_post_sink, .sink_types = ROUTE_TUS,
	  .sink_broken = api_upload_broken, .help = "Begin an upload (tus creation)" },
	{ .method = HTTP_HEAD, .pattern = "/api/v1/uploads/{id}", .who = ROUTE_TOKEN, .handle = api_upload_head,
	  .help = "Where an upload stands" },
	{ .method = HTTP_PATCH, .pattern = "/api/v1/uploads/{id}", .who = ROUTE_TOKEN, .types = ROUTE_TUS,
	  .handle = api_upload_patch, .sink_open = api_upload_patch_sink, .sink_types = ROUTE_TUS,
	  .sink_broken = api_upload_broken, .help = "Continue an upload" },
	{ .method = HTTP_DELETE, .pattern = "/api/v1/uploads/{id}", .who = ROUTE_TOKEN, .handle = api_upload_delete,
	  .help = "Give an upload up" },

	{ .method = HTTP_GET, .pattern = "/api/openapi.json", .who = ROUTE_ANYONE, .handle = api_openapi,
	  .help = "This description" },

	{ .method = HTTP_GET, .pattern = "/l/{token}", .who = ROUTE_LINK, .handle = page_landing,
	  .help = "Landing page of a letter; changes nothing" },
	{ .method = HTTP_POST, .pattern = "/l/{token}/open", .who = ROUTE_LINK, .types = ROUTE_FORM, .body_max = FORM_MAX,
	  .handle = page_open, .help = "Open the letter: the act that counts" },
	{ .method = HTTP_POST, .pattern = "/l/{token}/refuse", .who = ROUTE_LINK, .types = ROUTE_FORM, .body_max = FORM_MAX,
	  .handle = page_refuse, .help = "Refuse a registered letter, for good" },
	{ .method = HTTP_POST, .pattern = "/l/{token}/renew", .who = ROUTE_LINK, .types = ROUTE_FORM, .body_max = FORM_MAX,
	  .handle = page_renew, .help = "A new link to the recipient's own address" },
	{ .method = HTTP_GET, .pattern = "/l/{token}/letter", .who = ROUTE_LINK, .handle = page_letter,
	  .help = "The letter" },
	{ .method = HTTP_GET, .pattern = "/l/{token}/files/{n}", .who = ROUTE_LINK, .handle = page_file,
	  .help = "One document" },
	{ .method = HTTP_GET, .pattern = "/l/{token}/files.zip", .who = ROUTE_LINK, .handle = page_zip,
	  .help = "The letter and all documents" },
	{ .method = HTTP_GET, .pattern = "/l/{token}/proof", .who = ROUTE_LINK, .handle = page_proof,
	  .help = "The recipient's proof bundle" },
	{ .method = HTTP_GET, .pattern = "/l/{token}/receipt.pdf", .who = ROUTE_LINK, .handle = page_receipt,
	  .help = "The acknowledgement of his opening, a sealed PDF" },

	{ .method = HTTP_GET, .pattern = "/", .who = ROUTE_SESSION, .handle = page_home, .help = "Home of who is signed in" },
	{ .method = HTTP_GET, .pattern = "/letters", .who = ROUTE_SESSION, .handle = desk_list, .help = "Letters, or drafts" },
	{ .method = HTTP_GET, .pattern = "/letters/new", .who = ROUTE_SESSION, .handle = desk_new, .help = "Write a letter" },
	{ .method = HTTP_POST, .pattern = "/letters/new", .who = ROUTE_SESSION, .types = ROUTE_MULTIPART, .handle = desk_new_post,
	  .sink_open = desk_compose_sink, .sink_types = ROUTE_MULTIPART, .sink_broken = desk_compose_broken,
	  .help = "What was typed becomes a draft" },
	{ .method = HTTP_GET, .pattern = "/letters/{id}", .who = ROUTE_SESSION, .handle = desk_letter, .help = "A letter followed" },
	{ .method = HTTP_GET, .pattern = "/letters/{id}/edit", .who = ROUTE_SESSION, .handle = desk_edit, .help = "Go on writing" },
	{ .method = HTTP_POST, .pattern = "/letters/{id}/edit", .who = ROUTE_SESSION, .types = ROUTE_MULTIPART, .handle = desk_edit_post,
	  .sink_open = desk_compose_sink, .sink_types = ROUTE_MULTIPART, .sink_broken = desk_compose_broken,
	  .help = "Save the draft" },
	{ .method = HTTP_GET, .pattern = "/letters/{id}/review", .who = ROUTE_SESSION, .handle = desk_review,
	  .help = "What each person will get" },
	{ .method = HTTP_POST, .pattern = "/letters/{id}/send", .who = ROUTE_SESSION, .types = ROUTE_FORM, .body_max = FORM_MAX,
	  .handle = desk_send, .sends = true, .help = "Send the draft" },
	{ .method = HTTP_POST, .pattern = "/letters/{id}/delete", .who = ROUTE_SESSION, .types = ROUTE_FORM, .body_max = FORM_MAX,
	  .handle = desk_delete, .help = "Give the draft up" },
	{ .method = HTTP_POST, .pattern = "/letters/{id}/resend", .who = ROUTE_SESSION, .types = ROUTE_FORM, .body_max = FORM_MAX,
	  .handle = desk_resend, .sends = true, .help = "Notices again, to one or all; a lock undone" },
	{ .method = HTTP_POST, .pattern = "/letters/{id}/hold", .who = ROUTE_SESSION, .types = ROUTE_FORM, .body_max = FORM_MAX,
	  .handle = desk_hold, .help = "A legal hold placed or ended" },
	{ .method = HTTP_POST, .pattern = "/letters/{id}/certificate", .who = ROUTE_SESSION, .types = ROUTE_FORM, .body_max = FORM_MAX,
	  .handle = desk_certificate, .help = "A certificate of time and silence over the letter" },
	{ .method = HTTP_GET, .pattern = "/letters/{id}/proof", .who = ROUTE_SESSION, .handle = desk_proof, .help = "The proof" },
	{ .method = HTTP_GET, .pattern = "/letters/{id}/proof.pdf", .who = ROUTE_SESSION, .handle = desk_receipt,
	  .help = "A proof as a sealed PDF" },
	{ .method = HTTP_GET, .pattern = "/letters/{id}/files/{n}", .who = ROUTE_SESSION, .handle = desk_file, .help = "One document" },
	{ .method = HTTP_POST, .pattern = "/uploads", .who = ROUTE_SESSION, .types = ROUTE_TUS | ROUTE_EMPTY, .handle = desk_upload_post,
	  .sink_open = desk_upload_post_sink, .sink_types = ROUTE_TUS, .sink_broken = api_upload_broken,
	  .help = "Begin an upload from a page (tus creation)" },
	{ .method = HTTP_HEAD, .pattern = "/uploads/{id}", .who = ROUTE_SESSION, .handle = api_upload_head,
	  .help = "Where an upload stands" },
	{ .method = HTTP_PATCH, .pattern = "/uploads/{id}", .who = ROUTE_SESSION, .types = ROUTE_TUS, .handle = api_upload_patch,
	  .sink_open = desk_upload_patch_sink, .sink_types = ROUTE_TUS, .sink_broken = api_upload_broken,
	  .help = "Continue an upload" },
	{ .method = HTTP_DELETE, .pattern = "/uploads/{id}", .who = ROUTE_SESSION, .handle = desk_upload_delete,
	  .help = "Give an upload up" },
	{ .method = HTTP_GET, .pattern = "/outbox", .who = ROUTE_SESSION, .handle = page_outbox,
	  .help = "Caught mails of a demonstration" },
	{ .method = HTTP_GET, .pattern = "/sign-in", .handle = page_signin, .help = "Sign in" },
	{ .method = HTTP_POST, .pattern = "/sign-in", .types = ROUTE_FORM, .body_max = FORM_MAX, .handle = page_signin_post,
	  .help = "Sign in: address and password" },
	{ .method = HTTP_GET, .pattern = "/sign-in/code",
	  .handle = page_signin_code, .help = "Sign in: the code" },
	{ .method = HTTP_POST, .pattern = "/sign-in/code", .types = ROUTE_FORM, .body_max = FORM_MAX,
	  .handle = page_signin_code_post, .help = "Sign in: the code of the second factor" },
	{ .method = HTTP_GET, .pattern = "/forgotten",
	  .handle = page_forgotten, .help = "Forgotten password" },
	{ .method = HTTP_POST, .pattern = "/forgotten", .types = ROUTE_FORM, .body_max = FORM_MAX,
	  .handle = page_forgotten_post, .help = "A link for a new password to the address" },
	{ .method = HTTP_GET, .pattern = "/password/{token}",
	  .handle = page_link, .help = "Set a password by a link; changes nothing" },
	{ .method = HTTP_POST, .pattern = "/password/{token}", .types = ROUTE_FORM, .body_max = FORM_MAX,
	  .handle = page_link_post, .help = "Set a password by a link" },
	{ .method = HTTP_GET, .pattern = "/step-up", .who = ROUTE_SESSION,
	  .handle = page_stepup, .help = "Show a factor once more" },
	{ .method = HTTP_POST, .pattern = "/step-up", .who = ROUTE_SESSION, .types = ROUTE_FORM, .body_max = 2 * FORM_MAX,
	  .handle = page_stepup_post, .help = "Show a factor once more" },
	{ .method = HTTP_GET, .pattern = "/settings", .who = ROUTE_SESSION,
	  .handle = page_profile, .help = "Name and language" },
	{ .method = HTTP_POST, .pattern = "/settings", .who = ROUTE_SESSION, .types = ROUTE_FORM, .body_max = FORM_MAX,
	  .handle = page_profile_post, .help = "Change name and language" },
	{ .method = HTTP_GET, .pattern = "/settings/password", .who = ROUTE_SESSION,
	  .handle = page_password, .help = "Password" },
	{ .method = HTTP_POST, .pattern = "/settings/password", .who = ROUTE_SESSION, .types = ROUTE_FORM, .body_max = FORM_MAX,
	  .handle = page_password_post, .help = "Change the password" },
	{ .method = HTTP_GET, .pattern = "/settings/factor", .who = ROUTE_SESSION,
	  .handle = page_factor, .help = "Second factor" },
	{ .method = HTTP_GET, .pattern = "/settings/factor/add", .who = ROUTE_SESSION, .fresh = true,
	  .handle = page_factor_add, .help = "A second factor on offer" },
	{ .method = HTTP_POST, .pattern = "/settings/factor/add", .who = ROUTE_SESSION, .fresh = true, .types = ROUTE_FORM, .body_max = FORM_MAX,
	  .handle = page_factor_add_post, .act = "factor_add", .help = "Add the second factor" },
	{ .method = HTTP_POST, .pattern = "/settings/factor/codes", .who = ROUTE_SESSION, .fresh = true, .types = ROUTE_FORM, .body_max = FORM_MAX,
	  .handle = page_factor_codes, .act = "factor_codes", .help = "New recovery codes" },
	{ .method = HTTP_POST, .pattern = "/settings/factor/remove", .who = ROUTE_SESSION, .fresh = true, .types = ROUTE_FORM, .body_max = FORM_MAX,
	  .handle = page_factor_remove, .act = "factor_remove", .help = "Remove the second factor" },
	{ .method = HTTP_GET, .pattern = "/settings/sessions", .who = ROUTE_SESSION,
	  .handle = page_sessions, .help = "Where somebody is signed in" },
	{ .method = HTTP_POST, .pattern = "/settings/sessions/end", .who = ROUTE_SESSION, .types = ROUTE_FORM, .body_max = FORM_MAX,
	  .handle = page_sessions_end, .help = "End sessions" },
	{ .method = HTTP_GET, .pattern = "/settings/tokens", .who = ROUTE_SESSION,
	  .handle = page_tokens, .help = "API tokens" },
	{ .method = HTTP_POST, .pattern = "/settings/tokens", .who = ROUTE_SESSION, .fresh = true, .sends = true, .types = ROUTE_FORM,
	  .body_max = FORM_MAX, .handle = page_tokens_post, .act = "token", .help = "Make an API token, shown once" },
	{ .method = HTTP_POST, .pattern = "/settings/tokens/end", .who = ROUTE_SESSION, .types = ROUTE_FORM, .body_max = FORM_MAX,
	  .handle = page_tokens_end, .help = "Revoke an API token" },
	{ .method = HTTP_GET, .pattern = "/journal", .who = ROUTE_SESSION, .handle = page_journal,
	  .help = "The journal: searched, narrowed, page by page" },
	{ .method = HTTP_GET, .pattern = "/journal.csv", .who = ROUTE_SESSION, .handle = page_journal_csv,
	  .help = "The same as a table for spreadsheets" },
	{ .method = HTTP_GET, .pattern = "/journal/{number}", .who = ROUTE_SESSION, .handle = page_journal_entry,
	  .help = "One entry, and what proves it" },
	{ .method = HTTP_GET, .pattern = "/journal/{number}/{name}", .who = ROUTE_SESSION, .handle = page_journal_file,
	  .help = "Files of an entry, for a verifier of one's own" },
	{ .method = HTTP_GET, .pattern = "/admin/users", .who = ROUTE_SESSION,
	  .handle = admin_users, .help = "People of the entity, or of the instance" },
	{ .method = HTTP_GET, .pattern = "/admin/users/new", .who = ROUTE_SESSION, .fresh = true,
	  .handle = admin_user_new, .help = "Invite somebody" },
	{ .method = HTTP_POST, .pattern = "/admin/users/new", .who = ROUTE_SESSION, .fresh = true,
	  .types = ROUTE_FORM, .body_max = FORM_MAX, .handle = admin_user_new_post, .act = "invite",
	  .help = "Invite somebody: account and set-up link" },
	{ .method = HTTP_GET, .pattern = "/admin/users/{id}", .who = ROUTE_SESSION, .fresh = true,
	  .handle = admin_user, .help = "One person" },
	{ .method = HTTP_POST, .pattern = "/admin/users/{id}/role", .who = ROUTE_SESSION, .fresh = true,
	  .types = ROUTE_FORM, .body_max = FORM_MAX, .handle = admin_user_role, .act = "role", .help = "Another role" },
	{ .method = HTTP_POST, .pattern = "/admin/users/{id}/state", .who = ROUTE_SESSION, .fresh = true,
	  .types = ROUTE_FORM, .body_max = FORM_MAX, .handle = admin_user_state, .act = "user", .help = "Active or not" },
	{ .method = HTTP_POST, .pattern = "/admin/users/{id}/link", .who = ROUTE_SESSION, .fresh = true,
	  .types = ROUTE_FORM, .body_max = FORM_MAX, .handle = admin_user_link, .act = "link",
	  .help = "A link to set the password, by mail" },
	{ .method = HTTP_GET, .pattern = "/admin/invitations", .who = ROUTE_SESSION,
	  .handle = admin_invitations, .help = "Who was invited and has not come yet" },
	{ .method = HTTP_GET, .pattern = "/admin/entities", .who = ROUTE_SESSION,
	  .handle = admin_entities, .help = "Entities" },
	{ .method = HTTP_GET, .pattern = "/admin/entities/new", .who = ROUTE_SESSION, .fresh = true,
	  .handle = admin_entity_new, .help = "A new entity" },
	{ .method = HTTP_POST, .pattern = "/admin/entities/new", .who = ROUTE_SESSION, .fresh = true,
	  .types = ROUTE_FORM, .body_max = FORM_MAX, .handle = admin_entity_new_post, .act = "entity_new",
	  .help = "A new entity: name and number" },
	{ .method = HTTP_GET, .pattern = "/admin/entities/{id}", .who = ROUTE_SESSION,
	  .handle = admin_entity, .help = "One entity: how its letters go, and how long they are kept" },
	{ .method = HTTP_POST, .pattern = "/admin/entities/{id}/class", .who = ROUTE_SESSION, .fresh = true,
	  .types = ROUTE_FORM, .body_max = FORM_MAX, .handle = admin_entity_class, .act = "class",
	  .help = "How its letters go when their sender says nothing" },
	{ .method = HTTP_POST, .pattern = "/admin/entities/{id}/retention", .who = ROUTE_SESSION, .fresh = true,
	  .types = ROUTE_FORM, .body_max = FORM_MAX, .handle = admin_entity_retention, .act = "retention",
	  .help = "How long its letters are kept" },
	{ .method = HTTP_POST, .pattern = "/admin/entities/{id}/state", .who = ROUTE_SESSION, .fresh = true,
	  .types = ROUTE_FORM, .body_max = FORM_MAX, .handle = admin_entity_state, .act = "entity",
	  .help = "Active or not" },
	{ .method = HTTP_GET, .pattern = "/admin/alerts", .who = ROUTE_SESSION,
	  .handle = admin_alerts, .help = "Alerts about the evidence, and what to do" },
	{ .method = HTTP_GET, .pattern = "/statistics", .who = ROUTE_SESSION, .handle = page_statistics,
	  .help = "Figures, charts and a table" },
	{ .method = HTTP_GET, .pattern = "/statistics.csv", .who = ROUTE_SESSION, .handle = page_statistics_csv,
	  .help = "The same figures as a file" },
	{ .method = HTTP_POST, .pattern = "/sign-out", .who = ROUTE_SESSION, .types = ROUTE_FORM, .body_max = FORM_MAX,
	  .handle = page_signout, .help = "Sign out" },
	{ .method = HTTP_GET, .pattern = "/verify", .handle = page_verify, .help = "Verify a proof: the form" },
	{ .method = HTTP_POST, .pattern = "/verify", .types = ROUTE_MULTIPART, .handle = page_verify_post, .sink_open = page_verify_sink,
	  .sink_types = ROUTE_MULTIPART, .help = "Verify a proof, which is kept nowhere" },
	{ .method = HTTP_GET, .pattern = "/about", .handle = page_about, .help = "What this is, how to verify, privacy" },
	{ .method = HTTP_GET, .pattern = "/assets/{name}", .handle = page_asset, .help = "Style and pictures" },
	{ .method = HTTP_GET, .pattern = "/log/checkpoint", .handle = page_log_checkpoint,
	  .help = "The journal's newest signed head (C2SP tlog-checkpoint)" },
	{ .method = HTTP_GET, .pattern = "/log/key", .handle = page_log_key, .help = "The journal's verifier key (C2SP signed-note)" },
	{ .method = HTTP_GET, .pattern = "/log/tile/{path}", .rest = true, .handle = page_log_tile,
	  .help = "Hash tiles of the journal's tree (C2SP tlog-tiles)" },
	{ .method = HTTP_POST, .pattern = "/tsa", .who = ROUTE_TOKEN, .basic = true, .types = ROUTE_TSQ, .body_max = TSQ_MAX, .handle = api_tsa,
	  .help = "A timestamp (RFC 3161)" },
	{ .method = HTTP_GET, .pattern = "/healthz", .handle = page_health, .help = "The service answers" },
	{ .method = HTTP_GET, .pattern = "/readyz", .handle = page_ready, .help = "A deposit would succeed" },
	{ .method = HTTP_GET, .pattern = "/ca.pem", .handle = page_ca, .help = "The instance's own TLS authority" },
	{ .method = HTTP_GET, .pattern = "/robots.txt", .handle = page_robots, .help = "Robots stay out" },
	{ .method = HTTP_GET, .pattern = "/.well-known/security.txt", .handle = page_security_txt, .help = "RFC 9116" },
	{ .method = HTTP_GET, .pattern = "/.well-known/pli/{name}", .handle = page_anchor,
	  .help = "Trust anchors: root.pem, log.pub, tsa.pem" },
};

const struct route *route_table(unsigned *count_r)
{
	*count_r = sizeof(ROUTES) / sizeof(*ROUTES);
	return ROUTES;
}

/* Segment by segment; {…} takes any non-empty segment, or the last one the rest. */
static bool pattern_matches(const struct route *r, const char *path, struct pool *pool, const char **params_r)
{
	const char *pattern = r->pattern;
	int n = 0;

	if (path[0] != '/' || (pattern[1] != path[1] && pattern[1] != '{'))	/* most end here */
		return false;
	for (;;) {
		size_t a = strcspn(pattern, "/"), b = strcspn(path, "/");

		if (a > 0 && pattern[0] == '{') {
			if (b == 0)
				return false;
			if (r->rest && !pattern[a])
				b = strlen(path);
			assert(n < 2);
			params_r[n++] = pool_strn(pool, path, b);
		} else if (a != b || memcmp(pattern, path, a) != 0) {
			return false;
		}
		pattern += a;
		path += b;
		if (!*pattern || !*path)
			return *pattern == *path;
		pattern++;
		path++;
	}
}

static void allow_add(char allow[64], const char *name)
{
	size_t n = strlen(allow);

	if (!strstr(allow, name))
		snprintf(allow + n, 64 - n, "%s%s", n ? ", " : "", name);
}

enum pli_status route_find(enum http_method method, const char *path, struct pool *pool,
			   const struct route **route_r, const char **params_r, char allow_r[64])
{
	enum http_method wanted = method == HTTP_HEAD ? HTTP_GET : method;
	bool known = false;

	allow_r[0] = '\0';
	for (size_t i = 0; i < sizeof(ROUTES) / sizeof(*ROUTES); i++) {
		const struct route *r = &ROUTES[i];

		if (!pattern_matches(r, path, pool, params_r))
			continue;
		if (r->method == method || r->method == wanted) {
			*route_r = r;
			return PLI_OK;
		}
		known = true;
		allow_add(allow_r, http_method_name(r->method));
		if (r->method == HTTP_GET)
			allow_add(allow_r, "HEAD");
	}
	return known ? PLI_METHOD : PLI_ABSENT;
}
