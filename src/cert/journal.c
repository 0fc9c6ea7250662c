/* Entries are queued inside write functions and numbered here, at the end of the commit group; see journal.h. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "cipher.h"

#include "canon.h"
#include "entry.h"
#include "event.h"
#include "journal_count.h"
#include "journal_own.h"
#include "keeper_frame.h"

#define ENTRY_FIXED_BYTES 900		/* all members but d and h, at their largest */
#define ADDRESS_MAX 64

static const char INSERT[] =
	"INSERT INTO journal (seq, t, event, type, state, entity, letter, recipient, account, leaf, entry, shown)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
/* An entry waiting for its number. */
struct journal_entry {
	const struct event *event;
	struct entry e;
	struct uuid letter, entity, recipient, subject;
	const char *state;
	const uint8_t *shown;
	size_t shown_n;
	struct journal_count count;
	bool even_held;
	enum pli_status (*numbered)(struct db_tx *tx, uint64_t seq, int64_t t_us, void *arg, struct err *err);
	void *arg;
};

/* ---- queueing ---- */

static const struct uuid *keep(struct uuid *to, const struct uuid *from)
{
	if (!from)
		return NULL;
	*to = *from;
	return to;
}

/* Sheet: its digest joins h, and, unless kept elsewhere, it is sealed for the row under an AAD that binds it to this digest. */
static enum pli_status put_sheet(struct journal_entry *item, struct pool *pool, const struct journal_event *ev, struct err *err)
{
	AUTO_BUF h = { 0 }, plain = { .secret = 1 }, sealed = { 0 };
	size_t sheet_n = strlen(ev->shown_json);
	uint8_t salt[32], digest[32];
	char hex[65], aad[32 + 20];
	enum pli_status status;

	if (!canon_object_valid(ev->shown_json, sheet_n) || (ev->shown_elsewhere ? !ev->sheet_salt : !ev->meta_key))
		return err_set(err, PLI_BUG, "the sheet of journal entry %s is not canonical, or lacks its salt or key", ev->ev);
	if (ev->sheet_salt)
		memcpy(salt, ev->sheet_salt, sizeof(salt));
	else
		mem_random(salt, sizeof(salt));
	entry_sheet_digest(salt, ev->shown_json, sheet_n, digest);
	status = canon_with_str(ev->h_json, "sheet", hex_encode(hex, digest, 32), &h, err);
	if (status != PLI_OK)
		return status;
	item->e.h_json = pool_strn(pool, h.p, h.n);
	if (ev->shown_elsewhere)
		return PLI_OK;
	memcpy(aad, "pli/journal/shown/1", 20);
	memcpy(aad + 20, digest, 32);
	buf_add(&plain, salt, sizeof(salt));
	buf_add(&plain, ev->shown_json, sheet_n);
	status = cipher_seal(ev->meta_key, aad, sizeof(aad), plain.p, plain.n, &sealed, err);
	if (status != PLI_OK)
		return status;
	item->shown = pool_dup(pool, sealed.p, sealed.n);
	item->shown_n = sealed.n;
	return PLI_OK;
}

/* The state that depends on the case stands in d.state, so that the entry alone gives it. */
static enum pli_status put_state(struct journal_entry *item, struct pool *pool, const struct journal_event *ev, struct err *err)
{
	AUTO_BUF d = { 0 };
	enum pli_status status;

	item->state = item->event->state;
	if (!ev->state || str_eq(ev->state, item->event->state))
		return PLI_OK;
	if (item->event->state)
		return err_set(err, PLI_BUG, "journal event %s has a state of its own", ev->ev);
	status = canon_with_str(ev->d_json, "state", ev->state, &d, err);
	if (status != PLI_OK)
		return status;
	item->e.d_json = pool_strn(pool, d.p, d.n);
	item->state = pool_str(pool, ev->state);
	return PLI_OK;
}

static bool word_ok(const char *s, size_t max)
{
	return s && *s && strlen(s) <= max && text_is_line(s, strlen(s));
}

/* Everything that could make the entry unwritable is found here, where it concerns its own write function only. */
static enum pli_status check(const struct journal_event *ev, const struct event *event, struct err *err)
{
	const struct journal_actor *a = ev->actor;
	size_t d = ev->d_json ? strlen(ev->d_json) : 0, h = ev->h_json ? strlen(ev->h_json) : 0;

	if (!event || !a || !word_ok(a->method, 32) || !word_ok(a->channel, 16) || a->level < 0 || a->level > 4 ||
	    (a->ip && !word_ok(a->ip, ADDRESS_MAX)) || (a->tls && !word_ok(a->tls, 32)))
		return err_set(err, PLI_BUG, "journal event '%s' is unknown or its actor is incomplete", ev->ev ? ev->ev : "");
	if ((event->chain != EVENT_NO_CHAIN && !ev->letter) || (event->chain == EVENT_RECIPIENT) != (ev->recipient != NULL))
		return err_set(err, PLI_BUG, "journal event %s is not of that chain", ev->ev);
	if ((ev->d_json && !canon_object_valid(ev->d_json, d)) || (ev->h_json && !canon_object_valid(ev->h_json, h)))
		return err_set(err, PLI_BUG, "details of journal event %s are not canonical JSON", ev->ev);
	if (d + h > ENTRY_MAX_BYTES - ENTRY_FIXED_BYTES)
		return err_set(err, PLI_LIMIT, "details of journal event %s are too large", ev->ev);
	return PLI_OK;
}

static enum pli_status accepting(struct journal *j, bool even_held, struct err *err)
{
	const struct err *why;
	enum pli_status status;

	pthread_mutex_lock(&j->lock);
	why = j->broken.status != PLI_OK ? &j->broken : j->held.status != PLI_OK && !even_held ? &j->held : &j->hold;
	status = why->status;
	if (status != PLI_OK && err)
		*err = *why;
	pthread_mutex_unlock(&j->lock);
	return status;
}

enum pli_status journal_prepare(struct journal *journal, struct pool *pool, const struct journal_event *ev,
				struct journal_entry **entry_r, struct err *err)
{
	const struct event *event = event_find(ev->ev);
	enum pli_status status = check(ev, event, err);
	struct journal_entry *item;

	if (status != PLI_OK)
		return status;
	item = POOL_NEW(pool, struct journal_entry);
	item->event = event;
	item->numbered = ev->numbered;
	item->arg = ev->arg;
	item->even_held = ev->even_held;
	item->e = (struct entry){
		.log = journal->origin, .ev = event->name, .letter = keep(&item->letter, ev->letter),
		.entity = keep(&item->entity, ev->entity), .recipient = keep(&item->recipient, ev->recipient),
		.subject = keep(&item->subject, ev->actor->account), .method = pool_str(pool, ev->actor->method),
		.level = ev->actor->level, .channel = pool_str(pool, ev->actor->channel), .ip = pool_str(pool, ev->actor->ip),
		.tls = pool_str(pool, ev->actor->tls), .d_json = pool_str(pool, ev->d_json), .h_json = pool_str(pool, ev->h_json),
	};
	item->count = (struct journal_count){ .counted = ev->entity != NULL, .event = event->name, .hidden = ev->hidden, .bytes = ev->bytes };
	keep(&item->count.entity, ev->entity);
	keep(&item->count.owner, ev->owner);
	status = put_state(item, pool, ev, err);
	if (status == PLI_OK && ev->shown_json)
		status = put_sheet(item, pool, ev, err);
	*entry_r = item;
	return status;
}

enum pli_status journal_put(struct journal *journal, struct db_tx *tx, struct journal_entry *entry, struct err *err)
{
	enum pli_status status = accepting(journal, entry->even_held, err);

	if (status == PLI_OK)
		db_tx_late(tx, entry);
	return status;
}

enum pli_status journal_add(struct journal *journal, struct db_tx *tx, const struct journal_event *ev, struct err *err)
{
	struct journal_entry *entry;
	enum pli_status status = journal_prepare(journal, tx->pool, ev, &entry, err);

	return status == PLI_OK ? journal_put(journal, tx, entry, err) : status;
}

/* ---- numbering, on the writer thread ---- */

static enum pli_status number_one(struct journal *j, struct db_tx *tx, struct journal_entry *item, uint64_t seq, const uint8_t salt[16],
				  uint8_t leaf_r[32], struct buf *text, struct err *err)
{
	struct entry *e = &item->e;
	enum pli_status status = PLI_OK;

	e->seq = seq;
	e->t_us = j->plan.t_us;
	memcpy(e->salt, salt, 16);
	if (item->event->chain != EVENT_NO_CHAIN)
		status = journal_chain_prev(&j->chain, tx->conn, e->letter, e->recipient, &e->has_prev, e->prev, err);
	if (status != PLI_OK)
		return status;
	buf_reset(text);
	status = entry_write(e, text, err);
	if (status != PLI_OK)
		return status;
	entry_leaf(text->p, text->n, leaf_r);
	if (item->event->chain != EVENT_NO_CHAIN)
		journal_chain_put(&j->chain, e->letter, e->recipient, leaf_r);
	status = db_run(tx->conn, NULL, err, INSERT, "iitttuuuubbb", (int64_t)seq, e->t_us, item->event->name, item->event->type,
			item->state, e->entity, e->letter, e->recipient, e->subject, leaf_r, (size_t)32, text->p, text->n,
			item->shown, item->shown_n);
	if (status == PLI_OK && item->numbered)
		status = item->numbered(tx, seq, e->t_us, item->arg, err);
	return status;
}

/* The keeper signs the head while the group is committed; nothing of it counts before. */
static void announce(struct journal *j, size_t count)
{
	bool behind;

	keeper_append_forget(j->keeper, j->plan.ahead);	/* of a group that was lost */
	j->plan.ahead = 0;
	pthread_mutex_lock(&j->lock);
	behind = j->behind;
	pthread_mutex_unlock(&j->lock);
	if (!behind && count <= FRAME_LEAVES_MAX)
		j->plan.ahead = keeper_append_ahead(j->keeper, j->next_seq, (const uint8_t (*)[32])j->plan.leaves, count, journal_answered, j);
}

enum pli_status journal_number(void *arg, struct db_tx *tx, void **items, size_t count, struct err *err)
{
	struct journal *j = arg;
	uint8_t (*salts)[16];
	struct journal_count *counts = POOL_ARRAY(tx->pool, struct journal_count, count + 1);
	AUTO_BUF text = { 0 };
	int64_t now_us = clock_now_us();
	enum pli_status status = PLI_OK;

	j->plan.count = count;
	j->plan.t_us = now_us - now_us % 1000;
	if (j->plan.t_us < j->last_t_us)
		j->plan.t_us = j->last_t_us;
	j->plan.tree = j->tree;
	j->plan.leaves = (uint8_t (*)[32])pool_alloc(tx->pool, (count ? count : 1) * 32);
	salts = (uint8_t (*)[16])pool_alloc(tx->pool, (count ? count : 1) * 16);
	mem_random(salts, count * 16);
	journal_chain_begin(&j->chain, count);
	for (size_t i = 0; i < count && status == PLI_OK; i++) {
		status = number_one(j, tx, items[i], j->next_seq + i, salts[i], j->plan.leaves[i], &text, err);
		tree_add(&j->plan.tree, j->plan.leaves[i]);
		counts[i] = ((const struct journal_entry *)items[i])->count;
	}
	if (status == PLI_OK)
		status = journal_count_add(tx->conn, tx->pool, counts, count, clock_local_day(j->plan.t_us, j->zone), err);
	if (status == PLI_OK)
		status = journal_store_heads(j, tx, false, &j->plan.heads_to, err);
	if (status == PLI_OK)
		announce(j, count);
	return status;
}

/* The group is committed: what was announced counts; what was not, or is lost, the thread sends. */
static void confirm(struct journal *j, bool behind)
{
	uint64_t ahead = j->plan.ahead;

	j->plan.ahead = 0;
	if (behind)
		keeper_append_forget(j->keeper, ahead);
	else if (!ahead || !keeper_append_committed(j->keeper, ahead))
		journal_keeper_back(j);
}

static void event_count(struct journal *j, const struct journal_entry *item)
{
	unsigned events;
	size_t n = (size_t)(item->event - event_table(&events));

	assert(events <= JOURNAL_EVENTS_MAX);
	atomic_fetch_add_explicit(&j->events[n], 1, memory_order_relaxed);
}

void journal_committed(void *arg, struct db_group *group, void **items, size_t count)
{
	struct journal *j = arg;
	struct journal_group *g = mem_alloc(sizeof(*g));
	bool behind;

	assert(count == j->plan.count);
	for (size_t i = 0; i < count; i++)
		event_count(j, items[i]);
	j->next_seq += count;
	j->last_t_us = j->plan.t_us;
	j->tree = j->plan.tree;
	journal_chain_commit(&j->chain);
	journal_heads_stored(j, j->plan.heads_to);
	g->group = group;
	g->end = j->next_seq;
	g->deadline_us = clock_mono_us() + JOURNAL_ANSWER_US;
	g->tree = j->tree;
	pthread_mutex_lock(&j->lock);
	*j->groups_last = g;
	j->groups_last = &g->next;
	j->size = j->next_seq;
	journal_wake(j);
	behind = j->behind;
	pthread_mutex_unlock(&j->lock);
	/* From here on the group may be released. */
	confirm(j, behind);
}

/* ---- asking ---- */

void journal_use_zone(struct journal *journal, const char *zone)
{
	journal->zone = zone;
}

void journal_newest_head(struct journal *journal, struct journal_head *head_r)
{
	pthread_mutex_lock(&journal->lock);
	*head_r = journal->head;
	pthread_mutex_unlock(&journal->lock);
}

uint64_t journal_size(struct journal *journal)
{
	uint64_t size;

	pthread_mutex_lock(&journal->lock);
	size = journal->size;
	pthread_mutex_unlock(&journal->lock);
	return size;
}

uint64_t journal_signed(struct journal *journal)
{
	uint64_t size;

	pthread_mutex_lock(&journal->lock);
	size = journal->heads_known;
	pthread_mutex_unlock(&journal->lock);
	return size;
}

uint64_t journal_event_count(struct journal *journal, unsigned n)
{
	return n < JOURNAL_EVENTS_MAX ? atomic_load_explicit(&journal->events[n], memory_order_relaxed) : 0;
}

void journal_hold(struct journal *journal, const struct err *why)
{
	assert(!why || why->status != PLI_OK);
	pthread_mutex_lock(&journal->lock);
	journal->held = why ? *why : (struct err){ .status = PLI_OK };
	pthread_mutex_unlock(&journal->lock);
}

enum pli_status journal_healthy(struct journal *journal, struct err *err)
{
	enum pli_status status = accepting(journal, false, err);

	if (status != PLI_OK)
		return status;
	pthread_mutex_lock(&journal->lock);
	if (journal->behind)
		status = err_set(err, PLI_BUSY, "the keeper is behind the journal");
	pthread_mutex_unlock(&journal->lock);
	return status;
}

enum pli_status journal_wait(struct journal *journal, uint64_t size, unsigned timeout_ms, struct err *err)
{
	int64_t until_us = clock_mono_us() + (int64_t)timeout_ms * 1000;
	struct timespec until = { .tv_sec = until_us / SECOND_US, .tv_nsec = until_us % SECOND_US * 1000 };
	enum pli_status status = PLI_OK;
	int rc = 0;

	pthread_mutex_lock(&journal->lock);
	while (journal->heads_stored < size && rc == 0) {
		journal->hurry = true;
		pthread_cond_signal(&journal->work);
		rc = pthread_cond_timedwait(&journal->changed, &journal->lock, &until);
	}
	if (journal->heads_stored < size)
		status = err_set(err, PLI_BUSY, "the journal's head does not cover entry %" PRIu64 " yet", size);
	pthread_mutex_unlock(&journal->lock);
	if (status != PLI_OK && err)
		err->retry_after_s = 1;
	return status;
}
