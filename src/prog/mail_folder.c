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
#include "pdf_read.h"
#include "zip.h"

#include "checkpoint.h"

#include "mail_heads.h"

#include "mail_folder.h"

#define MAIL_MAX_BYTES (64u << 20)
#define DEPTH_MAX 12

static bool signed_by_log(const struct mail_folder *f, const char *note, size_t n, struct checkpoint *c_r)
{
	for (unsigned i = 0; i < f->key_count; i++)
		if (checkpoint_verify(note, n, f->origin, f->keys[i], c_r, NULL) == PLI_OK)
			return true;
	return false;
}

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
	if (signed_by_log(f, note.p, note.n, &c))
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

/* Of a proof, the signed head that it brings along; whether the rest of it holds, `pli proof verify` says. */
static enum pli_status proof_read(struct mail_folder *f, const struct buf *bytes, const char *path, struct err *err)
{
	struct head_line line = { .has_signature = true };
	const struct zip_file *note = NULL;
	AUTO_BUF attached = { 0 };
	AUTO_POOL pool = pool_new();
	struct zip_file *files = NULL;
	struct checkpoint c;
	size_t count = 0;
	bool pdf = pdf_is(bytes->p, bytes->n);

	if (pdf && pdf_attached(bytes->p, bytes->n, MAIL_MAX_BYTES, &attached, NULL) != PLI_OK)
		return PLI_OK;
	if (zip_read_open(pool, pdf ? attached.p : bytes->p, pdf ? attached.n : bytes->n, MAIL_MAX_BYTES, &files, &count, NULL) != PLI_OK)
		return PLI_OK;
	for (size_t i = 0; i < count && !note; i++)
		note = str_eq(files[i].name, "checkpoint.txt") ? &files[i] : NULL;
	if (!note || checkpoint_parse((const char *)note->p, note->n, &c, NULL) != PLI_OK || !str_eq(c.origin, f->origin))
		return PLI_OK;
	f->proofs++;
	if (!signed_by_log(f, (const char *)note->p, note->n, &c))
		return err_set(err, PLI_CONFLICT, "%.150s: the head in this proof is not signed by the log's key", path);
	line.size = c.size;
	memcpy(line.root, c.root, sizeof(line.root));
	claim_add(f, &line, path);
	return PLI_OK;
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
	if (pdf_is(bytes.p, bytes.n) || (bytes.n > 4 && memcmp(bytes.p, "PK\3\4", 4) == 0))
		return proof_read(f, &bytes, path, err);
	f->mails++;
	/* What is no mail says nothing. */
	if (mail_heads(bytes.p, bytes.n, heads, &count, NULL) != PLI_OK)
		count = 0;
	for (unsigned i = 0; i < count && st == PLI_OK; i++) {
		if (!str_eq(heads[i].origin, f->origin))
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
