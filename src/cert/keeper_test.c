/* The keeper as front meets it: a process of its own, asked over its link, killed, damaged, put back to an older state. */
#include "cert_testing.h"

#include <pthread.h>
#include <time.h>

#include "clock.h"
#include "pool.h"
#include "text.h"
#include "uuid.h"
#include "asic.h"
#include "checkpoint.h"
#include "head_record.h"
#include "keeper_frame.h"
#include "kek_store.h"
#include "keyring.h"
#include "mail_sign.h"
#include "seal.h"
#include "tiles.h"
#include "token.h"
#include "totp.h"
#include "tree.h"

struct fixture {
	struct testing_dir dir;
	struct testing_keeper keeper;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	testing_dir_make(&f->dir, 1);
	testing_keeper_start(&f->dir, &f->keeper);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	testing_keeper_stop(&f->keeper);
	testing_dir_drop(&f->dir);
	free(f);
	return 0;
}

/* ---- waiting for an append ---- */

struct answer {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
	enum pli_status status;
	uint64_t size;
	uint8_t root[32];
	struct buf checkpoint, token;
	struct err err;
};

static void appended(void *arg, enum pli_status status, const struct keeper_head *head, const struct err *err)
{
	struct answer *a = arg;

	pthread_mutex_lock(&a->lock);
	a->status = status;
	a->err = *err;
	if (head) {
		a->size = head->size;
		memcpy(a->root, head->root, 32);
		buf_add(&a->checkpoint, head->checkpoint, head->checkpoint_n);
		buf_add(&a->token, head->token, head->token_n);
	}
	a->done = true;
	pthread_cond_signal(&a->cond);
	pthread_mutex_unlock(&a->lock);
}

static void answer_wait(struct answer *a)
{
	pthread_mutex_lock(&a->lock);
	while (!a->done)
		pthread_cond_wait(&a->cond, &a->lock);
	pthread_mutex_unlock(&a->lock);
}

static void answer_drop(struct answer *a)
{
	buf_free(&a->checkpoint);
	buf_free(&a->token);
}

static void leaf_of(uint64_t seq, uint8_t leaf_r[32])
{
	tree_leaf(&seq, sizeof(seq), leaf_r);
}

/* Appends the test's own leaves first … first + count - 1; the answer comes later. */
static void append_begin(struct keeper *k, uint64_t first, size_t count, struct answer *a)
{
	uint8_t (*leaves)[32] = malloc(count * 32);

	*a = (struct answer){ .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
	for (size_t i = 0; i < count; i++)
		leaf_of(first + i, leaves[i]);
	keeper_append(k, first, (const uint8_t (*)[32])leaves, count, appended, a);
	free(leaves);
}

static void append(struct keeper *k, uint64_t first, size_t count, struct answer *a)
{
	append_begin(k, first, count, a);
	answer_wait(a);
}

static void append_ok(struct keeper *k, uint64_t first, size_t count)
{
	struct answer a;

	append(k, first, count, &a);
	if (a.status != PLI_OK)
		fail_msg("append of %zu at %d: %s", count, (int)first, a.err.text);
	answer_drop(&a);
}

static void root_of(uint64_t size, uint8_t root_r[32])
{
	struct tree t;
	uint8_t leaf[32];

	tree_init(&t);
	for (uint64_t i = 0; i < size; i++) {
		leaf_of(i, leaf);
		tree_add(&t, leaf);
	}
	tree_root(&t, root_r);
}

static void restart(struct fixture *f, int signal)
{
	keeper_free(f->keeper.client);
	testing_keeper_end(&f->keeper, signal);
	testing_keeper_start(&f->dir, &f->keeper);
}

static void status_is(struct keeper *k, uint64_t size, bool refusing)
{
	struct keeper_status s;
	uint8_t root[32];
	struct err err;

	assert_int_equal(keeper_status(k, &s, &err), PLI_OK);
	if (s.refusing != refusing)
		fail_msg("refusing %d: %s", s.refusing, s.reason);
	assert_int_equal(s.size, size);
	root_of(size, root);
	assert_memory_equal(s.root, root, 32);
	if (!refusing) {
		assert_int_equal(s.counter_size, size);
		assert_memory_equal(s.counter_root, root, 32);
	}
}

/* ---- keys ---- */

static void wraps_and_unwraps(void **state)
{
	struct fixture *f = *state;
	struct keywrap kw;
	struct uuid entity = { { 7 } };
	char kid[64], again[64], other[64];
	struct keywrap_item items[3] = { 0 };
	uint8_t wrapped[3][128];
	struct err err;

	keeper_keywrap(f->keeper.client, &kw);
	assert_int_equal(kw.kek(kw.arg, "letter", &entity, 2026 * 12 + 11, kid, &err), PLI_OK);
	assert_string_equal(kid, "letter-07000000000000000000000000000000-202612");
	assert_int_equal(kw.kek(kw.arg, "letter", &entity, 2026 * 12 + 11, again, &err), PLI_OK);
	assert_string_equal(kid, again);
	assert_int_equal(kw.kek(kw.arg, "meta", &entity, 0, other, &err), PLI_OK);
	assert_int_equal(kw.kek(kw.arg, "meta", &entity, 1, again, &err), PLI_INPUT);
	assert_int_equal(kw.kek(kw.arg, "stage", &entity, clock_day(clock_now_us()) - 30, again, &err), PLI_GONE);
	assert_int_equal(kw.kek(kw.arg, "nothing", &entity, 0, again, &err), PLI_BUG);
	for (int i = 0; i < 3; i++)
		items[i] = (struct keywrap_item){ .kid = kid, .aad = "place", .aad_n = 5, .in = "0123456789abcdef0123456789abcdef", .in_n = 32 };
	assert_int_equal(kw.wrap(kw.arg, items, 3, &err), PLI_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(items[i].out_n, 60);
		memcpy(wrapped[i], items[i].out, 60);
		items[i].in = wrapped[i];
		items[i].in_n = 60;
	}
	assert_memory_not_equal(wrapped[0], wrapped[1], 12);
	assert_int_equal(kw.unwrap(kw.arg, items, 3, &err), PLI_OK);
	assert_int_equal(items[2].out_n, 32);
	assert_memory_equal(items[2].out, "0123456789abcdef0123456789abcdef", 32);
	/* Another place, another key, a changed byte, an unknown key, a path. */
	items[1].aad = "Place";
	assert_int_equal(kw.unwrap(kw.arg, items, 3, &err), PLI_INPUT);
	items[1].aad = "place";
	items[1].kid = other;
	assert_int_equal(kw.unwrap(kw.arg, items, 3, &err), PLI_INPUT);
	items[1].kid = kid;
	wrapped[1][20] ^= 1;
	assert_int_equal(kw.unwrap(kw.arg, items, 3, &err), PLI_INPUT);
	wrapped[1][20] ^= 1;
	items[1].kid = "letter-07000000000000000000000000000000-203012";
	assert_int_equal(kw.unwrap(kw.arg, items, 3, &err), PLI_ABSENT);
	items[1].kid = "../root.kek";
	assert_int_equal(kw.unwrap(kw.arg, items, 3, &err), PLI_INPUT);
	/* A new process knows the keys. */
	items[1].kid = kid;
	restart(f, SIGKILL);
	keeper_keywrap(f->keeper.client, &kw);
	assert_int_equal(kw.unwrap(kw.arg, items, 3, &err), PLI_OK);
}

static void many_items(void **state)
{
	struct fixture *f = *state;
	struct keywrap kw;
	struct uuid entity = { { 8 } };
	struct keywrap_item *items = calloc(1001, sizeof(*items));
	char kid[64];
	struct err err;

	keeper_keywrap(f->keeper.client, &kw);
	assert_int_equal(kw.kek(kw.arg, "letter", &entity, 2027 * 12, kid, &err), PLI_OK);
	for (int i = 0; i < 1001; i++)
		items[i] = (struct keywrap_item){ .kid = kid, .aad = &i, .aad_n = sizeof(i), .in = &items[i].kid, .in_n = 8 };
	for (int i = 0; i < 1001; i++)
		items[i].aad = "x", items[i].aad_n = 1;
	assert_int_equal(kw.wrap(kw.arg, items, 1001, &err), PLI_OK);
	assert_int_equal(items[1000].out_n, 36);
	assert_memory_not_equal(items[0].out, items[1000].out, 12);
	/* One bad item in a later frame: one answer, and the link goes on. */
	items[900].kid = "letter-nothing";
	assert_int_equal(kw.wrap(kw.arg, items, 1001, &err), PLI_ABSENT);
	items[900].kid = kid;
	assert_int_equal(kw.wrap(kw.arg, items, 1001, &err), PLI_OK);
	free(items);
}

static void staging_keys_are_swept(void **state)
{
	struct fixture *f = *state;
	struct kek_store *store;
	struct uuid entity = { { 9 } };
	int64_t today = clock_day(clock_now_us());
	char kid[64], old[64];
	uint8_t out[64];
	unsigned count;
	struct err err;

	assert_int_equal(kek_store_open(&(struct keyring){ .dir_fd = f->dir.keys }, &store, &err), PLI_OK);
	assert_int_equal(kek_store_make(store, KEK_STAGE, &entity, today, kid, &err), PLI_OK);
	assert_int_equal(kek_store_make(store, KEK_STAGE, &entity, today - 10, old, &err), PLI_OK);
	assert_int_equal(kek_store_sweep(store, today, &count, &err), PLI_OK);
	assert_int_equal(count, 0);
	assert_int_equal(kek_store_sweep(store, today + 5, &count, &err), PLI_OK);
	assert_int_equal(count, 1);
	assert_int_equal(kek_store_wrap(store, old, strlen(old), "", 0, "key", 3, out, &err), PLI_ABSENT);
	assert_int_equal(kek_store_wrap(store, kid, strlen(kid), "", 0, "key", 3, out, &err), PLI_OK);
	kek_store_close(store);
}

static void passwords(void **state)
{
	struct fixture *f = *state;
	struct keeper *k = f->keeper.client;
	char hash[128], letter[128];
	bool ok = false;
	struct err err;

	assert_int_equal(keeper_password_make(k, "account", "correct horse", hash, &err), PLI_OK);
	assert_int_equal(strncmp(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
	assert_int_equal(keeper_password_make(k, "letter", "correct horse", letter, &err), PLI_OK);
	assert_int_equal(strncmp(letter, "$argon2id$v=19$m=65536,t=3,p=1$", 31), 0);
	assert_int_equal(keeper_password_check(k, hash, "correct horse", &ok, &err), PLI_OK);
	assert_true(ok);
	assert_int_equal(keeper_password_check(k, letter, "correct horse", &ok, &err), PLI_OK);
	assert_true(ok);
	assert_int_equal(keeper_password_check(k, hash, "correct horsf", &ok, &err), PLI_OK);
	assert_false(ok);
	/* A hash that would cost us four gigabytes. */
	assert_int_equal(keeper_password_check(k, "$argon2id$v=19$m=4194304,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
					       "x", &ok, &err), PLI_OK);
	assert_false(ok);
}

/* Checked by the keeper, given out to nobody. */
static void second_factors(void **state)
{
	static const uint8_t SECRET[20] = "12345678901234567890";
	static const char PLACE[] = "totp\0of this account";
	struct fixture *f = *state;
	struct keeper *k = f->keeper.client;
	struct keywrap kw;
	struct uuid entity = { { 7 } };
	char kid[64];
	struct keywrap_item item = { .kid = kid, .aad = PLACE, .aad_n = sizeof(PLACE), .in = SECRET, .in_n = sizeof(SECRET) };
	uint8_t wrapped[128];
	uint64_t step = 0, now;
	bool right = false;
	struct err err;

	keeper_keywrap(k, &kw);
	assert_int_equal(kw.kek(kw.arg, "meta", &entity, 0, kid, &err), PLI_OK);
	assert_int_equal(kw.wrap(kw.arg, &item, 1, &err), PLI_OK);
	memcpy(wrapped, item.out, item.out_n);
	item.in = wrapped;
	item.in_n = item.out_n;
	now = (uint64_t)(clock_now_us() / 1000000) / 30;
	assert_int_equal(keeper_totp_check(k, &item, totp_code(SECRET, 20, now), &right, &step, &err), PLI_OK);
	assert_true(right);
	assert_int_equal(step, now);
	assert_int_equal(keeper_totp_check(k, &item, totp_code(SECRET, 20, now - 4), &right, &step, &err), PLI_OK);
	assert_false(right);
	assert_int_equal(kw.unwrap(kw.arg, &item, 1, &err), PLI_DENIED);
	item.aad_n--;
	assert_int_equal(keeper_totp_check(k, &item, 0, &right, &step, &err), PLI_INPUT);
	item.aad = "other";
	item.aad_n = 5;
	assert_int_equal(keeper_totp_check(k, &item, 0, &right, &step, &err), PLI_INPUT);
}

/* ---- the tree ---- */

struct seen {
	unsigned count;
	uint64_t last;
	struct token_verifier *tokens;
	uint8_t log_public[32];
};

static enum pli_status see(void *arg, const struct keeper_head *head, struct err *err)
{
	struct seen *s = arg;
	struct token_info info;
	struct checkpoint c;

	assert_int_equal(checkpoint_verify(head->checkpoint, head->checkpoint_n, TESTING_ORIGIN, s->log_public, &c, err), PLI_OK);
	assert_int_equal(c.size, head->size);
	assert_memory_equal(c.root, head->root, 32);
	assert_int_equal(token_verify(s->tokens, head->token, head->token_n, head->checkpoint, head->checkpoint_n, &info, err), PLI_OK);
	assert_int_equal(info.gen_time_us, head->gen_time_us);
	assert_true(head->size > s->last);
	s->last = head->size;
	s->count++;
	return PLI_OK;
}

static void appends(void **state)
{
	struct fixture *f = *state;
	struct keeper *k = f->keeper.client;
	struct buf root_pem = testing_get(f->dir.public_dir, "root.pem"), tsa_pem = testing_get(f->dir.public_dir, "tsa.pem");
	struct buf log_pub = testing_get(f->dir.public_dir, "log.pub");
	struct seen seen = { 0 };
	struct answer a;
	uint8_t root[32], other[32] = { 1 };
	struct err err;

	status_is(k, 0, false);
	append_ok(k, 0, 1);
	append_ok(k, 1, 5);
	append(k, 6, 700, &a);
	assert_int_equal(a.status, PLI_OK);
	assert_int_equal(a.size, 706);
	root_of(706, root);
	assert_memory_equal(a.root, root, 32);
	answer_drop(&a);
	/* Known leaves are looked at and passed over; half known ones join. */
	append(k, 0, 706, &a);
	assert_int_equal(a.status, PLI_OK);
	assert_int_equal(a.size, 706);
	answer_drop(&a);
	append(k, 700, 20, &a);
	assert_int_equal(a.status, PLI_OK);
	assert_int_equal(a.size, 720);
	answer_drop(&a);
	/* A gap; another leaf in place of a known one. */
	append(k, 721, 1, &a);
	assert_int_equal(a.status, PLI_RANGE);
	assert_non_null(strstr(a.err.text, "720"));
	a = (struct answer){ .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
	keeper_append(k, 300, (const uint8_t (*)[32])&other, 1, appended, &a);
	answer_wait(&a);
	assert_int_equal(a.status, PLI_CONFLICT);
	assert_non_null(strstr(a.err.text, "301"));
	status_is(k, 720, false);

	assert_int_equal(token_verifier_new(root_pem.p, tsa_pem.p, &seen.tokens, &err), PLI_OK);
	assert_int_equal(checkpoint_public_key(log_pub.p, log_pub.n, seen.log_public, &err), PLI_OK);
	assert_int_equal(keeper_heads_since(k, 0, 1000, see, &seen, &err), PLI_OK);
	assert_int_equal(seen.count, 4);
	assert_int_equal(seen.last, 720);
	seen.count = 0;
	seen.last = 0;
	assert_int_equal(keeper_heads_since(k, 6, 1, see, &seen, &err), PLI_OK);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.last, 706);
	assert_int_equal(keeper_heads_since(k, 720, 10, see, &seen, &err), PLI_OK);
	assert_int_equal(seen.count, 1);
	token_verifier_free(seen.tokens);
	buf_free(&root_pem);
	buf_free(&tsa_pem);
	buf_free(&log_pub);
}

/* Enough heads that one answer cannot hold them. */
static void many_heads(void **state)
{
	struct fixture *f = *state;
	struct buf root_pem = testing_get(f->dir.public_dir, "root.pem"), tsa_pem = testing_get(f->dir.public_dir, "tsa.pem");
	struct buf log_pub = testing_get(f->dir.public_dir, "log.pub");
	struct seen seen = { 0 };
	struct err err;

	for (unsigned i = 0; i < 600; i++)
		append_ok(f->keeper.client, i, 1);
	assert_int_equal(token_verifier_new(root_pem.p, tsa_pem.p, &seen.tokens, &err), PLI_OK);
	assert_int_equal(checkpoint_public_key(log_pub.p, log_pub.n, seen.log_public, &err), PLI_OK);
	assert_int_equal(keeper_heads_since(f->keeper.client, 0, 100000, see, &seen, &err), PLI_OK);
	assert_int_equal(seen.count, 600);
	token_verifier_free(seen.tokens);
	buf_free(&root_pem);
	buf_free(&tsa_pem);
	buf_free(&log_pub);
}

static void goes_on_after_a_kill(void **state)
{
	struct fixture *f = *state;
	uint64_t size = 0;

	for (int i = 0; i < 12; i++) {
		size_t n = (size_t)(i * 97 % 400 + 1);

		append_ok(f->keeper.client, size, n);
		size += n;
		restart(f, i % 3 ? SIGKILL : 0);
		status_is(f->keeper.client, size, false);
	}
}

static void cut(int dir_fd, const char *name, off_t bytes)
{
	int fd = openat(dir_fd, name, O_RDWR);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(ftruncate(fd, bytes < 0 ? st.st_size + bytes : bytes), 0);
	close(fd);
}

static void change(int dir_fd, const char *name, off_t at)
{
	int fd = openat(dir_fd, name, O_RDWR);
	uint8_t byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x40;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

/* Where the records of journal/heads end; only zeros may follow. */
static off_t records_end(int journal_fd)
{
	int fd = openat(journal_fd, "heads", O_RDONLY);
	struct head_reader reader;
	struct head_record record;
	struct err err;
	uint8_t byte;
	off_t end;

	assert_true(fd >= 0);
	head_reader_init(&reader, fd, 0);
	while (head_reader_next(&reader, &record, &err) == PLI_OK)
		;
	end = (off_t)reader.offset;
	head_reader_fini(&reader);
	for (off_t at = end; pread(fd, &byte, 1, at) == 1; at += 509)
		assert_int_equal(byte, 0);
	close(fd);
	return end;
}

/* What a kill in the middle of a write leaves behind is cut off; what had been acknowledged is not. */
static void torn_tail(void **state)
{
	struct fixture *f = *state;
	int fd;

	append_ok(f->keeper.client, 0, 300);
	for (size_t n = 1; n < 120; n += 13) {
		uint8_t torn[120];

		keeper_free(f->keeper.client);
		testing_keeper_end(&f->keeper, SIGKILL);
		fd = openat(f->dir.journal, "heads", O_RDWR);
		assert_int_equal(pread(fd, torn, n, 0), n);
		assert_int_equal(pwrite(fd, torn, n, records_end(f->dir.journal)), n);
		close(fd);
		testing_keeper_start(&f->dir, &f->keeper);
		status_is(f->keeper.client, 300, false);
	}
	append_ok(f->keeper.client, 300, 1);
	keeper_free(f->keeper.client);
	testing_keeper_end(&f->keeper, SIGKILL);
	cut(f->dir.journal, "heads", records_end(f->dir.journal) - 3);
	testing_keeper_start(&f->dir, &f->keeper);
	status_is(f->keeper.client, 300, true);
}

/* Zeros are written ahead while the keeper runs; a stop takes them away, a start after a kill does not mind them. */
static void zeros_ahead(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	append_ok(f->keeper.client, 0, 5);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(fstatat(f->dir.journal, "heads", &st, 0), 0);
		assert_true(st.st_size >= records_end(f->dir.journal) + (1 << 19));
		keeper_free(f->keeper.client);
		testing_keeper_end(&f->keeper, i < 2 ? SIGKILL : 0);
		if (i == 2) {
			assert_int_equal(fstatat(f->dir.journal, "heads", &st, 0), 0);
			assert_int_equal(st.st_size, records_end(f->dir.journal));
		}
		testing_keeper_start(&f->dir, &f->keeper);
		status_is(f->keeper.client, 5 + (uint64_t)i, false);
		append_ok(f->keeper.client, 5 + (uint64_t)i, 1);
	}
	/* More than once the room: 40,000 leaves in groups of 1,000. */
	for (int i = 0; i < 40; i++)
		append_ok(f->keeper.client, 8 + (uint64_t)i * 1000, 1000);
	keeper_free(f->keeper.client);
	testing_keeper_end(&f->keeper, SIGKILL);
	testing_keeper_start(&f->dir, &f->keeper);
	status_is(f->keeper.client, 40008, false);
}

/* Leaves, tiles, index and mark are made again from the heads. */
static void derived_files_are_mended(void **state)
{
	static const char *const names[] = { "leaves", "heads.idx", "tile/0/000", "tile/0/001", "mark" };
	struct fixture *f = *state;

	append_ok(f->keeper.client, 0, 600);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		for (int how = 0; how < 3; how++) {
			keeper_free(f->keeper.client);
			testing_keeper_end(&f->keeper, how == 1 ? 0 : SIGKILL);
			if (faccessat(f->dir.journal, names[i], F_OK, 0) == 0) {
				if (how == 0)
					unlinkat(f->dir.journal, names[i], 0);
				else if (how == 1)
					cut(f->dir.journal, names[i], -10);
				else
					change(f->dir.journal, names[i], 5);
			}
			testing_keeper_start(&f->dir, &f->keeper);
			status_is(f->keeper.client, 600 + i * 3 + how, false);
			append_ok(f->keeper.client, 600 + i * 3 + (unsigned)how, 1);
		}
}

static void tiles_are_right(void **state)
{
	struct fixture *f = *state;
	uint8_t hashes[TILE_HASHES][32], leaf[32], (*leaves)[32] = malloc(66000 * 32), root[32];
	struct tree_leaves l = { .leaves = (const uint8_t (*)[32])leaves, .count = 66000 };
	char path[64];
	struct err err;

	for (uint64_t at = 0; at < 66000; at += 6600)
		append_ok(f->keeper.client, at, 6600);
	for (uint64_t i = 0; i < 66000; i++)
		leaf_of(i, leaves[i]);
	assert_true(tiles_get(f->dir.journal, 0, 255, hashes));
	leaf_of(255 * 256 + 7, leaf);
	assert_memory_equal(hashes[7], leaf, 32);
	assert_true(tiles_get(f->dir.journal, 1, 0, hashes));
	assert_int_equal(tree_read_leaves(&l, 8, 200, root, &err), PLI_OK);
	assert_memory_equal(hashes[200], root, 32);
	assert_false(tiles_get(f->dir.journal, 1, 1, hashes));
	tiles_path(path, 1, 1234067);
	assert_string_equal(path, "tile/1/x001/x234/067");
	tiles_path(path, 0, 999);
	assert_string_equal(path, "tile/0/999");
	restart(f, SIGKILL);
	status_is(f->keeper.client, 66000, false);
	append_ok(f->keeper.client, 66000, 1);
	free(leaves);
}

/* An older copy of the tree, or of a part of it, is noticed by the counter beside the keys; an older counter is none the worse. */
static void older_tree_is_refused(void **state)
{
	struct fixture *f = *state;
	struct keywrap kw;
	struct uuid entity = { { 3 } };
	struct keeper_status s;
	struct answer a;
	char kid[64];
	struct err err;

	append_ok(f->keeper.client, 0, 40);
	restart(f, 0);
	assert_int_equal(TESTING_RUN(&f->dir, "cp", "-a", "journal", "older"), 0);
	append_ok(f->keeper.client, 40, 2);
	keeper_free(f->keeper.client);
	testing_keeper_end(&f->keeper, 0);
	assert_int_equal(TESTING_RUN(&f->dir, "sh", "-c", "cp -a journal newer && rm -r journal/* && cp -a older/* journal"), 0);
	testing_keeper_start(&f->dir, &f->keeper);
	status_is(f->keeper.client, 40, true);
	assert_int_equal(keeper_status(f->keeper.client, &s, &err), PLI_OK);
	assert_int_equal(s.counter_size, 42);
	append(f->keeper.client, 40, 2, &a);
	assert_int_equal(a.status, PLI_CONFLICT);
	assert_non_null(strstr(a.err.text, "older copy"));
	/* Letters can still be read. */
	keeper_keywrap(f->keeper.client, &kw);
	assert_int_equal(kw.kek(kw.arg, "letter", &entity, 2027 * 12, kid, &err), PLI_OK);
	/* The true one is back. */
	keeper_free(f->keeper.client);
	testing_keeper_end(&f->keeper, 0);
	assert_int_equal(TESTING_RUN(&f->dir, "sh", "-c", "rm -r journal/* && cp -a newer/* journal"), 0);
	testing_keeper_start(&f->dir, &f->keeper);
	status_is(f->keeper.client, 42, false);
	/* An older counter beside a newer tree. */
	keeper_free(f->keeper.client);
	testing_keeper_end(&f->keeper, 0);
	assert_int_equal(TESTING_RUN(&f->dir, "cp", "-a", "keys/counter", "counter"), 0);
	testing_keeper_start(&f->dir, &f->keeper);
	append_ok(f->keeper.client, 42, 1);
	keeper_free(f->keeper.client);
	testing_keeper_end(&f->keeper, 0);
	assert_int_equal(TESTING_RUN(&f->dir, "cp", "-a", "counter", "keys/counter"), 0);
	testing_keeper_start(&f->dir, &f->keeper);
	assert_int_equal(keeper_status(f->keeper.client, &s, &err), PLI_OK);
	assert_false(s.refusing);
	assert_int_equal(s.size, 43);
	append_ok(f->keeper.client, 43, 1);
	status_is(f->keeper.client, 44, false);
}

static void damage_is_refused(void **state)
{
	struct fixture *f = *state;
	struct keeper_status s;
	struct answer a;
	struct err err;

	append_ok(f->keeper.client, 0, 40);
	append_ok(f->keeper.client, 40, 40);
	keeper_free(f->keeper.client);
	testing_keeper_end(&f->keeper, SIGKILL);
	change(f->dir.journal, "heads", 300);
	testing_keeper_start(&f->dir, &f->keeper);
	assert_int_equal(keeper_status(f->keeper.client, &s, &err), PLI_OK);
	assert_true(s.refusing);
	append(f->keeper.client, 80, 1, &a);
	assert_int_equal(a.status, PLI_CONFLICT);
	keeper_free(f->keeper.client);
	testing_keeper_end(&f->keeper, 0);
	change(f->dir.journal, "heads", 300);
	/* One torn slot of the counter is none; both are. */
	change(f->dir.keys, "counter", 8);
	testing_keeper_start(&f->dir, &f->keeper);
	status_is(f->keeper.client, 80, false);
	append_ok(f->keeper.client, 80, 1);
	keeper_free(f->keeper.client);
	testing_keeper_end(&f->keeper, 0);
	change(f->dir.keys, "counter", 8);
	change(f->dir.keys, "counter", 512 + 8);
	testing_keeper_start(&f->dir, &f->keeper);
	assert_int_equal(keeper_status(f->keeper.client, &s, &err), PLI_OK);
	assert_true(s.refusing);
}

static void seals(void **state)
{
	struct fixture *f = *state;
	struct buf root_pem = testing_get(f->dir.public_dir, "root.pem"), seal_pem = testing_get(f->dir.public_dir, "seal.pem");
	struct asic_reference *refs = calloc(4000, sizeof(*refs));
	struct asic_manifest manifest = { .checkpoint_size = 30, .references = refs, .count = 4000 };
	AUTO_BUF text = { 0 }, p7s = { 0 };
	static char names[4000][16];
	struct err err;

	append_ok(f->keeper.client, 0, 30);
	append_ok(f->keeper.client, 30, 3);
	root_of(30, manifest.checkpoint_root);
	for (int i = 0; i < 4000; i++) {
		snprintf(names[i], sizeof(names[i]), "f/%d", i);
		refs[i].name = names[i];
	}
	asic_manifest_write(&manifest, &text);
	assert_true(text.n > 512u << 10);
	if (keeper_seal(f->keeper.client, text.p, text.n, &p7s, &err) != PLI_OK)
		fail_msg("%s", err.text);
	assert_int_equal(seal_verify(p7s.p, p7s.n, text.p, text.n, root_pem.p, seal_pem.p, 0, &err), PLI_OK);
	/* Anything else than a manifest, another root, a head that is not there. */
	assert_int_equal(keeper_seal(f->keeper.client, "I owe you 1000", 14, &p7s, &err), PLI_INPUT);
	manifest.count = 1;
	manifest.checkpoint_root[0] ^= 1;
	buf_reset(&text);
	asic_manifest_write(&manifest, &text);
	assert_int_equal(keeper_seal(f->keeper.client, text.p, text.n, &p7s, &err), PLI_CONFLICT);
	manifest.checkpoint_root[0] ^= 1;
	manifest.checkpoint_size = 34;
	buf_reset(&text);
	asic_manifest_write(&manifest, &text);
	assert_int_equal(keeper_seal(f->keeper.client, text.p, text.n, &p7s, &err), PLI_CONFLICT);
	buf_free(&root_pem);
	buf_free(&seal_pem);
	free(refs);
}

/* A receipt as receipt.h has it, but for what stands in it. */
static void receipt_text(struct buf *out, uint64_t size, const uint64_t *entries, size_t count)
{
	static const char *const keys[] = {
		"Kind: sender", "Number: 1", "Letter: x", "Origin: o", "Date: d", "Horodatage: d", "Sender-Name:", "Sender-Address: a",
		"Sender-Entity: e", "Sender-SIREN:", "Sender-Method: password", "Sender-Level: 1", "Recipient: to, r@example.org",
		"Subject: Entry: 1", "Class: simple", "Mode: basic", "Password: none", "Message: 1 bytes", "Part: 1", "Part: 2",
	};
	uint8_t leaf[32], root[32];
	char hex[65];

	buf_reset(out);
	buf_str(out, "Pli-Receipt: 1\n");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		buf_fmt(out, "%s\n", keys[i]);
	for (size_t i = 0; i < count; i++) {
		leaf_of(entries[i], leaf);
		buf_fmt(out, "Entry: %d, sha256 %s, ev, d, stamped d\n", (int)entries[i] + 1, hex_encode(hex, leaf, 32));
	}
	root_of(size, root);
	buf_fmt(out, "Checkpoint-Size: %d\nCheckpoint-Root: %s\nCheckpoint-Time: d\nNot-Established: a\nNon-etabli: b\n", (int)size,
		hex_encode(hex, root, 32));
}

static void certifies(void **state)
{
	struct fixture *f = *state;
	struct buf root = testing_get(f->dir.public_dir, "root.pem"), seal = testing_get(f->dir.public_dir, "seal.pem");
	struct buf operator_pem = testing_get(f->dir.public_dir, "operator.pem"), tsa = testing_get(f->dir.public_dir, "tsa.pem");
	static const uint64_t entries[] = { 3, 7, 29 };
	static const struct {
		const char *was, *is;
		enum pli_status status;
	} changes[] = {
		{ "Entry: 4,", "Entry: 5,", PLI_CONFLICT },		/* that entry stands at another number */
		{ "Entry: 8,", "Entry: 4,", PLI_INPUT },
		{ "Entry: 30,", "Entry: 31,", PLI_INPUT },
		{ "Entry: 4, sha256 ", "Entry: 4, sha512 ", PLI_INPUT },
		{ "Size: 30", "Size: 29", PLI_INPUT },
		{ "Size: 30", "Size: 33", PLI_CONFLICT },
		{ "Size: 30", "Size: 99", PLI_CONFLICT },
		{ "Kind: sender\n", "", PLI_INPUT },
		{ "Class:", "I owe you:", PLI_INPUT },
		{ "Subject: Entry", "Subject: \x1b[2K", PLI_INPUT },
		{ "Non-etabli: b\n", "Non-etabli: b", PLI_INPUT },
		{ "Pli-Receipt: 1", "Pli-Receipt: 2", PLI_INPUT },
	};
	struct token_verifier *verifier;
	struct token_info info;
	AUTO_BUF text = { 0 }, p7s = { 0 }, token = { 0 }, changed = { 0 };
	struct err err = { 0 };

	append_ok(f->keeper.client, 0, 30);
	append_ok(f->keeper.client, 30, 3);
	receipt_text(&text, 30, entries, 3);
	if (keeper_certify(f->keeper.client, text.p, text.n, &p7s, &token, &err) != PLI_OK)
		fail_msg("%s", err.text);
	assert_int_equal(seal_verify_two(p7s.p, p7s.n, text.p, text.n, root.p, seal.p, operator_pem.p, 0, &err), PLI_OK);
	assert_int_equal(seal_verify_two(p7s.p, p7s.n, text.p, text.n, root.p, operator_pem.p, seal.p, 0, &err), PLI_OK);
	assert_int_equal(seal_verify(p7s.p, p7s.n, text.p, text.n, root.p, seal.p, 0, &err), PLI_CONFLICT);
	assert_int_equal(token_verifier_new(root.p, tsa.p, &verifier, &err), PLI_OK);
	assert_int_equal(token_verify(verifier, token.p, token.n, p7s.p, p7s.n, &info, &err), PLI_OK);
	token_verifier_free(verifier);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const char *at = strstr(text.p, changes[i].was);

		buf_reset(&changed);
		buf_add(&changed, text.p, (size_t)(at - text.p));
		buf_str(&changed, changes[i].is);
		buf_str(&changed, at + strlen(changes[i].was));
		if (keeper_certify(f->keeper.client, changed.p, changed.n, &p7s, &token, &err) != changes[i].status)
			fail_msg("%s: %d, %s", changes[i].is, (int)err.status, err.text);
	}
	receipt_text(&text, 30, entries, 0);
	assert_int_equal(keeper_certify(f->keeper.client, text.p, text.n, &p7s, &token, &err), PLI_INPUT);
	buf_free(&root);
	buf_free(&seal);
	buf_free(&operator_pem);
	buf_free(&tsa);
}

/* ---- the link ---- */

static void send_fd(int control, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} space = { 0 };
	char byte = 'L';
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space.space, .msg_controllen = sizeof(space.space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	assert_int_equal(sendmsg(control, &msg, 0), 1);
	close(fd);
}

/* Front dies and is renewed; then the keeper dies and front is given the new one's link. */
static void links_are_renewed(void **state)
{
	struct fixture *f = *state;
	struct testing_keeper other;
	struct keeper_status s;
	struct answer a;
	int link[2];
	struct err err = { 0 };

	append_ok(f->keeper.client, 0, 3);
	keeper_free(f->keeper.client);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link), 0);
	assert_int_equal(keeper_new(link[0], &f->keeper.client, &err), PLI_OK);
	send_fd(f->keeper.control, link[1]);
	append_ok(f->keeper.client, 3, 3);

	testing_keeper_end(&f->keeper, SIGKILL);
	append(f->keeper.client, 6, 1, &a);
	assert_true(a.status == PLI_BUSY || a.status == PLI_UNCERTAIN);
	assert_int_equal(keeper_status(f->keeper.client, &s, &err), PLI_BUSY);
	assert_false(keeper_linked(f->keeper.client));
	keeper_relink(f->keeper.client, testing_keeper_fork(&f->dir, &other));
	assert_int_equal(keeper_status(f->keeper.client, &s, &err), PLI_OK);
	assert_int_equal(s.size, 6);
	append_ok(f->keeper.client, 6, 1);
	f->keeper.pid = other.pid;
	f->keeper.control = other.control;
}

/* Bytes that are no frame end the link, not the keeper; a frame that is no request is answered. */
static void foreign_bytes(void **state)
{
	static const uint8_t huge[] = { 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4 };
	struct fixture *f = *state;
	struct keeper_frame frame;
	struct keeper_status s;
	uint8_t answer[256];
	AUTO_BUF out = { 0 };
	size_t start, used;
	int link[2], again[2];
	ssize_t got;
	struct err err = { 0 };

	keeper_free(f->keeper.client);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link), 0);
	send_fd(f->keeper.control, link[1]);
	start = keeper_frame_begin(&out, 77, 5);
	keeper_frame_end(&out, start, 0, 0);
	assert_int_equal(write(link[0], out.p, out.n), out.n);
	got = read(link[0], answer, sizeof(answer));
	assert_true(got > 0);
	assert_int_equal(keeper_frame_next(answer, (size_t)got, &frame, &used, &err), PLI_OK);
	assert_int_equal(frame.id, 5);
	assert_int_equal(frame.body[0], PLI_INPUT);
	assert_int_equal(write(link[0], huge, sizeof(huge)), sizeof(huge));
	assert_int_equal(read(link[0], answer, sizeof(answer)), 0);
	close(link[0]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, again), 0);
	assert_int_equal(keeper_new(again[0], &f->keeper.client, &err), PLI_OK);
	send_fd(f->keeper.control, again[1]);
	assert_int_equal(keeper_status(f->keeper.client, &s, &err), PLI_OK);
}

/* A keeper that has stopped: appends go into the queue, far more than the link takes, and nobody waits for it; it counts as not
 * there.  When it goes on, so does the queue. */
static void stopped_keeper_stops_nobody(void **state)
{
	struct fixture *f = *state;
	struct answer answers[8];
	struct keeper_status s;
	struct err err = { 0 };
	int64_t begun_us;

	append_ok(f->keeper.client, 0, 1);
	assert_int_equal(kill(f->keeper.pid, SIGSTOP), 0);
	begun_us = clock_mono_us();
	for (size_t i = 0; i < 8; i++)
		append_begin(f->keeper.client, 1 + i * 16384, 16384, &answers[i]);
	assert_true(clock_mono_us() - begun_us < SECOND_US);
	assert_int_equal(keeper_status_soon(f->keeper.client, &s, &err), PLI_BUSY);
	assert_true(clock_mono_us() - begun_us < 4 * SECOND_US);
	while (keeper_linked(f->keeper.client))
		assert_true(clock_mono_us() - begun_us < 5 * SECOND_US);
	assert_int_equal(kill(f->keeper.pid, SIGCONT), 0);
	for (size_t i = 0; i < 8; i++) {
		answer_wait(&answers[i]);
		assert_int_equal(answers[i].status, PLI_OK);
		answer_drop(&answers[i]);
	}
	assert_int_equal(keeper_status(f->keeper.client, &s, &err), PLI_OK);
	assert_int_equal(s.size, 1 + 8 * 16384);
	assert_true(keeper_linked(f->keeper.client));
}

struct hung {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	unsigned count;
};

static void is_hung(void *arg)
{
	struct hung *h = arg;

	pthread_mutex_lock(&h->lock);
	h->count++;
	pthread_cond_signal(&h->cond);
	pthread_mutex_unlock(&h->lock);
}

/* It is reported, so that whoever started it can end it. */
static void hung_keeper_is_reported(void **state)
{
	struct fixture *f = *state;
	struct hung h = { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 12;
	keeper_watch(f->keeper.client, is_hung, &h);
	assert_int_equal(kill(f->keeper.pid, SIGSTOP), 0);
	pthread_mutex_lock(&h.lock);
	while (!h.count)
		assert_int_equal(pthread_cond_timedwait(&h.cond, &h.lock, &until), 0);
	pthread_mutex_unlock(&h.lock);
	keeper_watch(f->keeper.client, NULL, NULL);
	assert_int_equal(kill(f->keeper.pid, SIGCONT), 0);
}

struct crowd {
	struct keeper *keeper;
	const char *kid;
	int failures;
};

static void *one_of_many(void *arg)
{
	struct crowd *c = arg;
	struct keywrap kw;
	struct err err;

	keeper_keywrap(c->keeper, &kw);
	for (int i = 0; i < 300; i++) {
		struct keywrap_item item = { .kid = c->kid, .aad = &i, .aad_n = sizeof(i), .in = &i, .in_n = sizeof(i) };
		uint8_t wrapped[128];

		if (kw.wrap(kw.arg, &item, 1, &err) != PLI_OK)
			c->failures++;
		memcpy(wrapped, item.out, item.out_n);
		item.in = wrapped;
		item.in_n = item.out_n;
		if (kw.unwrap(kw.arg, &item, 1, &err) != PLI_OK || item.out_n != sizeof(i) || memcmp(item.out, &i, sizeof(i)) != 0)
			c->failures++;
	}
	return NULL;
}

static void many_callers(void **state)
{
	struct fixture *f = *state;
	struct crowd crowd[8];
	pthread_t threads[8];
	struct uuid entity = { { 5 } };
	struct keywrap kw;
	char kid[64];
	struct err err;

	keeper_keywrap(f->keeper.client, &kw);
	assert_int_equal(kw.kek(kw.arg, "letter", &entity, 2027 * 12, kid, &err), PLI_OK);
	for (int i = 0; i < 8; i++) {
		crowd[i] = (struct crowd){ .keeper = f->keeper.client, .kid = kid };
		assert_int_equal(pthread_create(&threads[i], NULL, one_of_many, &crowd[i]), 0);
	}
	for (unsigned i = 0; i < 200; i++)
		append_ok(f->keeper.client, i, 1);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(crowd[i].failures, 0);
	}
	status_is(f->keeper.client, 200, false);
}

/* A full disk refuses and takes nothing; with room again it goes on.  Needs the right to mount. */
static void full_disk(void **state)
{
	struct fixture f = { 0 };
	uint64_t size = 10;
	struct answer a;
	int full = 0, stuff;

	(void)state;
	testing_dir_make(&f.dir, 1);
	if (!testing_mount(&f.dir, "256k")) {
		testing_dir_drop(&f.dir);
		skip();
	}
	testing_keeper_start(&f.dir, &f.keeper);
	append_ok(f.keeper.client, 0, 10);
	stuff = testing_fill(&f.dir, 40);
	for (int i = 0; i < 200 && full < 3; i++) {
		size_t n = (size_t)(i * 37 % 300 + 1);

		append(f.keeper.client, size, n, &a);
		if (a.status == PLI_OK)
			size += n;
		else
			full++;
		assert_true(a.status == PLI_OK || a.status == PLI_FULL);
		answer_drop(&a);
	}
	assert_int_equal(full, 3);
	status_is(f.keeper.client, size, false);
	assert_int_equal(ftruncate(stuff, 0), 0);
	append_ok(f.keeper.client, size, 100);
	size += 100;
	restart(&f, SIGKILL);
	status_is(f.keeper.client, size, false);
	close(stuff);
	testing_keeper_stop(&f.keeper);
	testing_unmount(&f.dir);
	testing_dir_drop(&f.dir);
}

#define WITH_KEEPER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* ---- mails ---- */

static enum pli_status sign_one(struct fixture *f, int kind, const char *text, struct buf *out, struct err *err)
{
	struct keeper_mail_item item = { kind, text, strlen(text), out };

	return keeper_mail_sign(f->keeper.client, &item, 1, err);
}

static void mails_are_signed_by_shape(void **state)
{
	static const char CONTENT[] = "Content-Type: text/plain; charset=utf-8\r\n\r\nx\r\n";
	static const char HEADERS[] = "from:a@b\r\nto:c@d\r\ndkim-signature:v=1; a=ed25519-sha256; b=";
	static const char *const not_mails[] = { "", "x", "Content-Type: application/pdf\r\n\r\n", "pli.example/j/1\n5\nroot\n",
						 "to:c@d\r\ndkim-signature:v=1; a=x", "from:a@b\r\n", "from:a@b\r\n folded\r\ndkim-signature:v=1; a=x",
						 "From: a@b\r\nDKIM-Signature: v=1; a=x", HEADERS, };
	static const char *const not_headers[] = { "", CONTENT, "to:c@d\r\ndkim-signature:v=1; a=x", "from:a@b\r\n", "from:a@b\r\nno colon\r\ndkim-signature:v=1; a=x",
						   "from:a@b\r\n folded:x\r\ndkim-signature:v=1; a=x" };
	struct fixture *f = *state;
	AUTO_BUF out = { 0 };
	struct err err = { 0 };

	assert_int_equal(sign_one(f, MAIL_SIGN_SMIME, CONTENT, &out, &err), PLI_OK);
	assert_true(out.n > 500 && (uint8_t)out.p[0] == 0x30);
	/* Keys for DKIM are made by themselves; without them that signature alone is refused. */
	buf_reset(&out);
	assert_int_equal(sign_one(f, MAIL_SIGN_DKIM_ED25519, HEADERS, &out, &err), PLI_ABSENT);
	assert_non_null(strstr(err.text, "dkim.key"));
	assert_int_equal(out.n, 0);
	for (size_t i = 0; i < sizeof(not_mails) / sizeof(not_mails[0]); i++)
		assert_int_equal(sign_one(f, MAIL_SIGN_SMIME, not_mails[i], &out, &err), PLI_INPUT);
	for (size_t i = 0; i < sizeof(not_headers) / sizeof(not_headers[0]); i++)
		assert_int_equal(sign_one(f, MAIL_SIGN_DKIM_ED25519, not_headers[i], &out, &err), PLI_INPUT);
	assert_int_equal(sign_one(f, 0, CONTENT, &out, &err), PLI_INPUT);
	assert_int_equal(sign_one(f, 9, CONTENT, &out, &err), PLI_INPUT);
	assert_int_equal(out.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_KEEPER(wraps_and_unwraps), WITH_KEEPER(many_items), WITH_KEEPER(staging_keys_are_swept), WITH_KEEPER(passwords), WITH_KEEPER(second_factors),
		WITH_KEEPER(appends), WITH_KEEPER(many_heads), WITH_KEEPER(goes_on_after_a_kill), WITH_KEEPER(torn_tail), WITH_KEEPER(zeros_ahead),
		WITH_KEEPER(derived_files_are_mended), WITH_KEEPER(tiles_are_right), WITH_KEEPER(older_tree_is_refused),
		WITH_KEEPER(damage_is_refused), WITH_KEEPER(seals), WITH_KEEPER(certifies), WITH_KEEPER(links_are_renewed), WITH_KEEPER(foreign_bytes),
		WITH_KEEPER(many_callers), WITH_KEEPER(stopped_keeper_stops_nobody),
		WITH_KEEPER(hung_keeper_is_reported), WITH_KEEPER(mails_are_signed_by_shape), cmocka_unit_test(full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
