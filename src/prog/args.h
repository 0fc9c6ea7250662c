/* Arguments of a verb, read by a table: `--name value`, `--name=value`, `-o value`, `--flag`, words, and
 * `--` before words that begin with a dash.  An unknown option is answered with the nearest known one. */
#ifndef PLI_ARGS_H
#define PLI_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct pool;

#define ARGS_LIST_MAX 1024	/* of one repeatable option, and of words */

struct args_option {
	const char *name;	/* "--listen" */
	const char *value;	/* "ADDR:PORT" as shown; NULL: a flag */
	const char *help;
	bool many;		/* may be given several times */
	char letter;		/* 'o' for -o; 0: none */
};

struct args;	/* lives in its pool, borrows argv */

/* options ends with a NULL name.  Words fewer than min_words or more than max_words are an error that shows usage.
 * PLI_INPUT with the text for the user. */
MUST enum pli_status args_parse(struct pool *pool, const struct args_option *options, const char *usage,
				unsigned min_words, unsigned max_words, int argc, char **argv,
				struct args **args_r, struct err *err);
bool args_flag(const struct args *args, const char *name);
/* The (last) value, NULL when not given. */
const char *args_value(const struct args *args, const char *name);
/* All values of a repeatable option, NULL-terminated; never NULL. */
const char *const *args_values(const struct args *args, const char *name, unsigned *count_r);
/* Word n from 0, NULL beyond the last. */
const char *args_word(const struct args *args, unsigned n);
unsigned args_word_count(const struct args *args);
/* A whole number within min..max; *n_r keeps its value when the option is not given. */
MUST enum pli_status args_number(const struct args *args, const char *name, int64_t min, int64_t max, int64_t *n_r,
				 struct err *err);

#endif
