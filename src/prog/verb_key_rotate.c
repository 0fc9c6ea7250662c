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
#include "progress.h"
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
	const char *old, *new, *public;		/* new NULL: no other key, the letters of the last change are moved on */
	bool letters, incomplete;	/* some could not be moved; all else is done */
	int64_t total, moved, stuck, keys, left, destroyed, waiting;
	const char *until;			/* a time; NULL: no key is left, or the keeper has not said */
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

/* ---- letters, to month keys made under the new wrapping key ---- */

static enum pli_status letters_ask(struct rotation *r, const char *args_json, bool *done_r, struct err *err)
{
	const struct {
		const char *name;
		int64_t *to;
	} figures[] = { { "letters", &r->total }, { "moved", &r->moved }, { "stuck", &r->stuck }, { "keys", &r->keys }, { "left", &r->left },
		      { "destroyed", &r->destroyed }, { "waiting", &r->waiting } };
	struct json_read *result = NULL;
	enum pli_status st = ctl_session_call(r->session, "key letters", args_json, NULL, NULL, &result, err);

	for (size_t i = 0; st == PLI_OK && i < sizeof(figures) / sizeof(figures[0]); i++)
		st = json_read_int(result, figures[i].name, 0, INT64_MAX, figures[i].to, err);
	if (st == PLI_OK)
		st = json_read_str(result, "until", &r->until, err);
	return st == PLI_OK ? json_read_bool(result, "done", done_r, err) : st;
}

static enum pli_status letters_move(struct rotation *r, bool begin, struct err *err)
{
	struct progress progress = { 0 };
	int64_t before = 0;
	bool done = false;
	enum pli_status st = letters_ask(r, begin ? "{\"begin\":true}" : "{}", &done, err);

	if (st == PLI_OK)
		progress_begin(&progress, "letters", (uint64_t)r->total, (uint64_t)r->moved);
	progress.unit = "letters";
	while (st == PLI_OK && !done) {
		if (r->moved == before)		/* readers of the database are waited for */
			usleep(100000);
		before = r->moved;
		st = letters_ask(r, "{}", &done, err);
		progress_show(&progress, (uint64_t)r->moved);
	}
	progress_end(&progress);
	if (st != PLI_OK || !(r->keys || r->stuck || r->waiting))
		return st;
	r->incomplete = true;
	if (!r->stuck && r->waiting) {
		(void)err_set(err, PLI_BUSY, "%lld keys of months stay for now, though no letter lies under them: the server's log says why",
			      (long long)r->waiting);
		return err_hint(err, "The server tries again within the hour; pli check tells whether it believes the machine's clock.");
	}
	(void)err_set(err, PLI_CONFLICT, "%lld keys of months stay: the keys of %lld letters under them do not open", (long long)r->keys,
		      (long long)r->stuck);
	return err_hint(err, "The server's log names them; pli scrub reads every letter.");
}

/* Is a move under way that was broken off?  Then it is gone on with; a change of the wrapping key more would not help it. */
static enum pli_status letters_under_way(struct rotation *r, bool *under_way_r, struct err *err)
{
	bool done = true;
	enum pli_status st = letters_ask(r, "{\"look\":true}", &done, err);

	*under_way_r = !done;
	return st;
}

static enum pli_status change(struct rotation *r, struct err *err)
{
	enum pli_status st = prepare(r, err);

	if (st == PLI_OK)
		st = publish(r, err);
	if (st == PLI_OK)
		st = ask(r, "key commit", NULL, err);
	return st == PLI_OK ? wait_done(r, err) : st;
}

static enum pli_status rotate(struct rotation *r, struct err *err)
{
	bool under_way = false;
	enum pli_status st = r->letters ? letters_under_way(r, &under_way, err) : PLI_OK;

	if (st == PLI_OK && !under_way)
		st = change(r, err);
	return st == PLI_OK && r->letters ? letters_move(r, !under_way, err) : st;
}

static void say(const struct rotation *r)
{
	if (r->call->json) {
		printf("{\"key\":\"%s\"", r->key);
		if (r->new)
			printf(",\"old\":\"%s\",\"new\":\"%s\"", r->old, r->new);
		if (r->letters)
			printf(",\"letters\":%lld,\"stuck\":%lld,\"left\":%lld,\"destroyed\":%lld,\"waiting\":%lld", (long long)r->moved,
			       (long long)r->stuck, (long long)r->left, (long long)r->destroyed, (long long)r->waiting);
		if (r->until)
			printf(",\"until\":\"%s\"", r->until);
		printf("}\n");
		return;
	}
	if (r->new)
		printf("%s: %s is in the place of %s\n", r->key, r->new, r->old[0] ? r->old : "the first one");
	if (r->letters)
		printf("letters: %lld have other keys of months\n", (long long)r->moved);
	if (r->letters && r->left)
		printf("months: %lld keys of before are given up; the keeper destroys them after %.10s, each that nothing has used until then.\n"
		       "Make both backups before: from then on the database of an older one can be read with the keys of its own time alone.\n",
		       (long long)r->left, r->until ? r->until : "some days");
}

int verb_key_rotate(struct cli_call *call)
{
	struct rotation r = { .call = call, .dir = args_word(call->args, 0), .key = args_word(call->args, 1) };
	struct err err = { 0 };
	enum pli_status st;

	r.letters = args_flag(call->args, "--letters");
	r.overlap_days = str_eq(r.key, "log") ? OVERLAP_DAYS : 0;
	st = args_number(call->args, "--overlap", 0, 366, &r.overlap_days, &err);
	if (st == PLI_OK && r.letters && !str_eq(r.key, "wrap"))
		st = err_set(&err, PLI_INVALID, "--letters goes with the key wrap");
	if (st == PLI_OK)
		st = ctl_session_open(call->pool, r.dir, &r.session, &err);
	if (st == PLI_OK)
		st = rotate(&r, &err);
	ctl_session_close(r.session);
	if (st != PLI_OK && !(r.incomplete && call->json))
		return sysexit_say(&err);
	say(&r);
	if (st != PLI_OK)
		return sysexit_say(&err);
	return EX_OK;
}
