/* What happens after a commit: the keeper's answers, groups released, heads written into the database, and keeper and database made
 * level again after either was away. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"

#include "journal_own.h"

#define SEND_MAX 16384			/* leaves of one append */
#define HEADS_LAG_US (100 * 1000)	/* a head waits so long for a commit that takes it along */
#define HEADS_GATHER_US (20 * 1000)	/* and so long at least while commits follow each other: many of them on the same pages */
#define HEADS_A_GROUP 64		/* written along with one group */
#define LOOK_US (50 * 1000)		/* how often the thread looks while something is under way */
#define RETRY_US SECOND_US
#define HEADS_A_FETCH 4096

static const char INSERT_HEAD[] =
	"INSERT INTO head (size, root, checkpoint, token, gen_time) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (size) DO NOTHING";
static const char PUT_STATE[] =
	"INSERT INTO instance (k, v) VALUES ('journal.tree', $1) ON CONFLICT (k) DO UPDATE SET v = excluded.v";

/* ---- groups and heads; under lock ---- */

/* Takes out the groups that end at `size` or before. */
static struct journal_group *groups_take(struct journal *j, uint64_t size)
{
	struct journal_group *taken = j->groups, **at = &j->groups;

	while (*at && (*at)->end <= size)
		at = &(*at)->next;
	if (at == &j->groups)
		return NULL;
	j->groups = *at;
	*at = NULL;
	if (!j->groups)
		j->groups_last = &j->groups;
	return taken;
}

static void groups_release(struct journal_group *g, enum pli_status status, const struct err *err)
{
	struct journal_group *next;

	for (; g; g = next) {
		next = g->next;
		db_group_release(g->group, status, err);
		mem_free(g);
	}
}

static void uncertain(struct journal_group *g, const char *why)
{
	struct err err = { 0 };

	if (!g)
		return;
	err_set(&err, PLI_UNCERTAIN, "%s", why);
	err_hint(&err, "Repeat the request with the same Idempotency-Key.");
	err.retry_after_s = 5;
	groups_release(g, PLI_UNCERTAIN, &err);
}

static void save_head(struct journal *j, const struct keeper_head *head)
{
	struct journal_saved_head *s = mem_alloc(sizeof(*s) + head->checkpoint_n + head->token_n);

	s->size = head->size;
	memcpy(s->root, head->root, 32);
	s->gen_time_us = head->gen_time_us;
	s->since_us = clock_mono_us();
	s->checkpoint_n = head->checkpoint_n;
	s->token_n = head->token_n;
	memcpy(s->data, head->checkpoint, head->checkpoint_n);
	memcpy(s->data + head->checkpoint_n, head->token, head->token_n);
	*j->heads_last = s;
	j->heads_last = &s->next;
	j->heads_known = head->size;
}

static void break_down(struct journal *j, uint64_t size)
{
	err_set(&j->broken, PLI_CONFLICT, "the keeper's head at entry %" PRIu64 " is not that of the journal", size);
	err_hint(&j->broken, "`pli journal verify` names the first bad entry.");
}

/* The keeper has refused: what would be committed now could not be confirmed. Under lock. */
static void hold(struct journal *j, enum pli_status status, const char *why)
{
	if (status == PLI_FULL)
		err_set(&j->hold, PLI_FULL, "no space is left for the journal's heads");
	else
		err_set(&j->hold, PLI_BUSY, "%s", why);
	j->hold.retry_after_s = 5;
}

/* A head that follows the ones known; gives the groups that it covers.  Our own tree must say the same. */
static struct journal_group *head_arrived(struct journal *j, const struct keeper_head *head)
{
	struct journal_group *taken;
	uint8_t root[32];

	if (head->size <= j->heads_known)
		return groups_take(j, j->head.size);
	if (head->size > j->size) {
		break_down(j, head->size);
		return NULL;
	}
	for (const struct journal_group *g = j->groups; g && g->end <= head->size; g = g->next) {
		if (g->end != head->size)
			continue;
		tree_root(&g->tree, root);
		if (memcmp(root, head->root, 32) != 0) {
			break_down(j, head->size);
			return NULL;
		}
		j->head_tree = g->tree;
	}
	save_head(j, head);
	j->head.size = head->size;
	memcpy(j->head.root, head->root, 32);
	j->head.gen_time_us = head->gen_time_us;
	taken = groups_take(j, head->size);
	pthread_cond_broadcast(&j->changed);
	journal_wake(j);
	return taken;
}

/* ---- appends ---- */

void journal_answered(void *arg, enum pli_status status, const struct keeper_head *head, const struct err *err)
{
	struct journal *j = arg;
	struct journal_group *taken = NULL;

	pthread_mutex_lock(&j->lock);
	if (status == PLI_OK && !j->behind) {
		taken = head_arrived(j, head);
	} else if (status != PLI_OK) {
		j->behind = true;
		if (status == PLI_FULL || status == PLI_CONFLICT)
			hold(j, status, err->text);
		if (!j->retry_us)
			j->retry_us = clock_mono_us();
		journal_wake(j);
	}
	/* While behind, heads are fetched in order by the thread, so that none is left out. */
	if (status == PLI_FULL || status == PLI_CONFLICT || j->broken.status != PLI_OK) {
		struct err why = j->broken.status != PLI_OK ? j->broken : j->hold;

		taken = groups_take(j, UINT64_MAX);
		pthread_mutex_unlock(&j->lock);
		uncertain(taken, why.text);
		return;
	}
	pthread_mutex_unlock(&j->lock);
	groups_release(taken, PLI_OK, NULL);
}

/* ---- making keeper and database level ---- */

static enum pli_status fetched(void *arg, const struct keeper_head *head, struct err *err)
{
	struct journal *j = arg;
	struct journal_group *taken;
	enum pli_status status;

	pthread_mutex_lock(&j->lock);
	taken = head_arrived(j, head);
	status = j->broken.status;
	if (status != PLI_OK && err)
		*err = j->broken;
	pthread_mutex_unlock(&j->lock);
	groups_release(taken, PLI_OK, NULL);
	return status;
}

/* An append whose answer is waited for.  It may outlive its wait: the last of both frees it. */
struct sent {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
	enum pli_status status;
	struct err err;
};

static void sent_answered(void *arg, enum pli_status status, const struct keeper_head *head, const struct err *err)
{
	struct sent *s = arg;

	(void)head;
	pthread_mutex_lock(&s->lock);
	s->status = status;
	s->err = *err;
	s->done = true;
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->lock);
}

/* The keeper's client calls back in any case, after its own time at the latest. */
static enum pli_status send_and_wait(struct journal *j, uint64_t first, const uint8_t (*leaves)[32], size_t count, struct err *err)
{
	struct sent s = { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };

	keeper_append(j->keeper, first, leaves, count, sent_answered, &s);
	pthread_mutex_lock(&s.lock);
	while (!s.done)
		pthread_cond_wait(&s.cond, &s.lock);
	pthread_mutex_unlock(&s.lock);
	pthread_mutex_destroy(&s.lock);
	pthread_cond_destroy(&s.cond);
	if (s.status != PLI_OK && err)
		*err = s.err;
	return s.status;
}

static enum pli_status send_rows(struct journal *j, uint64_t first, uint64_t to, struct err *err)
{
	size_t n = to - first < SEND_MAX ? (size_t)(to - first) : SEND_MAX;
	uint8_t (*leaves)[32] = mem_alloc(n * 32);
	struct db_conn *conn = db_reader_take(j->db);
	enum pli_status status = journal_leaves(conn, first, n, leaves, err);

	db_reader_give(j->db, conn);
	if (status == PLI_OK)
		status = send_and_wait(j, first, (const uint8_t (*)[32])leaves, n, err);
	mem_free(leaves);
	return status;
}

enum pli_status journal_level(struct journal *j, struct err *err)
{
	for (;;) {
		struct keeper_status k;
		enum pli_status status;
		uint64_t size, known;

		pthread_mutex_lock(&j->lock);
		known = j->heads_known;
		pthread_mutex_unlock(&j->lock);
		status = keeper_status(j->keeper, &k, err);
		if (status == PLI_OK && k.refusing)
			status = err_set(err, PLI_CONFLICT, "the keeper refuses to sign: %.200s", k.reason);
		if (status == PLI_OK && k.size > known)
			status = keeper_heads_since(j->keeper, known, HEADS_A_FETCH, fetched, j, err);
		if (status != PLI_OK)
			return status;
		pthread_mutex_lock(&j->lock);
		if (k.size > known && j->heads_known == known) {
			pthread_mutex_unlock(&j->lock);
			return err_set(err, PLI_IO, "the keeper does not give its heads after entry %" PRIu64, known);
		}
		size = j->size;
		if (k.size > size)
			break_down(j, k.size);
		if (j->broken.status != PLI_OK) {
			if (err)
				*err = j->broken;
			pthread_mutex_unlock(&j->lock);
			return PLI_CONFLICT;
		}
		if (k.size == size && j->heads_known == size) {
			j->behind = false;
			memset(&j->hold, 0, sizeof(j->hold));
			j->retry_us = 0;
			pthread_mutex_unlock(&j->lock);
			return PLI_OK;
		}
		pthread_mutex_unlock(&j->lock);
		if (k.size < size)
			status = send_rows(j, k.size, size, err);
		if (status != PLI_OK)
			return status;
	}
}

void journal_keeper_back(struct journal *journal)
{
	pthread_mutex_lock(&journal->lock);
	journal->behind = true;
	journal->retry_us = clock_mono_us();
	pthread_cond_signal(&journal->work);
	pthread_mutex_unlock(&journal->lock);
}

/* ---- heads into the database ---- */

static enum pli_status store_one(struct db_tx *tx, const struct journal_saved_head *s, struct err *err)
{
	return db_run(tx->conn, NULL, err, INSERT_HEAD, "ibbbi", (int64_t)s->size, s->root, (size_t)32, s->data, s->checkpoint_n,
		      s->data + s->checkpoint_n, s->token_n, s->gen_time_us);
}

static enum pli_status store_state(struct db_tx *tx, const struct tree *tree, struct err *err)
{
	AUTO_BUF b = { 0 };

	buf_u64(&b, tree->size);
	for (unsigned level = 0; level < 64; level++)
		if (tree->size >> level & 1)
			buf_add(&b, tree->edge[level], 32);
	return db_run(tx->conn, NULL, err, PUT_STATE, "b", b.p, b.n);
}

/* What is stored already goes; under lock. */
static void heads_prune(struct journal *j)
{
	struct journal_saved_head *s;

	while ((s = j->heads) && s->size <= j->heads_stored) {
		j->heads = s->next;
		mem_free(s);
	}
	if (!j->heads)
		j->heads_last = &j->heads;
}

/* The list is read without the lock: it is shortened above only, which is on this same thread. */
enum pli_status journal_store_heads(struct journal *j, struct db_tx *tx, bool all, uint64_t *to_r, struct err *err)
{
	const struct journal_saved_head *s, *last;
	enum pli_status status = PLI_OK;
	struct tree tree;
	unsigned count = 0;

	*to_r = 0;
	pthread_mutex_lock(&j->lock);
	heads_prune(j);
	s = j->heads;
	last = NULL;
	all = all || j->hurry || (s && s->since_us + HEADS_GATHER_US <= clock_mono_us());
	for (const struct journal_saved_head *h = s; all && h && count < HEADS_A_GROUP; h = h->next, count++)
		last = h;
	tree = j->head_tree;
	pthread_mutex_unlock(&j->lock);
	if (!last)
		return PLI_OK;
	for (; status == PLI_OK; s = s->next) {
		status = store_one(tx, s, err);
		if (s == last)
			break;
	}
	/* Only when everything up to that tree is stored: then a start has its heads and its state from one moment. */
	if (status == PLI_OK && tree.size == last->size)
		status = store_state(tx, &tree, err);
	if (status == PLI_OK)
		*to_r = last->size;
	return status;
}

void journal_heads_stored(struct journal *j, uint64_t to)
{
	if (!to)
		return;
	pthread_mutex_lock(&j->lock);
	if (to > j->heads_stored)
		j->heads_stored = to;
	pthread_cond_broadcast(&j->changed);
	pthread_mutex_unlock(&j->lock);
}

/* ---- the thread ---- */

struct store {
	struct journal *journal;
	uint64_t to;
};

static enum pli_status store_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct store *s = arg;

	return journal_store_heads(s->journal, tx, true, &s->to, err);
}

/* Each of these gives the lock up while it works, and says whether there was something to do now. */

static bool give_up_late(struct journal *j, int64_t now_us)
{
	struct journal_group *g = j->groups;

	if (!g || g->deadline_us > now_us)
		return false;
	j->groups = g->next;
	if (!j->groups)
		j->groups_last = &j->groups;
	g->next = NULL;
	pthread_mutex_unlock(&j->lock);
	uncertain(g, "the keeper has not confirmed the journal's entries in time");
	pthread_mutex_lock(&j->lock);
	pthread_cond_broadcast(&j->changed);
	return true;
}

static bool level_now(struct journal *j, int64_t now_us)
{
	struct journal_group *taken = NULL;
	struct err err = { 0 };
	enum pli_status status;

	if (!j->behind || j->retry_us > now_us || j->broken.status != PLI_OK)
		return false;
	j->retry_us = now_us + RETRY_US;
	pthread_mutex_unlock(&j->lock);
	status = journal_level(j, &err);
	pthread_mutex_lock(&j->lock);
	if (status == PLI_CONFLICT || status == PLI_FULL) {
		hold(j, status, err.text);
		taken = groups_take(j, UINT64_MAX);
		pthread_mutex_unlock(&j->lock);
		uncertain(taken, err.text);
		pthread_mutex_lock(&j->lock);
	}
	pthread_cond_broadcast(&j->changed);
	return true;
}

/* Since when the oldest head waits that is not stored. */
static int64_t oldest_us(const struct journal *j)
{
	const struct journal_saved_head *s = j->heads;

	while (s && s->size <= j->heads_stored)
		s = s->next;
	return s ? s->since_us : 0;
}

static bool store_now(struct journal *j, int64_t now_us)
{
	struct store store = { .journal = j };
	enum pli_status status;

	if (j->heads_known == j->heads_stored || j->store_retry_us > now_us ||
	    (!j->hurry && oldest_us(j) + HEADS_LAG_US > now_us))
		return false;
	j->hurry = false;
	pthread_mutex_unlock(&j->lock);
	status = db_write(j->db, store_fn, &store, NULL);
	if (status == PLI_OK)
		journal_heads_stored(j, store.to);
	pthread_mutex_lock(&j->lock);
	j->store_retry_us = status == PLI_OK ? 0 : clock_mono_us() + RETRY_US;
	return true;
}

void *journal_run(void *arg)
{
	struct journal *j = arg;

	pthread_mutex_lock(&j->lock);
	while (!j->stopping) {
		int64_t now_us = clock_mono_us(), until_us;
		struct timespec until;

		if (give_up_late(j, now_us) || level_now(j, now_us) || store_now(j, now_us))
			continue;
		if (!j->groups && !j->behind && j->heads_known == j->heads_stored) {
			j->asleep = true;
			pthread_cond_wait(&j->work, &j->lock);
			j->asleep = false;
			continue;
		}
		until_us = now_us + LOOK_US;
		until = (struct timespec){ .tv_sec = until_us / SECOND_US, .tv_nsec = until_us % SECOND_US * 1000 };
		pthread_cond_timedwait(&j->work, &j->lock, &until);
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}
