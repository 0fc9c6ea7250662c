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

#define ANSWER_US (10 * SECOND_US)	/* how long a commit group waits for the keeper */
#define ENTRY_FIXED_BYTES 900		/* all members but d and h, at their largest */
#define ADDRESS_MAX 64
#define LEAVES_A_READ 4096

static const char INSERT[] =
	"INSERT INTO journal (seq, t, event, type, state, entity, letter, recipient, account, leaf, entry, shown)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
static const char NEWEST[] = "SELECT seq, t FROM journal ORDER BY seq DESC LIMIT 1";
static const char LEAVES[] = "SELECT leaf FROM journal WHERE seq >= $1 AND seq < $2 ORDER BY seq";
static const char TREE_STATE[] = "SELECT v FROM instance WHERE k = 'journal.tree'";
static const char NEWEST_HEAD[] = "SELECT size, root, gen_time FROM head ORDER BY size DESC LIMIT 1";

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

static enum pli_status finish(void *arg, struct db_tx *tx, void **items, size_t count, struct err *err)
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
	return status;
}

static void event_count(struct journal *j, const struct journal_entry *item)
{
	unsigned events;
	size_t n = (size_t)(item->event - event_table(&events));

	assert(events <= JOURNAL_EVENTS_MAX);
	atomic_fetch_add_explicit(&j->events[n], 1, memory_order_relaxed);
}

static void committed(void *arg, struct db_group *group, void **items, size_t count)
{
	struct journal *j = arg;
	struct journal_group *g = mem_alloc(sizeof(*g));
	uint64_t first = j->next_seq;
	bool send;

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
	g->deadline_us = clock_mono_us() + ANSWER_US;
	g->tree = j->tree;
	pthread_mutex_lock(&j->lock);
	*j->groups_last = g;
	j->groups_last = &g->next;
	j->size = j->next_seq;
	journal_wake(j);
	send = !j->behind;
	pthread_mutex_unlock(&j->lock);
	/* The group, and with it the leaves, lives until it is released, which may be at once: a copy goes out inside. */
	if (send)
		journal_send(j, first, (const uint8_t (*)[32])j->plan.leaves, count);
}

/* ---- opening ---- */

void journal_use_zone(struct journal *journal, const char *zone)
{
	journal->zone = zone;
}

enum pli_status journal_leaves(struct db_conn *conn, uint64_t first, size_t count, uint8_t (*leaves_r)[32], struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status status = db_query(conn, &rows, err, LEAVES, "ii", (int64_t)first, (int64_t)(first + count));
	size_t got = 0;

	while (status == PLI_OK && (status = db_next(&rows, err)) == PLI_OK && got < count) {
		size_t n;
		const void *leaf = db_blob(&rows, 0, &n);

		if (!leaf || n != 32)
			return err_set(err, PLI_CONFLICT, "the leaf of journal entry %" PRIu64 " is damaged", first + got + 1);
		memcpy(leaves_r[got++], leaf, 32);
	}
	if (status != PLI_OK && status != PLI_ABSENT)
		return status;
	if (got != count)
		return err_set(err, PLI_CONFLICT, "the journal lacks entry %" PRIu64, first + got + 1);
	return PLI_OK;
}

static enum pli_status extend(struct db_conn *conn, struct tree *tree, uint64_t to, struct err *err)
{
	uint8_t (*leaves)[32] = mem_alloc(LEAVES_A_READ * 32);
	enum pli_status status = PLI_OK;

	while (tree->size < to && status == PLI_OK) {
		size_t n = to - tree->size < LEAVES_A_READ ? (size_t)(to - tree->size) : LEAVES_A_READ;

		status = journal_leaves(conn, tree->size, n, leaves, err);
		for (size_t i = 0; i < n && status == PLI_OK; i++)
			tree_add(tree, leaves[i]);
	}
	mem_free(leaves);
	return status;
}

/* The state that was stored with a head: u64 size, then the edges of its bits, lowest first. */
static void read_tree_state(struct db_conn *conn, struct tree *tree)
{
	AUTO_ROWS rows = { 0 };
	const uint8_t *hash;
	struct cursor c;
	const void *p;
	size_t n;

	tree_init(tree);
	if (db_query(conn, &rows, NULL, TREE_STATE, "") != PLI_OK || db_next(&rows, NULL) != PLI_OK)
		return;
	p = db_blob(&rows, 0, &n);
	cursor_init(&c, p, p ? n : 0);
	tree->size = cursor_u64(&c);
	for (unsigned level = 0; level < 64; level++)
		if (tree->size >> level & 1 && (hash = cursor_bytes(&c, 32)))
			memcpy(tree->edge[level], hash, 32);
	if (c.bad || c.n)
		tree_init(tree);
}

/* What the database holds: size, newest time, newest head. */
static enum pli_status read_database(struct journal *j, struct db_conn *conn, struct err *err)
{
	struct db_rows rows = { 0 };
	enum pli_status status = db_query(conn, &rows, err, NEWEST, "");
	const void *root;
	size_t n;

	if (status == PLI_OK && (status = db_next(&rows, err)) == PLI_OK) {
		j->size = j->next_seq = (uint64_t)db_int(&rows, 0) + 1;
		j->last_t_us = db_int(&rows, 1);
	}
	db_end(&rows);
	if (status != PLI_OK && status != PLI_ABSENT)
		return status;
	rows = (struct db_rows){ 0 };
	status = db_query(conn, &rows, err, NEWEST_HEAD, "");
	if (status == PLI_OK && (status = db_next(&rows, err)) == PLI_OK) {
		j->head.size = j->heads_known = j->heads_stored = (uint64_t)db_int(&rows, 0);
		root = db_blob(&rows, 1, &n);
		if (root && n == 32)
			memcpy(j->head.root, root, 32);
		j->head.gen_time_us = db_int(&rows, 2);
	}
	db_end(&rows);
	return status == PLI_ABSENT ? PLI_OK : status;
}

/* The keeper's tree must be ours up to its size. */
static enum pli_status compare(struct journal *j, struct db_conn *conn, const struct keeper_status *k, struct err *err)
{
	enum pli_status status;
	struct tree tree;
	uint8_t root[32];

	if (k->refusing) {
		err_set(err, PLI_CONFLICT, "the keeper refuses to sign: %.200s", k->reason);
		return err_hint(err, "Put the newest copy of journal/ back. `pli journal verify` names the first bad entry.");
	}
	if (k->size > j->size || j->heads_known > k->size) {
		err_set(err, PLI_CONFLICT, "the database ends at journal entry %" PRIu64 ", the keeper's tree at entry %" PRIu64
			": an older copy of one of them was restored", j->size, k->size);
		return err_hint(err, "Restore the newest database copy that has entry %" PRIu64 "; without one, entries %" PRIu64
				" and later are lost and a new instance must be made.", k->size, j->size + 1);
	}
	read_tree_state(conn, &tree);
	for (int pass = 0; pass < 2; pass++) {
		if (pass || tree.size > k->size)
			tree_init(&tree);
		status = extend(conn, &tree, k->size, err);
		if (status != PLI_OK)
			return status;
		tree_root(&tree, root);
		if (memcmp(root, k->root, 32) == 0) {
			j->head_tree = tree;
			status = extend(conn, &tree, j->size, err);
			j->tree = tree;
			return status;
		}
		/* The stored state may be the thing that is wrong: from the first leaf then. */
	}
	err_set(err, PLI_CONFLICT, "the journal in the database is not the one that the keeper has signed");
	return err_hint(err, "`pli journal verify` names the first bad entry.");
}

static enum pli_status prepare(struct journal *j, struct err *err)
{
	struct db_conn *conn = db_reader_take(j->db);
	struct keeper_status k;
	enum pli_status status = keeper_status(j->keeper, &k, err);

	if (status == PLI_OK)
		status = read_database(j, conn, err);
	if (status == PLI_OK)
		status = compare(j, conn, &k, err);
	db_reader_give(j->db, conn);
	return status;
}

struct storing {
	struct journal *journal;
	uint64_t to;
};

static enum pli_status store_heads_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct storing *s = arg;

	return journal_store_heads(s->journal, tx, true, &s->to, err);
}

/* Heads that a crash kept from the database, before anything else is written.  On a full disk they stay in memory, where the
 * thread stores them when there is room: what is there can be read meanwhile. */
static enum pli_status store_heads_known(struct journal *j, struct err *err)
{
	enum pli_status status = PLI_OK;

	while (status == PLI_OK && j->heads_stored < j->heads_known) {
		struct storing s = { .journal = j };

		status = db_write(j->db, store_heads_fn, &s, err);
		if (status == PLI_OK && s.to <= j->heads_stored)
			return err_set(err, PLI_BUG, "heads of the journal cannot be stored");
		if (status == PLI_OK)
			journal_heads_stored(j, s.to);
	}
	return status == PLI_FULL ? PLI_OK : status;
}

enum pli_status journal_open(struct db *db, struct keeper *keeper, const char *origin, struct journal **journal_r, struct err *err)
{
	const struct db_hooks hooks = { .finish = finish, .committed = committed };
	struct db_hooks ours = hooks;
	struct journal *j = mem_alloc(sizeof(*j));
	pthread_condattr_t monotonic;
	enum pli_status status;

	j->db = db;
	j->keeper = keeper;
	j->origin = origin;
	j->groups_last = &j->groups;
	j->heads_last = &j->heads;
	pthread_mutex_init(&j->lock, NULL);
	pthread_mutex_init(&j->tiles_lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&j->changed, &monotonic);
	pthread_cond_init(&j->work, &monotonic);
	pthread_condattr_destroy(&monotonic);
	journal_chain_init(&j->chain);
	tiles_init(&j->tiles, -1, NULL, NULL);
	status = prepare(j, err);
	if (status == PLI_OK) {
		j->behind = true;
		status = journal_level(j, err);
	}
	ours.arg = j;
	if (status == PLI_OK) {
		db_set_hooks(db, &ours);
		status = store_heads_known(j, err);
	}
	if (status == PLI_OK) {
		j->started = pthread_create(&j->thread, NULL, journal_run, j) == 0;
		if (!j->started)
			status = err_set(err, PLI_BUG, "the journal's thread cannot be started");
	}
	if (status != PLI_OK) {
		db_set_hooks(db, &(struct db_hooks){ 0 });
		journal_close(j);
		return status;
	}
	*journal_r = j;
	return PLI_OK;
}

static bool idle(struct journal *j)
{
	return !j->groups && j->heads_known == j->heads_stored;
}

void journal_close(struct journal *journal)
{
	struct journal *j = journal;
	struct journal_saved_head *head;

	if (!j)
		return;
	if (j->started) {
		/* What waits is answered, what is known is stored: within the time a group may wait at most. */
		struct timespec until;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += ANSWER_US / SECOND_US + 1;
		pthread_mutex_lock(&j->lock);
		j->hurry = true;
		pthread_cond_signal(&j->work);
		while (!idle(j) && pthread_cond_timedwait(&j->changed, &j->lock, &until) == 0)
			;
		j->stopping = true;
		pthread_cond_signal(&j->work);
		pthread_mutex_unlock(&j->lock);
		pthread_join(j->thread, NULL);
		db_set_hooks(j->db, &(struct db_hooks){ 0 });
	}
	while ((head = j->heads)) {
		j->heads = head->next;
		mem_free(head);
	}
	journal_chain_fini(&j->chain);
	tiles_fini(&j->tiles);
	pthread_cond_destroy(&j->changed);
	pthread_cond_destroy(&j->work);
	pthread_mutex_destroy(&j->tiles_lock);
	pthread_mutex_destroy(&j->lock);
	mem_free(j);
}

/* ---- asking ---- */

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
