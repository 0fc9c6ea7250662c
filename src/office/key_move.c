/* See key_move.h. */
#include <pthread.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "db.h"
#include "object.h"

#include "kek_store.h"

#include "directory.h"

#include "kek_end.h"
#include "office_own.h"
#include "retention_own.h"
#include "rewrap.h"

#include "key_move.h"

#define AT_ONCE REWRAP_LETTERS_MAX
#define ASK_US (INT64_C(3600) * SECOND_US)	/* how often the keeper is asked to destroy what was left, or once more for an end put off */
#define PASSES_MAX 100			/* over letters that are changed by others all the while */

static const char LETTERS_GET[] = "SELECT letter FROM letter WHERE entity = $1 AND kid = $2 AND letter > $3 ORDER BY letter LIMIT $4";
static const char DRAFTS_GET[] = "SELECT draft FROM draft WHERE entity = $1 AND kid = $2 AND draft > $3 ORDER BY draft LIMIT $4";
static const char COUNT_GET[] = "SELECT (SELECT COUNT(*) FROM letter WHERE entity = $1 AND kid = $2) + "
				"(SELECT COUNT(*) FROM draft WHERE entity = $1 AND kid = $2)";

static const struct uuid NIL = { { 0 } };

enum step { WALK_LETTERS, WALK_DRAFTS, UPLOADS, SETTLE, END };

struct retired {
	struct directory_kek_over kek;
	bool kept;			/* something that cannot be moved lies under it */
};
/* Under office->moving. */
struct key_move {
	bool begun;
	bool gave_up;			/* something could not be moved: tried again when asked, or after a restart */
	int64_t month;			/* the first one that was surveyed */
	struct retired *keks;		/* behind the first `unmoved` those that were left already */
	unsigned count, unmoved, at;	/* at: the one whose letters are walked over, then the one being ended */
	int64_t ask_us;			/* monotonic: when the keeper is asked again for those that were left, or that wait */
	enum step step;
	struct uuid after;		/* the last letter, or draft, that was looked at */
	struct object_rekey_at staged;	/* the last segment of an upload */
	unsigned passes;
	bool raced;			/* in this pass */
	struct key_move_state state;
};

struct key_move *key_move_new(void)
{
	return mem_alloc(sizeof(struct key_move));
}

void key_move_free(struct key_move *move)
{
	if (!move)
		return;
	mem_free(move->keks);
	mem_free(move);
}

enum pli_status key_move_begin(struct office *office, const char *root, int64_t now_us, struct err *err)
{
	char digits[KEK_ROOT_DIGITS + 1];
	struct key_move *m = office->move;
	enum pli_status st;

	if (strlen(root) < KEK_ROOT_DIGITS)
		return err_set(err, PLI_CONFLICT, "The wrapping key was never changed: there are no older keys.");
	snprintf(digits, sizeof(digits), "%s", root);
	pthread_mutex_lock(&office->moving);
	st = directory_kek_retire(office->parts.directory, digits, purge_keys_month(now_us), now_us, err);
	m->begun = false;		/* the list is another */
	memset(&m->state, 0, sizeof(m->state));
	pthread_mutex_unlock(&office->moving);
	return st;
}

/* ---- under office->moving ---- */

static enum pli_status letters_count(struct office *office, const struct directory_kek_over *kek, uint64_t *count_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, COUNT_GET, "ut", &kek->entity, kek->kid);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		*count_r += (uint64_t)db_int(&rows, 0);
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	return st;
}

static enum pli_status keks_list(struct office *office, struct key_move *m, int64_t now_us, struct err *err)
{
	struct directory_kek_over kek;
	AUTO_BUF list = { 0 };
	enum pli_status st;

	m->month = purge_keys_month(now_us);
	st = directory_kek_retired(office->parts.directory, m->month, &list, err);
	if (st != PLI_OK)
		return st;
	mem_free(m->keks);
	m->count = (unsigned)(list.n / sizeof(kek));
	m->keks = mem_alloc((m->count + 1) * sizeof(*m->keks));
	m->unmoved = 0;
	for (unsigned i = 0; i < m->count; i++) {
		memcpy(&m->keks[i].kek, list.p + i * sizeof(kek), sizeof(kek));
		m->unmoved += m->keks[i].kek.moved == 0;
	}
	return PLI_OK;
}

/* Of those that were left the keeper is asked now and then, or when somebody wants to know; nothing has to be walked over for it. */
static void ends_begin(struct key_move *m, bool asked)
{
	m->step = END;
	m->at = m->unmoved;
	m->begun = m->at < m->count && (asked || clock_mono_us() >= m->ask_us);
	m->state.left = m->count - m->unmoved;
	if (m->begun || !m->state.left)
		m->state.due_us = 0;
	if (m->begun)
		m->state.waiting = 0;
}

/* What is to be done, from the database. */
static enum pli_status survey(struct office *office, struct key_move *m, int64_t now_us, bool asked, struct err *err)
{
	uint64_t letters = 0;
	enum pli_status st = keks_list(office, m, now_us, err);

	for (unsigned i = 0; !m->gave_up && st == PLI_OK && i < m->unmoved; i++)
		st = letters_count(office, &m->keks[i].kek, &letters, err);
	if (st != PLI_OK)
		return st;
	ends_begin(m, asked);
	if (m->gave_up)
		return PLI_OK;
	m->state.letters = m->state.moved + letters;
	m->state.keys = m->unmoved;
	m->state.stuck = 0;
	m->state.done = !m->unmoved;
	if (m->state.done || (m->state.waiting && !letters && !asked && clock_mono_us() < m->ask_us))
		return PLI_OK;
	m->begun = true;
	m->at = 0;
	m->step = WALK_LETTERS;
	m->after = NIL;
	m->staged = (struct object_rekey_at){ .n = 0 };
	m->passes = 0;
	m->raced = false;
	return PLI_OK;
}

static enum pli_status find(struct office *office, struct key_move *m, struct uuid found_r[AT_ONCE], unsigned *count_r, struct err *err)
{
	const struct directory_kek_over *kek = &m->keks[m->at].kek;
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	unsigned n = 0;
	enum pli_status st = db_query(conn, &rows, err, m->step == WALK_DRAFTS ? DRAFTS_GET : LETTERS_GET, "utui", &kek->entity, kek->kid, &m->after,
				      (int64_t)AT_ONCE);

	while (st == PLI_OK && n < AT_ONCE && (st = db_next(&rows, err)) == PLI_OK)
		n += db_uuid(&rows, 0, &found_r[n]);
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	*count_r = n;
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* Says something of one letter's keys, or of the KEK under which they lie or are to lie: the others can be moved. */
static bool of_one(enum pli_status st)
{
	return st == PLI_ABSENT || st == PLI_INPUT || st == PLI_CONFLICT;
}

/* One that could not be moved with nobody in the way.  If its KEK is not there any more, its month's end closes it. */
static void keep(struct key_move *m, const struct err *why)
{
	struct retired *from = &m->keks[m->at];

	if (!from->kept)
		log_warn("key.move", "letters under %s keep their keys: %s", from->kek.kid, why->text);
	from->kept = true;
	m->state.stuck++;
}

/* All of them together. */
static enum pli_status together(struct office *office, struct key_move *m, const struct uuid *found, unsigned count, unsigned *taken_r,
				bool *raced_r, struct err *err)
{
	const struct directory_kek_over *from = &m->keks[m->at].kek;
	struct rewrap *group = mem_alloc(sizeof(*group));
	struct db_conn *conn = db_reader_take(office->parts.db);
	enum pli_status st = db_snapshot(conn, err);
	unsigned n = 0;

	rewrap_init(group, office, &from->entity);
	for (; st == PLI_OK && n < count && !rewrap_full(group); n++)
		st = rewrap_add(group, conn, &found[n], m->step == WALK_DRAFTS, from->kid, from->period, err);
	db_reader_give(office->parts.db, conn);
	if (st == PLI_OK)
		st = rewrap_run(group, err);
	m->state.moved += st == PLI_OK ? group->count : 0;
	*raced_r = st == PLI_BUSY && group->raced;
	*taken_r = n;
	rewrap_free(group);
	mem_free(group);
	return st;
}

static enum pli_status group_move(struct office *office, struct key_move *m, const struct uuid *found, unsigned count, unsigned *taken_r,
				  struct err *err)
{
	struct err why = { 0 };
	unsigned taken;
	bool raced;
	enum pli_status st = together(office, m, found, count, taken_r, &raced, &why);

	/* One of them is in the way of the others. */
	for (unsigned i = 0; *taken_r > 1 && i < *taken_r && (raced || of_one(st)); i++) {
		enum pli_status alone = group_move(office, m, &found[i], 1, &taken, err);

		if (alone != PLI_OK)
			return alone;
	}
	if (st == PLI_OK || (*taken_r > 1 && (raced || of_one(st))))
		return PLI_OK;
	if (raced) {
		m->raced = true;
	} else if (*taken_r == 1 && of_one(st)) {
		keep(m, &why);
	} else {
		if (err)
			*err = why;
		return st;
	}
	return PLI_OK;
}

/* Its letters, then its drafts are through: once more if somebody was in the way, else the next one's. */
static void walked(struct key_move *m)
{
	m->after = NIL;
	if (m->step == WALK_LETTERS) {
		m->step = WALK_DRAFTS;
		return;
	}
	m->step = WALK_LETTERS;
	if (m->raced && ++m->passes < PASSES_MAX) {
		m->raced = false;
		return;
	}
	m->keks[m->at].kept = m->keks[m->at].kept || m->raced;
	m->raced = false;
	m->passes = 0;
	if (++m->at == m->unmoved)
		m->step = UPLOADS;
}

static enum pli_status walk(struct office *office, struct key_move *m, struct err *err)
{
	struct uuid found[AT_ONCE];
	unsigned count = 0, taken = 0;
	enum pli_status st = find(office, m, found, &count, err);

	if (st == PLI_OK && !count)
		walked(m);
	if (st != PLI_OK || !count)
		return st;
	st = group_move(office, m, found, count, &taken, err);
	if (st == PLI_OK && taken)
		m->after = found[taken - 1];
	return st;
}

/* The clock is told of once for all; without the keeper, or the database, there is nothing to go on with. */
static enum pli_status put_off(struct key_move *m, const struct retired *r, enum pli_status st, const struct err *why, struct err *err)
{
	if (st == PLI_BUSY || st == PLI_UNCERTAIN) {
		if (err)
			*err = *why;
		return st;
	}
	if (st != PLI_AGAIN || !m->state.waiting)
		log_warn("key.move", "%s stays for now: %s", r->kek.kid, why->text);
	m->state.waiting++;
	return PLI_OK;
}

/* Nothing lies under it any more: it is left, or, if it was long enough ago, destroyed.  One that is in trouble holds up no other. */
static enum pli_status end_one(struct office *office, struct key_move *m, struct retired *r, int64_t now_us, struct err *err)
{
	bool was_left = r->kek.moved != 0;
	struct err why = { 0 };
	int64_t due_us;
	enum pli_status st = kek_end(office, &r->kek, true, now_us, &due_us, &why);

	if (st == PLI_CONFLICT || st == PLI_DENIED) {
		log_warn("key.move", "%s stays: %s", r->kek.kid, why.text);
		r->kept = true;
		m->gave_up = m->gave_up || !was_left;
		return PLI_OK;
	}
	/* Said in the journal at least. */
	m->state.keys -= !was_left && r->kek.moved;
	m->state.left += !was_left && r->kek.moved;
	if (st != PLI_OK)
		return put_off(m, r, st, &why, err);
	m->state.left -= !due_us;
	m->state.destroyed += !due_us;
	if (due_us > m->state.due_us)
		m->state.due_us = due_us;
	return PLI_OK;
}

static enum pli_status end_step(struct office *office, struct key_move *m, int64_t now_us, struct err *err)
{
	struct retired *r = m->at < m->count ? &m->keks[m->at] : NULL;
	enum pli_status st = PLI_OK;

	if (r && r->kept)
		m->gave_up = true;
	else if (r)
		st = end_one(office, m, r, now_us, err);
	m->at += st == PLI_OK;
	if (m->at >= m->count) {
		m->begun = false;
		m->state.done = true;
		m->ask_us = clock_mono_us() + ASK_US;
	}
	return st;
}

/* Their old keys are destroyed by the keeper when their day is long over. */
static enum pli_status uploads(struct office *office, struct key_move *m, struct err *err)
{
	unsigned moved;
	enum pli_status st = object_stage_rekey(office->parts.objects, &m->staged, &moved, err);

	if (st == PLI_ABSENT)
		m->step = SETTLE;
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* What the letters' keys were wrapped in must stand nowhere in the database's files before their KEK counts as left: PLI_BUSY while a
 * reader needs the log. */
static enum pli_status settle(struct office *office, struct key_move *m, struct err *err)
{
	enum pli_status st = db_settle(office->parts.db, err);

	if (st != PLI_OK)
		return st;
	m->at = 0;
	m->step = END;
	m->state.waiting = 0;
	return PLI_OK;
}

static enum pli_status step(struct office *office, struct key_move *m, int64_t now_us, struct err *err)
{
	switch (m->step) {
	case WALK_LETTERS:
	case WALK_DRAFTS:
		return walk(office, m, err);
	case UPLOADS:
		return uploads(office, m, err);
	case SETTLE:
		return settle(office, m, err);
	default:
		return end_step(office, m, now_us, err);
	}
}

enum pli_status key_move_step(struct office *office, int64_t now_us, int64_t budget_us, bool asked, struct key_move_state *state_r,
			      struct err *err)
{
	int64_t until_us = clock_mono_us() + budget_us;
	struct key_move *m = office->move;
	enum pli_status st = PLI_OK;

	pthread_mutex_lock(&office->moving);
	m->gave_up = m->gave_up && !asked;
	if (!m->begun || m->month != purge_keys_month(now_us))
		st = survey(office, m, now_us, asked, err);
	/* At least one, however slow the machine. */
	for (bool first = budget_us > 0; st == PLI_OK && m->begun && (first || clock_mono_us() < until_us); first = false)
		st = step(office, m, now_us, err);
	if (st == PLI_BUSY && m->step == SETTLE)	/* asked again later */
		st = PLI_OK;
	else if (st != PLI_OK)
		m->begun = false;	/* from the beginning then: what is moved is not found again */
	*state_r = m->state;
	pthread_mutex_unlock(&office->moving);
	return st;
}
