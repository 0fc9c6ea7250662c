/* How much longer until a server's notices have all left: waiting DATABASE SECONDS FIGURE.  Ends with 1 when they have not after so many seconds,
 * or when one was given up. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long count(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;
	long n = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct timespec pause = { .tv_nsec = 20000000 };
	double begun = now();
	sqlite3 *db;
	long left, lost;

	if (argc != 4 || sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		return 2;
	sqlite3_busy_timeout(db, 5000);
	while ((left = count(db, "SELECT COUNT(*) FROM notice WHERE due IS NOT NULL")) != 0 && now() - begun < atof(argv[2]))
		nanosleep(&pause, NULL);
	printf("%s %.3f s\n", argv[3], now() - begun);
	lost = count(db, "SELECT COUNT(*) FROM recipient WHERE state IN ('pending', 'failed')");
	sqlite3_close(db);
	if (left != 0 || lost != 0)
		fprintf(stderr, "waiting: %ld notices are still here, %ld recipients have none\n", left, lost);
	return left != 0 || lost != 0;
}
