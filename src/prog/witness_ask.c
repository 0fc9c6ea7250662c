/* See witness_ask.h. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "journal.h"
#include "note_key.h"

#include "alert.h"
#include "cosignature.h"

#include "errand.h"
#include "front.h"
#include "rounds.h"

#include "witness_seen.h"

#include "witness_ask.h"

#define WITNESSES_MAX 16
#define LOOK_MS 200			/* how soon a new head is seen */
#define PAUSE_FIRST_US SECOND_US	/* after a failure; doubled each time */
#define PAUSE_MOST_US (60 * SECOND_US)
#define RETRY_S 1			/* when the journal could not be let go */
#define ROUNDS_MAX 3			/* of "no, I have seen SIZE" */
#define AWAY_FAILURES 3			/* and five times every_s, before it is said */
#define START_PATIENCE_S 10		/* at the start nothing is written until one was heard, or all are away */

struct witness {
	struct note_key key;
	const char *url;
	uint64_t size;			/* what it is believed to have seen */
	uint64_t done;			/* the newest head that it has signed */
	int64_t asked_us, good_us, not_before_us;	/* monotonic */
	unsigned failures;
	bool has_signed;		/* since the start */
	bool away;			/* said in the journal */
	bool heard;			/* has signed, or shown what it has seen, since the start */
	bool behind;			/* our journal is an older copy of what it has seen */
	bool holds;			/* its last word since the start is a signature under our newest head */
};

struct witness_ask {
	struct front *front;
	struct errands *errands;
	struct pool *pool;
	struct rounds *rounds;
	pthread_t opener;
	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t heard_cond;
	bool stop;
	bool heard, behind;		/* any of them */
	bool away;			/* all of them */
	bool open;			/* the journal was let go, and no witness was found ahead since */
	struct witness witnesses[WITNESSES_MAX];
	unsigned count;
};

enum outcome { SIGNED, AGAIN, FAILED };

static bool number_parse(const struct buf *body, uint64_t *size_r)
{
	char *end;
	const char *p = body->p ? body->p : "";

	if (*p < '0' || *p > '9' || body->n > 20)
		return false;
	*size_r = strtoull(p, &end, 10);
	return str_eq(end, "\n") || !*end;
}

/* ------------------------------------------------------------------ is our journal the newest? */

/* Under lock: with the last word that a witness has given of itself, is any of them ahead? */
static void gate(struct witness_ask *a)
{
	a->heard = a->behind = false;
	a->away = true;
	for (unsigned i = 0; i < a->count; i++) {
		a->heard |= a->witnesses[i].heard;
		a->behind |= a->witnesses[i].behind;
		a->away &= a->witnesses[i].failures >= AWAY_FAILURES;
	}
	pthread_cond_signal(&a->heard_cond);
}

/* Under lock: whoever has that name signs our journal now.  The word of another tells nothing of what this one has seen. */
static bool all_hold(const struct witness_ask *a, const char *name)
{
	unsigned found = 0, hold = 0;

	for (unsigned i = 0; i < a->count; i++) {
		if (!str_eq(a->witnesses[i].key.name, name))
			continue;
		found++;
		hold += a->witnesses[i].holds;
	}
	return found && hold == found;
}

/* Not what is known to be an older copy, before the witness that has shown that signs it, or the loss was accepted. */
static void open_journal(struct witness_ask *a)
{
	char witness[FRONT_WITNESS_MAX];
	uint64_t size;
	struct err err = { 0 };
	enum pli_status st = front_behind(a->front, &size, witness, &err);
	bool over = st == PLI_OK && all_hold(a, witness);

	if (st == PLI_OK && !over)
		return;
	if (st == PLI_OK || st == PLI_ABSENT)
		st = front_release(a->front, over, &err);
	if (st == PLI_OK)
		a->open = true;
	else
		log_warn("journal.held", "%s", err.text);
}

/* Nobody answers: of an older copy that was found out before nothing new is known, anything else is taken to be the newest. */
static void unheard(struct witness_ask *a)
{
	char witness[FRONT_WITNESS_MAX];
	uint64_t size;
	struct err err = { 0 };

	if (front_behind(a->front, &size, witness, &err) == PLI_OK)
		log_warn("journal.held", "no witness answers; %.100s has shown that this journal is an older copy, and nothing is written", witness);
	else
		log_warn("witness.away", "no witness says whether this journal is the newest; it is taken to be");
}

/* It has signed: whatever it has seen is in our journal.  That also ends what it was found to be ahead by. */
static void holds(struct witness_ask *a, struct witness *w)
{
	pthread_mutex_lock(&a->lock);
	w->heard = w->holds = true;
	w->behind = false;
	gate(a);
	pthread_mutex_unlock(&a->lock);
}

/* It refuses: what it has seen decides, if our log has signed it, and if it was not given up already. */
static void disputed(struct witness_ask *a, struct witness *w, const char *what)
{
	uint64_t size = 0, lost = 0;
	bool behind = false;
	struct err err = { 0 };
	enum pli_status st = witness_seen(a->front, a->errands, w->url, &behind, &size, &err);

	if (st == PLI_OK)
		st = front_loss_accepted(a->front, &lost, &err);
	if (st != PLI_OK) {
		log_error("witness.disputed", "%s: %s; %s", w->key.name, what, err.text);
		return;
	}
	pthread_mutex_lock(&a->lock);
	behind &= size > lost;
	if (behind && !w->behind) {
		(void)front_found_behind(a->front, w->key.name, size, &err);
		a->open = false;
	} else if (!w->failures) {
		log_error("witness.disputed", "%s: %s", w->key.name, what);
	}
	w->behind = behind;
	w->holds = false;
	w->heard = true;
	gate(a);
	pthread_mutex_unlock(&a->lock);
}

static struct timespec later(unsigned seconds)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += seconds;
	return t;
}

/* Lets the journal go when no witness holds it back: at the start after one was heard, or all are away, or the patience is over; later when
 * the one that was ahead is not any more.  An older copy that goes on before writes what contradicts its own proofs. */
static void *opener(void *arg)
{
	struct witness_ask *a = arg;
	struct timespec until = later(START_PATIENCE_S);

	pthread_mutex_lock(&a->lock);
	while (!a->stop && !a->heard && !a->away && pthread_cond_timedwait(&a->heard_cond, &a->lock, &until) != ETIMEDOUT)
		;
	if (!a->stop && !a->heard)
		unheard(a);
	while (!a->stop) {
		if (!a->behind && !a->open)
			open_journal(a);
		until = later(RETRY_S);
		if (a->behind || a->open)
			pthread_cond_wait(&a->heard_cond, &a->lock);
		else
			pthread_cond_timedwait(&a->heard_cond, &a->lock, &until);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

/* ------------------------------------------------------------------ one answer */

static enum outcome judge(struct witness_ask *a, struct witness *w, uint64_t size, const struct errand_answer *answer, struct err *err)
{
	uint64_t seen;

	if (answer->code == 200) {
		if (cosignature_add(a->front->office, &w->key, size, answer->body.p ? answer->body.p : "", answer->body.n, err) != PLI_OK)
			return FAILED;
		w->size = w->done = size;
		holds(a, w);
		return SIGNED;
	}
	if (answer->code == 409 && str_starts(answer->media, "text/x.tlog.size") && number_parse(&answer->body, &seen)) {
		if (seen <= size && seen != w->size) {
			w->size = seen;
			return AGAIN;
		}
		disputed(a, w, "it has seen more entries than this journal has");
		err_set(err, PLI_CONFLICT, "it has seen %" PRIu64 " entries, the journal has %" PRIu64, seen, size);
	} else if (answer->code == 409 || answer->code == 422) {
		disputed(a, w, "it has seen another journal under our name");
		err_set(err, PLI_CONFLICT, "it does not sign: %.150s", answer->body.p ? answer->body.p : "");
	} else if (answer->code) {
		err_set(err, PLI_BUSY, "it answered %d: %.150s", answer->code, answer->body.p ? answer->body.p : "");
	} else {
		err_set(err, PLI_BUSY, "%s", answer->why);
	}
	return FAILED;
}

static enum outcome ask_once(struct witness_ask *a, struct witness *w, struct err *err)
{
	AUTO_BUF body = { 0 };
	struct errand_answer answer = { 0 };
	enum outcome outcome = FAILED;
	const char *url;
	uint64_t size;
	AUTO_POOL pool = pool_new();

	if (cosignature_request(a->front->office, w->size, &size, &body, err) != PLI_OK)
		return FAILED;
	url = pool_fmt(pool, "%s%sadd-checkpoint", w->url, w->url[strlen(w->url) - 1] == '/' ? "" : "/");
	if (errand_run(a->errands, JOB_WITNESS, url, "text/plain; charset=utf-8", body.p, body.n, &answer, err) == PLI_OK)
		outcome = judge(a, w, size, &answer, err);
	buf_free(&answer.body);
	return outcome;
}

/* ------------------------------------------------------------------ when */

static void note(struct witness_ask *a, struct witness *w, bool away)
{
	struct err err;
	enum pli_status st = cosignature_note(a->front->office, away ? "witness.away" : "witness.back", w->key.name, &err);

	if (st != PLI_OK && st != PLI_UNCERTAIN)	/* written, and signed when the keeper is back */
		log_warn("witness.note", "%s", err.text);
	else
		w->away = away;
}

static void settle(struct witness_ask *a, struct witness *w, enum outcome outcome, const struct err *err)
{
	int64_t now = clock_mono_us(), pause_us = PAUSE_FIRST_US << (w->failures < 6 ? w->failures : 6);

	if (outcome == SIGNED) {
		if (w->failures)
			log_info("witness.back", "%s cosigns again", w->key.name);
		w->failures = 0;
		w->good_us = now;
		w->not_before_us = 0;
		/* The first time also what a process before has left on. */
		if (w->away || !w->has_signed)
			alert_end(a->front->office, ALERT_WITNESS, w->key.name);
		w->has_signed = true;
		if (w->away)
			note(a, w, false);
		return;
	}
	pthread_mutex_lock(&a->lock);
	w->failures++;
	gate(a);
	pthread_mutex_unlock(&a->lock);
	if (w->failures == 1)
		log_warn("witness.away", "%s: %s", w->key.name, err->text);
	w->not_before_us = now + (pause_us < PAUSE_MOST_US ? pause_us : PAUSE_MOST_US);
	if (!w->away && w->failures >= AWAY_FAILURES && now - w->good_us > 5 * SECOND_US * (int64_t)a->front->settings->witness_every_s)
		note(a, w, true);
	if (w->away)
		alert_raise(a->front->office, ALERT_WITNESS, w->key.name, err->text);
}

static void look_after(struct witness_ask *a, struct witness *w, uint64_t newest)
{
	int64_t now = clock_mono_us();
	enum outcome outcome = AGAIN;
	struct err err = { 0 };

	if ((newest <= w->done && w->heard) || now < w->not_before_us ||
	    (!w->failures && w->asked_us && now - w->asked_us < SECOND_US * (int64_t)a->front->settings->witness_every_s))
		return;
	w->asked_us = now;
	err_set(&err, PLI_BUSY, "it names another size each time");
	for (int i = 0; i < ROUNDS_MAX && outcome == AGAIN; i++)
		outcome = ask_once(a, w, &err);
	settle(a, w, outcome, &err);
}

static void look(void *arg)
{
	struct witness_ask *a = arg;
	struct journal_head head;

	journal_newest_head(a->front->journal, &head);
	for (unsigned i = 0; i < a->count; i++)
		look_after(a, &a->witnesses[i], head.size);
}

/* ------------------------------------------------------------------ start and stop */

/* "KEY URL, KEY URL" */
static enum pli_status read_settings(struct witness_ask *a, const char *text, struct err *err)
{
	while (*text) {
		size_t n = strcspn(text, ","), key_n = strcspn(text, " ");
		struct witness *w = &a->witnesses[a->count];
		enum pli_status st;

		if (a->count == WITNESSES_MAX)
			return err_set(err, PLI_INPUT, "[witness] ask: at most %d witnesses", WITNESSES_MAX);
		st = note_key_parse(text, key_n < n ? key_n : n, &w->key, err);
		if (st == PLI_OK && w->key.type != NOTE_KEY_WITNESS)
			st = err_set(err, PLI_INPUT, "[witness] ask: the key of %.80s is a log's, not a witness's", w->key.name);
		if (st != PLI_OK)
			return st;
		key_n += strspn(text + key_n, " ");
		w->url = pool_strn(a->pool, text + key_n, n - key_n);
		w->good_us = clock_mono_us();
		st = cosignature_newest(a->front->office, &w->key, &w->done, err);
		if (st != PLI_OK)
			return st;
		w->size = w->done;
		a->count++;
		text += n;
		text += strspn(text, ", ");
	}
	return PLI_OK;
}

/* One that is asked no more is not missed. */
static void alerts_keep(struct witness_ask *a)
{
	const char *names[WITNESSES_MAX];

	for (unsigned i = 0; i < a->count; i++)
		names[i] = a->witnesses[i].key.name;
	alert_keep(a->front->office, ALERT_WITNESS, names, a->count);
}

enum pli_status witness_ask_start(struct front *front, struct errands *errands, struct witness_ask **ask_r, struct err *err)
{
	struct witness_ask *a;
	struct pool *pool;
	pthread_condattr_t monotonic;
	enum pli_status st;

	*ask_r = NULL;
	if (!front->settings->witness_ask) {
		alert_keep(front->office, ALERT_WITNESS, NULL, 0);
		return PLI_OK;
	}
	pool = pool_new();
	a = POOL_NEW(pool, struct witness_ask);
	*a = (struct witness_ask){ .front = front, .errands = errands, .pool = pool };
	st = read_settings(a, front->settings->witness_ask, err);
	if (st == PLI_OK)
		alerts_keep(a);
	pthread_mutex_init(&a->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&a->heard_cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (st != PLI_OK) {
		pool_free(pool);
		return st;
	}
	/* Without its threads front does not start, and ends: what one of them uses stays until then. */
	st = rounds_start(LOOK_MS, look, a, "to ask witnesses", &a->rounds, err);
	if (st == PLI_OK && pthread_create(&a->opener, NULL, opener, a) != 0)
		st = err_set(err, PLI_IO, "no thread to ask witnesses");
	if (st == PLI_OK)
		*ask_r = a;
	return st;
}

void witness_ask_stop(struct witness_ask *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_signal(&a->heard_cond);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->opener, NULL);
	rounds_stop(a->rounds);
	pthread_cond_destroy(&a->heard_cond);
	pthread_mutex_destroy(&a->lock);
	pool_free(a->pool);
}
