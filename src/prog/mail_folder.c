/* See mail_folder.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "head_line.h"

#include "checkpoint.h"

#include "mail_heads.h"

#include "mail_folder.h"

#define MAIL_MAX_BYTES (64u << 20)
#define DEPTH_MAX 12

/* The line and the log's signature are a checkpoint. */
static enum pli_status signature_check(const struct mail_folder *f, const struct head_line *line, const char *path, struct err *err)
{
	AUTO_BUF note = { 0 };
	struct checkpoint c;
	char base64[100];

	head_line_write(line, false, &note);
	for (size_t i = 0; i < note.n; i++)
		if (note.p[i] == ' ')
			note.p[i] = '\n';
	buf_fmt(&note, "\n\n\xe2\x80\x94 %s %s\n", line->origin, base64_encode(base64, line->signature, sizeof(line->signature)));
	if (checkpoint_verify(note.p, note.n, f->key->name, f->key->public_key, &c, NULL) == PLI_OK)
		return PLI_OK;
	return err_set(err, PLI_CONFLICT, "%.150s: the head in its header is not signed by the log's key", path);
}

static void claim_add(struct mail_folder *f, const struct head_line *line, const char *path)
{
	struct log_claim *c;

	if (f->count == f->cap) {
		unsigned cap = f->cap ? 2 * f->cap : 64;
		struct log_claim *grown = POOL_ARRAY(f->pool, struct log_claim, cap);

		if (f->count)
			memcpy(grown, f->claims, f->count * sizeof(*grown));
		f->claims = grown;
		f->cap = cap;
	}
	c = &f->claims[f->count++];
	*c = (struct log_claim){ .size = line->size, .source = pool_str(f->pool, path) };
	memcpy(c->root, line->root, 32);
	f->signed_heads += line->has_signature;
}

static enum pli_status mail_read(struct mail_folder *f, int fd, const char *path, struct err *err)
{
	struct head_line heads[MAIL_HEADS_MAX];
	unsigned count = 0, before = f->count;
	AUTO_BUF bytes = { 0 };
	enum pli_status st = PLI_OK;
	struct stat sb;
	ssize_t n;

	if (fstat(fd, &sb) != 0)
		return err_set(err, PLI_IO, "%.200s: %s", path, strerror(errno));
	if (!S_ISREG(sb.st_mode) || sb.st_size > MAIL_MAX_BYTES || !sb.st_size)
		return PLI_OK;
	while ((n = read(fd, buf_reserve(&bytes, 65536), 65536)) > 0)
		bytes.n += (size_t)n;
	if (n < 0)
		return err_set(err, PLI_IO, "%.200s: %s", path, strerror(errno));
	f->mails++;
	/* What is no mail says nothing. */
	if (mail_heads(bytes.p, bytes.n, heads, &count, NULL) != PLI_OK)
		count = 0;
	for (unsigned i = 0; i < count && st == PLI_OK; i++) {
		if (!str_eq(heads[i].origin, f->key->name))
			continue;
		if (heads[i].has_signature)
			st = signature_check(f, &heads[i], path, err);
		if (st == PLI_OK)
			claim_add(f, &heads[i], path);
	}
	f->others += f->count == before;
	return st;
}

static enum pli_status folder_read(struct mail_folder *f, const char *path, int depth, struct err *err)
{
	DIR *dir = opendir(path);
	enum pli_status st = PLI_OK;
	struct dirent *d;

	if (!dir)
		return err_set(err, PLI_ABSENT, "%.200s: %s", path, strerror(errno));
	while (st == PLI_OK && (d = readdir(dir))) {
		const char *below;
		struct stat sb;
		int fd;

		/* Maildir++ folders begin with a dot: only these two are not gone into. */
		if (str_eq(d->d_name, ".") || str_eq(d->d_name, ".."))
			continue;
		below = pool_fmt(f->pool, "%s/%s", path, d->d_name);
		fd = open(below, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && (errno == ELOOP || errno == ENXIO))
			continue;
		if (fd < 0 || fstat(fd, &sb) != 0) {
			st = err_set(err, PLI_IO, "%.200s: %s", below, strerror(errno));
		} else if (S_ISDIR(sb.st_mode)) {
			if (depth < DEPTH_MAX)
				st = folder_read(f, below, depth + 1, err);
		} else {
			st = mail_read(f, fd, below, err);
		}
		if (fd >= 0)
			close(fd);
	}
	closedir(dir);
	return st;
}

enum pli_status mail_folder_read(struct mail_folder *f, const char *path, struct err *err)
{
	struct stat sb;
	enum pli_status st;
	int fd;

	if (stat(path, &sb) != 0)
		return err_set(err, PLI_ABSENT, "%.200s: %s", path, strerror(errno));
	if (S_ISDIR(sb.st_mode))
		return folder_read(f, path, 0, err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, PLI_IO, "%.200s: %s", path, strerror(errno));
	st = mail_read(f, fd, path, err);
	close(fd);
	return st;
}
