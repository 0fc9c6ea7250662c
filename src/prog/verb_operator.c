/* The operator's verbs: each sends one request to front (session.h) and prints what comes back. */
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "json_read.h"

#include "args.h"
#include "cli.h"
#include "secret_input.h"
#include "ctl_session.h"
#include "sysexit.h"

#include "verb.h"
#include "verb_request.h"

/* ------------------------------------------------------------------ entities, users */

int verb_entity_add(struct cli_call *call)
{
	struct verb_request r;

	verb_request_begin(&r);
	jsonw_str(&r.w, "name", args_word(call->args, 1));
	jsonw_str(&r.w, "siren", args_value(call->args, "--siren"));
	return verb_request_for(call, "entity add", &r, "entity", true);
}

/* The password from --password-file, or from the terminal. */
static enum pli_status take_password(struct cli_call *call, const char *email, const char **password_r, struct err *err)
{
	const char *file = args_value(call->args, "--password-file");

	if (file)
		return secret_input_file(call->pool, file, password_r, err);
	return secret_input_ask(call->pool, pool_fmt(call->pool, "Password for %s", email), password_r, err);
}

int verb_user_add(struct cli_call *call)
{
	const char *email = args_word(call->args, 1), *password = NULL;
	const char *name = args_value(call->args, "--name"), *entity = args_value(call->args, "--entity");
	struct verb_request r;
	struct err err = { 0 };

	if (!name || !entity) {
		(void)err_set(&err, PLI_INPUT, "%s is missing", name ? "--entity E" : "--name N");
		return sysexit_say(&err);
	}
	/* Without a password file a link is mailed, by which the user sets one. */
	if (args_value(call->args, "--password-file") && take_password(call, email, &password, &err) != PLI_OK)
		return sysexit_say(&err);
	verb_request_begin(&r);
	jsonw_str(&r.w, "email", email);
	jsonw_str(&r.w, "name", name);
	jsonw_str(&r.w, "entity", entity);
	jsonw_str(&r.w, "role", args_value(call->args, "--role"));
	jsonw_str(&r.w, "password", password);
	return verb_request_for(call, "user add", &r, "account", false);
}

static void user_line(const struct json_read *row)
{
	bool admin = false;

	if (json_read_bool(row, "instance_admin", &admin, NULL) != PLI_OK)
		admin = false;
	printf("%-32s %-8s %-9s %s%s\n", verb_member(row, "email"), verb_member(row, "role"), verb_member(row, "state"),
	       verb_member(row, "name"), admin ? "  (instance administrator)" : "");
}

int verb_user_list(struct cli_call *call)
{
	struct verb_request r;

	verb_request_begin(&r);
	return verb_request_listing(call, "user list", &r, user_line);
}

int verb_user_disable(struct cli_call *call)
{
	struct verb_request r;

	verb_request_begin(&r);
	jsonw_str(&r.w, "email", args_word(call->args, 1));
	return verb_request_done(call, "user disable", &r, "email", "disabled");
}

int verb_user_password(struct cli_call *call)
{
	const char *email = args_word(call->args, 1), *password = NULL;
	struct verb_request r;
	struct err err = { 0 };

	if (take_password(call, email, &password, &err) != PLI_OK)
		return sysexit_say(&err);
	verb_request_begin(&r);
	jsonw_str(&r.w, "email", email);
	jsonw_str(&r.w, "password", password);
	return verb_request_done(call, "user password", &r, "email", "password");
}

/* ------------------------------------------------------------------ tokens */

int verb_token_add(struct cli_call *call)
{
	int64_t days = 365;
	struct verb_request r;
	struct err err = { 0 };

	if (args_number(call->args, "--days", 1, 3650, &days, &err) != PLI_OK)
		return sysexit_say(&err);
	verb_request_begin(&r);
	jsonw_str(&r.w, "email", args_word(call->args, 1));
	jsonw_str(&r.w, "name", args_value(call->args, "--name"));
	jsonw_int(&r.w, "days", days);
	return verb_request_for(call, "token add", &r, "token", true);
}

static void token_line(const struct json_read *row)
{
	const char *revoked = verb_member(row, "revoked");

	printf("%s  %-32s expires %.10s  %s%s%.10s\n", verb_member(row, "token"), verb_member(row, "email"), verb_member(row, "expires"),
	       verb_member(row, "name"), revoked[0] ? "  revoked " : "", revoked);
}

int verb_token_list(struct cli_call *call)
{
	struct verb_request r;

	verb_request_begin(&r);
	return verb_request_listing(call, "token list", &r, token_line);
}

int verb_token_revoke(struct cli_call *call)
{
	struct verb_request r;

	verb_request_begin(&r);
	jsonw_str(&r.w, "id", args_word(call->args, 1));
	return verb_request_done(call, "token revoke", &r, "token", "revoked");
}

/* ------------------------------------------------------------------ letters, journal */

int verb_letter_unlock(struct cli_call *call)
{
	struct verb_request r;
	struct err err = { 0 };

	if (!args_value(call->args, "--recipient")) {
		(void)err_set(&err, PLI_INPUT, "--recipient A is missing");
		return sysexit_say(&err);
	}
	verb_request_begin(&r);
	jsonw_str(&r.w, "id", args_word(call->args, 1));
	jsonw_str(&r.w, "recipient", args_value(call->args, "--recipient"));
	return verb_request_done(call, "letter unlock", &r, "letter", "unlocked");
}

/* Tokens of the authority outside are spoken of where there are any. */
static void verified_print(const struct cli_call *call, const struct json_read *result)
{
	long long size = (long long)verb_member_int(result, "size"), tokens = (long long)verb_member_int(result, "tokens");
	long long covered = (long long)verb_member_int(result, "covered"), rootless = (long long)verb_member_int(result, "rootless");

	if (call->json) {
		printf("{\"verified\":true,\"size\":%lld,\"root\":\"%s\"", size, verb_member(result, "root"));
		if (tokens)
			printf(",\"external\":{\"tokens\":%lld,\"covered\":%lld,\"rootless\":%lld}", tokens, covered, rootless);
		printf("}\n");
		return;
	}
	printf("verified %lld entries, root %s\n", size, verb_member(result, "root"));
	if (tokens)
		printf("verified %lld tokens of the authority outside; the newest covers the first %lld entries%s\n", tokens, covered,
		       covered < size ? ", the others have none yet" : "");
	if (rootless)
		printf("of these, %lld lead to a root that is not in [tsa] ca_file\n", rootless);
}

int verb_journal_verify_dir(struct cli_call *call)
{
	struct json_read *result = NULL;
	struct verb_request r;
	struct err err = { 0 };
	enum pli_status st;
	int64_t bad;

	verb_request_begin(&r);
	st = verb_request_send(call, "journal verify", &r, NULL, NULL, &result, &err);
	bad = verb_member_int(result, "bad_number");
	if (st == PLI_OK)
		verified_print(call, result);
	else if (bad > 0 && call->json)
		printf("{\"verified\":false,\"bad_number\":%lld}\n", (long long)bad);
	else if (bad > 0)
		printf("not verified from number %lld on\n", (long long)bad);
	return st == PLI_OK ? EX_OK : sysexit_say(&err);
}

int verb_journal_accept_loss(struct cli_call *call)
{
	struct json_read *result = NULL;
	struct verb_request r;
	struct err err = { 0 };

	verb_request_begin(&r);
	if (verb_request_send(call, "journal accept-loss", &r, NULL, NULL, &result, &err) != PLI_OK)
		return sysexit_say(&err);
	if (call->json)
		printf("{\"lost\":%lld}\n", (long long)verb_member_int(result, "lost"));
	else
		printf("the journal goes on, and says so; what was signed up to number %lld and is not in it is given up\n",
		       (long long)verb_member_int(result, "lost"));
	return EX_OK;
}

int verb_clock_confirm(struct cli_call *call)
{
	struct json_read *result = NULL;
	struct verb_request r;
	struct err err = { 0 };
	long long by_s;

	verb_request_begin(&r);
	if (verb_request_send(call, "clock confirm", &r, NULL, NULL, &result, &err) != PLI_OK)
		return sysexit_say(&err);
	by_s = (long long)verb_member_int(result, "by_s");
	if (call->json)
		printf("{\"by_s\":%lld}\n", by_s);
	else if (by_s)
		printf("the clock is believed, %lld s from what was known; what it ends has ended\n", by_s);
	else
		printf("there is nothing to confirm: the clock is believed\n");
	return EX_OK;
}
