#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "pool.h"
#include "settings.h"

#include "db.h"

#include "front.h"

#include "watch.h"

#define LOOK_S 3
#define MIB (UINT64_C(1) << 20)

enum storage_step { STORAGE_GOOD, STORAGE_LOW, STORAGE_NO_DEPOSITS, STORAGE_NO_READINGS };

struct watch {
	const struct front *front;
	const atomic_int_fast64_t *certificate_end_us;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stop_cond;
	bool stop;
	enum storage_step step;		/* last said */
	int64_t said_day, said_end_us;	/* of the certificate */
};

/* Twice the reserve is a warning in good time. */
static enum storage_step step_of(uint64_t free_bytes, const struct settings *s)
{
	if (free_bytes < s->reserve_read_bytes)
		return STORAGE_NO_READINGS;
	if (free_bytes < s->reserve_deposit_bytes)
		return STORAGE_NO_DEPOSITS;
	return free_bytes / 2 < s->reserve_deposit_bytes ? STORAGE_LOW : STORAGE_GOOD;
}

static void look_at_storage(struct watch *w)
{
	static const char *const events[] = { "storage.good", "storage.low", "storage.deposits-refused", "storage.readings-refused" };
	static const char *const words[] = { "there is room again", "storage is getting full", "storage is full: deposits are refused",
					     "storage is full: deposits and readings are refused" };
	enum storage_step step;
	uint64_t free_bytes;
	struct err err;

	if (db_space(w->front->db, &free_bytes, &err) != PLI_OK)
		return;
	step = step_of(free_bytes, w->front->settings);
	if (step == w->step)
		return;
	w->step = step;
	log_event(step == STORAGE_GOOD ? LOG_INFO_LEVEL : step == STORAGE_LOW ? LOG_WARN_LEVEL : LOG_ERROR_LEVEL, events[step],
		  "%s; %" PRIu64 " MiB are free, the reserve is %" PRIu64 " MiB", words[step], free_bytes / MIB,
		  w->front->settings->reserve_deposit_bytes / MIB);
}

static void look_at_certificate(struct watch *w)
{
	int64_t end_us = atomic_load(w->certificate_end_us), now_us = clock_now_us(), days = (end_us - now_us) / DAY_US;

	if (!end_us || days >= 21 || (w->said_day == now_us / DAY_US && w->said_end_us == end_us))
		return;
	w->said_day = now_us / DAY_US;
	w->said_end_us = end_us;
	if (end_us <= now_us)
		log_error("certificate.ended", "the TLS certificate is no longer valid; put a new pair into tls/ and type pli reload");
	else
		log_warn("certificate.ends", "the TLS certificate ends in %" PRId64 " days", days);
}

static void *watch_thread(void *arg)
{
	struct watch *w = arg;
	struct timespec next;

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		pthread_mutex_unlock(&w->lock);
		look_at_storage(w);
		look_at_certificate(w);
		clock_gettime(CLOCK_MONOTONIC, &next);
		next.tv_sec += LOOK_S;
		pthread_mutex_lock(&w->lock);
		while (!w->stop && pthread_cond_timedwait(&w->stop_cond, &w->lock, &next) != ETIMEDOUT)
			;
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

enum pli_status watch_start(const struct front *front, const atomic_int_fast64_t *certificate_end_us, struct watch **watch_r,
			    struct err *err)
{
	struct watch *w = mem_alloc(sizeof(*w));
	pthread_condattr_t monotonic;

	w->front = front;
	w->certificate_end_us = certificate_end_us;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->stop_cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&w->thread, NULL, watch_thread, w) != 0) {
		mem_free(w);
		return err_set(err, PLI_IO, "no thread to watch storage");
	}
	*watch_r = w;
	return PLI_OK;
}

void watch_stop(struct watch *watch)
{
	if (!watch)
		return;
	pthread_mutex_lock(&watch->lock);
	watch->stop = true;
	pthread_cond_signal(&watch->stop_cond);
	pthread_mutex_unlock(&watch->lock);
	pthread_join(watch->thread, NULL);
	pthread_cond_destroy(&watch->stop_cond);
	pthread_mutex_destroy(&watch->lock);
	mem_free(watch);
}
