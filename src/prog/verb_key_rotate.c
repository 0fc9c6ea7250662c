/* pli key rotate DIR NAME: one key of the keeper's in the place of another. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "json_read.h"

#include "keyfile.h"
#include "pem_list.h"

#include "args.h"
#include "cli.h"
#include "ctl_session.h"
#include "instance.h"
#include "sysexit.h"

#include "verb.h"

#define DAY_S 86400
#define OVERLAP_DAYS 30

extern char **environ;

struct rotation {
	struct cli_call *call;
	struct ctl_session *session;
	const char *dir, *key;
	int64_t overlap_days;
	const char *old, *new, *public;
};

static enum pli_status ask(struct rotation *r, const char *verb, struct json_read **result_r, struct err *err)
{
	AUTO_BUF args = { 0 };
	struct jsonw w;

	jsonw_init(&w, &args, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "key", r->key);
	jsonw_int(&w, "overlap_s", r->overlap_days * DAY_S);
	jsonw_str(&w, "new", r->new);
	jsonw_object_end(&w);
	return ctl_session_call(r->session, verb, args.p, NULL, NULL, result_r, err);
}

static enum pli_status prepare(struct rotation *r, struct err *err)
{
	struct json_read *result = NULL;
	enum pli_status st = ask(r, "key prepare", &result, err);

	if (st == PLI_OK)
		st = json_read_str(result, "old", &r->old, err);
	if (st == PLI_OK)
		st = json_read_str(result, "new", &r->new, err);
	return st == PLI_OK ? json_read_str(result, "public", &r->public, err) : st;
}

/* The new public part first, those before it behind: whoever verifies an old proof finds them. */
static enum pli_status publish(struct rotation *r, struct err *err)
{
	AUTO_BUF before = { 0 }, after = { 0 };
	struct instance instance;
	const char *file = pool_fmt(r->call->pool, str_eq(r->key, "log") ? "%s.pub" : "%s.pem", r->key);
	enum pli_status st;

	if (!r->public[0])	/* a wrapping key has none */
		return PLI_OK;
	st = instance_open(r->call->pool, r->dir, environ, &instance, err);
	if (st != PLI_OK)
		return st;
	st = keyfile_read(instance.folder_fd[FOLDER_PUBLIC], file, &before, err);
	if (st == PLI_OK) {
		pem_list_put_first(r->call->pool, r->public, before.p, &after);
		st = keyfile_replace(instance.folder_fd[FOLDER_PUBLIC], file, 0644, after.p, after.n, err);
	}
	instance_close(&instance);
	return st;
}

/* A wrapping key: until every key lies under the new one. */
static enum pli_status wait_done(struct rotation *r, struct err *err)
{
	bool at_work = str_eq(r->key, "wrap");
	enum pli_status st = PLI_OK;

	while (st == PLI_OK && at_work) {
		struct json_read *result = NULL;
		st = ask(r, "key state", &result, err);
		if (st == PLI_OK)
			st = json_read_bool(result, "at_work", &at_work, err);
		if (at_work)
			usleep(100000);
	}
	return st;
}

int verb_key_rotate(struct cli_call *call)
{
	struct rotation r = { .call = call, .dir = args_word(call->args, 0), .key = args_word(call->args, 1) };
	struct err err = { 0 };
	enum pli_status st;

	r.overlap_days = str_eq(r.key, "log") ? OVERLAP_DAYS : 0;
	st = args_number(call->args, "--overlap", 0, 366, &r.overlap_days, &err);
	if (st == PLI_OK)
		st = ctl_session_open(call->pool, r.dir, &r.session, &err);
	if (st == PLI_OK)
		st = prepare(&r, &err);
	if (st == PLI_OK)
		st = publish(&r, &err);
	if (st == PLI_OK)
		st = ask(&r, "key commit", NULL, &err);
	if (st == PLI_OK)
		st = wait_done(&r, &err);
	ctl_session_close(r.session);
	if (st != PLI_OK)
		return sysexit_say(&err);
	if (call->json)
		printf("{\"key\":\"%s\",\"old\":\"%s\",\"new\":\"%s\"}\n", r.key, r.old, r.new);
	else
		printf("%s: %s is in the place of %s\n", r.key, r.new, r.old[0] ? r.old : "the first one");
	return EX_OK;
}
