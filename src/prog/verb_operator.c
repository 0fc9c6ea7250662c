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

/* A request under construction: members in the order given; NULL values are left out. */
struct request {
	struct buf args;
	struct jsonw w;
};

static void request_begin(struct request *r)
{
	buf_init_secret(&r->args);
	jsonw_init(&r->w, &r->args, false);
	jsonw_object(&r->w, NULL);
}

/* One verb from begin to end; frees the request.  word: the instance directory is always the first. */
static enum pli_status request_send(struct cli_call *call, const char *verb, struct request *r, ctl_session_row_fn *row,
				    void *arg, struct json_read **result_r, struct err *err)
{
	struct ctl_session *session = NULL;
	enum pli_status st;

	jsonw_object_end(&r->w);
	st = ctl_session_open(call->pool, args_word(call->args, 0), &session, err);
	if (st == PLI_OK)
		st = ctl_session_call(session, verb, r->args.p, row, arg, result_r, err);
	ctl_session_close(session);
	buf_free(&r->args);
	return st;
}

static const char *member(const struct json_read *object, const char *name)
{
	const char *s = "";

	if (!object || json_read_str(object, name, &s, NULL) != PLI_OK)
		return "";
	return s;
}

/* Rows as they come: one JSON array with --json, else lines made by `line`. */
struct listing {
	bool json;
	unsigned count;
	void (*line)(const struct json_read *row);
};

static enum pli_status list_row(void *arg, const struct json_read *row, const char *row_json, struct err *err)
{
	struct listing *l = arg;

	(void)err;
	if (l->json)
		printf("%s%s", l->count ? ",\n" : "[", row_json);
	else
		l->line(row);
	l->count++;
	return PLI_OK;
}

static int run_listing(struct cli_call *call, const char *verb, void (*line)(const struct json_read *row))
{
	struct listing l = { .json = call->json, .line = line };
	struct request r;
	struct err err = { 0 };
	enum pli_status st;

	request_begin(&r);
	st = request_send(call, verb, &r, list_row, &l, NULL, &err);
	if (st != PLI_OK)
		return sysexit_say(&err);
	if (l.json)
		printf("%s\n", l.count ? "]" : "[]");
	return EX_OK;
}

/* Sends, then prints the result's member, alone or as {"member": …}. */
static int run_for(struct cli_call *call, const char *verb, struct request *r, const char *name, bool print)
{
	struct json_read *result = NULL;
	struct err err = { 0 };

	if (request_send(call, verb, r, NULL, NULL, &result, &err) != PLI_OK)
		return sysexit_say(&err);
	if (call->json)
		printf("{\"%s\":\"%s\"}\n", name, member(result, name));
	else if (print)
		printf("%s\n", member(result, name));
	return EX_OK;
}

/* For acts that have nothing to answer: with --json, what was done to what. */
static int run_done(struct cli_call *call, const char *verb, struct request *r, const char *what, const char *done)
{
	const char *id = pool_str(call->pool, args_word(call->args, 1));
	AUTO_BUF said = { 0 };
	struct jsonw w;
	struct err err = { 0 };

	if (request_send(call, verb, r, NULL, NULL, NULL, &err) != PLI_OK)
		return sysexit_say(&err);
	if (!call->json)
		return EX_OK;
	jsonw_init(&w, &said, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, what, id);
	jsonw_str(&w, "done", done);
	jsonw_object_end(&w);
	printf("%s\n", said.p);
	return EX_OK;
}

/* ------------------------------------------------------------------ entities, users */

int verb_entity_add(struct cli_call *call)
{
	struct request r;

	request_begin(&r);
	jsonw_str(&r.w, "name", args_word(call->args, 1));
	jsonw_str(&r.w, "siren", args_value(call->args, "--siren"));
	return run_for(call, "entity add", &r, "entity", true);
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
	struct request r;
	struct err err = { 0 };

	if (!name || !entity) {
		(void)err_set(&err, PLI_INPUT, "%s is missing", name ? "--entity E" : "--name N");
		return sysexit_say(&err);
	}
	/* Without a password file a link is mailed, by which the user sets one. */
	if (args_value(call->args, "--password-file") && take_password(call, email, &password, &err) != PLI_OK)
		return sysexit_say(&err);
	request_begin(&r);
	jsonw_str(&r.w, "email", email);
	jsonw_str(&r.w, "name", name);
	jsonw_str(&r.w, "entity", entity);
	jsonw_str(&r.w, "role", args_value(call->args, "--role"));
	jsonw_str(&r.w, "password", password);
	return run_for(call, "user add", &r, "account", false);
}

static void user_line(const struct json_read *row)
{
	bool admin = false;

	if (json_read_bool(row, "instance_admin", &admin, NULL) != PLI_OK)
		admin = false;
	printf("%-32s %-8s %-9s %s%s\n", member(row, "email"), member(row, "role"), member(row, "state"),
	       member(row, "name"), admin ? "  (instance administrator)" : "");
}

int verb_user_list(struct cli_call *call)
{
	return run_listing(call, "user list", user_line);
}

int verb_user_disable(struct cli_call *call)
{
	struct request r;

	request_begin(&r);
	jsonw_str(&r.w, "email", args_word(call->args, 1));
	return run_done(call, "user disable", &r, "email", "disabled");
}

int verb_user_password(struct cli_call *call)
{
	const char *email = args_word(call->args, 1), *password = NULL;
	struct request r;
	struct err err = { 0 };

	if (take_password(call, email, &password, &err) != PLI_OK)
		return sysexit_say(&err);
	request_begin(&r);
	jsonw_str(&r.w, "email", email);
	jsonw_str(&r.w, "password", password);
	return run_done(call, "user password", &r, "email", "password");
}

/* ------------------------------------------------------------------ tokens */

int verb_token_add(struct cli_call *call)
{
	int64_t days = 365;
	struct request r;
	struct err err = { 0 };

	if (args_number(call->args, "--days", 1, 3650, &days, &err) != PLI_OK)
		return sysexit_say(&err);
	request_begin(&r);
	jsonw_str(&r.w, "email", args_word(call->args, 1));
	jsonw_str(&r.w, "name", args_value(call->args, "--name"));
	jsonw_int(&r.w, "days", days);
	return run_for(call, "token add", &r, "token", true);
}

static void token_line(const struct json_read *row)
{
	const char *revoked = member(row, "revoked");

	printf("%s  %-32s expires %.10s  %s%s%.10s\n", member(row, "token"), member(row, "email"), member(row, "expires"),
	       member(row, "name"), revoked[0] ? "  revoked " : "", revoked);
}

int verb_token_list(struct cli_call *call)
{
	return run_listing(call, "token list", token_line);
}

int verb_token_revoke(struct cli_call *call)
{
	struct request r;

	request_begin(&r);
	jsonw_str(&r.w, "id", args_word(call->args, 1));
	return run_done(call, "token revoke", &r, "token", "revoked");
}

/* ------------------------------------------------------------------ letters, journal */

int verb_letter_unlock(struct cli_call *call)
{
	struct request r;
	struct err err = { 0 };

	if (!args_value(call->args, "--recipient")) {
		(void)err_set(&err, PLI_INPUT, "--recipient A is missing");
		return sysexit_say(&err);
	}
	request_begin(&r);
	jsonw_str(&r.w, "id", args_word(call->args, 1));
	jsonw_str(&r.w, "recipient", args_value(call->args, "--recipient"));
	return run_done(call, "letter unlock", &r, "letter", "unlocked");
}

static int64_t member_int(const struct json_read *object, const char *name)
{
	int64_t n = 0;

	if (!object || json_read_int(object, name, 0, INT64_C(1) << 53, &n, NULL) != PLI_OK)
		return 0;
	return n;
}

int verb_journal_verify(struct cli_call *call)
{
	struct json_read *result = NULL;
	struct request r;
	struct err err = { 0 };
	enum pli_status st;
	int64_t bad;

	request_begin(&r);
	st = request_send(call, "journal verify", &r, NULL, NULL, &result, &err);
	bad = member_int(result, "bad_number");
	if (st == PLI_OK && call->json)
		printf("{\"verified\":true,\"size\":%lld,\"root\":\"%s\"}\n", (long long)member_int(result, "size"),
		       member(result, "root"));
	else if (st == PLI_OK)
		printf("verified %lld entries, root %s\n", (long long)member_int(result, "size"), member(result, "root"));
	else if (bad > 0 && call->json)
		printf("{\"verified\":false,\"bad_number\":%lld}\n", (long long)bad);
	else if (bad > 0)
		printf("not verified from number %lld on\n", (long long)bad);
	return st == PLI_OK ? EX_OK : sysexit_say(&err);
}
