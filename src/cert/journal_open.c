/* Opening and closing: what the database holds is compared with the keeper's tree before anything is written; see journal.h. */
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"

#include "journal_own.h"

#define LEAVES_A_READ 4096

static const char NEWEST[] = "SELECT seq, t FROM journal ORDER BY seq DESC LIMIT 1";
static const char LEAVES[] = "SELECT leaf FROM journal WHERE seq >= $1 AND seq < $2 ORDER BY seq";
static const char TREE_STATE[] = "SELECT v FROM instance WHERE k = 'journal.tree'";
static const char NEWEST_HEAD[] = "SELECT size, root, gen_time FROM head ORDER BY size DESC LIMIT 1";

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
	const struct db_hooks hooks = { .finish = journal_number, .committed = journal_committed };
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
		until.tv_sec += JOURNAL_ANSWER_US / SECOND_US + 1;
		pthread_mutex_lock(&j->lock);
		j->hurry = true;
		pthread_cond_signal(&j->work);
		while (!idle(j) && pthread_cond_timedwait(&j->changed, &j->lock, &until) == 0)
			;
		j->stopping = true;
		pthread_cond_signal(&j->work);
		pthread_mutex_unlock(&j->lock);
		pthread_join(j->thread, NULL);
		/* Whom a group answered may have come here before the writer was out of them: this waits for that. */
		db_set_hooks(j->db, &(struct db_hooks){ 0 });
	}
	keeper_append_forget_all(j->keeper, j);
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
