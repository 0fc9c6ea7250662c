#include <stdio.h>
#include <string.h>

#include "pool.h"

#include "json_read.h"

#include "args.h"
#include "cli.h"
#include "sysexit.h"

#include "verb_request.h"

void verb_request_begin(struct verb_request *r)
{
	buf_init_secret(&r->args);
	jsonw_init(&r->w, &r->args, false);
	jsonw_object(&r->w, NULL);
}

enum pli_status verb_request_send(struct cli_call *call, const char *verb, struct verb_request *r, ctl_session_row_fn *row,
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

const char *verb_member(const struct json_read *object, const char *name)
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

int verb_request_listing(struct cli_call *call, const char *verb, struct verb_request *r, void (*line)(const struct json_read *row))
{
	struct listing l = { .json = call->json, .line = line };
	struct err err = { 0 };
	enum pli_status st;

	st = verb_request_send(call, verb, r, list_row, &l, NULL, &err);
	if (st != PLI_OK)
		return sysexit_say(&err);
	if (l.json)
		printf("%s\n", l.count ? "]" : "[]");
	return EX_OK;
}

int verb_request_for(struct cli_call *call, const char *verb, struct verb_request *r, const char *name, bool print)
{
	struct json_read *result = NULL;
	struct err err = { 0 };

	if (verb_request_send(call, verb, r, NULL, NULL, &result, &err) != PLI_OK)
		return sysexit_say(&err);
	if (call->json)
		printf("{\"%s\":\"%s\"}\n", name, verb_member(result, name));
	else if (print)
		printf("%s\n", verb_member(result, name));
	return EX_OK;
}

int verb_request_done(struct cli_call *call, const char *verb, struct verb_request *r, const char *what, const char *done)
{
	const char *id = pool_str(call->pool, args_word(call->args, 1));
	AUTO_BUF said = { 0 };
	struct jsonw w;
	struct err err = { 0 };

	if (verb_request_send(call, verb, r, NULL, NULL, NULL, &err) != PLI_OK)
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

int64_t verb_member_int(const struct json_read *object, const char *name)
{
	int64_t n = 0;

	if (!object || json_read_int(object, name, 0, INT64_C(1) << 53, &n, NULL) != PLI_OK)
		return 0;
	return n;
}
