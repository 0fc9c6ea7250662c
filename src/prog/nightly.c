/* See nightly.h. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "db.h"

#include "alert.h"
#include "selfproof.h"

#include "front.h"
#include "selfproof_run.h"

#include "nightly.h"

#define LOOK_S 20
#define AFTER_START_US (600 * SECOND_US)
#define AGAIN_US (1800 * SECOND_US)

static const char SINCE_GET[] = "SELECT v FROM instance WHERE k = 'served_since'";
static const char SINCE_SET[] = "INSERT INTO instance (k, v) VALUES ('served_since', $1) ON CONFLICT (k) DO NOTHING";

struct nightly {
	struct front *front;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stop, ended;
	int64_t begun_us, made_us, tried_us;
};

/* The last moment at or before now that the clock on the wall showed `at`. */
static int64_t last_at_us(const char *at, const char *zone, int64_t now_us)
{
	int64_t day = clock_local_day(now_us, zone), minutes = strtol(at, NULL, 10) * 60 + strtol(at + 3, NULL, 10);
	int64_t t_us = clock_day_begin(day, zone) + minutes * 60 * SECOND_US;

	return t_us <= now_us ? t_us : clock_day_begin(day - 1, zone) + minutes * 60 * SECOND_US;
}

/* What a clock that was ahead once noted says nothing. */
static bool noted_since(const struct nightly_facts *f, int64_t noted_us, int64_t at_us)
{
	return noted_us >= at_us && noted_us <= f->now_us;
}

bool nightly_due(const struct nightly_facts *f)
{
	int64_t at_us = last_at_us(f->at, f->zone, f->now_us);

	if (str_eq(f->at, "off") || f->clock_off || noted_since(f, f->made_us, f->now_us - DAY_US + 1))
		return false;
	if (noted_since(f, f->last_us, at_us))
		return false;
	if (noted_since(f, f->tried_us, at_us) && f->now_us - f->tried_us < AGAIN_US)
		return false;
	return f->begun_us < at_us || f->now_us - f->begun_us >= AFTER_START_US;
}

/* ---- the thread ---- */

static enum pli_status since_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const char *text = arg;

	return db_run(tx->conn, NULL, err, SINCE_SET, "b", text, strlen(text));
}

static int64_t since_read(struct nightly *n)
{
	struct db_conn *conn = db_reader_take(n->front->db);
	struct db_rows rows = { 0 };
	char text[24] = "";
	size_t size = 0;

	if (db_query(conn, &rows, NULL, SINCE_GET, "") == PLI_OK && db_next(&rows, NULL) == PLI_OK) {
		const char *p = db_blob(&rows, 0, &size);

		snprintf(text, sizeof(text), "%.*s", (int)size, p ? p : "");
	}
	db_end(&rows);
	db_reader_give(n->front->db, conn);
	return strtoll(text, NULL, 10);
}

static void since_settle(struct nightly *n)
{
	char text[24];
	struct err err;

	n->made_us = since_read(n);
	if (n->made_us)
		return;
	snprintf(text, sizeof(text), "%lld", (long long)n->begun_us);
	n->made_us = n->begun_us;
	if (db_write(n->front->db, since_fn, text, &err) != PLI_OK)
		log_warn("nightly.since", "%s", err.text);
}

static void look(struct nightly *n)
{
	const struct settings *s = n->front->settings;
	struct selfproof run = { 0 };
	struct nightly_facts f = { .at = s->selfproof_at, .zone = s->timezone, .now_us = clock_now_us(), .begun_us = n->begun_us,
				   .made_us = n->made_us, .tried_us = n->tried_us,
				   .clock_off = alert_count(n->front->office, ALERT_CLOCK) > 0 };
	struct err err = { 0 };

	/* One that was left undone is none. */
	if (selfproof_newest(n->front->office, &run, &err) == PLI_OK && (selfproof_holds(&run) || selfproof_failed(&run)))
		f.last_us = run.at_us;
	if (!nightly_due(&f))
		return;
	n->tried_us = f.now_us;
	if (selfproof_run(n->front, -1, &run, &err) != PLI_OK)
		log_warn("nightly", "%s", err.text);
}

static void *nightly_thread(void *arg)
{
	struct nightly *n = arg;
	struct timespec next;

	since_settle(n);
	pthread_mutex_lock(&n->lock);
	while (!n->stop) {
		pthread_mutex_unlock(&n->lock);
		look(n);
		clock_gettime(CLOCK_MONOTONIC, &next);
		next.tv_sec += LOOK_S;
		pthread_mutex_lock(&n->lock);
		while (!n->stop && pthread_cond_timedwait(&n->changed, &n->lock, &next) != ETIMEDOUT)
			;
	}
	n->ended = true;
	pthread_cond_broadcast(&n->changed);
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

enum pli_status nightly_start(struct front *front, struct nightly **nightly_r, struct err *err)
{
	struct nightly *n = mem_alloc(sizeof(*n));
	pthread_condattr_t monotonic;

	n->front = front;
	n->begun_us = clock_now_us();
	pthread_mutex_init(&n->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&n->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&n->thread, NULL, nightly_thread, n) != 0) {
		mem_free(n);
		return err_set(err, PLI_IO, "no thread for the nightly proof");
	}
	*nightly_r = n;
	return PLI_OK;
}

bool nightly_stop(struct nightly *n, unsigned wait_ms)
{
	int64_t until_us = clock_mono_us() + (int64_t)wait_ms * 1000;
	struct timespec until = { .tv_sec = until_us / SECOND_US, .tv_nsec = until_us % SECOND_US * 1000 };
	bool ended;

	if (!n)
		return true;
	pthread_mutex_lock(&n->lock);
	n->stop = true;
	pthread_cond_broadcast(&n->changed);
	while (!n->ended && pthread_cond_timedwait(&n->changed, &n->lock, &until) == 0)
		;
	ended = n->ended;
	pthread_mutex_unlock(&n->lock);
	if (!ended)
		return false;
	pthread_join(n->thread, NULL);
	pthread_cond_destroy(&n->changed);
	pthread_mutex_destroy(&n->lock);
	mem_free(n);
	return true;
}
