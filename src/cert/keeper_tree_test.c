/* The keeper's tree: appended to, killed, torn, mended, put back to an older state, on a full disk. */
#include "keeper_testing.h"

#include "text.h"
#include "uuid.h"
#include "checkpoint.h"
#include "head_record.h"
#include "tiles.h"
#include "token.h"

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

static enum pli_status seal_under(struct fixture *f, uint64_t size, const uint8_t root[32], const uint8_t leaf[32])
{
	AUTO_BUF text = { 0 }, der = { 0 };
	char digest[65], entry[65], root_hex[65];
	struct err err;

	memset(digest, 'd', 64);
	digest[64] = '\0';
	buf_fmt(&text, "Pli-Pdf: 1\nDigest: %s\nEntry: %" PRIu64 ", sha256 %s, consigned\n", digest, size, hex_encode(entry, leaf, 32));
	buf_fmt(&text, "Checkpoint-Size: %" PRIu64 "\nCheckpoint-Root: %s\n", size, hex_encode(root_hex, root, 32));
	return keeper_seal(f->keeper.client, text.p, text.n, &der, &err);
}

/* A receipt may be under any head of the tree, whether its edge lies in full tiles, in unfinished ones or in both; and under no other. */
static void sealed_under(struct fixture *f, struct tree_leaves *l)
{
	static const uint64_t sizes[] = { 1, 2, 255, 256, 257, 511, 512, 513, 4096 + 77, 65279, 65280, 65281, 65535, 65536, 65537, 65792, 65999, 66000 };
	uint8_t root[32], leaf[32];
	struct tree t;
	struct err err;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(tree_load(&t, sizes[i], tree_read_leaves, l, &err), PLI_OK);
		tree_root(&t, root);
		leaf_of(sizes[i] - 1, leaf);
		assert_int_equal(seal_under(f, sizes[i], root, leaf), PLI_OK);
		root[31] ^= 1;
		assert_int_equal(seal_under(f, sizes[i], root, leaf), PLI_CONFLICT);
	}
	assert_int_equal(seal_under(f, 66002, root, leaf), PLI_CONFLICT);
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
	sealed_under(f, &l);
	tiles_path(path, 1, 1234067);
	assert_string_equal(path, "tile/1/x001/x234/067");
	tiles_path(path, 0, 999);
	assert_string_equal(path, "tile/0/999");
	restart(f, SIGKILL);
	status_is(f->keeper.client, 66000, false);
	sealed_under(f, &l);
	append_ok(f->keeper.client, 66000, 1);
	sealed_under(f, &l);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_KEEPER(appends),
		WITH_KEEPER(many_heads),
		WITH_KEEPER(goes_on_after_a_kill),
		WITH_KEEPER(torn_tail),
		WITH_KEEPER(zeros_ahead),
		WITH_KEEPER(derived_files_are_mended),
		WITH_KEEPER(tiles_are_right),
		WITH_KEEPER(older_tree_is_refused),
		WITH_KEEPER(damage_is_refused),
		cmocka_unit_test(full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
