/* For tests: a journal with a real database and a real keeper, letters in it, and its verification. */
#ifndef PLI_JOURNAL_TESTING_H
#define PLI_JOURNAL_TESTING_H

#include "cert_testing.h"

#include "clock.h"
#include "pool.h"
#include "text.h"
#include "db.h"
#include "canon.h"
#include "checkpoint.h"
#include "entry.h"
#include "event.h"
#include "journal.h"
#include "tree.h"

struct fixture {
	struct testing_dir dir;
	struct testing_keeper keeper;
	struct db *db;
	struct journal *journal;
	struct buf root_pem, tsa_pem;
	uint8_t log_public[32];
};

static const uint8_t meta_key[32] = { 42 };
static const struct uuid entity = { { 1, 1, 1, 1, 1, 1, 0x70, 1, 0x80, 9 } };
static const struct uuid account = { { 2, 1, 1, 1, 1, 1, 0x70, 1, 0x80, 9 } };

static inline void open_db(struct fixture *f)
{
	struct db_options options = { .name = "pli.db", .create = true, .readers = 4 };
	struct err err = { 0 };
	char path[96];

	snprintf(path, sizeof(path), "%s/data", f->dir.path);
	assert_int_equal(chdir(path), 0);
	if (db_open(&options, &f->db, &err) != PLI_OK)
		fail_msg("%s", err.text);
}

static inline void open_journal(struct fixture *f)
{
	struct err err = { 0 };

	if (journal_open(f->db, f->keeper.client, TESTING_ORIGIN, &f->journal, &err) != PLI_OK)
		fail_msg("%s", err.text);
	journal_use_tiles(f->journal, f->dir.journal);
}

static inline void close_front(struct fixture *f)
{
	journal_close(f->journal);
	db_close(f->db);
	f->journal = NULL;
	f->db = NULL;
}

static inline void stop(struct fixture *f)
{
	close_front(f);
	testing_keeper_stop(&f->keeper);
}

static inline void start_keeper(struct fixture *f)
{
	testing_keeper_start(&f->dir, &f->keeper);
}

static inline void start(struct fixture *f)
{
	start_keeper(f);
	open_db(f);
	open_journal(f);
}

static inline struct fixture *prepare(void)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct buf pub;
	struct err err;

	testing_dir_make(&f->dir, 1);
	assert_int_equal(mkdirat(f->dir.fd, "data", 0700), 0);
	f->root_pem = testing_get(f->dir.public_dir, "root.pem");
	f->tsa_pem = testing_get(f->dir.public_dir, "tsa.pem");
	pub = testing_get(f->dir.public_dir, "log.pub");
	assert_int_equal(checkpoint_public_key(pub.p, pub.n, f->log_public, &err), PLI_OK);
	buf_free(&pub);
	return f;
}

static inline int setup(void **state)
{
	struct fixture *f = prepare();

	start(f);
	*state = f;
	return 0;
}

static inline void drop(struct fixture *f)
{
	assert_int_equal(chdir("/"), 0);
	buf_free(&f->root_pem);
	buf_free(&f->tsa_pem);
	testing_dir_drop(&f->dir);
	free(f);
}

static inline int teardown(void **state)
{
	stop(*state);
	drop(*state);
	return 0;
}

/* ---- writing letters ---- */

struct letter {
	struct fixture *f;
	struct uuid id, *recipients;
	unsigned count;
	uint64_t number;
	int64_t t_us;
	bool fail_after;
	enum { DEPOSIT, SENT, HANDOVER, EXPIRED } act;
};

static inline enum pli_status numbered(struct db_tx *tx, uint64_t seq, int64_t t_us, void *arg, struct err *err)
{
	struct letter *l = arg;

	(void)tx;
	(void)err;
	l->number = seq + 1;
	l->t_us = t_us;
	return PLI_OK;
}

static const struct journal_actor user = { .account = &account, .method = "api-token", .level = 2, .channel = "api", .ip = "192.0.2.1", .tls = "1.3" };
static const struct journal_actor machine = { .method = "system", .channel = "system" };
static const struct journal_actor reader = { .method = "link", .level = 1, .channel = "web", .ip = "192.0.2.2" };

static inline enum pli_status add(struct letter *l, struct db_tx *tx, const char *ev, const struct journal_actor *actor, const struct uuid *recipient,
			   const char *shown, struct err *err)
{
	struct journal_event e = {
		.ev = ev, .actor = actor, .entity = &entity, .letter = &l->id, .recipient = recipient, .shown_json = shown,
		.meta_key = shown ? meta_key : NULL, .d_json = recipient ? "{\"send\":1}" : "{\"to\":2}", .h_json = "{\"manifest\":\"00\"}",
	};
	static const uint8_t salt[32] = { 7 };

	if (str_eq(ev, "deposit.accepted")) {
		e.numbered = numbered;
		e.arg = l;
	}
	if (str_eq(ev, "consigned")) {
		e.shown_elsewhere = true;
		e.sheet_salt = salt;
		e.shown_json = "{\"name\":\"A\"}";
	}
	if (str_eq(ev, "doc.expired"))
		e.state = "partly_received";
	return journal_add(l->f->journal, tx, &e, err);
}

#define SHOWN "{\"document\":\"Cr\xc3\xa9""ation\",\"entity\":\"New York\",\"siren\":\"000000000\",\"user\":\"Sender Name\"}"

static inline enum pli_status write_letter(struct db_tx *tx, void *arg, struct err *err)
{
	struct letter *l = arg;
	enum pli_status status = PLI_OK;

	if (l->act == DEPOSIT) {
		status = add(l, tx, "draft.created", &user, NULL, SHOWN, err);
		if (status == PLI_OK)
			status = add(l, tx, "deposit.accepted", &user, NULL, SHOWN, err);
		for (unsigned i = 0; i < l->count && status == PLI_OK; i++)
			status = add(l, tx, "consigned", &machine, &l->recipients[i], NULL, err);
	} else if (l->act == SENT) {
		for (unsigned i = 0; i < l->count && status == PLI_OK; i++)
			status = add(l, tx, "notice.sent", &machine, &l->recipients[i], NULL, err);
		if (status == PLI_OK)
			status = add(l, tx, "document.sent", &user, NULL, SHOWN, err);
	} else if (l->act == HANDOVER) {
		status = add(l, tx, "handover", &reader, &l->recipients[0], NULL, err);
		if (status == PLI_OK)
			status = add(l, tx, l->count > 1 ? "doc.partial" : "doc.complete", &machine, NULL, SHOWN, err);
	} else {
		status = add(l, tx, "doc.expired", &machine, NULL, SHOWN, err);
	}
	if (status == PLI_OK && l->fail_after)
		return err_set(err, PLI_INVALID, "changed my mind");
	return status;
}

static inline enum pli_status act(struct letter *l, int what, struct err *err)
{
	l->act = what;
	return db_write(l->f->db, write_letter, l, err);
}

static inline struct letter letter_new(struct fixture *f, unsigned count)
{
	struct letter l = { .f = f, .count = count, .recipients = calloc(count, sizeof(struct uuid)) };

	uuid_make(&l.id);
	for (unsigned i = 0; i < count; i++)
		uuid_make(&l.recipients[i]);
	return l;
}

/* Deposit, notices, first reading: 2·count + 5 entries. */
static inline void whole_letter(struct fixture *f, unsigned count)
{
	struct letter l = letter_new(f, count);
	struct err err = { 0 };

	for (int what = DEPOSIT; what <= HANDOVER; what++)
		if (act(&l, what, &err) != PLI_OK)
			fail_msg("%s", err.text);
	free(l.recipients);
}

/* ---- verifying ---- */

static inline enum pli_status open_meta(void *arg, const struct uuid *id, uint8_t key_r[32], struct err *err)
{
	(void)arg;
	(void)err;
	assert_true(uuid_same(id, &entity));
	memcpy(key_r, meta_key, 32);
	return PLI_OK;
}

static inline enum pli_status verify(struct fixture *f, uint64_t *size_r, uint64_t *bad_r, struct err *err)
{
	struct journal_verify_options o = {
		.journal_dir_fd = f->dir.journal, .origin = TESTING_ORIGIN, .log_public_key = f->log_public, .root_pem = f->root_pem.p,
		.tsa_pem = f->tsa_pem.p, .open_meta = open_meta, .arg = f,
	};
	struct keeper_status k;
	enum pli_status status;
	uint8_t root[32];

	memset(err, 0, sizeof(*err));
	*size_r = *bad_r = 0;
	assert_int_equal(keeper_status(f->keeper.client, &k, err), PLI_OK);
	o.keeper_size = k.counter_size;
	memcpy(o.keeper_root, k.counter_root, 32);
	o.conn = db_reader_take(f->db);
	assert_int_equal(db_snapshot(o.conn, err), PLI_OK);
	status = journal_verify(&o, size_r, root, bad_r, err);
	db_reader_give(f->db, o.conn);
	return status;
}

static inline void verify_ok(struct fixture *f, uint64_t size)
{
	uint64_t got, bad_number;
	struct err err;

	if (verify(f, &got, &bad_number, &err) != PLI_OK)
		fail_msg("bad number %d: %s", (int)bad_number, err.text);
	assert_int_equal(got, size);
}

#define WITH_ALL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
