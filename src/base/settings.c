/* pli.conf: one table gives parser, environment, defaults, the file that init writes and the manual.
 *
 *   [section]
 *   key = value          # from the start of a line, or after a space, to its end: a comment
 *
 * A key is given once; only `listen` may be repeated, or hold several values after commas. */
#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"
#include "settings_table.h"

#include "settings.h"

struct place {
	const char *file;	/* NULL: the environment */
	unsigned line;
	const char *variable;
};

static enum pli_status complain(const struct place *at, const char *field, struct err *err,
				const char *fmt, ...) PRINTF_LIKE(4, 5);
static enum pli_status complain(const struct place *at, const char *field, struct err *err,
				const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (at->file)
		return err_field(err, PLI_INPUT, "bad-setting", field, "%s:%u: %s", at->file, at->line, text);
	return err_field(err, PLI_INPUT, "bad-setting", field, "environment %s: %s", at->variable, text);
}

static char *trim(char *s)
{
	char *end;

	s += strspn(s, " \t\r");
	for (end = s + strlen(s); end > s && strchr(" \t\r", end[-1]); end--)
		;
	*end = 0;
	return s;
}

static bool parse_flag(const char *value, bool *flag_r)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };

	for (size_t i = 0; i < 4; i++) {
		if (str_ieq(value, yes[i]) || str_ieq(value, no[i])) {
			*flag_r = str_ieq(value, yes[i]);
			return true;
		}
	}
	return false;
}

/* Digits, then for sizes K, M, G or T, each with an optional "iB" or "B". */
static bool parse_number(const char *value, bool size, uint64_t *v_r)
{
	static const char units[] = "KMGT";
	const char *unit;
	uint64_t v;
	char *end;

	if (!isdigit((unsigned char)*value))
		return false;
	errno = 0;
	v = strtoull(value, &end, 10);
	if (errno)
		return false;
	if (size) {
		while (*end == ' ')
			end++;
		unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
		if (unit) {
			unsigned shift = 10 * (unsigned)(unit - units + 1);

			if (v > UINT64_MAX >> shift)
				return false;
			v <<= shift;
			end++;
			if (*end == 'i' && end[1] == 'B')
				end++;
		}
		if (*end == 'B')
			end++;
	}
	*v_r = v;
	return !*end;
}

static enum pli_status set_number(const struct settings_row *row, const char *value, void *field,
				  const struct place *at, struct err *err)
{
	uint64_t v, most = row->kind == PORT ? 65535 : row->most;

	if (!parse_number(value, row->kind == SIZE, &v))
		return complain(at, row->key, err, "%s is %s, not '%.60s'", row->key,
				row->kind == SIZE ? "a size such as 500M or 20G" : "a number", value);
	if (v < row->least || v > most)
		return complain(at, row->key, err, "%s must lie between %" PRIu64 " and %" PRIu64,
				row->key, row->least, most);
	if (row->kind == PORT)
		*(uint16_t *)field = (uint16_t)v;
	else if (settings_row_is_wide(row))
		*(uint64_t *)field = v;
	else
		*(unsigned *)field = (unsigned)v;
	return PLI_OK;
}

static enum pli_status set_choice(const struct settings_row *row, const char *value, const char **field,
				  const struct place *at, struct err *err)
{
	const char *nearest = str_nearest(value, row->choices);
	char list[80] = "";

	for (size_t i = 0; row->choices[i]; i++) {
		size_t n = strlen(list);

		if (str_eq(row->choices[i], value)) {
			*field = row->choices[i];
			return PLI_OK;
		}
		snprintf(list + n, sizeof(list) - n, "%s%s", i ? ", " : "", row->choices[i]);
	}
	if (nearest)
		return complain(at, row->key, err, "%s is one of %s, not '%.60s'; did you mean %s?",
				row->key, list, value, nearest);
	return complain(at, row->key, err, "%s is one of %s, not '%.60s'", row->key, list, value);
}

static enum pli_status add_listen(struct pool *pool, const struct settings_row *row, const char *value,
				  struct settings *s, const struct place *at, struct err *err)
{
	while (*value) {
		size_t n = strcspn(value, ", \t");
		char *one = pool_strn(pool, value, n);

		value += n;
		value += strspn(value, ", \t");
		if (!n)
			continue;
		if (!settings_endpoint_is_sane(one, false, 0))
			return complain(at, row->key, err, "%s is %s, not '%.60s'", row->key, row->wanted, one);
		if (s->listen_count == SETTINGS_LISTEN_MAX)
			return complain(at, row->key, err, "at most %d addresses", SETTINGS_LISTEN_MAX);
		s->listen[s->listen_count++] = one;
	}
	return PLI_OK;
}

/* Each of them is checked; joined by ", ". */
static enum pli_status set_words(struct pool *pool, const struct settings_row *row, const char *value, const char **field,
				 const struct place *at, struct err *err)
{
	AUTO_BUF all = { 0 };

	while (*value) {
		size_t n = strcspn(value, ",");
		char *one = trim(pool_strn(pool, value, n));

		value += n + (value[n] == ',');
		if (!*one)
			continue;
		if (!row->check(one))
			return complain(at, row->key, err, "%s is %s, not '%.60s'", row->key, row->wanted, one);
		buf_fmt(&all, "%s%s", all.n ? ", " : "", one);
	}
	*field = all.n ? pool_strn(pool, all.p, all.n) : NULL;
	return PLI_OK;
}

static enum pli_status set_value(struct pool *pool, const struct settings_row *row, const char *value,
				 struct settings *s, const struct place *at, struct err *err)
{
	void *field = settings_field(s, row);

	if (!*value)
		return complain(at, row->key, err, "%s has no value", row->key);
	if (!text_is_line(value, strlen(value)))
		return complain(at, row->key, err, "%s holds a control character or is not UTF-8", row->key);
	switch (row->kind) {
	case TEXT:
		if (row->check && !row->check(value))
			return complain(at, row->key, err, "%s is %s, not '%.60s'", row->key, row->wanted,
					value);
		*(const char **)field = pool_str(pool, value);
		return PLI_OK;
	case FLAG:
		if (!parse_flag(value, field))
			return complain(at, row->key, err, "%s is yes or no, not '%.60s'", row->key, value);
		return PLI_OK;
	case CHOICE:
		return set_choice(row, value, field, at, err);
	case LISTEN:
		return add_listen(pool, row, value, s, at, err);
	case WORDS:
		return set_words(pool, row, value, field, at, err);
	case NUMBER:
	case PORT:
	case SIZE:
		break;
	}
	return set_number(row, value, field, at, err);
}

/* ---- reading the file */

static void drop_comment(char *line)
{
	for (char *at = line; (at = strchr(at, '#')); at++) {
		if (at == line || at[-1] == ' ' || at[-1] == '\t') {
			*at = 0;
			return;
		}
	}
}

static enum pli_status unknown_section(const char *name, const struct place *at, struct err *err)
{
	const char *names[SETTINGS_ROW_COUNT + 1];
	const char *nearest;
	size_t n = 0;

	for (size_t i = 0; i < SETTINGS_ROW_COUNT; i++)
		if (!n || !str_eq(names[n - 1], settings_rows[i].section))
			names[n++] = settings_rows[i].section;
	names[n] = NULL;
	nearest = str_nearest(name, names);
	if (nearest)
		return complain(at, "", err, "unknown section [%.60s]; did you mean [%s]?", name, nearest);
	return complain(at, "", err, "unknown section [%.60s]", name);
}

static enum pli_status unknown_key(const char *section, const char *key, const struct place *at,
				   struct err *err)
{
	const char *names[SETTINGS_ROW_COUNT + 1];
	const char *nearest;
	size_t n = 0;

	for (size_t i = 0; i < SETTINGS_ROW_COUNT; i++)
		if (str_eq(settings_rows[i].key, key))
			return complain(at, "", err, "%s belongs into section [%s], not [%s]", key,
					settings_rows[i].section, section);
	for (size_t i = 0; i < SETTINGS_ROW_COUNT; i++)
		if (str_eq(settings_rows[i].section, section))
			names[n++] = settings_rows[i].key;
	names[n] = NULL;
	nearest = str_nearest(key, names);
	if (!nearest) {
		for (n = 0; n < SETTINGS_ROW_COUNT; n++)
			names[n] = settings_rows[n].key;
		names[n] = NULL;
		nearest = str_nearest(key, names);
	}
	if (nearest)
		return complain(at, "", err, "unknown key %.60s in [%s]; did you mean %s?", key, section,
				nearest);
	return complain(at, "", err, "unknown key %.60s in [%s]", key, section);
}

struct reader {
	struct pool *pool;
	struct settings *s;
	struct place at;
	const char *section;
	unsigned seen[SETTINGS_ROW_COUNT];	/* line, 0: not yet */
};

static enum pli_status read_section(struct reader *r, char *line, struct err *err)
{
	char *end = strchr(line, ']');

	if (!end || end[1])
		return complain(&r->at, "", err, "a section is written [name]");
	*end = 0;
	line = trim(line + 1);
	for (size_t i = 0; i < SETTINGS_ROW_COUNT; i++) {
		if (str_eq(settings_rows[i].section, line)) {
			r->section = settings_rows[i].section;
			return PLI_OK;
		}
	}
	return unknown_section(line, &r->at, err);
}

static enum pli_status read_key(struct reader *r, char *line, struct err *err)
{
	char *equals = strchr(line, '=');
	const struct settings_row *row;
	unsigned *seen;
	char *key;

	if (!equals)
		return complain(&r->at, "", err, "expected `key = value`, not '%.60s'", line);
	*equals = 0;
	key = trim(line);
	if (!r->section)
		return complain(&r->at, "", err, "%.60s stands before the first [section]", key);
	row = settings_row_find(r->section, key);
	if (!row)
		return unknown_key(r->section, key, &r->at, err);
	seen = &r->seen[row - settings_rows];
	if (*seen && row->kind != LISTEN && row->kind != WORDS)
		return complain(&r->at, key, err, "%s is given twice, first in line %u", key, *seen);
	if (!*seen && row->kind == LISTEN)
		r->s->listen_count = 0;
	key = trim(equals + 1);
	if (*seen && row->kind == WORDS && *key)
		key = pool_fmt(r->pool, "%s, %s", *(const char *const *)settings_field(r->s, row), key);
	*seen = r->at.line;
	return set_value(r->pool, row, key, r->s, &r->at, err);
}

static enum pli_status read_file(struct reader *r, const char *text, struct err *err)
{
	if (str_starts(text, "\xEF\xBB\xBF"))
		text += 3;
	while (*text) {
		size_t n = strcspn(text, "\n");
		char *line = pool_strn(r->pool, text, n);
		enum pli_status status = PLI_OK;

		r->at.line++;
		text += n + (text[n] == '\n');
		drop_comment(line);
		line = trim(line);
		if (*line == '[')
			status = read_section(r, line, err);
		else if (*line)
			status = read_key(r, line, err);
		if (status != PLI_OK)
			return status;
	}
	return PLI_OK;
}

/* ---- the environment */

static bool variable_matches(const char *variable, const struct settings_row *row)
{
	char name[64];
	size_t n;

	snprintf(name, sizeof(name), "PLI_%s_%s=", row->section, row->key);
	for (char *c = name; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	n = strlen(name);
	return strncmp(variable, name, n) == 0;
}

static enum pli_status read_environment(struct reader *r, char *const *env, struct err *err)
{
	for (; *env; env++) {
		if (!str_starts(*env, "PLI_"))
			continue;
		for (size_t i = 0; i < SETTINGS_ROW_COUNT; i++) {
			struct place at = { 0 };
			enum pli_status status;
			const char *equals;

			if (!variable_matches(*env, &settings_rows[i]))
				continue;
			equals = strchr(*env, '=');
			at.variable = pool_strn(r->pool, *env, (size_t)(equals - *env));
			if (settings_rows[i].flags & SECRET)
				return complain(&at, settings_rows[i].key, err, "a secret is not taken from here; "
						"use the file");
			if (settings_rows[i].kind == LISTEN)
				r->s->listen_count = 0;
			status = set_value(r->pool, &settings_rows[i], equals + 1, r->s, &at, err);
			if (status != PLI_OK)
				return status;
		}
	}
	return PLI_OK;
}

/* ---- whole */

static enum pli_status set_defaults(struct reader *r, struct err *err)
{
	struct place at = { "defaults", 0, NULL };

	for (size_t i = 0; i < SETTINGS_ROW_COUNT; i++) {
		enum pli_status status;
		struct settings_row unchecked = settings_rows[i];

		if (!*settings_rows[i].standard)
			continue;
		/* A machine without zone files still starts, with UTC, unless the file asks for a zone. */
		unchecked.check = NULL;
		status = set_value(r->pool, &unchecked, settings_rows[i].standard, r->s, &at, err);
		if (status != PLI_OK)
			return status;
	}
	return PLI_OK;
}

static char *lower_host(struct pool *pool, const char *host)
{
	char *copy = pool_str(pool, host);

	for (char *c = copy; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return copy;
}

bool settings_relay_is_here(const struct settings *settings)
{
	const char *host = strstr(settings->mail, "://");

	host = host ? host + 3 : "";
	return str_starts(host, "127.") || str_starts(host, "[::1]:") || str_starts(host, "localhost:");
}

bool settings_tsa_blocks(const struct settings *s)
{
	return s->tsa_url && (str_eq(s->tsa_away, "block") || (str_eq(s->tsa_away, "auto") && s->evidence_qualified));
}

const char *settings_helo(const struct settings *s)
{
	return s->mail_helo ? s->mail_helo : s->host;
}

const char *settings_dkim_domain(const struct settings *s)
{
	const char *at = strrchr(s->mail_from, '@');

	if (s->mail_dkim_domain)
		return s->mail_dkim_domain;
	return at && at[1] != '[' ? at + 1 : NULL;
}

static enum pli_status check_mail(struct reader *r, struct err *err)
{
	struct settings *s = r->s;
	bool relay = !str_eq(s->mail, "outbox");

	if (relay && str_eq(s->mail_tls, "off") && (!settings_relay_is_here(s) || str_starts(s->mail, "smtps:"))) {
		(void)err_field(err, PLI_INPUT, "bad-setting", "tls",
				"%s: [mail] tls = off is for smtp:// to this machine alone, not for %s", r->at.file, s->mail);
		return err_hint(err, "Without TLS everybody on the way can take the links out of the notices.");
	}
	if (!s->mail_user != !s->mail_password_file)
		return err_field(err, PLI_INPUT, "bad-setting", s->mail_user ? "password_file" : "user",
				 "%s: [mail] user and password_file go together", r->at.file);
	if (s->mail_user && str_eq(s->mail_tls, "opportunistic"))
		return err_field(err, PLI_INPUT, "bad-setting", "tls",
				 "%s: [mail] a password wants tls = required", r->at.file);
	return PLI_OK;
}

/* What one value alone cannot tell. */
static enum pli_status check_whole(struct reader *r, struct err *err)
{
	struct settings *s = r->s;
	const char *file = r->at.file;

	if (!s->host)
		return err_hint((err_field(err, PLI_INPUT, "bad-setting", "host",
					   "%s: [server] host is missing", file), err),
				"Add `host = NAME`, the name that is in your links and certificate.");
	s->host = lower_host(r->pool, s->host);
	/* Read the zone's file now: later the process may be confined and could not. */
	if (!clock_zone_known(s->timezone))
		s->timezone = "UTC";
	if (!s->listen_count)
		return err_field(err, PLI_INPUT, "bad-setting", "listen", "%s: [server] listen is empty",
				 file);
	if (s->reserve_read_bytes > s->reserve_deposit_bytes)
		return err_field(err, PLI_INPUT, "bad-setting", "reserve_read",
				 "%s: [storage] reserve_read must not be larger than reserve_deposit", file);
	if (!s->mail_from) {
		struct in6_addr address;
		bool v6 = inet_pton(AF_INET6, s->host, &address) == 1;
		bool v4 = inet_pton(AF_INET, s->host, &address) == 1;

		/* Mail servers seldom take address literals, and our own mails never have them. */
		s->mail_from = v4 || v6 ? "no-reply@localhost" : pool_fmt(r->pool, "no-reply@%s", s->host);
	}
	return check_mail(r, err);
}

enum pli_status settings_parse(struct pool *pool, const char *file_name, const char *text,
			       char *const *env, struct settings *settings_r, struct err *err)
{
	struct settings s = { 0 };
	struct reader r = { .pool = pool, .s = &s, .at = { .file = file_name } };
	enum pli_status status;

	status = set_defaults(&r, err);
	if (status == PLI_OK)
		status = read_file(&r, text, err);
	if (status == PLI_OK && env)
		status = read_environment(&r, env, err);
	if (status == PLI_OK)
		status = check_whole(&r, err);
	if (status != PLI_OK)
		return status;
	*settings_r = s;
	return PLI_OK;
}

