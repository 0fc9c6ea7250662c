/* See front_verify.h. */
#include <string.h>

#include "db.h"

#include "journal.h"
#include "keeper.h"
#include "key.h"

#include "directory.h"

#include "external_verify.h"
#include "letter.h"

#include "child.h"
#include "front.h"

#include "front_verify.h"

#define HEAD_MS 10000		/* for the head over the entries just written */

struct verifying {
	struct front *front;
	struct db_conn *conn;
};

static enum pli_status open_meta(void *arg, const struct uuid *entity, uint8_t key_r[32], struct err *err)
{
	struct verifying *v = arg;
	const uint8_t *key;
	enum pli_status st;

	if (!v->front->directory)
		return err_set(err, PLI_CONFLICT, "the directory's keys cannot be opened");
	st = directory_meta_key(v->front->directory, entity, &key, err);
	if (st == PLI_OK)
		memcpy(key_r, key, 32);
	return st;
}

static enum pli_status check_sheet(void *arg, const struct uuid *entity, const struct uuid *letter,
				   const struct uuid *recipient, const uint8_t digest[32], struct err *err)
{
	struct verifying *v = arg;

	return letter_sheet_check(v->front->office, v->conn, entity, letter, recipient, digest, err);
}

/* The keeper's size first, then the snapshot, then the heads over it: so nothing under way looks like a fault. */
static enum pli_status verify_snapshot(struct front *front, struct db_conn *conn, struct front_verified *sum_r, struct err *err)
{
	struct verifying v = { front, conn };
	struct keeper_status keeper;
	enum pli_status st = keeper_status(front->keeper, &keeper, err);

	if (st == PLI_OK)
		st = db_snapshot(conn, err);
	if (st == PLI_OK && front->journal)
		st = journal_wait(front->journal, journal_size(front->journal), HEAD_MS, err);
	if (st != PLI_OK)
		return st;
	const char *const key_lists[KEY_NAMES] = {
		[KEY_SEAL] = front->seal_pem, [KEY_OPERATOR] = front->operator_pem, [KEY_TSA] = front->tsa_pem, [KEY_LOG] = front->log_pub,
	};
	struct journal_verify_options options = {
		.conn = conn, .journal_dir_fd = CHILD_FD_FRONT_JOURNAL, .origin = front->origin,
		.log_public_key = front->log_keys[0], .log_key_count = front->log_key_count, .key_lists = key_lists,
		.root_pem = front->root_pem, .tsa_pem = front->tsa_pem,
		.keeper_size = keeper.counter_size, .open_meta = open_meta,
		.check_recipient_sheet = front->office ? check_sheet : NULL, .arg = &v,
	};
	memcpy(options.keeper_root, keeper.counter_root, sizeof(options.keeper_root));
	st = journal_verify(&options, &sum_r->size, sum_r->root, &sum_r->bad, err);
	return st == PLI_OK ? external_verify(conn, front->tsa_roots, &sum_r->external, &sum_r->bad, err) : st;
}

enum pli_status front_verify(struct front *front, struct front_verified *sum_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(front->db);
	enum pli_status st;

	*sum_r = (struct front_verified){ 0 };
	st = verify_snapshot(front, conn, sum_r, err);

	db_reader_give(front->db, conn);
	return st;
}
