/* The schema, as the steps of schema/<engine>/NNNN-name.sql, compiled in, in order of number. */
#ifndef PLI_MIGRATION_H
#define PLI_MIGRATION_H

#include <stddef.h>

struct migration {
	int number;		/* 1, 2, 3 … without a gap */
	const char *name;	/* "0001-first.sql" */
	const char *sql;	/* the text; static */
};

/* engine: "sqlite" or "postgres".  The steps and, in count_r, how many; NULL and 0 when none. */
const struct migration *migration_list(const char *engine, size_t *count_r);

#endif
