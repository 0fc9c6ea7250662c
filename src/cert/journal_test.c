/* The journal with a real database and a real keeper: numbering, chains, heads, a keeper that dies, is away, refuses or is full. */
#include "journal_testing.h"

#include <pthread.h>

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

/* The database's disk is full at a commit whose leaves the keeper has seen already: the deposit is refused, and with room again others stand in
 * their place. */
static void commit_fails(void **state)
{
	struct fixture *f = prepare();
	struct letter l = letter_new(f, 40);
	struct err err = { 0 };
	struct keeper_status k;
	int64_t until_us = clock_mono_us() + 20 * SECOND_US;
	uint64_t size, heads;
	char path[96];
	int stuff, dir;

	(void)state;
	if (!testing_mount_at(&f->dir, "data", "2m")) {
		drop(f);
		skip();
	}
	start(f);
	whole_letter(f, 1);
	size = journal_size(f->journal);
	assert_int_equal(keeper_status(f->keeper.client, &k, &err), PLI_OK);
	heads = k.signatures[SIGNATURE_CHECKPOINT];
	snprintf(path, sizeof(path), "%s/data", f->dir.path);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	stuff = testing_fill_at(dir, 4096);
	close(dir);
	assert_int_equal(act(&l, DEPOSIT, &err), PLI_FULL);
	assert_int_equal(journal_size(f->journal), size);
	/* Announced it was, so that a head was signed; stored it is not. */
	do {
		assert_true(clock_mono_us() < until_us);
		assert_int_equal(keeper_status(f->keeper.client, &k, &err), PLI_OK);
	} while (k.signatures[SIGNATURE_CHECKPOINT] == heads);
	assert_int_equal(k.signatures[SIGNATURE_CHECKPOINT], heads + 1);
	assert_int_equal(k.size, size);
	assert_int_equal(ftruncate(stuff, 0), 0);
	whole_letter(f, 1);
	verify_ok(f, size + 7);
	free(l.recipients);
	close(stuff);
	stop(f);
	assert_int_equal(chdir("/"), 0);
	testing_unmount_at(&f->dir, "data");
	drop(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ALL(one_letter), WITH_ALL(refused_acts_leave_nothing), WITH_ALL(mistakes_are_found_early), WITH_ALL(many_recipients),
		WITH_ALL(many_writers), WITH_ALL(keeper_dies), WITH_ALL(held), WITH_ALL(keeper_away), WITH_ALL(keeper_refuses), cmocka_unit_test(keeper_full),
		cmocka_unit_test(commit_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
