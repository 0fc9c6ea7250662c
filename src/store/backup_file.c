/* See backup_file.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "backup_file.h"

#define PIECE (256u * 1024)
#define FIRST "pli-backup"
#define FIRST_TEXT "pli-backup/1\n"
#define LAST "end"

static enum pli_status write_all(int fd, const void *p, size_t n, struct err *err)
{
	const char *at = p;

	while (n) {
		ssize_t done = write(fd, at, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return err_errno(err, "writing the backup");
		at += done;
		n -= (size_t)done;
	}
	return PLI_OK;
}

static void line_add(struct digest *lines, struct digest *content, const char *name, uint64_t size)
{
	uint8_t digest[32];
	char hex[65];
	AUTO_BUF line = { 0 };

	digest_final(content, digest);
	buf_fmt(&line, "%s %" PRIu64 " %s\n", hex_encode(hex, digest, 32), size, name);
	digest_add(lines, line.p, line.n);
}

static enum pli_status header_write(struct backup_writer *w, const char *name, uint64_t size, struct err *err)
{
	uint8_t block[TAR_BLOCK];

	if (!tar_name_valid(name))
		return err_set(err, PLI_BUG, "a file's name does not go into a backup: %.100s", name);
	tar_header_write(name, size, clock_now_us() / SECOND_US, block);
	w->bytes += TAR_BLOCK + size + tar_padding(size);
	return write_all(w->fd, block, sizeof(block), err);
}

static enum pli_status padding_write(struct backup_writer *w, uint64_t size, struct err *err)
{
	static const uint8_t zeros[TAR_BLOCK];

	return write_all(w->fd, zeros, tar_padding(size), err);
}

enum pli_status backup_writer_add(struct backup_writer *w, const char *name, const void *p, size_t n, struct err *err)
{
	struct digest content;
	enum pli_status st = header_write(w, name, n, err);

	if (st == PLI_OK)
		st = write_all(w->fd, p, n, err);
	if (st == PLI_OK)
		st = padding_write(w, n, err);
	digest_init(&content);
	digest_add(&content, p, n);
	line_add(&w->lines, &content, name, n);
	w->members++;
	return st;
}

enum pli_status backup_writer_add_fd(struct backup_writer *w, const char *name, int from_fd, uint64_t size, struct err *err)
{
	uint8_t *piece = mem_alloc(PIECE);
	struct digest content;
	uint64_t at = 0;
	enum pli_status st = header_write(w, name, size, err);

	digest_init(&content);
	while (st == PLI_OK && at < size) {
		ssize_t n = pread(from_fd, piece, size - at < PIECE ? (size_t)(size - at) : PIECE, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			st = n < 0 ? err_errno(err, name) : err_set(err, PLI_IO, "%s became shorter while it was copied", name);
			break;
		}
		digest_add(&content, piece, (size_t)n);
		st = write_all(w->fd, piece, (size_t)n, err);
		at += (uint64_t)n;
	}
	mem_free(piece);
	if (st == PLI_OK)
		st = padding_write(w, size, err);
	line_add(&w->lines, &content, name, size);
	w->members++;
	return st;
}

enum pli_status backup_writer_begin(struct backup_writer *w, int fd, struct err *err)
{
	*w = (struct backup_writer){ .fd = fd };
	digest_init(&w->lines);
	return backup_writer_add(w, FIRST, FIRST_TEXT, strlen(FIRST_TEXT), err);
}

void backup_writer_state(const struct backup_writer *w, char text_r[BACKUP_STATE_CHARS])
{
	uint8_t bytes[8 + DIGEST_STORED_BYTES];

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(w->members >> (56 - 8 * i));
	digest_store(&w->lines, bytes + 8);
	hex_encode(text_r, bytes, sizeof(bytes));
}

enum pli_status backup_writer_resume(struct backup_writer *w, int fd, const char *text, struct err *err)
{
	uint8_t bytes[8 + DIGEST_STORED_BYTES];

	*w = (struct backup_writer){ .fd = fd };
	if (!hex_decode(bytes, sizeof(bytes), text, strlen(text)) || !digest_restore(&w->lines, bytes + 8))
		return err_set(err, PLI_INPUT, "this is not the state of a backup");
	for (int i = 0; i < 8; i++)
		w->members = w->members << 8 | bytes[i];
	return PLI_OK;
}

static void end_text(uint64_t members, const struct digest *lines, struct buf *out)
{
	struct digest all = *lines;
	uint8_t digest[32];
	char hex[65];

	digest_final(&all, digest);
	buf_fmt(out, "%" PRIu64 " %s\n", members, hex_encode(hex, digest, 32));
}

enum pli_status backup_writer_end(struct backup_writer *w, struct err *err)
{
	static const uint8_t zeros[2 * TAR_BLOCK];
	AUTO_BUF text = { 0 };
	enum pli_status st;

	end_text(w->members, &w->lines, &text);
	st = backup_writer_add(w, LAST, text.p, text.n, err);
	if (st == PLI_OK)
		st = write_all(w->fd, zeros, sizeof(zeros), err);
	if (st == PLI_OK && fsync(w->fd) != 0)
		st = err_errno(err, "syncing the backup");
	return st;
}

/* ---- reading ---- */

static enum pli_status cut_off(struct err *err)
{
	return err_set(err, PLI_INPUT, "the backup is cut off");
}

/* All n bytes, or cut off. */
static enum pli_status read_all(int fd, void *p, size_t n, struct err *err)
{
	char *at = p;

	while (n) {
		ssize_t got = read(fd, at, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, "reading the backup");
		if (got == 0)
			return cut_off(err);
		at += got;
		n -= (size_t)got;
	}
	return PLI_OK;
}

enum pli_status backup_reader_read(struct backup_reader *r, void *buf, size_t cap, size_t *n_r, struct err *err)
{
	uint8_t padding[TAR_BLOCK];
	size_t n = r->left < cap ? (size_t)r->left : cap;
	enum pli_status st = r->open ? read_all(r->fd, buf, n, err) : PLI_OK;

	*n_r = 0;
	if (st != PLI_OK || !r->open)
		return st;
	digest_add(&r->content, buf, n);
	r->left -= n;
	*n_r = n;
	if (r->left)
		return PLI_OK;
	r->open = false;
	line_add(&r->lines, &r->content, r->entry.name, r->entry.size);
	r->members++;
	return read_all(r->fd, padding, tar_padding(r->entry.size), err);
}

static enum pli_status member_begin(struct backup_reader *r, struct err *err)
{
	uint8_t block[TAR_BLOCK];
	enum pli_status st = read_all(r->fd, block, sizeof(block), err);

	if (st == PLI_OK)
		st = tar_header_read(block, &r->entry, err);
	if (st != PLI_OK)
		return st == PLI_ABSENT ? cut_off(err) : st;
	r->left = r->entry.size;
	r->open = true;
	digest_init(&r->content);
	return PLI_OK;
}

/* A small member as a whole. */
static enum pli_status small_read(struct backup_reader *r, char text_r[128], struct err *err)
{
	size_t n, at = 0;
	enum pli_status st = PLI_OK;

	if (r->entry.size > 127)
		return err_set(err, PLI_INPUT, "the backup is damaged");
	do {
		st = backup_reader_read(r, text_r + at, 127 - at, &n, err);
		at += n;
	} while (st == PLI_OK && n);
	text_r[at] = '\0';
	return st;
}

enum pli_status backup_reader_begin(struct backup_reader *r, int fd, struct err *err)
{
	char text[128] = "";
	enum pli_status st;

	*r = (struct backup_reader){ .fd = fd };
	digest_init(&r->lines);
	st = member_begin(r, err);
	if (st == PLI_OK && str_eq(r->entry.name, FIRST))
		st = small_read(r, text, err);
	if (st == PLI_IO)
		return st;
	return st == PLI_OK && str_eq(text, FIRST_TEXT) ? PLI_OK : err_set(err, PLI_INPUT, "this is not a backup of this program");
}

enum pli_status backup_reader_next(struct backup_reader *r, struct err *err)
{
	uint8_t rest[8192], zeros[2 * TAR_BLOCK] = { 0 }, block[2 * TAR_BLOCK];
	AUTO_BUF wanted = { 0 };
	char text[128];
	size_t n;
	enum pli_status st = PLI_OK;

	if (r->ended)
		return err_set(err, PLI_ABSENT, "the end of the backup");
	while (st == PLI_OK && r->open)
		st = backup_reader_read(r, rest, sizeof(rest), &n, err);
	end_text(r->members, &r->lines, &wanted);
	if (st == PLI_OK)
		st = member_begin(r, err);
	if (st != PLI_OK || !str_eq(r->entry.name, LAST))
		return st;
	st = small_read(r, text, err);
	if (st == PLI_OK && !str_eq(text, wanted.p))
		return err_set(err, PLI_INPUT, "the backup is damaged: its content is not what its end says");
	if (st == PLI_OK)
		st = read_all(r->fd, block, sizeof(block), err);
	if (st == PLI_OK && memcmp(block, zeros, sizeof(zeros)) != 0)
		return err_set(err, PLI_INPUT, "the backup is damaged after its end");
	if (st != PLI_OK)
		return st;
	r->ended = true;
	return err_set(err, PLI_ABSENT, "the end of the backup");
}
