/* pli proof attack: forgeries of a proof, and what catches each. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "buf.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "attack.h"

#include "args.h"
#include "cli.h"
#include "sysexit.h"
#include "verb_file.h"

#include "verb.h"

static enum pli_status keep_all(struct pool *pool, const char *dir, const struct attack *a, struct err *err)
{
	if (mkdir(dir, 0777) != 0 && errno != EEXIST)
		return err_errno(err, dir);
	for (unsigned i = 0; i < a->count; i++) {
		const struct buf bytes = { .p = (char *)(uintptr_t)a->tries[i].zip, .n = a->tries[i].zip_n };
		enum pli_status st = verb_file_write(pool, pool_fmt(pool, "%s/%03u-%s.asice", dir, i + 1, a->tries[i].act), &bytes, err);

		if (st != PLI_OK)
			return st;
	}
	return PLI_OK;
}

static void say_json(const struct attack *a)
{
	struct jsonw w;
	AUTO_BUF out = { 0 };

	jsonw_init(&w, &out, false);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "count", a->count);
	jsonw_int(&w, "caught", a->caught);
	jsonw_array(&w, "forgeries");
	for (unsigned i = 0; i < a->count; i++) {
		const struct attack_try *t = &a->tries[i];

		jsonw_object(&w, NULL);
		jsonw_int(&w, "n", i + 1);
		jsonw_str(&w, "act", t->act);
		jsonw_str(&w, "target", t->target);
		jsonw_bool(&w, "relisted", t->relisted);
		jsonw_bool(&w, "caught", t->caught);
		jsonw_int(&w, "failed", t->failed);
		jsonw_str(&w, "by", t->by);
		jsonw_str(&w, "text", t->text);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	printf("%s\n", out.p);
}

static void say_lines(const struct attack *a)
{
	for (unsigned i = 0; i < a->count; i++) {
		const struct attack_try *t = &a->tries[i];

		printf("%s %3u %s %s%s: %s\n", t->caught ? "caught" : "MISSED", i + 1, t->act, t->target,
		       t->relisted ? ", listed anew" : "", t->caught ? t->text : "verifies");
	}
	printf("%u of %u forgeries caught\n", a->caught, a->count);
}

int verb_proof_attack(struct cli_call *call)
{
	const char *dir = args_value(call->args, "--keep");
	struct attack *a = POOL_NEW(call->pool, struct attack);
	struct err err = { 0 };
	char *bundle = NULL;
	size_t n = 0;
	enum pli_status st = verb_file_read(call->pool, args_word(call->args, 0), ATTACK_MAX_BYTES, &bundle, &n, &err);

	if (st == PLI_OK)
		st = attack_run(call->pool, bundle, n, dir != NULL, a, &err);
	if (st == PLI_OK && dir)
		st = keep_all(call->pool, dir, a, &err);
	if (st != PLI_OK)
		return sysexit_say(&err);
	if (args_flag(call->args, "--json"))
		say_json(a);
	else
		say_lines(a);
	if (a->caught == a->count)
		return EX_OK;
	(void)err_set(&err, PLI_CONFLICT, "%u forgeries were not noticed", a->count - a->caught);
	return sysexit_say(&err);
}
