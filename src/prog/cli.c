#include <stdio.h>
#include <string.h>

#include "log.h"
#include "pool.h"
#include "text.h"

#include "args.h"
#include "confine.h"
#include "sysexit.h"

#include "cli.h"

#define VERBS_MAX 64

/* How many words of argv the verb's name takes; 0: another verb. */
static int words_of(const struct cli_verb *verb, int argc, char **argv)
{
	const char *name = verb->name;
	int words = 0;

	while (*name) {
		size_t n = strcspn(name, " ");
		if (words >= argc || strlen(argv[words]) != n || memcmp(argv[words], name, n) != 0)
			return 0;
		words++;
		name += n;
		name += *name == ' ';
	}
	return words;
}

/* The verb with the longest name that argv begins with. */
static const struct cli_verb *find(int argc, char **argv, int *words_r)
{
	const struct cli_verb *best = NULL;

	*words_r = 0;
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		int words = words_of(v, argc, argv);
		if (words > *words_r) {
			best = v;
			*words_r = words;
		}
	}
	return best;
}

static void list_verbs(FILE *to, const char *first_word)
{
	for (const struct cli_verb *v = cli_verbs; v->name; v++)
		if (!first_word || (str_starts(v->name, first_word) && v->name[strlen(first_word)] == ' '))
			fprintf(to, "  %-20s %s\n", v->name, v->summary);
}

static bool is_group(const char *word)
{
	for (const struct cli_verb *v = cli_verbs; v->name; v++)
		if (str_starts(v->name, word) && v->name[strlen(word)] == ' ')
			return true;
	return false;
}

enum cli_group cli_group(const struct cli_verb *verb)
{
	enum cli_group group = CLI_OPERATOR;

	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		if (str_eq(v->name, "send"))
			group = CLI_USER;
		else if (str_eq(v->name, "man"))
			group = CLI_OTHER;
		if (v == verb)
			break;
	}
	return group;
}

static void help_all(FILE *to)
{
	static const char *const headings[] = {
		[CLI_OPERATOR] = "On an instance directory",
		[CLI_USER] = "As a user, through a server's API (--server, --token-file, --ca, or ~/.config/pli/config)",
		[CLI_OTHER] = "Of the program itself",
	};
	int group = -1;

	fprintf(to, "pli: registered electronic correspondence, self-hosted\n");
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		if ((int)cli_group(v) != group) {
			group = (int)cli_group(v);
			fprintf(to, "\n%s:\n", headings[group]);
		}
		fprintf(to, "  %-20s %s\n", v->name, v->summary);
	}
	fprintf(to, "\npli help VERB says more.\n");
}

static int help_verb(const struct cli_verb *verb)
{
	printf("pli %s\n\n%s\n", verb->synopsis, verb->summary);
	if (verb->text)
		printf("\n%s\n", verb->text);
	if (verb->options[0].name)
		printf("\n");
	for (const struct args_option *o = verb->options; o->name; o++) {
		char shown[64];
		snprintf(shown, sizeof(shown), "%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
		if (o->letter)
			snprintf(shown, sizeof(shown), "-%c, %s %s", o->letter, o->name, o->value ? o->value : "");
		printf("  %-28s %s\n", shown, o->help);
	}
	return EX_OK;
}

static int unknown_verb(int argc, char **argv)
{
	const char *names[VERBS_MAX + 1], *near;
	char given[80];
	int n = 0;

	for (const struct cli_verb *v = cli_verbs; v->name && n < VERBS_MAX; v++)
		names[n++] = v->name;
	names[n] = NULL;
	if (is_group(argv[0])) {
		fprintf(stderr, "pli: %s needs one word more:\n", argv[0]);
		list_verbs(stderr, argv[0]);
		return EX_USAGE;
	}
	snprintf(given, sizeof(given), "%s%s%s", argv[0], argc > 1 && argv[1][0] != '-' ? " " : "",
		 argc > 1 && argv[1][0] != '-' ? argv[1] : "");
	near = str_nearest(argv[0], names);
	if (!near)
		near = str_nearest(given, names);
	fprintf(stderr, near ? "pli: no verb '%.60s', did you mean %s?\n" : "pli: no verb '%.60s'\n", argv[0], near);
	fprintf(stderr, "     pli help lists all\n");
	return EX_USAGE;
}

static int help(int argc, char **argv)
{
	const struct cli_verb *verb;
	int words;

	if (argc == 0) {
		help_all(stdout);
		return EX_OK;
	}
	verb = find(argc, argv, &words);
	if (verb)
		return help_verb(verb);
	if (is_group(argv[0])) {
		list_verbs(stdout, argv[0]);
		return EX_OK;
	}
	return unknown_verb(argc, argv);
}

static bool asks_help(int argc, char **argv)
{
	for (int i = 0; i < argc && !str_eq(argv[i], "--"); i++)
		if (str_eq(argv[i], "--help") || str_eq(argv[i], "-h"))
			return true;
	return false;
}

static bool has_json(const struct cli_verb *verb)
{
	for (const struct args_option *o = verb->options; o->name; o++)
		if (str_eq(o->name, "--json"))
			return true;
	return false;
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
	AUTO_POOL pool = pool_new_secret();
	struct cli_call call = { .pool = pool };
	struct err err = { 0 };
	struct args *args;
	int status;

	if (args_parse(pool, verb->options, verb->synopsis, verb->min_words, verb->max_words, argc, argv, &args, &err) !=
	    PLI_OK)
		return sysexit_say(&err);
	call.args = args;
	call.json = has_json(verb) && args_flag(args, "--json");
	status = verb->run(&call);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "pli: standard output cannot be written\n");
		return EX_IOERR;
	}
	return status;
}

int cli_main(int argc, char **argv)
{
	const struct cli_verb *verb;
	int words;

	confine_self();
	log_init("pli", LOG_INFO_LEVEL);
	if (argc == 0) {
		help_all(stderr);
		return EX_USAGE;
	}
	if (str_eq(argv[0], "--version")) {
		printf("pli 1\n");
		return EX_OK;
	}
	if (str_eq(argv[0], "help") || str_eq(argv[0], "--help") || str_eq(argv[0], "-h"))
		return help(argc - 1, argv + 1);
	verb = find(argc, argv, &words);
	if (!verb)
		return unknown_verb(argc, argv);
	if (asks_help(argc - words, argv + words))
		return help_verb(verb);
	return run(verb, argc - words, argv + words);
}
