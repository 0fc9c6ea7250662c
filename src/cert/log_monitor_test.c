/* A log followed from outside: what grows is taken, and every kind of lie is named; what was seen is only replaced by what holds. */
#include "log_testing.h"

#include "buf.h"
#include "text.h"

#include "log_monitor.h"

struct served {
	struct testing_log log;
	uint64_t size;			/* of the head */
	unsigned fetched;
	/* Lies. */
	const char *without;		/* this path is not there */
	const char *bent;		/* a hash of this path is another */
	const char *cut;		/* it is one byte short */
	const char *other_note;		/* in the place of the head */
};

static bool lied(const char *which, const char *path)
{
	return which && str_starts(path, which);
}

static enum pli_status fetch(void *arg, const char *path, size_t max, struct buf *out, struct err *err)
{
	struct served *s = arg;
	uint8_t hashes[TILE_HASHES][32];
	unsigned level, width;
	uint64_t n;

	s->fetched++;
	if (lied(s->without, path))
		return err_set(err, PLI_ABSENT, "none");
	if (str_eq(path, "checkpoint")) {
		if (s->other_note)
			buf_str(out, s->other_note);
		else
			testing_log_note(&s->log, s->size, out);
		return PLI_OK;
	}
	assert_true(str_starts(path, "tile/"));
	if (!tiles_path_parse(path + 5, &level, &n, &width))
		fail_msg("asked for %s", path);
	if ((n * TILE_HASHES + width) << 8 * level > s->log.size)
		return err_set(err, PLI_ABSENT, "none");
	testing_log_tile(&s->log, level, n, width, hashes);
	if (lied(s->bent, path))
		hashes[width / 2][5] ^= 1;
	assert_true(width * 32u <= max);
	buf_add(out, hashes, width * 32u - lied(s->cut, path));
	return PLI_OK;
}

static void say(void *arg, const char *line)
{
	(void)arg;
	assert_true(strlen(line) > 0);
}

static enum pli_status run(struct served *s, struct log_state *state, struct log_claim *claims, unsigned count, struct err *err)
{
	struct log_monitor m = { .key = &s->log.key, .fetch = fetch, .claims = claims, .claim_count = count, .say = say, .arg = s };

	*err = (struct err){ 0 };
	return log_monitor_run(&m, state, err);
}

static void ok(struct served *s, struct log_state *state, uint64_t size)
{
	struct err err;

	s->size = size;
	if (run(s, state, NULL, 0, &err) != PLI_OK)
		fail_msg("%s", err.text);
	assert_int_equal(state->tree.size, size);
}

/* It is refused with these words, and what was seen stays. */
static void refused(struct served *s, struct log_state *state, const char *words)
{
	struct log_state before = { .tree = state->tree };
	struct err err;

	buf_add(&before.note, state->note.p ? state->note.p : "", state->note.n);
	if (run(s, state, NULL, 0, &err) != PLI_CONFLICT)
		fail_msg("taken: %s", words);
	if (!strstr(err.text, words))
		fail_msg("'%s' says nothing of '%s'", err.text, words);
	assert_memory_equal(&state->tree, &before.tree, sizeof(before.tree));
	assert_int_equal(state->note.n, before.note.n);
	assert_memory_equal(state->note.p ? state->note.p : "", before.note.p ? before.note.p : "", before.note.n);
	buf_free(&before.note);
}

static int setup(void **state)
{
	static struct served s;

	memset(&s, 0, sizeof(s));
	testing_log_make(&s.log, "example.com/log", 4);
	testing_log_grow(&s.log, 66500, 0);
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	testing_log_drop(&((struct served *)*state)->log);
	return 0;
}

/* Around the widths of tiles, twice the same, and by what was written down and read again. */
static void grows(void **arg)
{
	static const uint64_t sizes[] = { 1, 2, 255, 256, 257, 511, 513, 1000, 65535, 65536, 65537, 66500 };
	struct served *s = *arg;
	struct log_state state = { 0 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		AUTO_BUF text = { 0 };
		struct log_state again = { 0 };
		struct err err = { 0 };
		unsigned fetched;

		ok(s, &state, sizes[i]);
		log_state_write(&state, &text);
		if (log_state_parse(text.p, text.n, &again, &err) != PLI_OK)
			fail_msg("%s", err.text);
		assert_int_equal(again.tree.size, sizes[i]);
		fetched = s->fetched;
		ok(s, &again, sizes[i]);
		assert_true(s->fetched - fetched < 12);		/* the edge, not the log */
		buf_free(&again.note);
	}
	buf_free(&state.note);
}

static void lies(void **arg)
{
	struct served *s = *arg;
	struct log_state state = { 0 };
	struct testing_log twin = s->log;

	ok(s, &state, 700);
	s->size = 699;
	refused(s, &state, "set back");
	s->size = 1400;
	s->without = "tile/0/004";
	refused(s, &state, "tile/0/004 is not served");
	s->without = NULL;
	s->cut = "tile/0/003";
	refused(s, &state, "tile/0/003 has 8191 bytes");
	s->cut = NULL;
	s->bent = "tile/0/002";		/* before what was seen ends: under the edge */
	refused(s, &state, "rewritten");
	s->bent = "tile/0/004";
	refused(s, &state, "do not give the root");
	s->bent = "tile/1/000";
	refused(s, &state, "tile/1/000");
	s->bent = NULL;
	s->other_note = "no head\n";
	refused(s, &state, "no checkpoint");
	s->other_note = NULL;

	/* Another history under the same key. */
	s->log.leaves = test_calloc(TESTING_LOG_MAX, 32);
	s->log.size = 0;
	testing_log_grow(&s->log, 1400, 9);
	s->size = 700;
	refused(s, &state, "forked");
	s->size = 1400;
	refused(s, &state, "rewritten");
	/* Only its beginning is another: the edge that was seen does not follow from it. */
	memcpy(s->log.leaves, twin.leaves, 1400 * 32);
	s->log.leaves[3][0] ^= 1;
	refused(s, &state, "rewritten");
	test_free(s->log.leaves);
	s->log = twin;
	ok(s, &state, 1400);
	buf_free(&state.note);
}

static void other_key(void **arg)
{
	struct served *s = *arg;
	struct log_state state = { 0 };
	struct testing_log stranger;
	AUTO_BUF note = { 0 };

	testing_log_make(&stranger, "example.com/log", 5);
	testing_log_grow(&stranger, 10, 0);
	testing_log_note(&stranger, 10, &note);
	s->other_note = note.p;
	s->size = 10;
	refused(s, &state, "");
	s->other_note = NULL;
	ok(s, &state, 10);
	testing_log_drop(&stranger);
	buf_free(&state.note);
}

/* Of the witnesses given one must have signed, and what is said to be its line must hold. */
static void witnesses(void **arg)
{
	struct served *s = *arg;
	struct log_state state = { 0 };
	struct testing_log w;		/* its keys are what is wanted of it */
	struct note_key key;
	AUTO_BUF note = { 0 };
	struct checkpoint c;
	struct log_monitor m = { .key = &s->log.key, .witnesses = &key, .witness_count = 1, .fetch = fetch, .say = say, .arg = s };
	struct err err = { 0 };

	testing_log_make(&w, "w", 6);
	note_key_init(&key, "witness.example", NOTE_KEY_WITNESS, w.key.public_key);
	s->size = 300;
	assert_int_equal(log_monitor_run(&m, &state, &err), PLI_CONFLICT);
	assert_non_null(strstr(err.text, "none of the witnesses"));
	testing_log_note(&s->log, 300, &note);
	assert_int_equal(checkpoint_parse(note.p, note.n, &c, NULL), PLI_OK);
	checkpoint_cosign(note.p, c.signed_bytes, key.name, w.secret, 1800000000, &note);
	s->other_note = note.p;
	assert_int_equal(log_monitor_run(&m, &state, &err), PLI_OK);
	note.p[note.n - 20] = note.p[note.n - 20] == 'A' ? 'B' : 'A';
	assert_int_equal(log_monitor_run(&m, &state, &err), PLI_CONFLICT);
	s->other_note = NULL;
	testing_log_drop(&w);
	buf_free(&state.note);
}

/* Heads that somebody kept. */
static void claims(void **arg)
{
	struct served *s = *arg;
	struct log_claim kept[4] = { { .size = 900, .source = "a" }, { .size = 0, .source = "b" }, { .size = 256, .source = "c" }, { .size = 257, .source = "d" } };
	struct log_state state = { 0 };
	struct err err;

	for (int i = 0; i < 4; i++)
		testing_log_root(&s->log, kept[i].size, kept[i].root);
	s->size = 900;
	assert_int_equal(run(s, &state, kept, 4, &err), PLI_OK);
	for (int i = 0; i < 4; i++)
		assert_true(kept[i].checked);
	assert_string_equal(kept[3].source, "a");	/* sorted */
	kept[2].root[0] ^= 1;
	assert_int_equal(run(s, &state, kept, 4, &err), PLI_CONFLICT);
	assert_true(strstr(err.text, "d: the log was rewritten") != NULL);
	kept[2].root[0] ^= 1;
	s->size = 899;
	buf_reset(&state.note);
	state.tree.size = 0;
	assert_int_equal(run(s, &state, kept, 4, &err), PLI_CONFLICT);
	assert_non_null(strstr(err.text, "a: the log was set back"));
	buf_free(&state.note);
}

/* Every cut and every changed byte of a state is noticed, but for those of the checkpoint's signature, which the next run checks. */
static void damaged_state(void **arg)
{
	struct served *s = *arg;
	struct log_state state = { 0 }, again = { 0 };
	AUTO_BUF text = { 0 };
	size_t signature;

	ok(s, &state, 1000);
	log_state_write(&state, &text);
	buf_ch(&text, '\0');
	text.n--;
	signature = (size_t)(strstr(text.p, "\xe2\x80\x94") - text.p);
	for (size_t at = 0; at < text.n; at++) {
		assert_int_equal(log_state_parse(text.p, at, &again, NULL), PLI_INPUT);
		text.p[at] ^= 1;
		if (at < signature && log_state_parse(text.p, text.n, &again, NULL) == PLI_OK) {
			/* The log's name: what is read is then of another log, and refused as such. */
			assert_int_not_equal(again.note.n, 0);
			s->size = 1000;
			refused(s, &again, "is of the log");
			buf_free(&again.note);
		}
		text.p[at] ^= 1;
	}
	buf_free(&state.note);
}

int main(void)
{
#define WITH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH(grows), WITH(lies), WITH(other_key), WITH(witnesses), WITH(claims), WITH(damaged_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
