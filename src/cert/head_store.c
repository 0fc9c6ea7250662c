/* The keeper's tree on disk; see head_store.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "crc32.h"
#include "pool.h"

#include "checkpoint.h"

#include "head_store.h"

#define INDEX_BYTES 16
#define MARK_EVERY 16384	/* leaves; what a start may have to look at again */
#define ROOM_BYTES (1u << 20)	/* of zeros written ahead of the records */
#define ZEROS_BYTES (64u << 10)

enum pli_status head_store_leaves(struct head_store *s, uint64_t first, size_t count, uint8_t (*leaves_r)[32], struct err *err)
{
	ssize_t got = pread(s->leaves_fd, leaves_r, count * 32, (off_t)(first * 32));

	if (got < 0)
		return err_errno(err, "cannot read journal/leaves");
	if ((size_t)got != count * 32)
		return err_set(err, PLI_ABSENT, "journal/leaves is too short");
	return PLI_OK;
}

static enum pli_status stored_leaves(void *arg, uint64_t first, unsigned count, uint8_t (*leaves_r)[32], struct err *err)
{
	return head_store_leaves(arg, first, count, leaves_r, err);
}

/* A tree_read_fn over what is stored: hashes of unfinished tiles lie in memory, all others in tiles. */
static enum pli_status stored_hash(void *arg, unsigned level, uint64_t index, uint8_t hash_r[32], struct err *err)
{
	struct head_store *s = arg;
	unsigned tile_level = level / 8, count = 1u << level % 8;
	uint64_t first = index * count;
	struct tiles tiles;
	struct tree t;
	enum pli_status status;

	if (tile_level < TILE_LEVELS && first / TILE_HASHES == s->tree.size >> 8 * tile_level >> 8) {
		tree_init(&t);
		for (unsigned i = 0; i < count; i++)
			tree_add(&t, s->partial[tile_level][first % TILE_HASHES + i]);
		tree_root(&t, hash_r);
		return PLI_OK;
	}
	tiles_init(&tiles, s->dir_fd, stored_leaves, s);
	status = tiles_read(&tiles, level, index, hash_r, err);
	tiles_fini(&tiles);
	return status;
}

enum pli_status head_store_root(struct head_store *s, uint64_t size, uint8_t root_r[32], struct err *err)
{
	struct tree t;
	enum pli_status status = size <= s->tree.size ? tree_load(&t, size, stored_hash, s, err)
						      : err_set(err, PLI_RANGE, "the tree in journal/ has no head of that size");

	if (status == PLI_OK)
		tree_root(&t, root_r);
	return status;
}

/* All of p at offset, or nothing said about it: a short write is a full disk. */
static enum pli_status put_at(int fd, const void *p, size_t n, uint64_t offset, const char *what, struct err *err)
{
	ssize_t put;

	do
		put = pwrite(fd, p, n, (off_t)offset);
	while (put < 0 && errno == EINTR);
	if (put >= 0 && (size_t)put != n)
		errno = ENOSPC;
	return put >= 0 && (size_t)put == n ? PLI_OK : err_errno(err, what);
}

static enum pli_status put_index(struct head_store *s, uint64_t number, uint64_t size, uint64_t offset, struct err *err)
{
	uint8_t entry[INDEX_BYTES];
	AUTO_BUF b = { 0 };

	buf_u64(&b, size);
	buf_u64(&b, offset);
	memcpy(entry, b.p, INDEX_BYTES);
	return put_at(s->index_fd, entry, INDEX_BYTES, number * INDEX_BYTES, "cannot write journal/heads.idx", err);
}

static bool get_index(struct head_store *s, uint64_t number, uint64_t *size_r, uint64_t *offset_r)
{
	uint8_t entry[INDEX_BYTES];
	struct cursor c;

	if (pread(s->index_fd, entry, INDEX_BYTES, (off_t)(number * INDEX_BYTES)) != INDEX_BYTES)
		return false;
	cursor_init(&c, entry, INDEX_BYTES);
	*size_r = cursor_u64(&c);
	*offset_r = cursor_u64(&c);
	return true;
}

/* Adds one leaf, number `at`, to the unfinished tiles; each one that is full becomes a file.  check: only if the file differs. */
static enum pli_status tile_leaf(struct head_store *s, uint8_t (*partial)[TILE_HASHES][32], uint64_t at, const uint8_t leaf[32],
				 bool check, struct err *err)
{
	uint8_t hash[32], there[TILE_HASHES][32];
	enum pli_status status;

	memcpy(hash, leaf, 32);
	for (unsigned level = 0; level < TILE_LEVELS; level++, at /= TILE_HASHES) {
		const uint8_t (*full)[32] = (const uint8_t (*)[32])partial[level];

		memcpy(partial[level][at % TILE_HASHES], hash, 32);
		if (at % TILE_HASHES != TILE_HASHES - 1)
			return PLI_OK;
		if (!check || !tiles_get(s->dir_fd, level, at / TILE_HASHES, there) || memcmp(there, full, TILE_BYTES) != 0) {
			status = tiles_put(s->dir_fd, level, at / TILE_HASHES, full, err);
			if (status != PLI_OK)
				return status;
		}
		tiles_root(full, hash);
	}
	return PLI_OK;
}

/* ---- the mark ---- */

struct mark {
	uint64_t size, offset, heads;
	uint8_t root[32];
};

#define MARK_BYTES 64

static bool mark_read(struct head_store *s, struct mark *m)
{
	uint8_t file[MARK_BYTES];
	struct cursor c;
	int fd = openat(s->dir_fd, "mark", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool ok;

	if (fd < 0)
		return false;
	ok = pread(fd, file, MARK_BYTES, 0) == MARK_BYTES && memcmp(file, "PLIM", 4) == 0;
	close(fd);
	cursor_init(&c, file + 4, MARK_BYTES - 4);
	m->size = cursor_u64(&c);
	memcpy(m->root, cursor_bytes(&c, 32), 32);
	m->offset = cursor_u64(&c);
	m->heads = cursor_u64(&c);
	return ok && cursor_u32(&c) == crc32_add(0, file, MARK_BYTES - 4);
}

static bool mark_write(struct head_store *s)
{
	AUTO_BUF b = { 0 };
	int fd = openat(s->dir_fd, "mark.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	bool ok;

	if (fd < 0)
		return false;
	buf_str(&b, "PLIM");
	buf_u64(&b, s->tree.size);
	buf_add(&b, s->root, 32);
	buf_u64(&b, s->bytes);
	buf_u64(&b, s->heads);
	buf_u32(&b, crc32_add(0, b.p, b.n));
	ok = write(fd, b.p, b.n) == (ssize_t)b.n && fdatasync(fd) == 0;
	close(fd);
	return ok && renameat(s->dir_fd, "mark.new", s->dir_fd, "mark") == 0;
}

static bool sync_tile(struct head_store *s, unsigned level, uint64_t n)
{
	char path[64];
	bool ok;
	int fd;

	tiles_path(path, level, n);
	fd = openat(s->dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	ok = fdatasync(fd) == 0;
	close(fd);
	return ok;
}

/* Puts all that can be made again on the disk and remembers that.  A failure costs only a longer start. */
static void mark(struct head_store *s)
{
	uint64_t from = s->marked_size / TILE_HASHES, to = s->tree.size / TILE_HASHES;
	bool ok = fdatasync(s->leaves_fd) == 0 && fdatasync(s->index_fd) == 0;

	for (unsigned level = 0; level < TILE_LEVELS && to; level++, from /= TILE_HASHES, to /= TILE_HASHES)
		for (uint64_t n = from; n < to && ok; n++)
			ok = sync_tile(s, level, n);
	if (ok && mark_write(s)) {
		s->marked_size = s->tree.size;
		s->marked_heads = s->heads;
	}
}

/* ---- opening ---- */

/* The unfinished tiles of a tree of `size` leaves. */
static enum pli_status load_partials(struct head_store *s, struct tiles *tiles, uint64_t size, struct err *err)
{
	uint64_t count = size;

	for (unsigned level = 0; level < TILE_LEVELS; level++, count /= TILE_HASHES)
		for (uint64_t i = count - count % TILE_HASHES; i < count; i++) {
			enum pli_status status = tiles_read(tiles, level * 8, i, s->partial[level][i % TILE_HASHES], err);

			if (status != PLI_OK)
				return status;
		}
	return PLI_OK;
}

/* Takes the mark for granted if leaves, tiles and index fit it. */
static bool start_from_mark(struct head_store *s, uint64_t heads_file_bytes)
{
	struct tiles tiles;
	struct mark m;
	uint64_t size = 0, offset;
	uint8_t root[32];
	bool ok;

	if (!mark_read(s, &m) || !m.size || !m.heads || m.offset > heads_file_bytes || !get_index(s, m.heads - 1, &size, &offset) ||
	    size != m.size || offset >= m.offset)
		return false;
	tiles_init(&tiles, s->dir_fd, stored_leaves, s);
	ok = tree_load(&s->tree, m.size, tiles_read, &tiles, NULL) == PLI_OK && load_partials(s, &tiles, m.size, NULL) == PLI_OK;
	tiles_fini(&tiles);
	tree_root(&s->tree, root);
	if (!ok || memcmp(root, m.root, 32) != 0)
		return false;
	s->bytes = m.offset;
	s->heads = s->marked_heads = m.heads;
	s->marked_size = m.size;
	s->last_offset = offset;
	memcpy(s->root, root, 32);
	return true;
}

static void start_from_nothing(struct head_store *s)
{
	tree_init(&s->tree);
	tree_root(&s->tree, s->root);
	s->bytes = s->room = s->heads = s->last_offset = s->marked_size = s->marked_heads = 0;
}

/* One record read at start: the tree goes on, leaves, tiles and index are mended where they differ. */
static enum pli_status replay(struct head_store *s, const struct head_record *r, uint64_t offset, struct err *err)
{
	uint8_t (*there)[32] = mem_alloc((size_t)r->leaf_count * 32);
	uint64_t size = 0, at = 0;
	struct tree t = s->tree;
	enum pli_status status;
	uint8_t root[32];

	for (uint32_t i = 0; i < r->leaf_count; i++)
		tree_add(&t, r->leaves[i]);
	tree_root(&t, root);
	if (t.size != r->size || memcmp(root, r->root, 32) != 0) {
		mem_free(there);
		return err_set(err, PLI_CONFLICT, "journal/heads is damaged after entry %" PRIu64 ": the hashes do not give the head", s->tree.size);
	}
	status = head_store_leaves(s, s->tree.size, r->leaf_count, there, NULL);
	if (status != PLI_OK || memcmp(there, r->leaves, (size_t)r->leaf_count * 32) != 0)
		status = put_at(s->leaves_fd, r->leaves, (size_t)r->leaf_count * 32, s->tree.size * 32, "cannot write journal/leaves", err);
	mem_free(there);
	for (uint32_t i = 0; i < r->leaf_count && status == PLI_OK; i++)
		status = tile_leaf(s, s->partial, s->tree.size + i, r->leaves[i], true, err);
	if (status == PLI_OK && (!get_index(s, s->heads, &size, &at) || size != r->size || at != offset))
		status = put_index(s, s->heads, r->size, offset, err);
	if (status != PLI_OK)
		return status;
	s->tree = t;
	memcpy(s->root, root, 32);
	s->heads++;
	s->last_offset = offset;
	return PLI_OK;
}

/* Reads every record from s->bytes on.  *counter_seen_r: the root at the counter's size was met and is the counter's. */
static enum pli_status replay_all(struct head_store *s, bool *counter_seen_r, struct err *err)
{
	struct head_reader reader;
	struct head_record r;
	enum pli_status status;

	head_reader_init(&reader, s->heads_fd, s->bytes);
	while ((status = head_reader_next(&reader, &r, err)) == PLI_OK) {
		status = replay(s, &r, s->bytes, err);
		if (status != PLI_OK)
			break;
		s->bytes = reader.offset;
		if (s->tree.size == s->counter->size && memcmp(s->root, s->counter->root, 32) == 0)
			*counter_seen_r = true;
	}
	head_reader_fini(&reader);
	return status == PLI_ABSENT ? PLI_OK : status;
}

static enum pli_status check_counter(struct head_store *s, bool seen, struct err *err)
{
	struct tiles tiles;
	struct tree t;
	uint8_t root[32];
	enum pli_status status;

	if (s->tree.size < s->counter->size)
		return err_set(err, PLI_CONFLICT, "the tree in journal/ ends at entry %" PRIu64 ", but the keeper has signed up to %" PRIu64
			       ": an older copy was restored", s->tree.size, s->counter->size);
	if (seen)
		return PLI_OK;
	tiles_init(&tiles, s->dir_fd, stored_leaves, s);
	status = tree_load(&t, s->counter->size, tiles_read, &tiles, err);
	tiles_fini(&tiles);
	if (status != PLI_OK)
		return status;
	tree_root(&t, root);
	if (memcmp(root, s->counter->root, 32) != 0)
		return err_set(err, PLI_CONFLICT, "the tree in journal/ is not the one that the keeper has signed at entry %" PRIu64, s->counter->size);
	return PLI_OK;
}

/* A log key that was changed signed what came before. */
static enum pli_status newest_verify(const struct head_record *r, const char *origin, const uint8_t (*log_publics)[32], unsigned count,
				     struct checkpoint *c, struct err *err)
{
	enum pli_status status = PLI_CONFLICT;

	for (unsigned i = 0; i < count && status != PLI_OK; i++)
		status = checkpoint_verify(r->checkpoint, r->checkpoint_n, origin, log_publics[i], c, err);
	return status;
}

static enum pli_status check_newest(struct head_store *s, const char *origin, const uint8_t (*log_publics)[32], unsigned count,
				    struct err *err)
{
	struct head_reader reader;
	struct head_record r;
	struct checkpoint c;
	enum pli_status status;

	if (!s->heads)
		return PLI_OK;
	head_reader_init(&reader, s->heads_fd, s->last_offset);
	status = head_reader_next(&reader, &r, err);
	if (status == PLI_OK)
		status = newest_verify(&r, origin, log_publics, count, &c, err);
	if (status == PLI_OK && (c.size != s->tree.size || memcmp(c.root, s->root, 32) != 0))
		status = err_set(err, PLI_CONFLICT, "the newest checkpoint in journal/heads is not of its tree");
	head_reader_fini(&reader);
	return status == PLI_IO ? status : status == PLI_OK ? PLI_OK : PLI_CONFLICT;
}

/* Everything after the last whole record goes, room of an unfinished run or a torn record; the counter has shown that none of it was
 * acknowledged. */
static enum pli_status cut_tails(struct head_store *s, uint64_t heads_file_bytes, struct err *err)
{
	s->room = s->bytes;
	if (heads_file_bytes != s->bytes && (ftruncate(s->heads_fd, (off_t)s->bytes) != 0 || fdatasync(s->heads_fd) != 0))
		return err_errno(err, "cannot cut the end of journal/heads");
	if (ftruncate(s->leaves_fd, (off_t)(s->tree.size * 32)) != 0 || ftruncate(s->index_fd, (off_t)(s->heads * INDEX_BYTES)) != 0)
		return err_errno(err, "cannot cut journal/leaves");
	return PLI_OK;
}

static enum pli_status open_files(struct head_store *s, struct stat *heads, struct err *err)
{
	s->heads_fd = openat(s->dir_fd, "heads", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (s->heads_fd < 0)
		return errno == ENOENT ? err_set(err, PLI_CONFLICT, "journal/heads is not there") : err_errno(err, "cannot open journal/heads");
	s->leaves_fd = openat(s->dir_fd, "leaves", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	s->index_fd = openat(s->dir_fd, "heads.idx", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (s->leaves_fd < 0 || s->index_fd < 0 || fstat(s->heads_fd, heads) != 0)
		return err_errno(err, "cannot open the files of journal/");
	return PLI_OK;
}

enum pli_status head_store_open(int dir_fd, const char *origin, const uint8_t (*log_publics)[32], unsigned count,
				struct counter *counter, struct head_store *s, struct err *err)
{
	bool seen = false;
	enum pli_status status;
	struct stat heads;

	memset(s, 0, sizeof(*s));
	s->dir_fd = dir_fd;
	s->heads_fd = s->leaves_fd = s->index_fd = -1;
	s->counter = counter;
	s->partial = mem_alloc(TILE_LEVELS * TILE_BYTES);
	s->trial = mem_alloc(TILE_LEVELS * TILE_BYTES);
	s->record = mem_alloc(sizeof(*s->record));
	start_from_nothing(s);
	status = open_files(s, &heads, err);
	if (status != PLI_OK)
		return status;
	if (!start_from_mark(s, (uint64_t)heads.st_size))
		start_from_nothing(s);
	status = replay_all(s, &seen, err);
	if (status == PLI_OK)
		status = check_counter(s, seen, err);
	if (status == PLI_OK)
		status = check_newest(s, origin, log_publics, count, err);
	if (status == PLI_OK)
		status = cut_tails(s, (uint64_t)heads.st_size, err);
	s->sound = status == PLI_OK;
	if (s->sound && s->tree.size - s->marked_size >= MARK_EVERY)
		mark(s);
	return status;
}

void head_store_close(struct head_store *s)
{
	if (s->sound && s->tree.size > s->marked_size)
		mark(s);
	/* At rest the file ends with its last record.  Where that fails, the next start cuts it. */
	if (s->sound && s->room > s->bytes)
		(void)!ftruncate(s->heads_fd, (off_t)s->bytes);
	for (int *fd = (int[]){ s->heads_fd, s->leaves_fd, s->index_fd, -2 }; *fd != -2; fd++)
		if (*fd >= 0)
			close(*fd);
	s->heads_fd = s->leaves_fd = s->index_fd = -1;
	mem_free(s->partial);
	mem_free(s->trial);
	if (s->record)
		buf_free(s->record);
	mem_free(s->record);
	s->partial = s->trial = NULL;
	s->record = NULL;
}

/* ---- adding ---- */

/* How many levels of unfinished tiles change when so many leaves come: nearly always the lowest alone. */
static size_t levels_touched(uint64_t size, uint64_t count)
{
	uint64_t before = size, after = size + count;
	size_t levels = 0;

	for (; levels < TILE_LEVELS && before != after; levels++) {
		before /= TILE_HASHES;
		after /= TILE_HASHES;
	}
	return levels;
}

/* What can be made again first, so that a full disk is met before the truth is written. */
static enum pli_status put_derived(struct head_store *s, const struct head_record *head, struct err *err)
{
	enum pli_status status = put_at(s->leaves_fd, head->leaves, (size_t)head->leaf_count * 32, s->tree.size * 32,
					"cannot write journal/leaves", err);

	memcpy(s->trial, s->partial, levels_touched(s->tree.size, head->leaf_count) * TILE_BYTES);
	for (uint32_t i = 0; i < head->leaf_count && status == PLI_OK; i++)
		status = tile_leaf(s, s->trial, s->tree.size + i, head->leaves[i], false, err);
	if (status == PLI_OK)
		status = put_index(s, s->heads, head->size, s->bytes, err);
	return status;
}

/* Zeros where the next records will stand: a flush that changes no length is a cheaper one.  The record's own flush makes them durable.
 * Without space for them records are appended one by one, as long as they find some. */
static void make_room(struct head_store *s, size_t n)
{
	uint64_t from = s->room, to = s->bytes + n + ROOM_BYTES;
	uint8_t *zeros;

	if (s->bytes + n <= s->room)
		return;
	zeros = mem_alloc(ZEROS_BYTES);
	to -= to % ZEROS_BYTES;
	while (s->room < to) {
		size_t piece = to - s->room < ZEROS_BYTES ? (size_t)(to - s->room) : ZEROS_BYTES;

		if (put_at(s->heads_fd, zeros, piece, s->room, "", NULL) != PLI_OK)
			break;
		s->room += piece;
	}
	if (s->room < to && ftruncate(s->heads_fd, (off_t)from) == 0)
		s->room = from;
	mem_free(zeros);
}

static enum pli_status take_back(struct head_store *s, enum pli_status status, struct err *err)
{
	if (status != PLI_FULL)
		return status;
	if (ftruncate(s->heads_fd, (off_t)s->bytes) != 0 || ftruncate(s->leaves_fd, (off_t)(s->tree.size * 32)) != 0 ||
	    ftruncate(s->index_fd, (off_t)(s->heads * INDEX_BYTES)) != 0) {
		err_errno(err, "cannot take back a half-written head");
		return PLI_IO;
	}
	s->room = s->bytes;
	return PLI_FULL;
}

enum pli_status head_store_append(struct head_store *s, const struct head_record *head, struct err *err)
{
	struct tree t = s->tree;
	enum pli_status status;

	status = put_derived(s, head, err);
	if (status != PLI_OK)
		return take_back(s, status, err);
	buf_reset(s->record);
	head_record_write(head, s->record);
	make_room(s, s->record->n);
	status = put_at(s->heads_fd, s->record->p, s->record->n, s->bytes, "cannot write journal/heads", err);
	if (status != PLI_OK)
		return take_back(s, status, err);
	/* From here on the group exists or the process ends: after a failed sync nobody knows what the disk holds. */
	if (fdatasync(s->heads_fd) != 0) {
		err_errno(err, "cannot sync journal/heads");
		return PLI_IO;
	}
	status = counter_advance(s->counter, head->size, head->root, err);
	if (status != PLI_OK)
		return PLI_IO;
	memcpy(s->partial, s->trial, levels_touched(s->tree.size, head->leaf_count) * TILE_BYTES);
	for (uint32_t i = 0; i < head->leaf_count; i++)
		tree_add(&t, head->leaves[i]);
	s->tree = t;
	memcpy(s->root, head->root, 32);
	s->last_offset = s->bytes;
	s->bytes += s->record->n;
	if (s->room < s->bytes)
		s->room = s->bytes;
	s->heads++;
	if (s->tree.size - s->marked_size >= MARK_EVERY)
		mark(s);
	return PLI_OK;
}

enum pli_status head_store_seek(struct head_store *s, uint64_t after, struct head_reader *reader, struct err *err)
{
	uint64_t low = 0, high = s->heads, size, offset = 0;

	/* First head with size > after. */
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (!get_index(s, middle, &size, &offset))
			return err_set(err, PLI_IO, "journal/heads.idx cannot be read");
		if (size > after)
			high = middle;
		else
			low = middle + 1;
	}
	if (low == s->heads)
		return err_set(err, PLI_ABSENT, "no further head");
	if (!get_index(s, low, &size, &offset))
		return err_set(err, PLI_IO, "journal/heads.idx cannot be read");
	head_reader_init(reader, s->heads_fd, offset);
	return PLI_OK;
}
