/* web/locale/LANG.txt: `key = text` lines.  Every language has the same keys with the same arguments. */
#include <stdlib.h>
#include <string.h>

#include "embed.h"

static struct text_locale *locales;
static size_t locale_count;

/* Bit N set: the text holds %N.  Also the one place that says what a text may hold. */
static unsigned arguments(const char *path, unsigned line, const char *text)
{
	unsigned set = 0;

	for (; *text; text++) {
		if (*text != '%')
			continue;
		text++;
		if (*text >= '1' && *text <= '9')
			set |= 1u << (*text - '0');
		else if (*text != '%')
			fail(path, line, "a %% is followed by 1 … 9 or another %%");
	}
	return set;
}

static void check_utf8(const char *path, unsigned line, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	while (*p) {
		int more = *p < 0x80 ? 0 : *p >= 0xC2 && *p < 0xE0 ? 1 : (*p & 0xF0) == 0xE0 ? 2 :
			   *p >= 0xF0 && *p < 0xF5 ? 3 : -1;

		if (more < 0)
			fail(path, line, "not UTF-8");
		for (p++; more > 0; more--, p++)
			if ((*p & 0xC0) != 0x80)
				fail(path, line, "not UTF-8");
	}
}

static char *unescape(const char *path, unsigned line, char *text)
{
	char *to = text;

	for (char *from = text; *from; from++) {
		if (*from != '\\') {
			*to++ = *from;
			continue;
		}
		from++;
		if (*from == 'n')
			*to++ = '\n';
		else if (*from == '\\')
			*to++ = '\\';
		else
			fail(path, line, "a \\ is followed by n or another \\");
	}
	*to = 0;
	return text;
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

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct locale_entry *)a)->key, ((const struct locale_entry *)b)->key);
}

static void read_line(struct text_locale *l, const struct file *file, unsigned number, char *line)
{
	char *equals = strchr(line, '='), *key, *text;

	if (!equals)
		fail(file->path, number, "expected `key = text`");
	*equals = 0;
	key = trim(line);
	text = unescape(file->path, number, trim(equals + 1));
	if (!*key || key[strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789._-")])
		fail(file->path, number, "a key is made of a-z 0-9 . _ -, not '%s'", key);
	check_utf8(file->path, number, text);
	arguments(file->path, number, text);
	l->entries = grow(l->entries, (l->count + 1) * sizeof(*l->entries));
	l->entries[l->count++] = (struct locale_entry){ key, text };
}

static void read_locale(struct text_locale *l, struct file *file)
{
	char *line = file->bytes;
	unsigned number = 0;

	l->lang = text_format("%.*s", (int)(strlen(file->name) - 4), file->name);
	while (line) {
		char *end = strchr(line, '\n');

		if (end)
			*end = 0;
		number++;
		line = trim(line);
		if (*line && *line != '#')
			read_line(l, file, number, line);
		line = end ? end + 1 : NULL;
	}
	if (l->count)
		qsort(l->entries, l->count, sizeof(*l->entries), by_key);
	for (size_t i = 1; i < l->count; i++)
		if (strcmp(l->entries[i].key, l->entries[i - 1].key) == 0)
			fail(file->path, 0, "%s is there twice", l->entries[i].key);
}

static const char *text_of(const struct text_locale *l, const char *key)
{
	struct locale_entry wanted = { key, NULL };
	const struct locale_entry *found;

	if (!l->count)
		return NULL;
	found = bsearch(&wanted, l->entries, l->count, sizeof(*l->entries), by_key);
	return found ? found->text : NULL;
}

/* All faults at once: translators work through a list. */
static void compare(const char *web)
{
	bool same = true;

	for (size_t i = 0; i < locale_count; i++) {
		for (size_t k = 0; k < locales[i].count; k++) {
			const struct locale_entry *e = &locales[i].entries[k];

			for (size_t j = 0; j < locale_count; j++) {
				const char *other = text_of(&locales[j], e->key);

				if (!other)
					fprintf(stderr, "%s/locale/%s.txt: %s is missing (it is in %s.txt)\n", web,
						locales[j].lang, e->key, locales[i].lang);
				else if (arguments("", 0, other) != arguments("", 0, e->text))
					fprintf(stderr, "%s/locale/%s.txt: %s has other arguments than in %s.txt\n",
						web, locales[j].lang, e->key, locales[i].lang);
				else
					continue;
				same = false;
			}
		}
	}
	if (!same)
		fail(web, 0, "the translations differ");
}

void locales_read(const char *web)
{
	size_t count;
	struct file *files = files_read(text_format("%s/locale", web), &count);

	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(files[i].name);

		if (n < 5 || strcmp(files[i].name + n - 4, ".txt") != 0)
			fail(files[i].path, 0, "a translation is called LANG.txt");
		locales = grow(locales, (locale_count + 1) * sizeof(*locales));
		memset(&locales[locale_count], 0, sizeof(*locales));
		read_locale(&locales[locale_count++], &files[i]);
	}
	compare(web);
}

static int largest(unsigned set)
{
	int most = 0;

	for (int i = 1; i <= 9; i++)
		if (set & 1u << i)
			most = i;
	return most;
}

int locale_arguments(const char *key)
{
	const char *text = locale_count ? text_of(&locales[0], key) : NULL;

	return text ? largest(arguments("", 0, text)) : -1;
}

int locale_prefix_arguments(const char *prefix)
{
	int most = -1;

	for (size_t i = 0; locale_count && i < locales[0].count; i++) {
		const struct locale_entry *e = &locales[0].entries[i];

		if (strncmp(e->key, prefix, strlen(prefix)) == 0 && largest(arguments("", 0, e->text)) > most)
			most = largest(arguments("", 0, e->text));
	}
	return most;
}

void locales_write(FILE *out)
{
	for (size_t i = 0; i < locale_count; i++) {
		fprintf(out, "static const struct locale_entry locale_%s[] = {\n", c_name(locales[i].lang));
		for (size_t k = 0; k < locales[i].count; k++) {
			fprintf(out, "\t{ \"%s\", ", locales[i].entries[k].key);
			string_write(out, locales[i].entries[k].text, strlen(locales[i].entries[k].text));
			fputs(" },\n", out);
		}
		fputs("\t{ 0 }\n};\n", out);
	}
	/* Without any translation the look-ups still have one to return. */
	fputs("const struct locale web_locales[] = {\n", out);
	for (size_t i = 0; i < locale_count; i++)
		fprintf(out, "\t{ \"%s\", locale_%s, %zu },\n", locales[i].lang, c_name(locales[i].lang),
			locales[i].count);
	fputs("\t{ \"fr\", 0, 0 }\n};\n", out);
	fprintf(out, "const size_t web_locale_count = %zu;\n\n", locale_count);
}
