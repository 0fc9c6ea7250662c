#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "stream.h"

#include "cipher.h"
#include "db.h"

#include "spool.h"

#define MEMORY_BYTES (128 * 1024)
#define SPACE_EVERY (UINT64_C(4) << 20)	/* how often the space is looked at */

static const char CONTEXT[] = "pli/spool/1";

struct spool {
	struct ostream os;
	struct spool_options options;
	uint64_t size, looked;
	struct buf held;		/* all of it in memory; or of the chunk that is being filled */
	int fd;				/* -1: memory */
	uint64_t chunk;			/* number of the next one */
	uint8_t key[CIPHER_KEY_BYTES];
	uint8_t header[CIPHER_HEADER_BYTES];
	struct cipher_chunks *chunks;
	bool finished;
};

/* ---- writing ---- */

static enum pli_status file_open(struct spool *s, struct err *err)
{
	char name[40] = ".spool-", hex[33];
	uint8_t random_bytes[16];
	AUTO_BUF header = { 0 };
	enum pli_status st;

	mem_random(random_bytes, sizeof(random_bytes));
	hex_encode(hex, random_bytes, sizeof(random_bytes));
	memcpy(name + 7, hex, 33);
	s->fd = openat(s->options.dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->fd < 0)
		return err_errno(err, "a file for a mail on its way in");
	(void)unlinkat(s->options.dir_fd, name, 0);
	mem_random(s->key, sizeof(s->key));
	st = cipher_chunks_new(s->key, CONTEXT, sizeof(CONTEXT) - 1, &header, &s->chunks, err);
	if (st == PLI_OK)
		memcpy(s->header, header.p, sizeof(s->header));
	return st;
}

static enum pli_status put_chunk(struct spool *s, const char *p, size_t n, struct err *err)
{
	uint8_t sealed[CIPHER_CHUNK_SEALED_BYTES];
	uint64_t at = s->chunk * CIPHER_CHUNK_SEALED_BYTES;
	enum pli_status st = cipher_chunk_seal(s->chunks, s->chunk, p, n, sealed, err);

	if (st != PLI_OK)
		return st;
	for (size_t done = 0; done < n + 16;) {
		ssize_t w = pwrite(s->fd, sealed + done, n + 16 - done, (off_t)(at + done));
		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return err_errno(err, "a mail on its way in");
		done += (size_t)w;
	}
	s->chunk++;
	return PLI_OK;
}

/* Whole chunks of what is held go to the file. */
static enum pli_status put_whole(struct spool *s, struct err *err)
{
	enum pli_status st = PLI_OK;
	size_t at = 0;

	for (; st == PLI_OK && s->held.n - at >= CIPHER_CHUNK_BYTES; at += CIPHER_CHUNK_BYTES)
		st = put_chunk(s, s->held.p + at, CIPHER_CHUNK_BYTES, err);
	if (st == PLI_OK && at)
		buf_shift(&s->held, at);
	return st;
}

static enum pli_status look_at_space(struct spool *s, struct err *err)
{
	uint64_t have;
	enum pli_status st;

	if (s->size < s->looked)
		return PLI_OK;
	s->looked = s->size + SPACE_EVERY;
	st = db_space(s->options.db, &have, err);
	if (st == PLI_OK && have < s->options.reserve_bytes + SPACE_EVERY)
		st = err_field(err, PLI_FULL, "no-space", "", "The server's storage is full; nothing was stored.");
	return st;
}

static enum pli_status spool_write(struct ostream *os, const void *p, size_t n, struct err *err)
{
	struct spool *s = (struct spool *)os;
	enum pli_status st;

	if (n > s->options.limit_bytes - s->size)
		return err_field(err, PLI_LIMIT, "too-large", "", "The mail is larger than %llu bytes.",
				 (unsigned long long)s->options.limit_bytes);
	s->size += n;
	buf_add(&s->held, p, n);
	if (s->fd < 0 && s->held.n <= MEMORY_BYTES)
		return PLI_OK;
	st = look_at_space(s, err);
	if (st == PLI_OK && s->fd < 0)
		st = file_open(s, err);
	return st == PLI_OK ? put_whole(s, err) : st;
}

static enum pli_status spool_finish(struct ostream *os, struct err *err)
{
	struct spool *s = (struct spool *)os;
	enum pli_status st = PLI_OK;

	if (s->fd >= 0)		/* the last chunk is a short one, perhaps empty */
		st = put_chunk(s, s->held.p, s->held.n, err);
	s->finished = st == PLI_OK;
	return st;
}

static void spool_close(struct ostream *os)
{
	struct spool *s = (struct spool *)os;

	if (s->fd >= 0)
		close(s->fd);
	cipher_chunks_free(s->chunks);
	mem_wipe(s->key, sizeof(s->key));
	buf_free(&s->held);
	mem_free(s);
}

static const struct ostream_ops OPS = { "spool", spool_write, spool_finish, spool_close };

enum pli_status spool_new(const struct spool_options *options, struct ostream **os_r, struct err *err)
{
	struct spool *s = mem_alloc(sizeof(*s));
	enum pli_status st;

	s->os.ops = &OPS;
	s->options = *options;
	s->fd = -1;
	buf_init_secret(&s->held);
	st = look_at_space(s, err);
	if (st != PLI_OK) {
		spool_close(&s->os);
		return st;
	}
	*os_r = &s->os;
	return PLI_OK;
}

uint64_t spool_size(const struct ostream *os)
{
	return ((const struct spool *)os)->size;
}

/* ---- reading ---- */

struct spool_reader {
	struct istream is;
	const struct spool *spool;
	struct cipher_chunks *chunks;
	uint64_t chunk, offset;		/* of the next one; of the whole */
	size_t at, n;			/* in plain */
	uint8_t plain[CIPHER_CHUNK_BYTES];
};

static enum pli_status next_chunk(struct spool_reader *r, struct err *err)
{
	uint64_t left = r->spool->size - r->chunk * CIPHER_CHUNK_BYTES;
	size_t n = left < CIPHER_CHUNK_BYTES ? (size_t)left : CIPHER_CHUNK_BYTES;
	uint8_t sealed[CIPHER_CHUNK_SEALED_BYTES];
	size_t done = 0;
	enum pli_status st;

	while (done < n + 16) {
		ssize_t got = pread(r->spool->fd, sealed + done, n + 16 - done,
				    (off_t)(r->chunk * CIPHER_CHUNK_SEALED_BYTES + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_set(err, PLI_IO, "a mail on its way in cannot be read again");
		done += (size_t)got;
	}
	st = cipher_chunk_unseal(r->chunks, r->chunk, sealed, n + 16, r->plain, err);
	if (st != PLI_OK)
		return err_set(err, PLI_IO, "a mail on its way in was changed on the disk");
	r->chunk++;
	r->at = 0;
	r->n = n;
	return PLI_OK;
}

static enum pli_status reader_read(struct istream *is, void *buf, size_t cap, size_t *n_r, struct err *err)
{
	struct spool_reader *r = (struct spool_reader *)is;
	uint64_t left = r->spool->size - r->offset;
	const void *from;
	size_t n;

	*n_r = 0;
	if (left == 0 || cap == 0)
		return PLI_OK;
	if (r->spool->fd < 0) {
		n = left < cap ? (size_t)left : cap;
		from = r->spool->held.p + r->offset;
	} else {
		enum pli_status st = r->at == r->n ? next_chunk(r, err) : PLI_OK;
		if (st != PLI_OK)
			return st;
		n = r->n - r->at < cap ? r->n - r->at : cap;
		from = r->plain + r->at;
		r->at += n;
	}
	memcpy(buf, from, n);
	r->offset += n;
	*n_r = n;
	return PLI_OK;
}

static void reader_close(struct istream *is)
{
	struct spool_reader *r = (struct spool_reader *)is;

	cipher_chunks_free(r->chunks);
	mem_wipe(r->plain, sizeof(r->plain));
	mem_free(r);
}

static const struct istream_ops READER_OPS = { "spool", reader_read, reader_close, NULL };

enum pli_status spool_read(struct ostream *os, struct istream **is_r, struct err *err)
{
	struct spool *s = (struct spool *)os;
	struct spool_reader *r;
	enum pli_status st = PLI_OK;

	if (!s->finished)
		return err_set(err, PLI_BUG, "a spool is read before its end");
	r = mem_alloc(sizeof(*r));
	r->is.ops = &READER_OPS;
	r->spool = s;
	if (s->fd >= 0)
		st = cipher_chunks_open(s->key, CONTEXT, sizeof(CONTEXT) - 1, s->header, &r->chunks, err);
	if (st != PLI_OK) {
		mem_free(r);
		return st;
	}
	*is_r = &r->is;
	return PLI_OK;
}
