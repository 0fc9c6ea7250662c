/* For the tests of this room: a scratch directory as working directory, a database in it, and a key wrapper that stands
 * in for the keeper. */
#ifndef PLI_STORE_TESTING_H
#define PLI_STORE_TESTING_H

#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "pool.h"
#include "status.h"
#include "text.h"
#include "uuid.h"

#include "cipher.h"
#include "db.h"
#include "keywrap.h"

static inline char *scratch_make(char path[64])
{
	snprintf(path, 64, "%s", "/tmp/pli-test-XXXXXX");
	if (!mkdtemp(path) || chdir(path) != 0)
		abort();
	return path;
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static inline void scratch_remove(const char *path)
{
	if (chdir("/") != 0)
		abort();
	nftw(path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* One number out of the database. */
static inline int64_t count_of(struct db *db, const char *sql)
{
	struct db_conn *conn = db_reader_take(db);
	struct db_rows rows = { 0 };
	struct err err = { 0 };
	int64_t n = -1;

	if (db_query(conn, &rows, &err, sql, "") == PLI_OK && db_next(&rows, &err) == PLI_OK)
		n = db_int(&rows, 0);
	else
		fprintf(stderr, "%s: %s\n", sql, err.text);
	db_end(&rows);
	db_reader_give(db, conn);
	return n;
}

/* ---- the stand-in for the keeper: one root key; a KEK is its HMAC of the kid */
struct fake_keeper {
	uint8_t root[32];
	_Atomic unsigned calls;
	bool down;
};

static inline enum pli_status fake_kek(void *arg, const char *purpose, const struct uuid *entity, int64_t period,
				       char kid_r[64], struct err *err)
{
	struct fake_keeper *k = arg;
	char hex[33];

	k->calls++;
	if (k->down)
		return err_set(err, PLI_BUSY, "keeper is away");
	hex_encode(hex, entity->b, 8);
	snprintf(kid_r, 64, "%s-%s-%lld", purpose, hex, (long long)period);
	return PLI_OK;
}

static inline enum pli_status fake_one(struct fake_keeper *k, struct keywrap_item *item, bool wrap, struct err *err)
{
	uint8_t kek[32];
	AUTO_BUF out;
	enum pli_status status;

	buf_init_secret(&out);
	cipher_hmac(k->root, item->kid, strlen(item->kid), kek);
	status = wrap ? cipher_seal(kek, item->aad, item->aad_n, item->in, item->in_n, &out, err) :
			cipher_open(kek, item->aad, item->aad_n, item->in, item->in_n, &out, err);
	if (status == PLI_OK) {
		assert(out.n <= sizeof(item->out));
		memcpy(item->out, out.p, out.n);
		item->out_n = out.n;
	}
	return status;
}

static inline enum pli_status fake_wrap(void *arg, struct keywrap_item *items, size_t count, struct err *err)
{
	struct fake_keeper *k = arg;
	enum pli_status status = k->down ? err_set(err, PLI_BUSY, "keeper is away") : PLI_OK;

	assert(count <= 256);
	k->calls++;
	for (size_t i = 0; i < count && status == PLI_OK; i++)
		status = fake_one(k, &items[i], true, err);
	return status;
}

static inline enum pli_status fake_unwrap(void *arg, struct keywrap_item *items, size_t count, struct err *err)
{
	struct fake_keeper *k = arg;
	enum pli_status status = k->down ? err_set(err, PLI_BUSY, "keeper is away") : PLI_OK;

	assert(count <= 256);
	k->calls++;
	for (size_t i = 0; i < count && status == PLI_OK; i++)
		status = fake_one(k, &items[i], false, err);
	return status;
}

static inline struct keywrap fake_keywrap(struct fake_keeper *k)
{
	memset(k, 0, sizeof(*k));
	mem_random(k->root, sizeof(k->root));
	return (struct keywrap) { .arg = k, .kek = fake_kek, .wrap = fake_wrap, .unwrap = fake_unwrap };
}

#endif
