/* See tsa_ask.h. */
#include <stdbool.h>

#include "clock.h"
#include "log.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "journal.h"

#include "alert.h"
#include "external_time.h"

#include "errand.h"
#include "front.h"
#include "rounds.h"

#include "tsa_ask.h"

#define LOOK_MS 200			/* how soon a new head is seen */
#define PAUSE_FIRST_US SECOND_US	/* after a failure; doubled each time */
#define PAUSE_MOST_US (60 * SECOND_US)
#define AWAY_FAILURES 3			/* one after the other: it does not answer */

struct tsa_ask {
	const struct front *front;
	struct errands *errands;
	struct rounds *rounds;
	uint64_t covered;		/* entries under a head that it has stamped */
	int64_t asked_us, not_before_us;	/* monotonic; 0: not yet */
	unsigned failures;		/* since it last answered, those before a restart too */
};

/* ------------------------------------------------------------------ one request */

static enum pli_status judge(const struct tsa_ask *a, uint64_t size, uint64_t nonce, const struct errand_answer *answer, struct err *err)
{
	if (!answer->code)
		return err_set(err, PLI_BUSY, "%s", answer->why);
	if (answer->code != 200)
		return err_set(err, PLI_BUSY, "it answered %d", answer->code);
	if (!str_starts(answer->media, "application/timestamp-reply"))
		return err_set(err, PLI_BUSY, "what it answered is no application/timestamp-reply");
	return external_add(a->front->office, size, nonce, a->front->tsa_roots, answer->body.p ? answer->body.p : "", answer->body.n, err);
}

static enum pli_status ask_once(struct tsa_ask *a, uint64_t size, struct err *err)
{
	AUTO_BUF body = { 0 };
	struct errand_answer answer = { 0 };
	uint64_t nonce;
	enum pli_status st = external_request(a->front->office, size, &nonce, &body, err);

	if (st != PLI_OK)
		return st;
	st = errand_run(a->errands, JOB_TSA, a->front->settings->tsa_url, "application/timestamp-query", body.p, body.n, &answer, err);
	if (st == PLI_OK)
		st = judge(a, size, nonce, &answer, err);
	buf_free(&answer.body);
	return st;
}

/* ------------------------------------------------------------------ when */

static void good(struct tsa_ask *a, uint64_t size)
{
	if (a->failures)
		log_info("tsa.back", "the time-stamping authority answers again");
	a->covered = size;
	a->failures = 0;
	a->not_before_us = 0;
	external_block(a->front->office, false);
	alert_end(a->front->office, ALERT_TSA, "");
}

static void bad(struct tsa_ask *a, const struct external_state *state, const struct err *why)
{
	const struct settings *s = a->front->settings;
	int64_t pause_us = PAUSE_FIRST_US << (a->failures < 6 ? a->failures : 6), most_us = (int64_t)s->tsa_every_s * SECOND_US;
	struct err err;

	if (a->failures++ == 0)
		log_warn("tsa.away", "%s", why->text);
	most_us = most_us < PAUSE_MOST_US ? most_us : PAUSE_MOST_US;
	a->not_before_us = clock_mono_us() + (pause_us < most_us ? pause_us : most_us);
	if (a->failures >= AWAY_FAILURES)
		external_block(a->front->office, settings_tsa_blocks(s));
	if (a->failures >= AWAY_FAILURES && clock_now_us() - state->since_us >= (int64_t)s->tsa_alert_s * SECOND_US)
		alert_raise(a->front->office, ALERT_TSA, "", why->text);
	if (external_failed(a->front->office, &err) != PLI_OK)
		log_warn("tsa.queue", "%s", err.text);
}

static void look(void *arg)
{
	struct tsa_ask *a = arg;
	int64_t now = clock_mono_us(), every_us = (int64_t)a->front->settings->tsa_every_s * SECOND_US;
	struct external_state state;
	struct journal_head newest;
	struct err err = { 0 };

	journal_newest_head(a->front->journal, &newest);
	if (newest.size <= a->covered || now < a->not_before_us || (!a->failures && a->asked_us && now - a->asked_us < every_us))
		return;
	if (external_queue(a->front->office, clock_now_us(), every_us, &state, &err) != PLI_OK) {
		log_warn("tsa.queue", "%s", err.text);
		a->not_before_us = now + SECOND_US;
		return;
	}
	if (!state.waiting)
		return;
	a->asked_us = now;
	if (ask_once(a, state.size, &err) == PLI_OK)
		good(a, state.size);
	else
		bad(a, &state, &err);
}

/* ------------------------------------------------------------------ start and stop */

enum pli_status tsa_ask_prepare(const struct front *front, struct err *err)
{
	struct external_state state;
	enum pli_status st = front->settings->tsa_url ? external_state(front->office, &state, err) : PLI_ABSENT;

	if (st == PLI_OK)
		external_block(front->office, state.tries >= AWAY_FAILURES && settings_tsa_blocks(front->settings));
	return st == PLI_ABSENT ? PLI_OK : st;
}

enum pli_status tsa_ask_start(const struct front *front, struct errands *errands, struct tsa_ask **ask_r, struct err *err)
{
	struct external_state state;
	struct tsa_ask *a;
	enum pli_status st;

	*ask_r = NULL;
	if (!front->settings->tsa_url) {
		alert_keep(front->office, ALERT_TSA, NULL, 0);
		return PLI_OK;
	}
	st = external_state(front->office, &state, err);
	if (st != PLI_OK)
		return st;
	a = mem_alloc(sizeof(*a));
	*a = (struct tsa_ask){ .front = front, .errands = errands, .covered = state.covered, .failures = state.tries };
	if (!state.waiting)
		alert_end(front->office, ALERT_TSA, "");
	st = rounds_start(LOOK_MS, look, a, "to ask the time-stamping authority", &a->rounds, err);
	if (st == PLI_OK)
		*ask_r = a;
	else
		mem_free(a);
	return st;
}

void tsa_ask_stop(struct tsa_ask *a)
{
	if (!a)
		return;
	rounds_stop(a->rounds);
	mem_free(a);
}
