/* The office's frame: what it works with, and whether there is room for more. */
#include "buf.h"
#include "pool.h"
#include "settings.h"

#include "db.h"

#include "journal.h"
#include "keeper.h"
#include "stamp_desk.h"

#include "key_memory.h"
#include "key_move.h"
#include "key_reserve.h"
#include "office_own.h"
#include "retention_own.h"
#include "selfproof_own.h"

static const char HEAD_NOTE[] = "SELECT checkpoint FROM head WHERE size = $1";

enum pli_status office_new(const struct office_parts *parts, struct office **office_r, struct err *err)
{
	struct office *office;
	pthread_condattr_t monotonic;
	enum pli_status st;

	if (!parts->db || !parts->keeper || !parts->directory || !parts->journal || !parts->objects || !parts->settings)
		return err_set(err, PLI_BUG, "The office needs database, keeper, directory, journal, objects and settings.");
	office = mem_alloc(sizeof(*office));
	office->parts = *parts;
	office->keys = key_reserve_new(parts->keeper);
	office->stamps = stamp_desk_new(parts->keeper);
	public_log_init(&office->log);
	office->key_memory = key_memory_new();
	office->move = key_move_new();
	pthread_mutex_init(&office->moving, NULL);
	journal_use_zone(parts->journal, parts->settings->timezone);
	pthread_mutex_init(&office->lock, NULL);
	pthread_mutex_init(&office->alerts.lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&office->once_over, &monotonic);
	pthread_condattr_destroy(&monotonic);
	st = deadline_load(office, err);
	if (st == PLI_OK)
		st = retention_load(office, err);
	if (st == PLI_OK)
		st = alert_load(office, err);
	if (st == PLI_OK)
		st = selfproof_load(office, err);
	if (st != PLI_OK) {
		office_free(office);
		return st;
	}
	*office_r = office;
	return PLI_OK;
}

void office_use_anchors(struct office *office, const char *seal_pem, const char *operator_pem, const char *tsa_pem, const char *log_pub)
{
	struct office_parts *p = &office->parts;

	__atomic_store_n(&p->seal_pem, seal_pem, __ATOMIC_RELEASE);
	__atomic_store_n(&p->operator_pem, operator_pem, __ATOMIC_RELEASE);
	__atomic_store_n(&p->tsa_pem, tsa_pem, __ATOMIC_RELEASE);
	__atomic_store_n(&p->log_pub, log_pub, __ATOMIC_RELEASE);
}

void office_free(struct office *office)
{
	if (!office)
		return;
	key_memory_free(office->key_memory);
	key_move_free(office->move);
	pthread_mutex_destroy(&office->moving);
	key_reserve_free(office->keys);
	stamp_desk_free(office->stamps);
	public_log_fini(&office->log);
	pthread_cond_destroy(&office->once_over);
	pthread_mutex_destroy(&office->alerts.lock);
	pthread_mutex_destroy(&office->lock);
	mem_free(office->spans);
	mem_free(office);
}

enum pli_status office_room(struct office *office, enum office_reserve step, struct err *err)
{
	const struct settings *settings = office->parts.settings;
	uint64_t need = step == OFFICE_RESERVE_DEPOSIT ? settings->reserve_deposit_bytes : settings->reserve_read_bytes;
	uint64_t have;
	enum pli_status st = db_space(office->parts.db, &have, err);

	if (st != PLI_OK)
		return st;
	if (have < need) {
		err_field(err, PLI_FULL, "no-space", "", "The server's storage is full; nothing was stored.");
		return err_hint(err, "Tell the operator; try again later.");
	}
	return PLI_OK;
}

enum pli_status office_ready(struct office *office, struct err *err)
{
	struct keeper_status keeper;
	enum pli_status st = db_healthy(office->parts.db, err);

	if (st == PLI_OK && !keeper_linked(office->parts.keeper))
		st = err_set(err, PLI_BUSY, "The keeper does not answer.");
	if (st == PLI_OK)
		st = keeper_status_soon(office->parts.keeper, &keeper, err);
	if (st == PLI_OK && keeper.refusing)
		st = err_set(err, PLI_BUSY, "The keeper refuses to sign: %s", keeper.reason);
	if (st == PLI_OK)
		st = journal_healthy(office->parts.journal, err);
	if (st == PLI_OK)
		st = office_room(office, OFFICE_RESERVE_DEPOSIT, err);
	return st;
}

void office_notices_due(struct office *office)
{
	void (*fn)(void *arg);
	void *arg;

	pthread_mutex_lock(&office->lock);
	fn = office->due_fn;
	arg = office->due_arg;
	pthread_mutex_unlock(&office->lock);
	if (fn)
		fn(arg);
}

enum pli_status office_head_note(struct office *office, uint64_t size, struct buf *out, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, HEAD_NOTE, "i", (int64_t)size);
	size_t n;

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK) {
		const void *p = db_blob(&rows, 0, &n);

		buf_add(out, p, n);
	}
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	return st == PLI_ABSENT ? err_set(err, PLI_IO, "A head's row is missing.") : st;
}
