/* pli check DIR: the table, the order, the output. */
#include <stdio.h>

#include "buf.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "args.h"
#include "cli.h"
#include "instance.h"
#include "ctl_session.h"
#include "sysexit.h"

#include "verb.h"

#include "check.h"

#define NO_FRONT "If it is the database that is damaged: keep a copy of DIR as it is, and go back to the newest copy that is sound."

extern char **environ;

const struct check_row check_table[] = {
	{ "confinement", "whether the processes have users of their own, Landlock and seccomp", check_confinement },
	{ "owners", "owners and modes of the instance's folders and files", check_owners },
	{ "keys", "whether all keys are there", check_keys },
	{ "clock", "whether the clock is set, and has not gone back", check_clock },
	{ "storage", "free space and the two reserves, kind of file system", check_storage },
	{ "limits", "open files that the processes may have", check_limits },
	{ "certificate", "certificate and key of HTTPS: they belong together, dates, names", check_certificate },
	{ "evidence", "dates of the certificates that seal and timestamp", check_evidence },
	{ "mail", "whether notices leave", check_mail },
	{ "relay", "whether the relay takes mail, under which TLS: tried without sending any", check_relay },
	{ "dns", "the lines of SPF, DKIM and DMARC: what to publish, and what is published", check_dns },
	{ "incoming", "whether mail programs and bounces are answered: listeners, certificate, MX of the bounce domain", check_incoming },
	{ "database", "the database's own integrity, quickly", check_database },
	{ "journal", "that database and keeper have the same journal under the same head", check_journal },
	{ "letters", "whether a letter can be deposited now, and whether notices wait too long", check_letters },
	{ "backup", "how old the newest backup is", check_backup },
	{ "retention", "whether everything is gone whose time is over", check_retention },
	{ "alerts", "whether anything is wrong with the evidence, and who is told", check_alerts },
	{ "selfproof", "what came of the newest nightly proof of itself", check_selfproof },
	{ "time", "what the time-stamping authority outside has stamped, if there is one", check_time },
	{ NULL, NULL, NULL },
};

static const char *const level_names[] = { [CHECK_GOOD] = "good", [CHECK_WEAK] = "weaker", [CHECK_WRONG] = "wrong" };

void check_say(struct check *c, enum check_level level, const char *hint, const char *fmt, ...)
{
	AUTO_BUF text = { 0 };
	AUTO_BUF row = { 0 };
	struct jsonw w;
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(&text, fmt, ap);
	va_end(ap);
	c->weak += level == CHECK_WEAK;
	c->wrong += level == CHECK_WRONG;
	if (!c->json) {
		printf("%-6s %-11s %s\n", level_names[level], c->part, text.p);
		if (hint && *hint)
			printf("                   %s\n", hint);
		return;
	}
	jsonw_init(&w, &row, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "check", c->part);
	jsonw_str(&w, "level", level_names[level]);
	jsonw_str(&w, "text", text.p);
	jsonw_str(&w, "hint", hint && *hint ? hint : NULL);
	jsonw_object_end(&w);
	printf("%s%s", c->count ? ",\n" : "[", row.p);
	c->count++;
}

/* Words behind DIR name the parts that are wanted; none: all. */
static bool wanted(const struct cli_call *call, const char *name)
{
	unsigned n = args_word_count(call->args);

	for (unsigned i = 1; i < n; i++)
		if (str_eq(args_word(call->args, i), name))
			return true;
	return n < 2;
}

static enum pli_status names_known(const struct cli_call *call, struct err *err)
{
	const char *names[32];
	unsigned n = 0;

	for (const struct check_row *r = check_table; r->name && n < 31; r++)
		names[n++] = r->name;
	names[n] = NULL;
	for (unsigned i = 1; i < args_word_count(call->args); i++) {
		const char *word = args_word(call->args, i), *near = str_nearest(word, names);
		bool known = false;
		for (unsigned k = 0; k < n; k++)
			known |= str_eq(names[k], word);
		if (!known && near)
			return err_set(err, PLI_INPUT, "nothing is called '%.40s' here, did you mean %s?", word, near);
		if (!known)
			return err_set(err, PLI_INPUT, "nothing is called '%.40s' here; pli help check lists the names", word);
	}
	return PLI_OK;
}

/* Each that is wanted; those from `database` on need front. */
static void run_parts(struct cli_call *call, struct check *c)
{
	for (const struct check_row *r = check_table; r->name; r++) {
		struct err err = { 0 };
		bool front = r->run == check_database || r->run == check_journal || r->run == check_letters || r->run == check_backup ||
			     r->run == check_retention || r->run == check_alerts || r->run == check_selfproof ||
			     r->run == check_time;
		if (!wanted(call, r->name))
			continue;
		c->part = r->name;
		if (front && !c->session && ctl_session_open(c->pool, c->dir, &c->session, &err) != PLI_OK) {
			check_say(c, CHECK_WRONG, err.hint[0] ? err.hint : NO_FRONT, "%s", err.text);
			break;
		}
		r->run(c);
	}
}

int verb_check(struct cli_call *call)
{
	struct check c = { .pool = call->pool, .dir = args_word(call->args, 0), .json = call->json, .part = "settings" };
	struct instance instance;
	struct err err = { 0 };
	enum pli_status st = names_known(call, &err);

	if (st != PLI_OK)
		return sysexit_say(&err);
	st = instance_open(call->pool, c.dir, environ, &instance, &err);
	if (st == PLI_OK) {
		c.instance = &instance;
		if (wanted(call, "settings"))
			check_say(&c, CHECK_GOOD, NULL, "pli.conf is understood");
		run_parts(call, &c);
		ctl_session_close(c.session);
		instance_close(&instance);
	} else {
		check_say(&c, CHECK_WRONG, err.hint, "%s", err.text);
	}
	if (c.json)
		printf(c.count ? "]\n" : "[]\n");
	return st != PLI_OK ? sysexit_of(st) : c.wrong ? EX_DATAERR : EX_OK;
}
