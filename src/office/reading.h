/* How surely a letter was read, by degrees, for each recipient: a link visited by a machine, seen in a browser by a person, opened and by whom
 * as far as it was asked, each document requested or received in full, receipt acknowledged.  All of it follows from the journal (and, for the hour
 * that is not over, from the visits counted); only the last degree makes "opened" and "received". */
#ifndef PLI_READING_H
#define PLI_READING_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct jsonw;
struct letter;
struct office;
struct pool;

struct reading_part {
	unsigned n;			/* of the letter's files */
	bool complete;			/* all of it has gone out; else it was asked for */
};
struct reading {
	unsigned machine_visits;	/* of the link: nothing showed that a person was there */
	unsigned page_visits;		/* the browser said that a person had gone there */
	const char *method;		/* link | link+password, of the newest opening; NULL: never opened */
	int level;			/* 0..4, of the same */
	const char *act;		/* of the first opening: user (the browser said so), confirmed (asked again), form; NULL: not noted */
	int64_t acknowledged_us;	/* first opening; 0: none */
	struct reading_part *parts;	/* by number */
	unsigned part_count;
};
/* Gives each of the letter's recipients (as its viewer sees them) his reading; of a letter from an archive nobody's.  Blocks. */
MUST enum pli_status reading_load(struct office *office, struct pool *pool, struct letter *letter, struct err *err);
/* Member `reading` of a recipient. */
void reading_json(const struct reading *reading, struct jsonw *w);

#endif
