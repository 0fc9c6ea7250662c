/* What front finds: one question for each part over the control line, findings as rows. */
#include "pool.h"
#include "text.h"

#include "json_read.h"

#include "ctl_session.h"

#include "check.h"

static const char *member(const struct json_read *row, const char *name)
{
	const char *s = NULL;

	return json_read_str(row, name, &s, NULL) == PLI_OK && s ? s : "";
}

static enum pli_status finding(void *arg, const struct json_read *row, const char *row_json, struct err *err)
{
	const char *level = member(row, "level");

	(void)row_json;
	(void)err;
	check_say(arg, str_eq(level, "good") ? CHECK_GOOD : str_eq(level, "weaker") ? CHECK_WEAK : CHECK_WRONG, member(row, "hint"), "%s",
		  member(row, "text"));
	return PLI_OK;
}

static void ask(struct check *c, const char *part)
{
	struct err err = { 0 };

	if (ctl_session_call(c->session, "check", pool_fmt(c->pool, "{\"part\":\"%s\"}", part), finding, c, NULL, &err) != PLI_OK)
		check_say(c, CHECK_WRONG, err.hint, "%s", err.text);
}

void check_database(struct check *c)
{
	ask(c, "database");
}

void check_journal(struct check *c)
{
	ask(c, "journal");
}

void check_letters(struct check *c)
{
	ask(c, "letters");
}

void check_backup(struct check *c)
{
	ask(c, "backup");
}

void check_time(struct check *c)
{
	ask(c, "time");
}

void check_retention(struct check *c)
{
	ask(c, "retention");
}

void check_alerts(struct check *c)
{
	ask(c, "alerts");
}

void check_selfproof(struct check *c)
{
	ask(c, "selfproof");
}
