#include <inttypes.h>

#include "clock.h"
#include "log.h"
#include "pool.h"
#include "settings.h"

#include "db.h"

#include "front.h"
#include "rounds.h"

#include "watch.h"

#define LOOK_MS 3000
#define MIB (UINT64_C(1) << 20)

enum storage_step { STORAGE_GOOD, STORAGE_LOW, STORAGE_NO_DEPOSITS, STORAGE_NO_READINGS };

struct watch {
	const struct front *front;
	const atomic_int_fast64_t *certificate_end_us;
	struct rounds *rounds;
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

static void look(void *arg)
{
	look_at_storage(arg);
	look_at_certificate(arg);
}

enum pli_status watch_start(const struct front *front, const atomic_int_fast64_t *certificate_end_us, struct watch **watch_r,
			    struct err *err)
{
	struct watch *w = mem_alloc(sizeof(*w));
	enum pli_status st;

	w->front = front;
	w->certificate_end_us = certificate_end_us;
	st = rounds_start(LOOK_MS, look, w, "to watch storage", &w->rounds, err);
	if (st == PLI_OK)
		*watch_r = w;
	else
		mem_free(w);
	return st;
}

void watch_stop(struct watch *watch)
{
	if (!watch)
		return;
	rounds_stop(watch->rounds);
	mem_free(watch);
}
