/* The command line: one table of verbs, from which `pli help` is made. */
#ifndef PLI_CLI_H
#define PLI_CLI_H

#include <stdbool.h>

struct args;
struct args_option;
struct pool;

struct cli_call {
	struct pool *pool;	/* wiped at the end: arguments and answers may be secrets */
	const struct args *args;
	bool json;		/* --json */
};
struct cli_verb {
	const char *name;	/* "user add" */
	const char *synopsis;	/* "user add DIR EMAIL --name N …" */
	const char *summary;	/* one line */
	const char *text;	/* more, for `pli help VERB`; may be NULL */
	const struct args_option *options;
	unsigned min_words, max_words;
	int (*run)(struct cli_call *call);	/* returns the exit status */
};
/* Ends with a NULL name; in the order of help. */
extern const struct cli_verb cli_verbs[];

/* Whose verb it is: the table has them in this order. */
enum cli_group { CLI_OPERATOR, CLI_USER, CLI_OTHER };
enum cli_group cli_group(const struct cli_verb *verb);

/* argv without the program's name. */
int cli_main(int argc, char **argv);

#endif
