/* The journal found again: after a crash, after tampering of every kind, from older copies, with damaged heads. */
#include "journal_testing.h"

#include <sqlite3.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ALL(opens_after_a_crash), WITH_ALL(many_heads_come_back), WITH_ALL(rows_are_sent_later), WITH_ALL(tampering),
		WITH_ALL(forged_tail), WITH_ALL(older_copies), WITH_ALL(damaged_heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
