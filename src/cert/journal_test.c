/* The journal with a real database and a real keeper: numbering, chains, heads, kills, and every kind of tampering. */
#include "cert_testing.h"

#include <pthread.h>
#include <sqlite3.h>

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

static void open_db(struct fixture *f)
{
	struct db_options options = { .name = "pli.db", .create = true, .readers = 4 };
	struct err err = { 0 };
	char path[96];

	snprintf(path, sizeof(path), "%s/data", f->dir.path);
	assert_int_equal(chdir(path), 0);
	if (db_open(&options, &f->db, &err) != PLI_OK)
		fail_msg("%s", err.text);
}

static void open_journal(struct fixture *f)
{
	struct err err = { 0 };

	if (journal_open(f->db, f->keeper.client, TESTING_ORIGIN, &f->journal, &err) != PLI_OK)
		fail_msg("%s", err.text);
	journal_use_tiles(f->journal, f->dir.journal);
}

static void close_front(struct fixture *f)
{
	journal_close(f->journal);
	db_close(f->db);
	f->journal = NULL;
	f->db = NULL;
}

static void stop(struct fixture *f)
{
	close_front(f);
	testing_keeper_stop(&f->keeper);
}

static void start_keeper(struct fixture *f)
{
	testing_keeper_start(&f->dir, &f->keeper);
}

static void start(struct fixture *f)
{
	start_keeper(f);
	open_db(f);
	open_journal(f);
}

static struct fixture *prepare(void)
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

static int setup(void **state)
{
	struct fixture *f = prepare();

	start(f);
	*state = f;
	return 0;
}

static void drop(struct fixture *f)
{
	assert_int_equal(chdir("/"), 0);
	buf_free(&f->root_pem);
	buf_free(&f->tsa_pem);
	testing_dir_drop(&f->dir);
	free(f);
}

static int teardown(void **state)
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

static enum pli_status numbered(struct db_tx *tx, uint64_t seq, int64_t t_us, void *arg, struct err *err)
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

static enum pli_status add(struct letter *l, struct db_tx *tx, const char *ev, const struct journal_actor *actor, const struct uuid *recipient,
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

static enum pli_status write_letter(struct db_tx *tx, void *arg, struct err *err)
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

static enum pli_status act(struct letter *l, int what, struct err *err)
{
	l->act = what;
	return db_write(l->f->db, write_letter, l, err);
}

static struct letter letter_new(struct fixture *f, unsigned count)
{
	struct letter l = { .f = f, .count = count, .recipients = calloc(count, sizeof(struct uuid)) };

	uuid_make(&l.id);
	for (unsigned i = 0; i < count; i++)
		uuid_make(&l.recipients[i]);
	return l;
}

/* Deposit, notices, first reading: 2·count + 5 entries. */
static void whole_letter(struct fixture *f, unsigned count)
{
	struct letter l = letter_new(f, count);
	struct err err = { 0 };

	for (int what = DEPOSIT; what <= HANDOVER; what++)
		if (act(&l, what, &err) != PLI_OK)
			fail_msg("%s", err.text);
	free(l.recipients);
}

/* ---- verifying ---- */

static enum pli_status open_meta(void *arg, const struct uuid *id, uint8_t key_r[32], struct err *err)
{
	(void)arg;
	(void)err;
	assert_true(uuid_same(id, &entity));
	memcpy(key_r, meta_key, 32);
	return PLI_OK;
}

static enum pli_status verify(struct fixture *f, uint64_t *size_r, uint64_t *bad_r, struct err *err)
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

static void verify_ok(struct fixture *f, uint64_t size)
{
	uint64_t got, bad_number;
	struct err err;

	if (verify(f, &got, &bad_number, &err) != PLI_OK)
		fail_msg("bad number %d: %s", (int)bad_number, err.text);
	assert_int_equal(got, size);
}

/* ---- the tests ---- */

struct found {
	unsigned count;
	uint64_t seq[64];
	int64_t stamp_us[64];
	char event[64][24], state[64][24];
	uint8_t leaf[64][32];
	char prev[64][65];
	bool shown[64];
};

static enum pli_status note(void *arg, const struct journal_row *row, struct err *err)
{
	struct found *n = arg;
	AUTO_POOL pool = pool_new();
	unsigned i = n->count++;
	struct entry_view view;
	const char *sheet;
	uint8_t salt[32];

	assert_true(i < 64);
	n->seq[i] = row->seq;
	n->stamp_us[i] = row->stamp_us;
	snprintf(n->event[i], 24, "%s", row->event);
	snprintf(n->state[i], 24, "%s", row->state ? row->state : "");
	memcpy(n->leaf[i], row->leaf, 32);
	assert_int_equal(entry_parse(pool, row->entry, row->entry_n, &view, err), PLI_OK);
	if (view.e.has_prev)
		hex_encode(n->prev[i], view.e.prev, 32);
	else
		n->prev[i][0] = 0;
	n->shown[i] = row->shown != NULL;
	if (row->shown) {
		assert_int_equal(journal_shown_open(pool, row, meta_key, salt, &sheet, err), PLI_OK);
		assert_string_equal(sheet, SHOWN);
	}
	return PLI_OK;
}

static void one_letter(void **state)
{
	static const char *const want[] = { "draft.created", "deposit.accepted", "consigned", "consigned", "notice.sent", "notice.sent",
					    "document.sent", "handover", "doc.partial", "doc.expired" };
	/* Which entry before it is on the same chain. */
	static const int prev[] = { -1, 0, -1, -1, 2, 3, 1, 4, 6, 8 };
	struct fixture *f = *state;
	struct letter l = letter_new(f, 2);
	struct journal_filter filter = { .letter = &l.id, .oldest_first = true, .limit = 100 };
	struct found n = { 0 };
	struct db_conn *conn;
	struct journal_head head;
	struct err err = { 0 };
	char hex[65];

	for (int what = DEPOSIT; what <= EXPIRED; what++)
		assert_int_equal(act(&l, what, &err), PLI_OK);
	assert_int_equal(l.number, 2);
	assert_int_equal(l.t_us % 1000, 0);
	assert_int_equal(journal_size(f->journal), 10);
	journal_newest_head(f->journal, &head);
	assert_int_equal(head.size, 10);
	assert_int_equal(journal_wait(f->journal, 10, 5000, &err), PLI_OK);
	assert_int_equal(journal_wait(f->journal, 11, 10, &err), PLI_BUSY);
	conn = db_reader_take(f->db);
	assert_int_equal(journal_rows(conn, &filter, note, &n, &err), PLI_OK);
	assert_int_equal(n.count, 10);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(n.seq[i], i);
		assert_string_equal(n.event[i], want[i]);
		assert_true(n.stamp_us[i] >= l.t_us);
		assert_string_equal(n.prev[i], prev[i] < 0 ? "" : hex_encode(hex, n.leaf[prev[i]], 32));
		assert_int_equal(n.shown[i], event_find(want[i])->chain == EVENT_DOCUMENT);
	}
	assert_string_equal(n.state[9], "partly_received");
	assert_int_equal(n.stamp_us[0], n.stamp_us[3]);

	/* Filters and the cursor. */
	n = (struct found){ 0 };
	filter = (struct journal_filter){ .letter = &l.id, .recipient = &l.recipients[1], .limit = 100 };
	assert_int_equal(journal_rows(conn, &filter, note, &n, &err), PLI_OK);
	assert_int_equal(n.count, 2);
	assert_int_equal(n.seq[0], 5);
	n = (struct found){ 0 };
	filter = (struct journal_filter){ .entity = &entity, .document_chain_only = true, .before_seq = 8, .limit = 2 };
	assert_int_equal(journal_rows(conn, &filter, note, &n, &err), PLI_OK);
	assert_int_equal(n.count, 2);
	assert_int_equal(n.seq[0], 6);
	assert_int_equal(n.seq[1], 1);
	n = (struct found){ 0 };
	filter = (struct journal_filter){ .account = &account, .type = "action", .state = "sent" };
	assert_int_equal(journal_rows(conn, &filter, note, &n, &err), PLI_OK);
	assert_int_equal(n.count, 1);
	db_reader_give(f->db, conn);
	verify_ok(f, 10);
	free(l.recipients);
}

static void refused_acts_leave_nothing(void **state)
{
	struct fixture *f = *state;
	struct letter l = letter_new(f, 2);
	struct journal_event e = { .ev = "handover", .actor = &reader, .entity = &entity, .letter = &l.id };
	struct err err = { 0 };

	(void)e;
	l.fail_after = true;
	assert_int_equal(act(&l, DEPOSIT, &err), PLI_INVALID);
	assert_int_equal(journal_size(f->journal), 0);
	l.fail_after = false;
	assert_int_equal(act(&l, DEPOSIT, &err), PLI_OK);
	assert_int_equal(journal_size(f->journal), 4);
	verify_ok(f, 4);
	free(l.recipients);
}

static enum pli_status wrong_event(struct db_tx *tx, void *arg, struct err *err)
{
	struct fixture *f = arg;
	static const struct uuid id = { { 9 } };
	static char large[ENTRY_MAX_BYTES];
	const struct {
		struct journal_event e;
		enum pli_status want;
	} cases[] = {
		{ { .ev = "nothing", .actor = &user }, PLI_BUG },
		{ { .ev = "handover", .actor = &user, .letter = &id }, PLI_BUG },			/* no recipient */
		{ { .ev = "document.sent", .actor = &user }, PLI_BUG },					/* no letter */
		{ { .ev = "document.sent", .actor = &user, .letter = &id, .recipient = &id }, PLI_BUG },
		{ { .ev = "log.opened", .actor = &user, .d_json = "{ }" }, PLI_BUG },
		{ { .ev = "log.opened", .actor = &user, .state = "open" }, PLI_OK },
		{ { .ev = "document.sent", .actor = &user, .letter = &id, .state = "failed" }, PLI_BUG },
		{ { .ev = "log.opened", .actor = &user, .shown_json = "{}" }, PLI_BUG },		/* no key */
		{ { .ev = "log.opened", .actor = &user, .d_json = large }, PLI_LIMIT },
	};

	memset(large, 'x', sizeof(large) - 1);
	memcpy(large, "{\"a\":\"", 6);
	memcpy(large + sizeof(large) - 3, "\"}", 2);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(journal_add(f->journal, tx, &cases[i].e, err), cases[i].want);
	return PLI_OK;
}

static void mistakes_are_found_early(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };

	assert_int_equal(db_write(f->db, wrong_event, f, &err), PLI_OK);
	verify_ok(f, 1);
}

static void many_recipients(void **state)
{
	struct fixture *f = *state;
	struct letter l = letter_new(f, 1000);
	struct err err = { 0 };

	assert_int_equal(act(&l, DEPOSIT, &err), PLI_OK);
	assert_int_equal(act(&l, SENT, &err), PLI_OK);
	verify_ok(f, 2003);
	free(l.recipients);
}

#define THREADS 8
#define LETTERS 25

static void *writer(void *arg)
{
	for (int i = 0; i < LETTERS; i++)
		whole_letter(arg, 1 + (unsigned)i % 3);
	return NULL;
}

static void many_writers(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[THREADS];
	struct db_conn *conn;
	struct journal_head head;
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };
	uint64_t size;

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, writer, f), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	size = journal_size(f->journal);
	verify_ok(f, size);
	assert_int_equal(journal_wait(f->journal, size, 5000, &err), PLI_OK);
	journal_newest_head(f->journal, &head);
	conn = db_reader_take(f->db);
	for (uint64_t seq = 0; seq < size; seq += 37) {
		unsigned with, without;
		uint8_t *a, *b;

		assert_int_equal(journal_inclusion(f->journal, conn, pool, seq, size, &a, &with, &err), PLI_OK);
		assert_int_equal(journal_inclusion(NULL, conn, pool, seq, size, &b, &without, &err), PLI_OK);
		assert_int_equal(with, without);
		assert_memory_equal(a, b, with * 32);
	}
	/* A damaged tile is passed over. */
	{
		int fd = openat(f->dir.journal, "tile/0/000", O_RDWR);
		unsigned count;
		uint8_t *path;

		assert_int_equal(pwrite(fd, "damaged!", 8, 320), 8);
		close(fd);
		journal_use_tiles(f->journal, f->dir.journal);
		assert_int_equal(journal_inclusion(f->journal, conn, pool, size - 1, size, &path, &count, &err), PLI_OK);
	}
	db_reader_give(f->db, conn);
}

/* The keeper is killed again and again while letters are written: whoever was told OK is there, all is signed in the end. */
static void keeper_dies(void **state)
{
	struct fixture *f = *state;
	struct letter l[400];
	unsigned ok = 0, uncertain = 0, busy = 0;
	struct err err = { 0 };

	for (unsigned i = 0; i < 400; i++) {
		enum pli_status status;

		if (i % 40 == 20) {
			struct testing_keeper next;

			testing_keeper_end(&f->keeper, SIGKILL);
			keeper_relink(f->keeper.client, testing_keeper_fork(&f->dir, &next));
			f->keeper.pid = next.pid;
			f->keeper.control = next.control;
			journal_keeper_back(f->journal);
		}
		l[i] = letter_new(f, 1);
		status = act(&l[i], DEPOSIT, &err);
		ok += status == PLI_OK;
		uncertain += status == PLI_UNCERTAIN;
		busy += status == PLI_BUSY;
	}
	assert_int_equal(ok + uncertain + busy, 400);
	assert_true(ok > 350);
	assert_int_equal(journal_wait(f->journal, journal_size(f->journal), 10000, &err), PLI_OK);
	assert_int_equal(journal_healthy(f->journal, &err), PLI_OK);
	verify_ok(f, journal_size(f->journal));
	for (unsigned i = 0; i < 400; i++)
		free(l[i].recipients);
}

/* Held: nothing is taken but what is marked, nothing of a refused write stays, and afterwards it goes on. */
static enum pli_status add_marked(struct db_tx *tx, void *arg, struct err *err)
{
	static const struct journal_actor actor = { .method = "cli", .channel = "cli" };

	return journal_add(((struct fixture *)arg)->journal, tx,
			   &(struct journal_event){ .ev = "log.restored", .actor = &actor, .even_held = true, .d_json = "{\"signed\":9,\"size\":4}" },
			   err);
}

static void held(void **state)
{
	struct fixture *f = *state;
	struct letter l = letter_new(f, 1);
	struct err err = { 0 }, why = { 0 };
	uint64_t size;

	whole_letter(f, 1);
	size = journal_size(f->journal);
	(void)err_field(&why, PLI_BUSY, "journal-held", "", "an older copy");
	journal_hold(f->journal, &why);
	assert_int_equal(act(&l, DEPOSIT, &err), PLI_BUSY);
	assert_string_equal(err.type, "journal-held");
	assert_int_equal(journal_healthy(f->journal, &err), PLI_BUSY);
	assert_int_equal(journal_size(f->journal), size);
	assert_int_equal(db_write(f->db, add_marked, f, &err), PLI_OK);
	assert_int_equal(journal_size(f->journal), size + 1);
	assert_int_equal(act(&l, DEPOSIT, &err), PLI_BUSY);
	journal_hold(f->journal, NULL);
	assert_int_equal(journal_healthy(f->journal, &err), PLI_OK);
	assert_int_equal(act(&l, DEPOSIT, &err), PLI_OK);
	assert_int_equal(act(&l, SENT, &err), PLI_OK);
	verify_ok(f, journal_size(f->journal));
	free(l.recipients);
}

/* While the keeper is away a write is committed and answered with uncertainty; later it is confirmed without being asked. */
static void keeper_away(void **state)
{
	struct fixture *f = *state;
	struct letter l = letter_new(f, 1);
	struct testing_keeper next;
	struct err err = { 0 };

	whole_letter(f, 1);
	testing_keeper_end(&f->keeper, SIGKILL);
	assert_int_equal(act(&l, DEPOSIT, &err), PLI_UNCERTAIN);
	assert_int_equal(journal_size(f->journal), 10);
	assert_int_equal(journal_healthy(f->journal, &err), PLI_BUSY);
	keeper_relink(f->keeper.client, testing_keeper_fork(&f->dir, &next));
	f->keeper.pid = next.pid;
	f->keeper.control = next.control;
	/* Nobody says that it is back: the journal finds out. */
	assert_int_equal(journal_wait(f->journal, 10, 10000, &err), PLI_OK);
	assert_int_equal(act(&l, SENT, &err), PLI_OK);
	verify_ok(f, 12);
	free(l.recipients);
}

/* A keeper that comes back with an older tree refuses; nothing more is committed until the right one is there. */
static void keeper_refuses(void **state)
{
	struct fixture *f = *state;
	struct letter l = letter_new(f, 1);
	struct testing_keeper next;
	struct err err = { 0 };

	whole_letter(f, 1);
	assert_int_equal(TESTING_RUN(&f->dir, "cp", "-a", "journal", "old"), 0);
	whole_letter(f, 1);
	testing_keeper_end(&f->keeper, SIGKILL);
	assert_int_equal(TESTING_RUN(&f->dir, "sh", "-c", "cp -a journal new && rm -r journal/* && cp -a old/* journal"), 0);
	keeper_relink(f->keeper.client, testing_keeper_fork(&f->dir, &next));
	assert_int_equal(act(&l, DEPOSIT, &err), PLI_UNCERTAIN);
	assert_int_equal(act(&l, SENT, &err), PLI_BUSY);
	assert_int_equal(journal_healthy(f->journal, &err), PLI_BUSY);
	assert_non_null(strstr(err.text, "older copy"));
	testing_keeper_end(&next, SIGKILL);
	assert_int_equal(TESTING_RUN(&f->dir, "sh", "-c", "rm -r journal/* && cp -a new/* journal"), 0);
	keeper_relink(f->keeper.client, testing_keeper_fork(&f->dir, &next));
	f->keeper.pid = next.pid;
	f->keeper.control = next.control;
	assert_int_equal(journal_wait(f->journal, 17, 10000, &err), PLI_OK);
	assert_int_equal(act(&l, SENT, &err), PLI_OK);
	verify_ok(f, 19);
	free(l.recipients);
}

/* The keeper's disk is full: one deposit is left uncertain, further ones are refused before they are committed; with room again all is
 * confirmed without being asked. */
static void keeper_full(void **state)
{
	struct fixture *f = prepare();
	struct letter l;
	enum pli_status status = PLI_OK;
	struct err err = { 0 };
	uint64_t size;
	int stuff;

	(void)state;
	if (!testing_mount(&f->dir, "256k")) {
		drop(f);
		skip();
	}
	start(f);
	whole_letter(f, 1);
	stuff = testing_fill(&f->dir, 40);
	for (int i = 0; i < 400 && status == PLI_OK; i++) {
		l = letter_new(f, 5);
		status = act(&l, DEPOSIT, &err);
		free(l.recipients);
	}
	assert_int_equal(status, PLI_UNCERTAIN);
	size = journal_size(f->journal);
	l = letter_new(f, 1);
	assert_int_equal(act(&l, DEPOSIT, &err), PLI_FULL);
	assert_int_equal(journal_healthy(f->journal, &err), PLI_FULL);
	assert_int_equal(journal_size(f->journal), size);
	assert_int_equal(ftruncate(stuff, 0), 0);
	assert_int_equal(journal_wait(f->journal, size, 10000, &err), PLI_OK);
	assert_int_equal(act(&l, DEPOSIT, &err), PLI_OK);
	verify_ok(f, size + 3);
	free(l.recipients);
	close(stuff);
	stop(f);
	testing_unmount(&f->dir);
	drop(f);
}

static void sql(const char *text)
{
	sqlite3 *db;
	char *message = NULL;

	assert_int_equal(sqlite3_open("pli.db", &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", text, message);
	sqlite3_close(db);
}

/* What a crash may leave: heads and tree state that the database never got; state that is wrong. */
static void opens_after_a_crash(void **state)
{
	static const char *const left[] = {
		"DELETE FROM head WHERE size > 12",
		"DELETE FROM head",
		"DELETE FROM instance WHERE k = 'journal.tree'",
		"UPDATE instance SET v = x'0000000000000001' WHERE k = 'journal.tree'",
		"UPDATE instance SET v = x'000000000000000200112233445566778899aabbccddeeff00112233445566778899aabbccddeeff' WHERE k = 'journal.tree'",
	};
	struct fixture *f = *state;
	uint64_t size = 0;

	for (size_t i = 0; i < sizeof(left) / sizeof(*left); i++) {
		whole_letter(f, 2);
		whole_letter(f, 1);
		size += 16;
		close_front(f);
		sql(left[i]);
		open_db(f);
		open_journal(f);
		verify_ok(f, size);
	}
}

static int64_t heads_stored(struct fixture *f)
{
	struct db_conn *conn = db_reader_take(f->db);
	struct db_rows rows = { 0 };
	struct err err = { 0 };
	int64_t n;

	assert_int_equal(db_query(conn, &rows, &err, "SELECT COUNT(*) FROM head", ""), PLI_OK);
	assert_int_equal(db_next(&rows, &err), PLI_OK);
	n = db_int(&rows, 0);
	db_end(&rows);
	db_reader_give(f->db, conn);
	return n;
}

/* More heads than one write takes: none of them is forgotten. */
static void many_heads_come_back(void **state)
{
	struct fixture *f = *state;
	int64_t heads;

	for (int i = 0; i < 60; i++)
		whole_letter(f, 1);
	close_front(f);
	open_db(f);
	heads = heads_stored(f);
	assert_true(heads >= 180);
	db_close(f->db);
	sql("DELETE FROM head");
	open_db(f);
	open_journal(f);
	assert_int_equal(heads_stored(f), heads);
	verify_ok(f, 60 * 7);
}

/* Rows committed, then killed before the keeper had them: sent at the next start. */
static void rows_are_sent_later(void **state)
{
	struct fixture *f = *state;
	struct letter l = letter_new(f, 3);
	struct err err = { 0 };

	whole_letter(f, 1);
	testing_keeper_end(&f->keeper, SIGKILL);
	assert_int_equal(act(&l, DEPOSIT, &err), PLI_UNCERTAIN);
	close_front(f);
	keeper_free(f->keeper.client);
	start(f);
	verify_ok(f, 12);
	assert_int_equal(act(&l, SENT, &err), PLI_OK);
	verify_ok(f, 16);
	free(l.recipients);
}

static void tampering(void **state)
{
	static const struct {
		const char *what, *sql;
		uint64_t bad_number;
	} cases[] = {
		{ "edited text", "UPDATE journal SET entry = CAST(replace(CAST(entry AS TEXT), 'api-token', 'web-token') AS BLOB) WHERE seq = 6", 7 },
		{ "deleted row", "DELETE FROM journal WHERE seq = 11", 12 },
		{ "deleted first row", "DELETE FROM journal WHERE seq = 0", 1 },
		{ "inserted row, the later ones moved", "UPDATE journal SET seq = -seq - 1 WHERE seq >= 9;"
		  "UPDATE journal SET seq = -seq WHERE seq < 0;"
		  "INSERT INTO journal SELECT 9, t, event, type, state, entity, letter, recipient, account, leaf, entry, shown FROM journal WHERE seq = 8", 10 },
		{ "swapped rows", "UPDATE journal SET seq = 1000 WHERE seq = 5; UPDATE journal SET seq = 5 WHERE seq = 13; UPDATE journal SET seq = 13 WHERE seq = 1000", 6 },
		{ "time column", "UPDATE journal SET t = t + 1000 WHERE seq = 4", 5 },
		{ "event column", "UPDATE journal SET event = 'notice.failed' WHERE seq = 4", 5 },
		{ "type column", "UPDATE journal SET type = 'proof' WHERE seq = 4", 5 },
		{ "state column", "UPDATE journal SET state = 'failed' WHERE seq = 4", 5 },
		{ "state taken away", "UPDATE journal SET state = NULL WHERE seq = 4", 5 },
		{ "entity column", "UPDATE journal SET entity = zeroblob(16) WHERE seq = 4", 5 },
		{ "letter column", "UPDATE journal SET letter = NULL WHERE seq = 4", 5 },
		{ "recipient column", "UPDATE journal SET recipient = zeroblob(16) WHERE seq = 4", 5 },
		{ "account column", "UPDATE journal SET account = NULL WHERE seq = 1", 2 },
		{ "leaf column", "UPDATE journal SET leaf = zeroblob(32) WHERE seq = 4", 5 },
		{ "text taken away", "UPDATE journal SET entry = NULL WHERE seq = 4", 5 },
		{ "shown replaced", "UPDATE journal SET shown = (SELECT shown FROM journal WHERE seq = 0) WHERE seq = 1", 2 },
		{ "shown taken away", "UPDATE journal SET shown = NULL WHERE seq = 1", 2 },
		{ "shown added", "UPDATE journal SET shown = zeroblob(90) WHERE seq = 4", 5 },
		{ "cut tail", "DELETE FROM journal WHERE seq >= 14", 15 },
		{ "head's time", "UPDATE head SET gen_time = gen_time - 1000 WHERE size = (SELECT min(size) FROM head)", 1 },
		{ "head deleted", "DELETE FROM head WHERE size = (SELECT min(size) FROM head)", 1 },
		{ "head added", "INSERT INTO head SELECT 9000, root, checkpoint, token, gen_time FROM head LIMIT 1", 17 },
		{ "all rows", "DELETE FROM journal", 1 },
	};
	struct fixture *f = *state;
	uint64_t size, bad_number;
	struct err err;

	whole_letter(f, 2);
	whole_letter(f, 1);
	assert_int_equal(journal_wait(f->journal, 16, 5000, &err), PLI_OK);
	verify_ok(f, 16);
	close_front(f);
	assert_int_equal(TESTING_RUN(&f->dir, "cp", "-a", "data", "clean"), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		open_db(f);
		db_close(f->db);
		sql(cases[i].sql);
		open_db(f);
		if (verify(f, &size, &bad_number, &err) != PLI_CONFLICT || bad_number != cases[i].bad_number)
			fail_msg("%s: number %d, not %d: %s", cases[i].what, (int)bad_number, (int)cases[i].bad_number, err.text);
		db_close(f->db);
		assert_int_equal(TESTING_RUN(&f->dir, "sh", "-c", "rm -r data/* && cp -a clean/* data"), 0);
	}
	open_db(f);
	open_journal(f);
	verify_ok(f, 16);
}

/* A row that nobody signed: seen when it stands there, and never after a head covered it. */
static void forged_tail(void **state)
{
	struct fixture *f = *state;
	uint64_t size, bad_number;
	struct err err;

	whole_letter(f, 1);
	close_front(f);
	open_db(f);
	db_close(f->db);
	sql("INSERT INTO journal SELECT 7, t, event, type, state, entity, letter, recipient, account, leaf, entry, shown FROM journal WHERE seq = 6");
	open_db(f);
	assert_int_equal(verify(f, &size, &bad_number, &err), PLI_CONFLICT);
	assert_int_equal(bad_number, 8);
	db_close(f->db);
	sql("DELETE FROM journal WHERE seq = 7");
	open_db(f);
	open_journal(f);
}

/* An older copy of the database, of the tree, of both. */
static void older_copies(void **state)
{
	struct fixture *f = *state;
	uint64_t size, bad_number;
	struct err err;

	whole_letter(f, 1);	/* 7 */
	stop(f);
	assert_int_equal(TESTING_RUN(&f->dir, "sh", "-c", "mkdir old && cp -a data journal old"), 0);
	start(f);
	whole_letter(f, 2);	/* 16 */
	stop(f);
	assert_int_equal(TESTING_RUN(&f->dir, "sh", "-c", "mkdir new && cp -a data journal new"), 0);
	for (int which = 1; which <= 3; which++) {
		if (which & 1)
			assert_int_equal(TESTING_RUN(&f->dir, "sh", "-c", "rm -r data/* && cp -a old/data/* data"), 0);
		if (which & 2)
			assert_int_equal(TESTING_RUN(&f->dir, "sh", "-c", "rm -r journal/* && cp -a old/journal/* journal"), 0);
		start_keeper(f);
		open_db(f);
		assert_int_equal(journal_open(f->db, f->keeper.client, TESTING_ORIGIN, &f->journal, &err), PLI_CONFLICT);
		f->journal = NULL;
		assert_int_equal(verify(f, &size, &bad_number, &err), PLI_CONFLICT);
		if (bad_number != 8)
			fail_msg("older copy %d: number %d: %s", which, (int)bad_number, err.text);
		db_close(f->db);
		testing_keeper_stop(&f->keeper);
		assert_int_equal(TESTING_RUN(&f->dir, "sh", "-c", "rm -r data/* journal/* && cp -a new/data/* data && cp -a new/journal/* journal"), 0);
	}
	start(f);
	verify_ok(f, 16);
	whole_letter(f, 1);
	verify_ok(f, 23);
}

/* The keeper's file itself is changed. */
static void damaged_heads(void **state)
{
	struct fixture *f = *state;
	uint64_t size, bad_number;
	struct err err;
	uint8_t byte;
	int fd;

	whole_letter(f, 1);
	whole_letter(f, 1);
	fd = openat(f->dir.journal, "heads", O_RDWR);
	assert_int_equal(pread(fd, &byte, 1, 60), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, 60), 1);
	assert_int_equal(verify(f, &size, &bad_number, &err), PLI_CONFLICT);
	assert_int_equal(bad_number, 1);
	close(fd);
}

#define WITH_ALL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ALL(one_letter), WITH_ALL(refused_acts_leave_nothing), WITH_ALL(mistakes_are_found_early), WITH_ALL(many_recipients),
		WITH_ALL(many_writers), WITH_ALL(keeper_dies), WITH_ALL(held), WITH_ALL(keeper_away), WITH_ALL(keeper_refuses), cmocka_unit_test(keeper_full),
		WITH_ALL(opens_after_a_crash), WITH_ALL(many_heads_come_back),
		WITH_ALL(rows_are_sent_later), WITH_ALL(tampering), WITH_ALL(forged_tail), WITH_ALL(older_copies), WITH_ALL(damaged_heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
