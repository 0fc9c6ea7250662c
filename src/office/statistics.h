/* What became of letters, in figures (B17, B38): by day, week or month of the instance's zone.
 *
 * Figures come from the journal's counters and from one row a first reading; both are written in the transaction of what they count, so
 * they equal a count over the journal at any moment.  An editor's are his own letters', a reader's and an auditor's the entity's; hidden
 * copies count for those only who may know of them. */
#ifndef PLI_STATISTICS_H
#define PLI_STATISTICS_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct buf;
struct db_tx;
struct office;
struct pool;
struct principal;
struct uuid;

enum statistics_by { STATISTICS_DAY, STATISTICS_WEEK, STATISTICS_MONTH };
#define STATISTICS_ROWS_MAX 400

struct statistics_row {
	char period[12];		/* 2026-11-22, 2026-W47, 2026-11; "" of the total */
	int64_t first_day, last_day;	/* days since 1970 of the local dates in it that were asked for */
	int64_t sent;			/* letters whose first notices were all handed over: document.sent */
	int64_t delivered;		/* recipients whose first notice was: notice.sent */
	int64_t read;			/* of the recipients first notified in the period: those who have opened */
	int64_t failures;		/* notices given up: notice.failed */
	int64_t bytes;			/* messages and files of the letters accepted: deposit.accepted */
	bool has_median;
	int64_t median_seconds;		/* of those who have opened: from the notice to the opening */
};
struct statistics {
	enum statistics_by by;
	char from[11], to[11];		/* local dates, both included */
	const char *zone;
	struct statistics_row *rows;	/* in order of time, empty periods too */
	unsigned count;
	struct statistics_row total;
};
struct statistics_query {
	const char *from, *to, *by;	/* texts as given: dates; NULL: the last 30 days, 12 weeks or 12 months; by NULL: day */
};
/* PLI_INVALID with the field (also for more than STATISTICS_ROWS_MAX periods); PLI_DENIED; PLI_BUSY while entries from before there
 * were counters, or of another zone, are still being counted. */
MUST enum pli_status statistics_read(struct office *office, const struct principal *who, struct pool *pool,
				     const struct statistics_query *query, struct statistics *statistics_r, struct err *err);
void statistics_json(const struct statistics *statistics, struct buf *out);

/* ---- for the office ---- */

/* A recipient has opened for the first time; inside the write function that says so. */
struct statistics_reading {
	const struct uuid *entity, *account, *letter, *recipient;
	unsigned n;
	bool hidden;
	int64_t read_us;
};
MUST enum pli_status statistics_reading_add(struct office *office, struct db_tx *tx, const struct statistics_reading *reading,
					    struct err *err);
/* Counts entries that were written before there were counters or under another zone: some at a time; blocks.  *done_r: all are counted. */
MUST enum pli_status statistics_fill(struct office *office, bool *done_r, struct err *err);

#endif
