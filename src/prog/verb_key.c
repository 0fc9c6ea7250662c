/* pli key protect, unprotect, list: the key files of an instance. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "key_facts.h"
#include "keyring.h"

#include "args.h"
#include "cli.h"
#include "instance.h"
#include "key_phrase.h"
#include "secret_input.h"
#include "sysexit.h"

#include "verb.h"

extern char **environ;

/* ------------------------------------------------------------------ under a pass phrase, and back */

struct change {
	struct pool *pool;		/* wipes */
	struct instance instance;
	const char *phrase;
};

/* No keeper may run: it would read half of the files before and half after. */
static enum pli_status change_begin(struct cli_call *call, struct change *c, struct err *err)
{
	enum pli_status st = instance_open(call->pool, args_word(call->args, 0), environ, &c->instance, err);

	if (st != PLI_OK)
		return st;
	c->pool = pool_new_secret();
	st = instance_lock(&c->instance, err);
	if (st == PLI_BUSY)
		return err_hint(err, "Stop it first; this takes a moment.");
	if (st == PLI_OK)
		st = key_phrase(c->pool, &c->instance, args_value(call->args, "--passphrase-file"), &c->phrase, err);
	if (st == PLI_OK && !c->phrase) {
		(void)err_set(err, PLI_INVALID, "no pass phrase is given");
		return err_hint(err, "Write one into a file that only you can read, and name it in pli.conf: [keys] passphrase_file = FILE");
	}
	return st;
}

static void change_end(struct change *c)
{
	if (!c->pool)
		return;
	pool_free(c->pool);
	instance_close(&c->instance);
}

/* Where the next start will look for it. */
static enum pli_status needs_setting(const struct change *c, struct err *err)
{
	if (c->instance.settings.keys_passphrase_file)
		return PLI_OK;
	(void)err_set(err, PLI_INVALID, "pli.conf does not say where the pass phrase is, so the server could not start afterwards");
	return err_hint(err, "First: [keys] passphrase_file = FILE, or credential:NAME");
}

static int said(struct cli_call *call, enum pli_status st, const char *what, unsigned count, const struct err *err)
{
	if (st != PLI_OK)
		return sysexit_say(err);
	if (call->json)
		printf("{\"done\":\"%s\",\"files\":%u}\n", what, count);
	else
		printf("%s: %u file%s changed\n", what, count, count == 1 ? "" : "s");
	return EX_OK;
}

int verb_key_protect(struct cli_call *call)
{
	const char *file = args_value(call->args, "--new-passphrase-file"), *new_phrase = NULL;
	struct change c = { 0 };
	struct err err = { 0 };
	unsigned count = 0;
	enum pli_status st = change_begin(call, &c, &err);

	if (st == PLI_OK)
		st = needs_setting(&c, &err);
	if (st == PLI_OK && file)
		st = secret_input_file(c.pool, file, &new_phrase, &err);
	if (st == PLI_OK)
		st = keyring_protect(c.instance.folder_fd[FOLDER_KEYS], c.phrase, &count, &err);
	if (st == PLI_OK && new_phrase)
		st = keyring_rephrase(c.instance.folder_fd[FOLDER_KEYS], c.phrase, new_phrase, &err);
	change_end(&c);
	return said(call, st, new_phrase ? "under the new pass phrase" : "protected", count, &err);
}

int verb_key_unprotect(struct cli_call *call)
{
	struct change c = { 0 };
	struct err err = { 0 };
	unsigned count = 0;
	enum pli_status st = change_begin(call, &c, &err);

	if (st == PLI_OK)
		st = keyring_unprotect(c.instance.folder_fd[FOLDER_KEYS], c.phrase, &count, &err);
	change_end(&c);
	return said(call, st, "plain", count, &err);
}

/* ------------------------------------------------------------------ what there is */

static const char *day(struct pool *pool, int64_t t_us)
{
	char text[25];

	return t_us ? pool_strn(pool, clock_rfc3339(text, t_us), 10) : NULL;
}

static void list_row(struct cli_call *call, const struct key_facts *k, unsigned n)
{
	AUTO_BUF row = { 0 };
	struct jsonw w;

	if (!call->json) {
		printf("%-6s %-9s %-10s  %s\n", k->name, k->place, k->until_us ? day(call->pool, k->until_us) : "", k->fingerprint);
		return;
	}
	jsonw_init(&w, &row, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "key", k->name);
	jsonw_str(&w, "state", k->state);
	jsonw_str(&w, "place", k->place);
	jsonw_str(&w, "sha256", k->fingerprint[0] ? k->fingerprint : NULL);
	jsonw_time(&w, "since", k->since_us);
	jsonw_time(&w, "until", k->until_us);
	jsonw_object_end(&w);
	printf("%s%s", n ? ",\n" : "[", row.p);
}

int verb_key_list(struct cli_call *call)
{
	struct key_facts keys[KEY_FACTS_MAX];
	struct instance instance;
	struct err err = { 0 };
	unsigned count = 0;
	enum pli_status st = instance_open(call->pool, args_word(call->args, 0), environ, &instance, &err);

	if (st != PLI_OK)
		return sysexit_say(&err);
	st = key_facts(instance.folder_fd[FOLDER_KEYS], instance.folder_fd[FOLDER_PUBLIC], keys, &count, &err);
	instance_close(&instance);
	if (st != PLI_OK)
		return sysexit_say(&err);
	for (unsigned i = 0; i < count; i++)
		list_row(call, &keys[i], i);
	if (call->json)
		printf("%s\n", count ? "]" : "[]");
	return EX_OK;
}
