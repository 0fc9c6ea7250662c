/* What is known of the time from one process to the next, and who may say that a clock that jumped is right; see deadline.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "clock.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "db.h"

#include "journal.h"

#include "deadline.h"
#include "office_own.h"

#define KEPT_MAX 200
#define KEEP_US (600 * SECOND_US)
/* What two clocks that are right may differ by, the way between them included. */
#define SAME_US (300 * SECOND_US)

static const char KEPT_GET[] = "SELECT v FROM instance WHERE k = 'clock'";
static const char KEPT_SET[] = "INSERT INTO instance (k, v) VALUES ('clock', $1) ON CONFLICT (k) DO UPDATE SET v = excluded.v";
static const char ENTRY_NEWEST[] = "SELECT t FROM journal ORDER BY seq DESC LIMIT 1";

/* ---- as text: version, start of the machine, its steady clock, the moment believed then, the state ---- */

void deadline_clock_write(const struct deadline_clock *c, int64_t boot_us, const char *boot, struct buf *out)
{
	buf_fmt(out, "1 %.*s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %d %d %" PRId64, DEADLINE_BOOT_MAX, boot && *boot ? boot : "-", boot_us,
		c->wall_us + (boot_us - c->boot_us), c->off_us, c->off_boot_us, c->told, c->away, c->limit_us);
}

/* A jump that nobody believed yet stays one: what it was is no time that the machine was off. */
static void resume_away(struct deadline_clock *c, int64_t boot_us)
{
	int64_t limit_us = c->off_us > 0 && c->off_us <= DEADLINE_AWAY_US ? c->off_us - 1 : DEADLINE_AWAY_US;

	*c = (struct deadline_clock){ .wall_us = c->wall_us, .boot_us = boot_us, .away = true, .limit_us = limit_us };
}

bool deadline_clock_resume(struct deadline_clock *clock_r, const char *text, size_t n, int64_t boot_us, const char *boot)
{
	char line[KEPT_MAX + 1], was[DEADLINE_BOOT_MAX + 1];
	struct deadline_clock c = { 0 };
	int told, away, end = 0;

	if (n > KEPT_MAX)
		return false;
	memcpy(line, text, n);
	line[n] = '\0';
	if (sscanf(line, "1 %36s %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %d %d %" SCNd64 "%n", was, &c.boot_us, &c.wall_us, &c.off_us,
		   &c.off_boot_us, &told, &away, &c.limit_us, &end) != 8 || (size_t)end != n || c.wall_us <= 0)
		return false;
	c.told = told;
	c.away = away;
	if (!boot || !str_eq(boot, was) || boot_us < c.boot_us)
		resume_away(&c, boot_us);
	*clock_r = c;
	return true;
}

/* ---- kept ---- */

/* False: there is none that can be read. */
static bool kept_get(struct db_conn *conn, const char *boot, struct deadline_clock *clock_r)
{
	AUTO_ROWS rows = { 0 };
	const void *p;
	size_t n;

	if (db_query(conn, &rows, NULL, KEPT_GET, "") != PLI_OK || db_next(&rows, NULL) != PLI_OK)
		return false;
	p = db_blob(&rows, 0, &n);
	if (deadline_clock_resume(clock_r, p, p ? n : 0, clock_boot_us(), boot))
		return true;
	log_error("clock.kept", "the row of the time that was believed last is damaged; the newest entry's is taken");
	return false;
}

static enum pli_status entry_get(struct db_conn *conn, struct deadline_clock *clock_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, ENTRY_NEWEST, "");

	if (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK)
		*clock_r = (struct deadline_clock){ .wall_us = db_int(&rows, 0), .boot_us = clock_boot_us(), .away = true,
						    .limit_us = DEADLINE_AWAY_US };
	return st == PLI_ABSENT ? PLI_OK : st;
}

enum pli_status deadline_load(struct office *office, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct deadline_clock c = { 0 };
	enum pli_status st = kept_get(conn, office->parts.boot, &c) ? PLI_OK : entry_get(conn, &c, err);

	db_reader_give(office->parts.db, conn);
	if (st != PLI_OK)
		return st;
	pthread_mutex_lock(&office->lock);
	office->clock = c;
	pthread_mutex_unlock(&office->lock);
	return PLI_OK;
}

static enum pli_status keep_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct buf *text = arg;

	return db_run(tx->conn, NULL, err, KEPT_SET, "b", text->p, text->n);
}

void deadline_keep(struct office *office, bool always)
{
	AUTO_BUF text = { 0 };
	int64_t boot_us;
	bool due;
	struct err err;

	(void)deadline_now_us(office);
	pthread_mutex_lock(&office->lock);
	boot_us = clock_boot_us();
	due = always || !office->clock_kept_us || boot_us - office->clock_kept_us >= KEEP_US || office->clock.off_us != office->clock_kept_off_us;
	deadline_clock_write(&office->clock, boot_us, office->parts.boot, &text);
	if (due) {
		office->clock_kept_us = boot_us;
		office->clock_kept_off_us = office->clock.off_us;
	}
	pthread_mutex_unlock(&office->lock);
	if (due && db_write(office->parts.db, keep_fn, &text, &err) != PLI_OK) {
		log_debug("clock.keep", "%s", err.text);
		pthread_mutex_lock(&office->lock);
		office->clock_kept_us = 0;
		pthread_mutex_unlock(&office->lock);
	}
}

/* ---- confirmed ---- */

int64_t deadline_off_us(struct office *office, bool *waits_r)
{
	int64_t off_us;

	(void)deadline_now_us(office);
	pthread_mutex_lock(&office->lock);
	off_us = office->clock.off_us;
	*waits_r = off_us && deadline_clock_waits(&office->clock);
	pthread_mutex_unlock(&office->lock);
	return off_us;
}

struct confirming {
	struct office *office;
	const struct journal_actor *actor;
	const char *by;
	int64_t off_us;
};

static enum pli_status confirmed_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct confirming *c = arg;

	return journal_add(c->office->parts.journal, tx,
			   &(struct journal_event){ .ev = "clock.confirmed", .actor = c->actor,
						    .d_json = pool_fmt(tx->pool, "{\"by\":\"%s\",\"by_s\":%" PRId64 "}", c->by, c->off_us / SECOND_US) },
			   err);
}

/* The entry first: without it nothing ends by the new time. */
static enum pli_status confirm(struct confirming *c, struct err *err)
{
	struct office *office = c->office;
	enum pli_status st = db_write(office->parts.db, confirmed_fn, c, err);

	if (st != PLI_OK && st != PLI_UNCERTAIN)
		return st;
	pthread_mutex_lock(&office->lock);
	office->clock = (struct deadline_clock){ .wall_us = clock_now_us(), .boot_us = clock_boot_us() };
	pthread_mutex_unlock(&office->lock);
	log_warn("clock.confirmed", "the machine's clock, %" PRId64 " s from what was known, is believed: %s", c->off_us / SECOND_US, c->by);
	deadline_keep(office, true);
	return PLI_OK;
}

void deadline_confirm(struct office *office, const char *by, int64_t t_us)
{
	static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };
	int64_t apart_us = clock_now_us() - t_us;
	struct confirming c = { .office = office, .actor = &SYSTEM, .by = by };
	struct err err;
	bool waits;

	if (apart_us > SAME_US || apart_us < -SAME_US || !(c.off_us = deadline_off_us(office, &waits)))
		return;
	if (confirm(&c, &err) != PLI_OK)
		log_warn("clock.confirm", "%s", err.text);
}

enum pli_status deadline_confirm_own(struct office *office, const struct journal_actor *actor, int64_t *off_us_r, struct err *err)
{
	struct confirming c = { .office = office, .actor = actor, .by = "operator" };
	bool waits;

	c.off_us = *off_us_r = deadline_off_us(office, &waits);
	return c.off_us ? confirm(&c, err) : PLI_OK;
}
