/* A witness without its processes: what it signs, what it refuses, what it remembers. */
#include "cert_testing.h"
#include "log_testing.h"

#include "keyring.h"
#include "witness.h"

#define NOW UINT64_C(1800000000)

struct fixture {
	struct testing_dir dir;
	struct keyring ring;
	struct witness *w;
	struct testing_log log;
};

static char *logs_of(const struct testing_log *a, const struct testing_log *b, struct buf *out)
{
	note_key_write(&a->key, out);
	if (b) {
		buf_str(out, ", ");
		note_key_write(&b->key, out);
	}
	return out->p;
}

static void begin(struct fixture *f)
{
	AUTO_BUF logs = { 0 };
	struct err err = { 0 };

	if (witness_open(&f->ring, f->dir.journal, "witness.example", &f->w, &err) != PLI_OK ||
	    witness_logs(f->w, logs_of(&f->log, NULL, &logs), &err) != PLI_OK)
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = { 0 };

	testing_dir_make(&f->dir, 0);
	testing_log_make(&f->log, "example.com/log", 1);
	testing_log_grow(&f->log, 300, 0);
	if (keygen_witness(f->dir.keys, f->dir.public_dir, "witness.example", &err) != PLI_OK || keyring_open(f->dir.keys, NULL, &f->ring, &err) != PLI_OK)
		fail_msg("%s", err.text);
	begin(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	witness_close(f->w);
	keyring_close(&f->ring);
	testing_log_drop(&f->log);
	testing_dir_drop(&f->dir);
	free(f);
	return 0;
}

/* The code of the answer; 200: a cosignature by the witness that holds over the note. */
static int add_note(struct fixture *f, uint64_t old, const uint8_t (*path)[32], unsigned count, const struct buf *note, const char *wanted)
{
	AUTO_BUF body = { 0 }, both = { 0 };
	struct witness_answer a = { 0 };
	uint64_t time_s = 0;

	witness_request_write(old, path, count, note->p, note->n, &body);
	assert_true(witness_add_checkpoint(f->w, body.p, body.n, NOW, &a));
	buf_add(&both, note->p, note->n);
	buf_add(&both, a.body.p, a.body.n);
	if (a.code == 200) {
		assert_int_equal(checkpoint_signed_by(both.p, both.n, witness_key(f->w), &time_s, NULL), PLI_OK);
		assert_true(time_s == NOW);
	}
	if (wanted)
		assert_string_equal(a.body.p, wanted);
	buf_free(&a.body);
	return a.code;
}

static int add(struct fixture *f, const struct testing_log *log, uint64_t old, uint64_t size, const char *wanted)
{
	uint8_t path[TREE_PATH_MAX][32];
	AUTO_BUF note = { 0 };
	unsigned count = old < size ? testing_log_proof(log, old, size, path) : 0;

	testing_log_note(log, size, &note);
	return add_note(f, old, (const uint8_t (*)[32])path, count, &note, wanted);
}

static void grows(void **state)
{
	struct fixture *f = *state;
	uint64_t sizes[] = { 1, 2, 3, 7, 8, 9, 64, 255, 256, 257, 300 }, last = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); last = sizes[i++]) {
		assert_int_equal(add(f, &f->log, last, sizes[i], NULL), 200);
		assert_int_equal(add(f, &f->log, sizes[i], sizes[i], NULL), 200);	/* again */
		if (last)
			assert_int_equal(add(f, &f->log, last - 1, sizes[i], NULL), 409);
	}
	assert_int_equal(add(f, &f->log, 0, 300, "300\n"), 409);
	assert_int_equal(add(f, &f->log, 300, 299, NULL), 400);
	assert_int_equal(add(f, &f->log, 299, 299, "300\n"), 409);
}

/* No proof but the one. */
static void wrong_proofs(void **state)
{
	struct fixture *f = *state;
	uint8_t path[TREE_PATH_MAX + 1][32];
	AUTO_BUF note = { 0 };
	unsigned count;

	assert_int_equal(add(f, &f->log, 0, 100, NULL), 200);
	testing_log_note(&f->log, 300, &note);
	count = testing_log_proof(&f->log, 100, 300, path);
	for (unsigned i = 0; i < count; i++) {
		path[i][9] ^= 1;
		assert_int_equal(add_note(f, 100, (const uint8_t (*)[32])path, count, &note, NULL), 422);
		path[i][9] ^= 1;
		assert_int_equal(add_note(f, 100, (const uint8_t (*)[32])path, i, &note, NULL), 422);
	}
	memset(path[count], 0, 32);
	assert_int_equal(add_note(f, 100, (const uint8_t (*)[32])path, count + 1, &note, NULL), 422);
	assert_int_equal(add_note(f, 100, (const uint8_t (*)[32])path, count, &note, NULL), 200);
	assert_int_equal(add_note(f, 300, (const uint8_t (*)[32])path, 1, &note, NULL), 422);
}

/* Another tree of a size that it has cosigned: refused, the contradicting note kept, the first one alone. */
static void fork_kept(void **state)
{
	struct fixture *f = *state;
	struct testing_log twin, third;
	AUTO_BUF note = { 0 };
	struct buf kept;
	char name[48] = "";
	struct witness_answer latest = { 0 };

	testing_log_make(&twin, f->log.origin, 1);
	testing_log_grow(&twin, 120, 7);
	testing_log_make(&third, f->log.origin, 1);
	testing_log_grow(&third, 120, 8);
	assert_int_equal(add(f, &f->log, 0, 120, NULL), 200);
	assert_int_equal(add(f, &twin, 120, 120, NULL), 409);
	assert_int_equal(add(f, &third, 120, 120, NULL), 409);
	witness_latest(f->w, f->log.origin, &latest);
	assert_int_equal(latest.code, 200);
	{
		uint8_t digest[32];
		size_t at = 0;

		crypto_hash_sha256(digest, (const uint8_t *)f->log.origin, strlen(f->log.origin));
		for (int i = 0; i < 16; i++)
			at += (size_t)snprintf(name + at, sizeof(name) - at, "%02x", digest[i]);
		snprintf(name + at, sizeof(name) - at, ".fork");
	}
	kept = testing_get(f->dir.journal, name);
	testing_log_note(&twin, 120, &note);
	assert_int_equal(kept.n, note.n);
	assert_memory_equal(kept.p, note.p, note.n);
	buf_free(&kept);
	buf_free(&latest.body);
	testing_log_drop(&twin);
	testing_log_drop(&third);
}

/* By another key, of another log, of no log; a second key of the same log is one of its own. */
static void keys(void **state)
{
	struct fixture *f = *state;
	struct testing_log stranger, second;
	AUTO_BUF logs = { 0 }, none = { 0 };
	struct err err = { 0 };
	struct note_key as_witness;

	testing_log_make(&stranger, "example.com/other", 2);
	testing_log_grow(&stranger, 5, 0);
	testing_log_make(&second, f->log.origin, 3);
	testing_log_grow(&second, 5, 0);
	assert_int_equal(add(f, &stranger, 0, 5, NULL), 404);
	assert_int_equal(add(f, &second, 0, 5, NULL), 403);
	assert_int_equal(witness_logs(f->w, logs_of(&f->log, &second, &logs), &err), PLI_OK);
	assert_int_equal(add(f, &second, 0, 5, NULL), 200);
	assert_int_equal(add(f, &f->log, 5, 9, NULL), 200);	/* the same leaves, the first key */
	note_key_init(&as_witness, "w", NOTE_KEY_WITNESS, f->log.key.public_key);
	note_key_write(&as_witness, &none);
	assert_int_equal(witness_logs(f->w, none.p, &err), PLI_INPUT);
	assert_int_equal(witness_logs(f->w, "nonsense", &err), PLI_INPUT);
	assert_int_equal(add(f, &f->log, 9, 10, NULL), 200);	/* what was refused changed nothing */
	testing_log_drop(&stranger);
	testing_log_drop(&second);
}

/* It knows it again; what it wrote and was changed is never taken for nothing. */
static void remembers(void **state)
{
	struct fixture *f = *state;
	AUTO_BUF logs = { 0 };
	struct witness_answer latest = { 0 };
	struct err err = { 0 };
	const char *file = NULL;
	char names[2][40];
	uint8_t digest[32];
	struct buf kept;
	size_t own;

	assert_int_equal(add(f, &f->log, 0, 200, NULL), 200);
	witness_close(f->w);
	begin(f);
	assert_int_equal(add(f, &f->log, 0, 200, "200\n"), 409);
	witness_latest(f->w, f->log.origin, &latest);
	assert_int_equal(checkpoint_signed_by(latest.body.p, latest.body.n, &f->log.key, &(uint64_t){ 0 }, NULL), PLI_OK);
	buf_free(&latest.body);
	crypto_hash_sha256(digest, (const uint8_t *)f->log.origin, strlen(f->log.origin));
	for (size_t i = 0, at = 0; i < 16; i++)
		at += (size_t)snprintf(names[0] + at, sizeof(names[0]) - at, "%02x", digest[i]);
	file = names[0];
	kept = testing_get(f->dir.journal, file);
	witness_close(f->w);
	f->w = NULL;
	logs_of(&f->log, NULL, &logs);
	buf_ch(&kept, '\0');
	own = (size_t)(strstr(kept.p, "\n\n") + 2 - kept.p);
	kept.n--;
	for (size_t at = 0; at < kept.n; at++) {
		struct witness *w = NULL;

		/* Name and id of the log's own line: by another key of before, for all that it knows. */
		if (at >= own && at < own + strlen("— ") + strlen(f->log.origin) + 1 + 6)
			continue;

		kept.p[at] ^= 1;
		testing_put(f->dir.journal, file, kept.p, kept.n);
		assert_int_equal(witness_open(&f->ring, f->dir.journal, "witness.example", &w, &err), PLI_OK);
		if (witness_logs(w, logs.p, &err) != PLI_CONFLICT)
			fail_msg("byte %zu changed, and it was taken", at);
		witness_close(w);
		kept.p[at] ^= 1;
	}
	testing_put(f->dir.journal, file, kept.p, kept.n);
	buf_free(&kept);
	begin(f);
	assert_int_equal(add(f, &f->log, 200, 300, NULL), 200);
}

/* Its key under a pass phrase; without it, or with one that is no Ed25519 key, there is no witness. */
static void under_a_phrase(void **state)
{
	struct fixture *f = *state;
	struct note_key before = *witness_key(f->w);
	struct witness *w = NULL;
	struct keyring ring;
	struct err err = { 0 };
	struct buf pem = testing_get(f->dir.keys, "witness.key");
	unsigned count = 0;

	witness_close(f->w);
	f->w = NULL;
	assert_int_equal(keyring_protect(f->dir.keys, "three birds in grey", &count, &err), PLI_OK);
	assert_int_equal(count, 1);
	assert_int_equal(witness_open(&f->ring, f->dir.journal, "witness.example", &w, &err), PLI_DENIED);
	assert_int_equal(keyring_open(f->dir.keys, "three birds in grey", &ring, &err), PLI_OK);
	assert_int_equal(witness_open(&ring, f->dir.journal, "witness.example", &f->w, &err), PLI_OK);
	assert_memory_equal(witness_key(f->w), &before, sizeof(before));
	keyring_close(&ring);
	testing_put(f->dir.keys, "witness.key", "no key", 6);
	assert_int_equal(witness_open(&f->ring, f->dir.journal, "witness.example", &w, &err), PLI_CONFLICT);
	testing_put(f->dir.keys, "witness.key", pem.p, pem.n);
	assert_int_equal(witness_open(&f->ring, f->dir.journal, "a name", &w, &err), PLI_CONFLICT);
	assert_int_equal(unlinkat(f->dir.keys, "witness.key", 0), 0);
	assert_int_equal(witness_open(&f->ring, f->dir.journal, "witness.example", &w, &err), PLI_ABSENT);
	buf_free(&pem);
}

int main(void)
{
#define WITH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH(grows), WITH(wrong_proofs), WITH(fork_kept), WITH(keys), WITH(remembers), WITH(under_a_phrase),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
