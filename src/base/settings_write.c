/* Writing settings: the file that init makes, what a reload may not change, the manual. */
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "text.h"
#include "settings_table.h"

#include "settings.h"

static void size_write(struct buf *out, uint64_t v)
{
	static const char units[] = "KMGT";
	int unit = -1;

	while (v && v % 1024 == 0 && unit < 3) {
		v /= 1024;
		unit++;
	}
	buf_fmt(out, "%" PRIu64, v);
	if (unit >= 0)
		buf_ch(out, units[unit]);
}

/* The value as it would stand in the file; nothing when there is none. */
static void value_write(struct buf *out, const struct settings_row *row, const struct settings *s)
{
	const void *field = settings_field(s, row);

	switch (row->kind) {
	case TEXT:
	case WORDS:
	case CHOICE:
		if (*(const char *const *)field)
			buf_str(out, *(const char *const *)field);
		break;
	case FLAG:
		buf_str(out, *(const bool *)field ? "yes" : "no");
		break;
	case NUMBER:
		buf_fmt(out, "%u", *(const unsigned *)field);
		break;
	case PORT:
		buf_fmt(out, "%u", *(const uint16_t *)field);
		break;
	case SIZE:
		size_write(out, settings_row_is_wide(row) ? *(const uint64_t *)field : *(const unsigned *)field);
		break;
	case LISTEN:
		for (int i = 0; i < s->listen_count; i++)
			buf_fmt(out, "%s%s", i ? ", " : "", s->listen[i]);
		break;
	}
}

/* Words of help in lines of at most 90 columns behind "# ". */
static void comment_write(struct buf *out, const char *help)
{
	size_t column = 0;

	while (*help) {
		size_t n = strcspn(help, " ");

		if (!column || column + 1 + n > 90) {
			buf_fmt(out, "%s# ", column ? "\n" : "");
			column = 2;
		} else {
			buf_ch(out, ' ');
			column++;
		}
		buf_add(out, help, n);
		column += n;
		help += n;
		help += strspn(help, " ");
	}
	buf_ch(out, '\n');
}

void settings_write(struct buf *out, const struct settings *settings)
{
	AUTO_BUF value = { 0 };
	AUTO_BUF help = { 0 };

	buf_str(out, "# Settings of this instance. A line that begins with # shows a default.\n"
		     "# Each key is also PLI_SECTION_KEY in the environment, which wins over this file.\n"
		     "# `pli reload DIR` takes changes while the server runs.\n");
	for (size_t i = 0; i < SETTINGS_ROW_COUNT; i++) {
		const struct settings_row *row = &settings_rows[i];
		bool standard;

		if (!i || !str_eq(row->section, settings_rows[i - 1].section))
			buf_fmt(out, "\n[%s]\n", row->section);
		else
			buf_ch(out, '\n');
		buf_reset(&value);
		value_write(&value, row, settings);
		standard = !value.n || (*row->standard && str_eq(value.p, row->standard));
		buf_reset(&help);
		buf_fmt(&help, "%s%s", row->help, row->flags & RESTART ? " A change needs a restart." : "");
		comment_write(out, help.p);
		if (standard && !(row->flags & ESSENTIAL))
			buf_fmt(out, "#%s = %s\n", row->key, row->standard);
		else
			buf_fmt(out, "%s = %s\n", row->key, value.p ? value.p : "");
	}
}

bool settings_need_restart(const struct settings *now, const struct settings *wanted, struct buf *names)
{
	AUTO_BUF a = { 0 };
	AUTO_BUF b = { 0 };
	bool any = false;

	for (size_t i = 0; i < SETTINGS_ROW_COUNT; i++) {
		if (!(settings_rows[i].flags & RESTART))
			continue;
		buf_reset(&a);
		buf_reset(&b);
		value_write(&a, &settings_rows[i], now);
		value_write(&b, &settings_rows[i], wanted);
		if (a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0))
			continue;
		buf_fmt(names, "%s%s.%s", any ? ", " : "", settings_rows[i].section, settings_rows[i].key);
		any = true;
	}
	return any;
}

/* A store that readers never see half of. */
static void renew_field(const struct settings_row *row, void *to, const void *from)
{
	switch (row->kind) {
	case TEXT:
	case WORDS:
	case CHOICE:
		__atomic_store_n((const char **)to, *(const char *const *)from, __ATOMIC_RELEASE);
		break;
	case FLAG:
		__atomic_store_n((bool *)to, *(const bool *)from, __ATOMIC_RELEASE);
		break;
	case PORT:
		__atomic_store_n((uint16_t *)to, *(const uint16_t *)from, __ATOMIC_RELEASE);
		break;
	case NUMBER:
	case SIZE:
		if (row->kind == SIZE && settings_row_is_wide(row))
			__atomic_store_n((uint64_t *)to, *(const uint64_t *)from, __ATOMIC_RELEASE);
		else
			__atomic_store_n((unsigned *)to, *(const unsigned *)from, __ATOMIC_RELEASE);
		break;
	case LISTEN:	/* a list has no such store: its rows need a restart */
		break;
	}
}

void settings_renew(struct settings *live, const struct settings *from)
{
	for (size_t i = 0; i < SETTINGS_ROW_COUNT; i++)
		if (!(settings_rows[i].flags & RESTART))
			renew_field(&settings_rows[i], settings_field(live, &settings_rows[i]), settings_field(from, &settings_rows[i]));
}

static void manual_row(struct buf *out, const struct settings_row *row, bool roff)
{
	buf_fmt(out, roff ? ".TP\n.B %s\n" : "  %s\n      ", row->key);
	buf_str(out, row->help);
	if (row->kind == CHOICE) {
		buf_str(out, " One of ");
		for (size_t i = 0; row->choices[i]; i++)
			buf_fmt(out, "%s%s", i ? ", " : "", row->choices[i]);
		buf_ch(out, '.');
	} else if (row->kind == FLAG) {
		buf_str(out, " yes or no.");
	} else if (row->kind == NUMBER) {
		buf_fmt(out, " From %" PRIu64 " to %" PRIu64 ".", row->least, row->most);
	} else if (row->wanted) {
		buf_fmt(out, " Value: %s.", row->wanted);
	}
	if (*row->standard)
		buf_fmt(out, " Default: %s.", row->standard);
	if (row->flags & RESTART)
		buf_str(out, " Takes effect after a restart.");
	if (row->flags & SECRET)
		buf_str(out, " Never taken from the environment.");
	buf_ch(out, '\n');
}

void settings_manual(struct buf *out, bool roff)
{
	for (size_t i = 0; i < SETTINGS_ROW_COUNT; i++) {
		if (!i || !str_eq(settings_rows[i].section, settings_rows[i - 1].section))
			buf_fmt(out, roff ? ".SS [%s]\n" : "[%s]\n", settings_rows[i].section);
		manual_row(out, &settings_rows[i], roff);
	}
}
