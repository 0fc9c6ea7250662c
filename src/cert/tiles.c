/* See tiles.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "pool.h"

#include "tree.h"

#include "tiles.h"

#define KEPT_MAX (UINT64_C(1) << 22)	/* roots of a billion entries: 128 MiB at most */

void tiles_path(char path_r[64], unsigned level, uint64_t n)
{
	int at = snprintf(path_r, 64, "tile/%u/", level);
	uint64_t unit = 1;

	while (n / unit >= 1000)
		unit *= 1000;
	for (; unit > 1; unit /= 1000)
		at += snprintf(path_r + at, 64 - (size_t)at, "x%03u/", (unsigned)(n / unit % 1000));
	snprintf(path_r + at, 64 - (size_t)at, "%03u", (unsigned)(n % 1000));
}

/* "000", "x001/x234/067": groups of three digits, the first of several never 000. */
static bool number_parse(const char *s, size_t n, uint64_t *v_r)
{
	const char *begin = s;
	uint64_t v = 0;

	for (;;) {
		bool more = n && *s == 'x';
		unsigned group = 0;

		s += more;
		n -= more;
		if (n < 3)
			return false;
		for (int i = 0; i < 3; i++) {
			if (s[i] < '0' || s[i] > '9')
				return false;
			group = group * 10 + (unsigned)(s[i] - '0');
		}
		if ((more && s == begin + 1 && !group) || v > (UINT64_MAX - 999) / 1000)
			return false;
		v = v * 1000 + group;
		s += 3;
		n -= 3;
		if (!more)
			break;
		if (!n || *s != '/')
			return false;
		s++;
		n--;
	}
	*v_r = v;
	return !n;
}

/* A decimal number of at most three digits without leading zeroes, ended by `end`. */
static const char *small_parse(const char *s, char end, unsigned *v_r)
{
	unsigned v = 0;
	int i = 0;

	for (; i < 3 && s[i] >= '0' && s[i] <= '9'; i++)
		v = v * 10 + (unsigned)(s[i] - '0');
	*v_r = v;
	return i && s[i] == end && (*s != '0' || i == 1) ? s + i : NULL;
}

bool tiles_path_parse(const char *path, unsigned *level_r, uint64_t *n_r, unsigned *width_r)
{
	const char *rest = small_parse(path, '/', level_r), *part;
	size_t n;

	if (!rest || *level_r > 63)
		return false;
	rest++;
	part = strstr(rest, ".p/");
	n = part ? (size_t)(part - rest) : strlen(rest);
	*width_r = TILE_HASHES;
	if (part && (!small_parse(part + 3, 0, width_r) || !*width_r || *width_r >= TILE_HASHES))
		return false;
	return n <= 40 && number_parse(rest, n, n_r);
}

bool tiles_get(int dir_fd, unsigned level, uint64_t n, uint8_t (*hashes_r)[32])
{
	char path[64];
	struct stat st;
	bool ok;
	int fd;

	if (dir_fd < 0)
		return false;
	tiles_path(path, level, n);
	fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	ok = fstat(fd, &st) == 0 && st.st_size == TILE_BYTES && pread(fd, hashes_r, TILE_BYTES, 0) == TILE_BYTES;
	close(fd);
	return ok;
}

/* Every folder on the way to path. */
static bool make_folders(int dir_fd, char *path)
{
	for (char *slash = path; (slash = strchr(slash, '/')); slash++) {
		int rc;

		*slash = 0;
		rc = mkdirat(dir_fd, path, 0750);
		*slash = '/';
		if (rc != 0 && errno != EEXIST)
			return false;
	}
	return true;
}

enum pli_status tiles_put(int dir_fd, unsigned level, uint64_t n, const uint8_t (*hashes)[32], struct err *err)
{
	char path[64], temporary[68];
	ssize_t put;
	int fd;

	tiles_path(path, level, n);
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0 && errno == ENOENT && make_folders(dir_fd, path))
		fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return err_errno(err, "cannot make a hash tile");
	put = write(fd, hashes, TILE_BYTES);
	if (put >= 0 && put != TILE_BYTES)
		errno = ENOSPC;		/* the file system gives the reason of a short write at the next one only */
	if (put != TILE_BYTES || renameat(dir_fd, temporary, dir_fd, path) != 0) {
		enum pli_status status = err_errno(err, "cannot write a hash tile");

		close(fd);
		unlinkat(dir_fd, temporary, 0);
		return status;
	}
	close(fd);
	return PLI_OK;
}

void tiles_root(const uint8_t (*hashes)[32], uint8_t root_r[32])
{
	struct tree t;

	tree_init(&t);
	for (unsigned i = 0; i < TILE_HASHES; i++)
		tree_add(&t, hashes[i]);
	tree_root(&t, root_r);
}

void tiles_init(struct tiles *tiles, int dir_fd, tiles_leaves_fn *leaves, void *arg)
{
	*tiles = (struct tiles){ .dir_fd = dir_fd, .leaves = leaves, .arg = arg };
}

void tiles_forget(struct tiles *tiles)
{
	mem_free(tiles->roots);
	mem_free(tiles->known);
	tiles->roots = NULL;
	tiles->known = NULL;
	tiles->count = 0;
}

void tiles_fini(struct tiles *tiles)
{
	tiles_forget(tiles);
}

static void keep(struct tiles *t, uint64_t n, const uint8_t root[32])
{
	if (n >= KEPT_MAX)
		return;
	if (n >= t->count) {
		uint64_t count = t->count ? t->count : 64;

		while (count <= n)
			count *= 2;
		t->roots = mem_grow(t->roots, (size_t)count * 32);
		t->known = mem_grow(t->known, (size_t)count);
		memset(t->known + t->count, 0, (size_t)(count - t->count));
		t->count = count;
	}
	memcpy(t->roots[n], root, 32);
	t->known[n] = true;
}

static enum pli_status full_tile(struct tiles *t, unsigned tile_level, uint64_t n, uint8_t root_r[32], struct err *err);

enum pli_status tiles_row(struct tiles *t, unsigned tile_level, uint64_t first, unsigned count, uint8_t (*out)[32], struct err *err)
{
	uint8_t hashes[TILE_HASHES][32];
	enum pli_status status = PLI_OK;

	if (tiles_get(t->dir_fd, tile_level, first / TILE_HASHES, hashes)) {
		memcpy(out, hashes[first % TILE_HASHES], (size_t)count * 32);
		return PLI_OK;
	}
	if (!tile_level)
		return t->leaves(t->arg, first, count, out, err);
	for (unsigned i = 0; i < count && status == PLI_OK; i++)
		status = full_tile(t, tile_level - 1, first + i, out[i], err);
	return status;
}

static enum pli_status full_tile(struct tiles *t, unsigned tile_level, uint64_t n, uint8_t root_r[32], struct err *err)
{
	uint8_t hashes[TILE_HASHES][32];
	enum pli_status status;

	if (!tile_level && n < t->count && t->known[n]) {
		memcpy(root_r, t->roots[n], 32);
		return PLI_OK;
	}
	status = tiles_row(t, tile_level, n * TILE_HASHES, TILE_HASHES, hashes, err);
	if (status != PLI_OK)
		return status;
	tiles_root((const uint8_t (*)[32])hashes, root_r);
	if (!tile_level)
		keep(t, n, root_r);
	return PLI_OK;
}

enum pli_status tiles_read(void *arg, unsigned level, uint64_t index, uint8_t hash_r[32], struct err *err)
{
	unsigned count = 1u << level % 8;
	uint8_t hashes[128][32];
	enum pli_status status;
	struct tree tree;

	if (level / 8 >= TILE_LEVELS)
		return err_set(err, PLI_RANGE, "no tree is that large");
	status = tiles_row(arg, level / 8, index * count, count, hashes, err);
	if (status != PLI_OK)
		return status;
	tree_init(&tree);
	for (unsigned i = 0; i < count; i++)
		tree_add(&tree, hashes[i]);
	tree_root(&tree, hash_r);
	return PLI_OK;
}
