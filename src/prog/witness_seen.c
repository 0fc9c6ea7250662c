/* See witness_seen.h. */
#include <string.h>

#include "buf.h"
#include "pool.h"

#include "db.h"

#include "checkpoint.h"
#include "journal.h"
#include "journal_log.h"
#include "tree.h"

#include "errand.h"
#include "front.h"

#include "witness_seen.h"

#define HEAD_MS 10000

static bool signed_by_us(const struct front *front, const struct buf *note, struct checkpoint *c)
{
	for (unsigned i = 0; i < front->log_key_count; i++)
		if (checkpoint_verify(note->p, note->n, front->origin, front->log_keys[i], c, NULL) == PLI_OK)
			return true;
	return false;
}

/* Is the head of c one of ours: as many entries or fewer, and the same ones? */
static enum pli_status compare(const struct front *front, const struct checkpoint *c, bool *behind_r, struct err *err)
{
	struct journal_head head;
	struct db_conn *conn;
	uint8_t path[TREE_PATH_MAX][32];
	unsigned count = 0;
	enum pli_status st;

	journal_newest_head(front->journal, &head);
	*behind_r = c->size > head.size;
	if (*behind_r || !c->size)
		return PLI_OK;
	if (c->size == head.size) {
		*behind_r = memcmp(c->root, head.root, 32) != 0;
		return PLI_OK;
	}
	st = journal_wait(front->journal, head.size, HEAD_MS, err);
	if (st != PLI_OK)
		return st;
	conn = db_reader_take(front->db);
	st = journal_consistency(front->journal, conn, c->size, head.size, path, &count, err);
	db_reader_give(front->db, conn);
	if (st == PLI_OK)
		*behind_r = !tree_consistency_holds(c->size, head.size, path[0], count, c->root, head.root);
	return st;
}

enum pli_status witness_seen(const struct front *front, struct errands *errands, const char *url, bool *behind_r, uint64_t *size_r,
			     struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct errand_answer answer = { 0 };
	struct checkpoint c;
	const char *address = pool_fmt(pool, "%s%scheckpoint/%s", url, url[strlen(url) - 1] == '/' ? "" : "/", front->origin);
	enum pli_status st = errand_run(errands, JOB_WITNESS, address, NULL, "", 0, &answer, err);

	*behind_r = false;
	if (st == PLI_OK && answer.code != 200)
		st = err_set(err, PLI_BUSY, "it does not show what it has seen");
	if (st == PLI_OK && !signed_by_us(front, &answer.body, &c))
		st = err_set(err, PLI_BUSY, "what it shows is not signed by this journal's key");
	if (st == PLI_OK)
		st = compare(front, &c, behind_r, err);
	*size_r = st == PLI_OK ? c.size : 0;
	buf_free(&answer.body);
	return st;
}
