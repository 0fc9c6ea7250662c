/* Letters moved to other month keys, against a real database and a real keeper: nothing is lost whatever comes between, and what cannot be
 * moved keeps its key. */
#include "office_testing.h"

#include <dirent.h>
#include <semaphore.h>

#include "kek_left.h"

#include "deadline.h"
#include "draft.h"
#include "draft_own.h"
#include "directory_own.h"

#include "kek_end.h"
#include "key_move.h"
#include "letter_own.h"
#include "retention_own.h"

static struct instance in;

/* As if the wrapping key had been changed: what the keeper makes from now on has another name. */
static void another_root(char digit, char id_r[66])
{
	struct err err = { 0 };

	memset(id_r, digit, 64);
	id_r[64] = '\n';
	id_r[65] = 0;
	OK(keyfile_replace(in.keys, "root.id", 0600, id_r, 65, &err));
	instance_restart(&in);
}

static struct uuid sent(const char *first, const char *second)
{
	const char *to[] = { first, second, NULL };
	struct deposit d = { .to = to, .subject = "Moved", .message = "Words that stay" };
	AUTO_BUF body = { 0 };
	struct uuid letter;
	struct err err = { 0 };

	OK(instance_deposit(&in, &in.editor, &d, &letter, &body, &err));
	return letter;
}

/* The same by a door that does not wait for the commit. */
static void then(void *arg)
{
	sem_post(arg);
}

static struct uuid sent_later(void)
{
	AUTO_POOL pool = pool_new();
	struct journal_actor actor = instance_actor(&in.editor);
	const char *to[] = { "e@example.org", NULL };
	struct deposit d = { .to = to, .subject = "Later", .message = "Words that stay" };
	struct deposit_work *work = NULL;
	AUTO_BUF body = { 0 };
	struct uuid letter;
	struct err err = { 0 };
	sem_t answered;

	sem_init(&answered, 0, 0);
	assert_int_equal(deposit_begin(in.office, &in.editor, &actor, pool, &d, then, &answered, &work, &letter, &body, &err), PLI_AGAIN);
	while (sem_wait(&answered) != 0)
		assert_int_equal(errno, EINTR);
	OK(deposit_end(work, &letter, &body, &err));
	sem_destroy(&answered);
	return letter;
}

static void reads(const struct uuid *letter)
{
	AUTO_POOL pool = pool_new_secret();
	struct db_conn *conn = db_reader_take(in.db);
	struct letter_keys keys;
	struct letter *l;
	uint8_t key[32];
	struct err err = { 0 };

	OK(letter_load(in.office, conn, pool, &in.mairie, letter, &l, &keys, &err));
	db_reader_give(in.db, conn);
	OK(letter_key_unwrap(in.office, l, &keys, key, &err));
}

/* So many uploads that wait for their letter. */
static void staged(unsigned count)
{
	struct object_stage_options options = { .entity = &in.mairie, .account = &in.editor.account, .limit_bytes = 1 << 20, .resumable = true,
						.expires_us = clock_now_us() + DAY_US };
	struct err err = { 0 };

	for (unsigned i = 0; i < count; i++) {
		struct ostream *os;
		struct uuid object;

		OK(object_stage(in.objects, &options, &os, &object, &err));
		OK(ostream_write(os, "abc", 3, &err));
		OK(ostream_finish(os, &err));
		ostream_close(os);
	}
}

static bool some_staged;		/* some uploads had moved, others not, when a call ended */

/* In the smallest steps. */
static struct key_move_state moved_all(void)
{
	struct key_move_state state = { 0 };
	struct err err = { 0 };

	for (int i = 0; i < 1000 && !state.done; i++) {
		OK(key_move_step(in.office, clock_now_us(), 1, true, &state, &err));
		some_staged |= instance_count(&in, "SELECT COUNT(DISTINCT length(kid)) FROM segment WHERE kid IS NOT NULL") > 1;
	}
	assert_true(state.done);
	return state;
}

/* As if it were eight days later for all keys that were left; how many they are. */
static unsigned aged(void)
{
	int kek = openat(in.keys, "kek", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fdopendir(dup(kek));
	struct dirent *entry;
	unsigned count = 0;
	struct err err = { 0 };

	while ((entry = readdir(dir))) {
		char *suffix = strstr(entry->d_name, ".left");
		struct kek_left left;

		if (!suffix)
			continue;
		*suffix = 0;
		OK(kek_left_read(kek, entry->d_name, &left, &err));
		left.used_us -= 8 * DAY_US;
		OK(kek_left_write(kek, entry->d_name, &left, &err));
		count++;
	}
	closedir(dir);
	close(kek);
	instance_restart(&in);		/* the keeper knows it otherwise */
	return count;
}

static struct key_move_state ended(void)
{
	struct key_move_state state;
	struct err err = { 0 };

	OK(key_move_step(in.office, clock_now_us(), SECOND_US * 10, true, &state, &err));
	assert_true(state.done);
	return state;
}

static void verified(void)
{
	struct err err = { 0 };

	if (instance_verify(&in, &err) != 0)
		fail_msg("%s", err.text);
}

static void nothing_to_move(void **state)
{
	struct key_move_state s;
	struct err err = { 0 };

	(void)state;
	(void)sent("a@example.org", NULL);
	REFUSED(key_move_begin(in.office, "", clock_now_us(), &err), PLI_CONFLICT, NULL);
	OK(key_move_step(in.office, clock_now_us(), SECOND_US, true, &s, &err));
	assert_true(s.done);
	assert_int_equal(s.letters, 0);
}

/* Groups of one microsecond each, so that each ends a call. */
static void all_moved(void **state)
{
	AUTO_POOL pool = pool_new_secret();
	struct draft_change change = { .subject = "Begun", .message = "Not sent" };
	struct journal_actor actor = instance_actor(&in.editor);
	struct uuid letters[70], draft;
	struct key_move_state s;
	struct err err = { 0 };
	struct draft *d;
	char id[66], name[37];
	bool replayed;

	(void)state;
	for (unsigned i = 0; i < 70; i++)
		letters[i] = sent("a@example.org", "b@example.org");
	OK(draft_create(in.office, &in.editor, &actor, pool, &change, &draft, &replayed, &err));
	staged(130);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM segment WHERE kid IS NOT NULL"), 130);
	/* As an archived letter, it has no links. */
	instance_run(&in, "UPDATE recipient SET token = zeroblob(0) WHERE letter = (SELECT MAX(letter) FROM letter)");
	another_root('a', id);
	OK(key_move_begin(in.office, id, clock_now_us(), &err));
	s = moved_all();
	assert_true(some_staged);
	assert_int_equal(s.letters, instance_count(&in, "SELECT (SELECT COUNT(*) FROM letter) + (SELECT COUNT(*) FROM draft)"));
	assert_int_equal(s.moved, s.letters);
	assert_int_equal(s.keys, 0);
	assert_in_range(s.left, 1, 2);	/* the draft's month may be the letters' */
	assert_int_equal(s.destroyed, 0);
	assert_in_range(s.due_us, clock_now_us() + 6 * DAY_US, clock_now_us() + 7 * DAY_US);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM journal WHERE event = 'key.moved'"), s.left);
	/* Asked again, by people and in time: it is said once, and they stay. */
	for (int i = 0; i < 3; i++) {
		OK(key_move_step(in.office, clock_now_us(), SECOND_US * 10, i != 1, &s, &err));
		assert_true(s.done);
		if (i == 1)
			instance_restart(&in);
	}
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM journal WHERE event = 'key.moved'"), s.left);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM kek WHERE retired IS NOT NULL AND destroyed IS NULL"), s.left);
	assert_int_equal(aged(), s.left);
	s = ended();
	assert_int_equal(s.left, 0);
	assert_int_equal(s.due_us, 0);
	assert_in_range(s.destroyed, 1, 2);
	assert_int_equal(aged(), 0);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM letter WHERE kid NOT LIKE '%-aaaaaaaa'"), 0);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM draft WHERE kid NOT LIKE '%-aaaaaaaa'"), 0);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM segment WHERE kid LIKE 'stage-%-aaaaaaaa'"), 130);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM journal WHERE event = 'key.destroyed'"), s.destroyed);
	for (unsigned i = 0; i < 70; i++)
		reads(&letters[i]);
	uuid_format(name, &draft);
	OK(draft_get(in.office, &in.editor, pool, name, &d, &err));
	assert_string_equal(d->message, "Not sent");
	verified();
}

/* The KEK is retired when keys lie under it already, and no row yet. */
static void retired_in_between(void **state)
{
	AUTO_POOL pool = pool_new_secret();
	struct journal_actor actor = instance_actor(&in.editor);
	struct draft_change change = { .subject = "Begun", .message = "Not sent" };
	struct uuid first, letter, later, draft;
	struct key_move_state s;
	struct err err = { 0 };
	struct draft *d;
	char id[66], name[37];
	bool replayed;

	(void)state;
	another_root('b', id);
	first = sent("a@example.org", NULL);		/* the office knows the KEK of before */
	OK(draft_create(in.office, &in.editor, &actor, pool, &change, &draft, &replayed, &err));
	instance_run(&in, "UPDATE kek SET retired = 1 WHERE purpose = 'letter' AND destroyed IS NULL AND kid NOT LIKE '%-bbbbbbbb'");
	letter = sent("b@example.org", "c@example.org");
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM letter WHERE kid LIKE '%-bbbbbbbb'"), 1);
	/* The other way round, as the office knows that one now. */
	instance_run(&in, "UPDATE kek SET retired = CASE WHEN retired = 1 THEN NULL ELSE 2 END WHERE purpose = 'letter' AND destroyed IS NULL");
	later = sent_later();
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM letter WHERE kid LIKE '%-bbbbbbbb'"), 1);
	/* And the draft's, which the office has forgotten with the other: once more as it knows it. */
	directory_keks_forget(in.directory);
	change.message = "Changed";
	uuid_format(name, &draft);
	OK(draft_change(in.office, &in.editor, &actor, pool, name, &change, &err));
	instance_run(&in, "UPDATE kek SET retired = CASE WHEN retired = 2 THEN NULL ELSE 1 END WHERE purpose = 'letter' AND destroyed IS NULL");
	change.message = "Changed again";
	OK(draft_change(in.office, &in.editor, &actor, pool, name, &change, &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM draft WHERE kid LIKE '%-bbbbbbbb' AND version = 3"), 1);
	s = moved_all();
	assert_int_equal(s.stuck, 0);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM letter WHERE kid NOT LIKE '%-bbbbbbbb'"), 0);
	reads(&first);
	reads(&letter);
	reads(&later);
	OK(draft_get(in.office, &in.editor, pool, name, &d, &err));
	assert_string_equal(d->message, "Changed again");
	verified();
}

/* One that does not open keeps its KEK, and only it; its neighbours move.  Nobody tries for ever. */
static void damaged_stays(void **state)
{
	struct uuid good, bad;
	struct key_move_state s;
	struct err err = { 0 };
	char id[66];

	(void)state;
	good = sent("a@example.org", NULL);
	bad = sent("b@example.org", NULL);
	instance_run(&in, "UPDATE letter SET letter_key = (SELECT letter_key FROM letter ORDER BY letter LIMIT 1) WHERE letter = (SELECT MAX(letter) FROM letter)");
	(void)bad;
	another_root('c', id);
	OK(key_move_begin(in.office, id, clock_now_us(), &err));
	s = moved_all();
	assert_int_equal(s.stuck, 1);
	assert_int_equal(s.keys, 1);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM letter WHERE kid NOT LIKE '%-cccccccc'"), 1);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM kek WHERE retired IS NOT NULL AND moved IS NULL AND destroyed IS NULL"), 1);
	reads(&good);
	OK(key_move_step(in.office, clock_now_us(), SECOND_US, false, &s, &err));
	assert_true(s.done);
	assert_int_equal(s.stuck, 1);
	s = moved_all();		/* who asks is told again */
	assert_int_equal(s.keys, 1);
	(void)sent("d@example.org", NULL);
	/* What names a KEK that is not there any more is lost already, and keeps nothing. */
	instance_run(&in, "UPDATE letter SET kid = 'letter-00000000000000000000000000000000-202601' WHERE kid NOT LIKE '%-cccccccc'");
	s = moved_all();
	assert_int_equal(s.keys, 0);
	verified();
}

static void kid_of(const struct uuid *letter, char kid_r[64])
{
	struct db_conn *conn = db_reader_take(in.db);
	struct db_rows rows = { 0 };
	struct err err = { 0 };

	OK(db_query(conn, &rows, &err, "SELECT kid FROM letter WHERE letter = $1", "u", letter));
	OK(db_next(&rows, &err));
	snprintf(kid_r, 64, "%s", db_text(&rows, 0));
	db_end(&rows);
	db_reader_give(in.db, conn);
}

/* A key whose file is damaged (missing) when the letters move: its letter stays and it is not destroyed, all others move, the housekeeping goes on.
 * With the file in its place again the letter moves as well. */
static void without_its_file(bool missing)
{
	const char *to[] = { "x@example.org", NULL };
	struct deposit d = { .to = to, .subject = "Of others", .message = "Words" };
	AUTO_BUF body = { 0 }, file = { 0 };
	struct uuid bad, good;
	struct key_move_state s;
	struct err err = { 0 };
	char id[66], kid[64], path[80];

	instance_drop(&in);
	instance_make(&in);
	bad = sent("a@example.org", NULL);
	OK(instance_deposit(&in, &in.stranger, &d, &good, &body, &err));
	kid_of(&bad, kid);
	snprintf(path, sizeof(path), "kek/%s", kid);
	OK(keyfile_read(in.keys, path, &file, &err));
	if (missing)
		assert_int_equal(unlinkat(in.keys, path, 0), 0);
	else
		OK(keyfile_replace(in.keys, path, 0600, "no key", 6, &err));
	another_root('d', id);
	OK(key_move_begin(in.office, id, clock_now_us(), &err));
	s = moved_all();
	assert_int_equal(s.stuck, 1);
	assert_int_equal(s.keys, 1);
	kid_of(&good, kid);
	assert_string_equal(kid + strlen(kid) - 9, "-dddddddd");
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM letter l JOIN kek k ON k.kid = l.kid WHERE k.destroyed IS NOT NULL"), 0);
	OK(retention_run(in.office, clock_now_us(), &err));
	OK(keyfile_replace(in.keys, path, 0600, file.p, file.n, &err));
	instance_restart(&in);
	s = moved_all();
	assert_int_equal(s.stuck, 0);
	assert_int_equal(s.keys, 0);
	reads(&bad);
	verified();
}

static void key_is_damaged(void **state)
{
	(void)state;
	without_its_file(false);
}

static void key_is_missing(void **state)
{
	(void)state;
	without_its_file(true);
}

/* A key in use that is not there has no other of its name made: with its file nothing was lost.  Under another wrapping key letters go on, and
 * it is moved away from should it come back. */
static void missing_in_use(void **state)
{
	const char *to[] = { "x@example.org", NULL };
	struct deposit d = { .to = to, .subject = "Refused", .message = "Words" };
	AUTO_BUF body = { 0 }, file = { 0 };
	struct uuid first, letter;
	struct key_move_state s;
	struct err err = { 0 };
	char id[66], kid[64], path[80];

	(void)state;
	instance_drop(&in);
	instance_make(&in);
	first = sent("a@example.org", NULL);
	kid_of(&first, kid);
	snprintf(path, sizeof(path), "kek/%s", kid);
	OK(keyfile_read(in.keys, path, &file, &err));
	assert_int_equal(unlinkat(in.keys, path, 0), 0);
	instance_restart(&in);
	REFUSED(instance_deposit(&in, &in.editor, &d, &letter, &body, &err), PLI_IO, NULL);
	assert_int_equal(faccessat(in.keys, path, F_OK, 0), -1);
	OK(keyfile_replace(in.keys, path, 0600, file.p, file.n, &err));
	OK(instance_deposit(&in, &in.editor, &d, &letter, &body, &err));
	assert_int_equal(unlinkat(in.keys, path, 0), 0);
	another_root('9', id);
	OK(instance_deposit(&in, &in.editor, &d, &letter, &body, &err));
	kid_of(&letter, kid);
	assert_string_equal(kid + strlen(kid) - 9, "-99999999");
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM kek WHERE retired IS NOT NULL AND destroyed IS NULL"), 1);
	OK(keyfile_replace(in.keys, path, 0600, file.p, file.n, &err));
	instance_restart(&in);
	s = moved_all();
	assert_int_equal(s.stuck, 0);
	assert_int_equal(s.left, 1);
	reads(&first);
	verified();
}

/* Whoever asks for it: no key goes while something lies under it. */
static void nothing_goes_in_use(void **state)
{
	struct directory_kek_over kek = { .entity = in.mairie, .period = clock_month(clock_now_us()) + 1 };
	struct uuid letter = sent("a@example.org", NULL);
	struct err err = { 0 };
	int64_t due_us;
	char id[66];

	(void)state;
	kid_of(&letter, kek.kid);
	another_root('f', id);		/* so that the keeper would do it */
	REFUSED(kek_end(in.office, &kek, true, clock_now_us(), &due_us, &err), PLI_CONFLICT, NULL);
	REFUSED(kek_end(in.office, &kek, false, clock_now_us(), &due_us, &err), PLI_CONFLICT, NULL);
	reads(&letter);
	instance_run(&in, "DELETE FROM letter");
	REFUSED(kek_end(in.office, &kek, false, clock_now_us(), &due_us, &err), PLI_DENIED, NULL);
	instance_run(&in, "UPDATE kek SET retired = 1 WHERE purpose = 'letter' AND kid NOT LIKE '%-ffffffff'");
	OK(kek_end(in.office, &kek, true, clock_now_us(), &due_us, &err));
	assert_true(due_us > clock_now_us());
}

/* The database is an older one than the keys: letters lie under a key that was left.  They open, they move, and the key stays as long as they are
 * read under it; what it says of them is said again when the keeper does not know the entry. */
static void left_and_back(void **state)
{
	struct uuid letter, other;
	struct key_move_state s;
	struct err err = { 0 };
	char id[66], kid[64];

	(void)state;
	instance_drop(&in);
	instance_make(&in);
	letter = sent("a@example.org", NULL);
	instance_run(&in, "CREATE TABLE was AS SELECT entity, letter, kid, letter_key FROM letter");
	instance_run(&in, "CREATE TABLE had AS SELECT entity, letter, n, token FROM recipient");
	kid_of(&letter, kid);
	another_root('7', id);
	OK(key_move_begin(in.office, id, clock_now_us(), &err));
	s = moved_all();
	assert_int_equal(s.left, 1);
	instance_run(&in, "UPDATE letter SET kid = (SELECT kid FROM was WHERE was.letter = letter.letter), "
			  "letter_key = (SELECT letter_key FROM was WHERE was.letter = letter.letter)");
	instance_run(&in, "UPDATE recipient SET token = (SELECT token FROM had WHERE had.letter = recipient.letter AND had.n = recipient.n)");
	instance_restart(&in);
	reads(&letter);
	aged();
	s = ended();			/* not with a letter under it */
	assert_int_equal(s.destroyed, 0);
	s = moved_all();
	assert_int_equal(s.left, 1);
	reads(&letter);
	kid_of(&letter, kid);
	assert_string_equal(kid + strlen(kid) - 9, "-77777777");
	/* As if that very row were older still: current, and the keeper has left it. */
	kid_of(&letter, kid);
	instance_run(&in, "DELETE FROM kek WHERE kid LIKE '%-77777777'");
	instance_run(&in, "UPDATE kek SET retired = NULL, moved = NULL, next = NULL WHERE purpose = 'letter'");
	instance_restart(&in);
	other = sent("b@example.org", NULL);
	kid_of(&other, kid);
	assert_string_equal(kid + strlen(kid) - 9, "-77777777");
	/* The entry that the row names is another. */
	instance_run(&in, "UPDATE kek SET moved = 1, next = (SELECT kid FROM letter) WHERE purpose = 'letter' AND retired IS NOT NULL");
	aged();
	s = ended();
	assert_int_equal(s.destroyed, 0);
	s = moved_all();		/* said again; its days are over, and nobody has used it */
	assert_int_equal(s.destroyed, 1);
	assert_int_equal(s.left, 0);
	reads(&letter);
	reads(&other);
	instance_run(&in, "DROP TABLE was");
	instance_run(&in, "DROP TABLE had");
	verified();
}

/* The office knows another time than the machine's clock shows: that is by so much ahead of it; 0: it is believed again. */
static void clock_ahead(int64_t by_us)
{
	in.office->clock = (struct deadline_clock){ .wall_us = clock_now_us() - by_us, .boot_us = clock_boot_us() };
}

/* Nothing is given up, and nothing destroyed, by a clock that is not believed, whichever way it was set. */
static void not_by_a_wrong_clock(void **state)
{
	static const char DESTROYED[] = "SELECT COUNT(*) FROM journal WHERE event = 'key.destroyed'";
	struct uuid letter;
	struct key_move_state s;
	struct err err = { 0 };
	int64_t destroyed;
	char id[66], path[80], kid[64];

	(void)state;
	instance_drop(&in);
	instance_make(&in);
	letter = sent("a@example.org", NULL);
	kid_of(&letter, kid);
	snprintf(path, sizeof(path), "kek/%s", kid);
	another_root('8', id);
	OK(key_move_begin(in.office, id, clock_now_us(), &err));
	for (int back = 0; back < 2; back++) {
		clock_ahead(back ? -10 * DAY_US : 10 * DAY_US);
		s = moved_all();
		assert_int_equal(s.waiting, 1);
		assert_int_equal(s.keys, 1);
		assert_int_equal(s.left, 0);
		OK(key_move_step(in.office, clock_now_us(), 0, false, &s, &err));
		assert_false(s.done);		/* who asks again goes on with it */
	}
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM journal WHERE event = 'key.moved'"), 0);
	clock_ahead(0);
	s = moved_all();
	assert_int_equal(s.waiting, 0);
	assert_int_equal(s.left, 1);
	destroyed = instance_count(&in, DESTROYED);
	for (int back = 0; back < 2; back++) {
		/* By the machine's clock its days are over. */
		if (!back)
			assert_int_equal(aged(), 1);
		clock_ahead(back ? -10 * DAY_US : 10 * DAY_US);
		s = ended();
		assert_int_equal(s.waiting, 1);
		assert_int_equal(s.left, 1);
		OK(retention_run(in.office, deadline_now_us(in.office), &err));
		assert_int_equal(instance_count(&in, DESTROYED), destroyed);
		assert_int_equal(faccessat(in.keys, path, F_OK, 0), 0);
	}
	clock_ahead(0);
	s = ended();
	assert_int_equal(s.waiting, 0);
	assert_int_equal(s.destroyed, 1);
	assert_int_equal(faccessat(in.keys, path, F_OK, 0), -1);
	reads(&letter);
	verified();
}

static unsigned marks(const char *one, const char *other)
{
	char path[80];
	unsigned count = 0;
	struct stat sb;

	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "kek/%s.left", i ? other : one);
		count += fstatat(in.keys, path, &sb, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(sb.st_mode);
	}
	return count;
}

/* One key's trouble is its own: the other of the two is given up, then destroyed, and the troubled one as soon as it can be.  Each in turn, as one of
 * them comes first. */
static void one_in_trouble(void **state)
{
	const char *to[] = { "x@example.org", NULL };
	struct deposit d = { .to = to, .subject = "Of others", .message = "Words" };

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		AUTO_BUF body = { 0 };
		char id[66], kids[2][64], bad[160];
		struct uuid letters[2];
		struct key_move_state s;
		struct err err = { 0 };

		instance_drop(&in);
		instance_make(&in);
		letters[0] = sent("a@example.org", NULL);
		OK(instance_deposit(&in, &in.stranger, &d, &letters[1], &body, &err));
		kid_of(&letters[0], kids[0]);
		kid_of(&letters[1], kids[1]);
		snprintf(bad, sizeof(bad), "kek/%s.left", kids[turn]);
		assert_int_equal(mkdirat(in.keys, bad, 0700), 0);		/* in the way of its mark */
		another_root('6', id);
		OK(key_move_begin(in.office, id, clock_now_us(), &err));
		s = moved_all();
		assert_int_equal(s.waiting, 1);
		assert_int_equal(s.stuck, 0);
		assert_int_equal(marks(kids[0], kids[1]), 1);
		/* In the hours after it the housekeeping goes on; no restart is needed. */
		OK(retention_run(in.office, clock_now_us(), &err));
		assert_int_equal(unlinkat(in.keys, bad, AT_REMOVEDIR), 0);
		s = ended();
		assert_int_equal(s.waiting, 0);
		assert_int_equal(s.left, 2);
		assert_int_equal(marks(kids[0], kids[1]), 2);
		/* The same when both are to be destroyed. */
		assert_int_equal(aged(), 2);
		assert_int_equal(unlinkat(in.keys, bad, 0), 0);
		assert_int_equal(mkdirat(in.keys, bad, 0700), 0);
		s = ended();
		assert_int_equal(s.waiting, 1);
		assert_int_equal(s.destroyed, 1);
		assert_int_equal(s.left, 1);
		assert_int_equal(unlinkat(in.keys, bad, AT_REMOVEDIR), 0);
		s = ended();		/* said again: its days begin anew */
		assert_int_equal(s.waiting, 0);
		assert_int_equal(s.left, 1);
		assert_in_range(s.due_us, clock_now_us() + 6 * DAY_US, clock_now_us() + 7 * DAY_US);
		verified();
	}
}

/* The keeper has its older root again, and the database knows that key as retired: what it makes under the root in use is in use. */
static void current_again(void **state)
{
	struct uuid letter;
	char kid[64], again[64];

	(void)state;
	letter = sent("a@example.org", NULL);
	kid_of(&letter, kid);
	instance_run(&in, "UPDATE kek SET retired = 1 WHERE purpose = 'letter' AND retired IS NULL AND destroyed IS NULL");
	instance_restart(&in);
	letter = sent("b@example.org", NULL);
	kid_of(&letter, again);
	assert_string_equal(kid, again);
	reads(&letter);
}

/* The keeper has named its key, then the keys are retired, and only then the row is to be written. */
static struct {
	struct keywrap real;
	const char *root;
	unsigned asked;
} between;

static enum pli_status kek_between(void *arg, const char *purpose, const struct uuid *entity, int64_t period, char kid_r[64], struct err *err)
{
	enum pli_status st = between.real.kek(arg, purpose, entity, period, kid_r, err);

	if (st != PLI_OK || between.asked++)
		return st;
	memcpy(kid_r + strlen(kid_r) - 8, "12345678", 8);	/* of before */
	return directory_kek_retire(in.directory, between.root, purge_keys_month(clock_now_us()), clock_now_us(), err);
}

static void retired_while_named(void **state)
{
	int64_t month = clock_month(clock_now_us()) + 5;
	struct err err = { 0 };
	char id[66], kid[64];

	(void)state;
	another_root('2', id);
	between.real = in.directory->keywrap;
	between.root = id;
	between.asked = 0;
	in.directory->keywrap.kek = kek_between;
	OK(directory_kek(in.directory, "letter", &in.mairie, month, kid, &err));
	in.directory->keywrap = between.real;
	assert_string_equal(kid + strlen(kid) - 9, "-22222222");
	assert_int_equal(between.asked, 2);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM kek WHERE kid LIKE '%-12345678'"), 0);
}

static void plan_uses(const char *sql, const char *index)
{
	struct db_conn *conn = db_reader_take(in.db);
	struct db_rows rows = { 0 };
	AUTO_BUF plan = { 0 };
	struct err err = { 0 };
	enum pli_status st;

	OK(db_query(conn, &rows, &err, sql, ""));
	while ((st = db_next(&rows, &err)) == PLI_OK)
		buf_fmt(&plan, "%s\n", db_text(&rows, 3));
	assert_int_equal(st, PLI_ABSENT);
	db_end(&rows);
	db_reader_give(in.db, conn);
	if (!strstr(plan.p, index) || strstr(plan.p, "SCAN letter") || strstr(plan.p, "TEMP B-TREE"))
		fail_msg("%s: %s", sql, plan.p);
}

/* What is asked of each key of a month does not read all letters of its entity. */
static void index_is_used(void **state)
{
	(void)state;
	plan_uses("EXPLAIN QUERY PLAN SELECT letter FROM letter WHERE entity = x'00' AND kid = 'k' AND letter > x'00' ORDER BY letter LIMIT 64",
		  "letter_kid (entity=? AND kid=? AND letter>?)");
	plan_uses("EXPLAIN QUERY PLAN SELECT (SELECT COUNT(*) FROM letter WHERE entity = x'00' AND kid = 'k') + 1", "letter_kid (entity=? AND kid=?)");
	plan_uses("EXPLAIN QUERY PLAN SELECT letter FROM letter WHERE entity = x'00' AND kid = 'k' LIMIT 1", "letter_kid (entity=? AND kid=?)");
	plan_uses("EXPLAIN QUERY PLAN SELECT letter, held FROM letter WHERE entity = x'00' AND letter IN "
		  "(SELECT letter FROM letter WHERE entity = x'00' AND kid = 'k' LIMIT 64)", "letter_kid (entity=? AND kid=?)");
}

static int setup(void **state)
{
	(void)state;
	instance_make(&in);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	instance_drop(&in);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_move),
		cmocka_unit_test(all_moved),
		cmocka_unit_test(retired_in_between),
		cmocka_unit_test(damaged_stays),
		cmocka_unit_test(key_is_damaged),
		cmocka_unit_test(key_is_missing),
		cmocka_unit_test(missing_in_use),
		cmocka_unit_test(nothing_goes_in_use),
		cmocka_unit_test(left_and_back),
		cmocka_unit_test(not_by_a_wrong_clock),
		cmocka_unit_test(one_in_trouble),
		cmocka_unit_test(current_again),
		cmocka_unit_test(retired_while_named),
		cmocka_unit_test(index_is_used),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
