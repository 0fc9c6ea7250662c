/* See scrub.h. */
#include <string.h>
#include <time.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "stream.h"

#include "blob_file.h"
#include "db.h"
#include "digest.h"
#include "object.h"

#include "letter_own.h"
#include "office_own.h"

#include "scrub.h"

#define AT_ONCE 200
#define PIECE (128u * 1024)
#define STEP_US 100000		/* how long a pause is at most, so that the rate is even */

static const char LETTERS_GET[] =
	"SELECT entity, letter FROM letter WHERE (purged IS NULL OR archived IS NOT NULL) AND (entity > $1 OR (entity = $1 AND letter > $2)) "
	"ORDER BY entity, letter LIMIT $3";
static const char STILL_THERE[] = "SELECT 1 FROM letter WHERE entity = $1 AND letter = $2 AND (purged IS NULL OR archived IS NOT NULL)";
static const char PROOFS_GET[] = "SELECT n, object, size, sha256 FROM archived_proof WHERE entity = $1 AND letter = $2 ORDER BY n";
static const char OBJECT_ROW[] = "SELECT 1 FROM object WHERE entity = $1 AND object = $2";

struct scrub {
	struct office *office;
	const struct scrub_options *o;
	struct scrub_result *r;
	int64_t begun_us;
	uint8_t *piece;
};

/* Waits until as much may have been read as was. */
static void pace(const struct scrub *s)
{
	int64_t due_us, now_us;

	if (!s->o->rate_bytes)
		return;
	due_us = s->begun_us + (int64_t)((double)s->r->bytes / (double)s->o->rate_bytes * 1e6);
	while ((now_us = clock_mono_us()) < due_us) {
		int64_t wait_us = due_us - now_us < STEP_US ? due_us - now_us : STEP_US;

		nanosleep(&(struct timespec){ .tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000 }, NULL);
	}
}

/* What was purged while it was read is no fault. */
static bool still_there(struct scrub *s, const struct letter *l)
{
	struct db_conn *conn = db_reader_take(s->office->parts.db);
	struct db_rows rows = { 0 };
	bool there = db_query(conn, &rows, NULL, STILL_THERE, "uu", &l->entity, &l->letter) == PLI_OK && db_next(&rows, NULL) == PLI_OK;

	db_end(&rows);
	db_reader_give(s->office->parts.db, conn);
	return there;
}

static void fault(struct scrub *s, const struct letter *l, const char *kind, const char *what)
{
	char id[37];

	if (!still_there(s, l))
		return;
	s->r->faults++;
	s->o->fault(s->o->arg, kind, uuid_format(id, &l->letter), what);
}

static void object_check(struct scrub *s, const struct letter *l, const struct uuid *object, const uint8_t key[32], uint64_t size,
			 const uint8_t sha256[32], const char *kind, const char *name)
{
	AUTO_POOL pool = pool_new();
	struct istream *is = NULL;
	struct digest digest;
	uint8_t got[32];
	uint64_t total = 0;
	struct err err = { 0 };
	size_t n = 1;
	enum pli_status st = object_read(s->office->parts.objects, &l->entity, &l->letter, object, key, 0, &is, &err);

	digest_init(&digest);
	while (st == PLI_OK && n) {
		st = istream_read(is, s->piece, PIECE, &n, &err);
		if (st != PLI_OK)
			break;
		digest_add(&digest, s->piece, n);
		total += n;
		s->r->bytes += n;
		pace(s);
	}
	istream_close(is);
	mem_wipe(s->piece, PIECE);
	digest_final(&digest, got);
	s->r->objects++;
	if (st != PLI_OK)
		fault(s, l, kind, pool_fmt(pool, "%s cannot be read: %s", name, err.text));
	else if (total != size || memcmp(got, sha256, 32) != 0)
		fault(s, l, kind, pool_fmt(pool, "%s is not what was deposited", name));
}

static void message_check(struct scrub *s, struct pool *pool, const struct letter *l, const struct letter_keys *keys, const uint8_t key[32])
{
	const char *message;
	struct digest digest;
	uint8_t got[32];
	struct err err = { 0 };
	size_t n;

	if (keys->has_object) {
		object_check(s, l, &keys->message_object, key, l->message_size, l->message_sha256, "message", "the message");
		return;
	}
	if (letter_message_read(s->office, pool, l, keys, key, &message, &n, &err) != PLI_OK) {
		fault(s, l, "message", pool_fmt(pool, "the message cannot be read: %s", err.text));
		return;
	}
	digest_init(&digest);
	digest_add(&digest, message, n);
	digest_final(&digest, got);
	s->r->bytes += n;
	s->r->objects++;
	if (n != l->message_size || memcmp(got, l->message_sha256, 32) != 0)
		fault(s, l, "message", "the message is not what was deposited");
}

static uint64_t content_bytes(const struct letter *l)
{
	uint64_t bytes = l->message_size;

	for (unsigned i = 0; i < l->part_count; i++)
		bytes += l->parts[i].size;
	return bytes;
}

/* Those that came with a letter from an archive; they stay when its content has gone. */
static enum pli_status proofs_check(struct scrub *s, const struct letter *l, const uint8_t key[32], struct err *err)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF list = { 0 };
	struct db_conn *conn = db_reader_take(s->office->parts.db);
	struct db_rows rows = { 0 };
	struct archived {
		struct uuid object;
		uint64_t size;
		unsigned n;
		uint8_t sha256[32];
	} a;
	enum pli_status st = db_query(conn, &rows, err, PROOFS_GET, "uu", &l->entity, &l->letter);
	size_t n;

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		const void *sha256 = db_blob(&rows, 3, &n);

		a = (struct archived){ .size = (uint64_t)db_int(&rows, 2), .n = (unsigned)db_int(&rows, 0) };
		if (!db_uuid(&rows, 1, &a.object) || !sha256 || n != 32)
			continue;
		memcpy(a.sha256, sha256, 32);
		buf_add(&list, &a, sizeof(a));
	}
	db_end(&rows);
	db_reader_give(s->office->parts.db, conn);
	for (size_t at = 0; at < list.n; at += sizeof(a)) {
		memcpy(&a, list.p + at, sizeof(a));
		object_check(s, l, &a.object, key, a.size, a.sha256, "proof", pool_fmt(pool, "proof %u", a.n));
	}
	return st == PLI_ABSENT ? PLI_OK : st;
}

static enum pli_status letter_check(struct scrub *s, const struct uuid *entity, const struct uuid *id, struct err *err)
{
	AUTO_POOL pool = pool_new_secret();
	struct db_conn *conn = db_reader_take(s->office->parts.db);
	struct letter as = { .entity = *entity, .letter = *id }, *l = &as;
	struct letter_keys keys;
	struct err why = { 0 };
	uint8_t key[32];
	enum pli_status st = db_snapshot(conn, &why);

	if (st == PLI_OK)
		st = letter_load(s->office, conn, pool, entity, id, &l, &keys, &why);
	db_reader_give(s->office->parts.db, conn);
	if (st == PLI_OK && !l->purged_us)
		st = letter_key_unwrap(s->office, l, &keys, key, &why);
	if (st == PLI_BUSY)		/* the keeper is away: nothing can be said */
		return err_set(err, st, "%s", why.text);
	s->r->letters++;
	if (st == PLI_OK && s->o->content_max_bytes && content_bytes(l) > s->o->content_max_bytes) {
		mem_wipe(key, sizeof(key));
		return PLI_OK;
	}
	if (st != PLI_OK) {
		fault(s, l, "key", pool_fmt(pool, "it does not open: %s", why.text));
		return PLI_OK;
	}
	if (l->archived_us)
		st = proofs_check(s, l, keys.proof_key, err);
	mem_wipe(keys.proof_key, sizeof(keys.proof_key));
	if (!l->purged_us)
		message_check(s, pool, l, &keys, key);
	for (unsigned i = 0; !l->purged_us && i < l->part_count; i++)
		object_check(s, l, &l->parts[i].object, key, l->parts[i].size, l->parts[i].sha256, "file", pool_fmt(pool, "file %u", l->parts[i].n));
	mem_wipe(key, sizeof(key));
	return st;
}

static enum pli_status letters_check(struct scrub *s, struct err *err)
{
	struct uuid entities[AT_ONCE], letters[AT_ONCE], entity = { { 0 } }, letter = { { 0 } };
	unsigned count;
	enum pli_status st;

	do {
		struct db_conn *conn = db_reader_take(s->office->parts.db);
		struct db_rows rows = { 0 };

		count = 0;
		st = db_query(conn, &rows, err, LETTERS_GET, "uui", &entity, &letter, (int64_t)AT_ONCE);
		while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK)
			if (db_uuid(&rows, 0, &entities[count]) && db_uuid(&rows, 1, &letters[count]))
				count++;
		db_end(&rows);
		db_reader_give(s->office->parts.db, conn);
		st = st == PLI_ABSENT ? PLI_OK : st;
		for (unsigned i = 0; st == PLI_OK && i < count; i++)
			st = letter_check(s, &entities[i], &letters[i], err);
		if (count) {
			entity = entities[count - 1];
			letter = letters[count - 1];
		}
	} while (st == PLI_OK && count == AT_ONCE);
	return st;
}

static enum pli_status blob_check(void *arg, const struct blob_file_entry *entry, struct err *err)
{
	struct scrub *s = arg;
	struct db_conn *conn = db_reader_take(s->office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, OBJECT_ROW, "uu", &entry->entity, &entry->object);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	db_end(&rows);
	db_reader_give(s->office->parts.db, conn);
	s->r->orphans += st == PLI_ABSENT;
	return st == PLI_ABSENT ? PLI_OK : st;
}

enum pli_status scrub_run(struct office *office, const struct scrub_options *options, struct scrub_result *result_r, struct err *err)
{
	struct scrub s = { .office = office, .o = options, .r = result_r, .begun_us = clock_mono_us() };
	enum pli_status st;

	*result_r = (struct scrub_result){ 0 };
	s.piece = mem_alloc(PIECE);
	st = letters_check(&s, err);
	if (st == PLI_OK)
		st = blob_file_walk(object_store_dir(office->parts.objects), blob_check, &s, err);
	mem_free(s.piece);
	return st;
}

enum pli_status scrub_letter(struct office *office, const struct uuid *entity, const struct uuid *letter, const struct scrub_options *options,
			     struct err *err)
{
	struct scrub_result result = { 0 };
	struct scrub s = { .office = office, .o = options, .r = &result, .begun_us = clock_mono_us() };
	struct letter l = { .entity = *entity, .letter = *letter };
	enum pli_status st;

	if (!still_there(&s, &l))
		return PLI_OK;
	s.piece = mem_alloc(PIECE);
	st = letter_check(&s, entity, letter, err);
	mem_free(s.piece);
	return st;
}
