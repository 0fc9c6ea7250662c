/* Option parser of the verbs; the tables stand beside the verbs themselves (cli.c). */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"
#include "text.h"

#include "args.h"

#define OPTIONS_MAX 32

struct args {
	const struct args_option *options;
	const char **values[OPTIONS_MAX];	/* NULL-terminated */
	unsigned counts[OPTIONS_MAX];
	const char **words;
	unsigned word_count;
};

static int option_index(const struct args_option *options, const char *name, size_t n)
{
	for (int i = 0; options[i].name; i++)
		if (strlen(options[i].name) == n && memcmp(options[i].name, name, n) == 0)
			return i;
	return -1;
}

static int letter_index(const struct args_option *options, char letter)
{
	for (int i = 0; options[i].name; i++)
		if (options[i].letter == letter)
			return i;
	return -1;
}

static enum pli_status unknown_option(const struct args_option *options, const char *given, const char *usage,
				      struct err *err)
{
	const char *names[OPTIONS_MAX + 1];
	int n = 0;
	const char *near;

	for (; options[n].name; n++)
		names[n] = options[n].name;
	names[n] = NULL;
	near = str_nearest(given, names);
	(void)err_field(err, PLI_INPUT, "unknown-option", given, near ? "unknown option %s, did you mean %s?"
			: "unknown option %s", given, near);
	return err_hint(err, "usage: pli %s", usage);
}

static enum pli_status add_value(struct pool *pool, struct args *a, int i, const char *value, struct err *err)
{
	const struct args_option *o = &a->options[i];

	if (a->counts[i] && !o->many)
		return err_set(err, PLI_INPUT, "%s is given twice", o->name);
	if (a->counts[i] >= ARGS_LIST_MAX)
		return err_set(err, PLI_INPUT, "%s is given more than %d times", o->name, ARGS_LIST_MAX);
	if (!a->values[i])
		a->values[i] = POOL_ARRAY(pool, const char *, o->many ? ARGS_LIST_MAX + 1 : 2);
	a->values[i][a->counts[i]++] = value;
	return PLI_OK;
}

/* One option at argv[*at]; moves *at to the last argument that it took. */
static enum pli_status take_option(struct pool *pool, struct args *a, const char *usage, int argc, char **argv,
				   int *at, struct err *err)
{
	const char *arg = argv[*at], *value = NULL;
	int i;

	if (arg[1] == '-') {
		const char *equal = strchr(arg, '=');
		i = option_index(a->options, arg, equal ? (size_t)(equal - arg) : strlen(arg));
		value = equal ? equal + 1 : NULL;
	} else {
		i = letter_index(a->options, arg[1]);
		value = arg[2] ? arg + 2 : NULL;
	}
	if (i < 0)
		return unknown_option(a->options, arg, usage, err);
	if (!a->options[i].value) {
		if (value)
			return err_set(err, PLI_INPUT, "%s takes no value", a->options[i].name);
		return add_value(pool, a, i, "", err);
	}
	if (!value) {
		if (*at + 1 >= argc) {
			(void)err_set(err, PLI_INPUT, "%s needs a value (%s)", a->options[i].name, a->options[i].value);
			return err_hint(err, "usage: pli %s", usage);
		}
		value = argv[++*at];
	}
	return add_value(pool, a, i, value, err);
}

enum pli_status args_parse(struct pool *pool, const struct args_option *options, const char *usage,
			   unsigned min_words, unsigned max_words, int argc, char **argv, struct args **args_r,
			   struct err *err)
{
	struct args *a = POOL_NEW(pool, struct args);
	bool words_only = false;
	enum pli_status st;
	unsigned n = 0;

	while (options[n].name)
		n++;
	assert(n <= OPTIONS_MAX);
	a->options = options;
	a->words = POOL_ARRAY(pool, const char *, argc + 1);
	for (int i = 0; i < argc; i++) {
		if (words_only || argv[i][0] != '-' || !argv[i][1]) {
			a->words[a->word_count++] = argv[i];
		} else if (str_eq(argv[i], "--")) {
			words_only = true;
		} else {
			st = take_option(pool, a, usage, argc, argv, &i, err);
			if (st != PLI_OK)
				return st;
		}
	}
	if (a->word_count < min_words) {
		(void)err_set(err, PLI_INPUT, "something is missing");
		return err_hint(err, "usage: pli %s", usage);
	}
	if (a->word_count > max_words) {
		(void)err_set(err, PLI_INPUT, "one word too many: %s", a->words[max_words]);
		return err_hint(err, "usage: pli %s", usage);
	}
	*args_r = a;
	return PLI_OK;
}

/* Asking for an option that the verb's table lacks is a mistake of ours. */
static int known(const struct args *args, const char *name)
{
	int i = option_index(args->options, name, strlen(name));

	assert(i >= 0);
	return i;
}

bool args_flag(const struct args *args, const char *name)
{
	return args->counts[known(args, name)] > 0;
}

const char *args_value(const struct args *args, const char *name)
{
	int i = known(args, name);

	return args->counts[i] ? args->values[i][args->counts[i] - 1] : NULL;
}

const char *const *args_values(const struct args *args, const char *name, unsigned *count_r)
{
	static const char *const none[] = { NULL };
	int i = known(args, name);

	if (count_r)
		*count_r = args->counts[i];
	return args->counts[i] ? args->values[i] : none;
}

const char *args_word(const struct args *args, unsigned n)
{
	return n < args->word_count ? args->words[n] : NULL;
}

unsigned args_word_count(const struct args *args)
{
	return args->word_count;
}

enum pli_status args_number(const struct args *args, const char *name, int64_t min, int64_t max, int64_t *n_r,
			    struct err *err)
{
	const char *s = args_value(args, name);
	char *end;
	long long v;

	if (!s)
		return PLI_OK;
	errno = 0;
	v = strtoll(s, &end, 10);
	if (errno || end == s || *end || v < min || v > max)
		return err_set(err, PLI_INPUT, "%s takes a number from %lld to %lld, not '%.40s'", name,
			       (long long)min, (long long)max, s);
	*n_r = v;
	return PLI_OK;
}
