/* tus uploads: a row with name and length beside a resumable object of the same id.
 *
 * Whether an upload is complete is asked of the object, so that a crash between the two rows cannot make them differ. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "stream.h"

#include "db.h"
#include "digest.h"
#include "object.h"

#include "deposit.h"
#include "letter_own.h"
#include "office_own.h"
#include "once.h"

#include "upload_own.h"

#include "upload.h"

#define LIFE_US (7 * DAY_US)
/* Without a checksum to wait for, progress is made durable this often, so that a crash costs no more. */
#define PROGRESS_BYTES (UINT64_C(64) << 20)

static const char UPLOAD_ADD[] = "INSERT INTO upload (entity, upload, account, created, expires, length, state, sealed) "
				 "VALUES ($1, $2, $3, $4, $5, $6, 'open', $7)";
static const char UPLOAD_GET[] = "SELECT length, expires, state, sealed FROM upload WHERE entity = $1 AND upload = $2 "
				 "AND account = $3";
static const char UPLOAD_USE[] = "UPDATE upload SET state = 'used' WHERE entity = $1 AND upload = $2 AND state = 'open'";
static const char UPLOAD_DROP[] = "DELETE FROM upload WHERE entity = $1 AND upload = $2 AND account = $3 AND state = 'open'";

/* ---- making ---- */

struct upload_new {
	const struct principal *who;
	struct upload_info *info;
	int64_t now_us;
	struct buf sealed;
	struct once once;
};

static enum pli_status upload_insert(struct db_tx *tx, void *arg, struct err *err)
{
	const struct upload_new *u = arg;
	enum pli_status st = db_run(tx->conn, NULL, err, UPLOAD_ADD, "uuuiiib", &u->who->entity, &u->info->upload, &u->who->account,
				    u->now_us, u->info->expires_us, (int64_t)u->info->length, u->sealed.p, u->sealed.n);

	return st == PLI_OK ? once_keep(tx, &u->once, u->who, &u->info->upload, NULL, 0, u->now_us, err) : st;
}

static enum pli_status room_for(struct office *office, uint64_t length, struct err *err)
{
	uint64_t have;
	enum pli_status st = office_room(office, OFFICE_RESERVE_DEPOSIT, err);

	if (st == PLI_OK)
		st = db_space(office->parts.db, &have, err);
	if (st == PLI_OK && have < office->parts.settings->reserve_deposit_bytes + length) {
		err_field(err, PLI_FULL, "no-space", "Upload-Length", "The server has no room for a file of that size.");
		return err_hint(err, "Tell the operator; nothing was stored.");
	}
	return st;
}

static enum pli_status object_begin(struct office *office, const struct principal *who, struct upload_info *info, struct err *err)
{
	struct object_stage_options options = {
		.entity = &who->entity, .account = &who->account, .limit_bytes = info->length, .resumable = true,
		.reserve_bytes = office->parts.settings->reserve_deposit_bytes, .expires_us = info->expires_us,
	};
	struct ostream *os = NULL;
	enum pli_status st = object_stage(office->parts.objects, &options, &os, &info->upload, err);

	if (st == PLI_OK && info->length == 0)
		st = ostream_finish(os, err);
	ostream_close(os);
	return st;
}

static enum pli_status upload_new_make(struct office *office, struct upload_new *u, struct err *err)
{
	struct upload_info *info = u->info;
	const char *texts[PART_TEXTS] = { [PART_NAME] = info->name, [PART_TYPE] = info->type };
	enum pli_status st = room_for(office, info->length, err);

	if (st == PLI_OK)
		st = object_begin(office, u->who, info, err);
	if (st != PLI_OK)
		return st;
	buf_init(&u->sealed);
	st = meta_seal_texts(u->who->meta_key, UPLOAD_PLACE(&u->who->entity, &info->upload), texts, PART_TEXTS, &u->sealed, err);
	if (st == PLI_OK)
		st = db_write(office->parts.db, upload_insert, u, err);
	buf_free(&u->sealed);
	if (st != PLI_OK)
		(void)!object_discard(office->parts.objects, &u->who->entity, &info->upload, NULL);
	return st;
}

/* What the key stands for: an upload of this length, name and type. */
static enum pli_status upload_once(struct office *office, struct upload_new *u, struct pool *pool, const char *key, bool *replayed_r,
				   struct err *err)
{
	const char *content = pool_fmt(pool, "%llu\n%s\n%s", (unsigned long long)u->info->length, u->info->name, u->info->type);
	const struct once_request request = { .key = key, .route = "POST /api/v1/uploads", .content = content, .content_n = strlen(content) };
	AUTO_BUF ignored = { 0 };

	return once_begin(office, u->who, pool, &request, &u->once, replayed_r, &u->info->upload, &ignored, err);
}

static enum pli_status upload_again(struct office *office, const struct principal *who, struct pool *pool, struct upload_info *info,
				    struct err *err)
{
	char id[37];
	enum pli_status st = upload_get(office, who, pool, uuid_format(id, &info->upload), info, err);

	if (st == PLI_ABSENT || st == PLI_CONFLICT)
		return err_set(err, PLI_GONE, "The upload that this key made is part of a letter by now, or given up.");
	return st;
}

enum pli_status upload_create(struct office *office, const struct principal *who, uint64_t length, const char *name,
			      const char *type, const char *key, struct upload_info *info_r, bool *replayed_r, struct err *err)
{
	AUTO_POOL pool = pool_new_secret();
	struct upload_info info = { .length = length, .done = length == 0, .name = name, .type = type };
	struct upload_new u = { .who = who, .info = &info, .now_us = clock_now_us() };
	enum pli_status st = principal_may(who, RIGHT_DEPOSIT, NULL, NULL, err);

	*replayed_r = false;
	if (st == PLI_OK && length > DEPOSIT_PART_MAX)
		st = err_field(err, PLI_LIMIT, "too-large", "Upload-Length", "A file has at most 1 TiB.");
	if (st == PLI_OK)
		st = upload_once(office, &u, pool, key, replayed_r, err);
	if (st != PLI_OK)
		return st;
	info.expires_us = u.now_us + LIFE_US;
	st = *replayed_r ? upload_again(office, who, pool, &info, err) : upload_new_make(office, &u, err);
	once_end(office, &u.once);
	info.name = name;	/* the caller's, not the pool's */
	info.type = type;
	if (st == PLI_OK)
		*info_r = info;
	return st;
}

/* ---- looking ---- */

static enum pli_status row_read(struct office *office, const struct principal *who, struct pool *pool, const struct uuid *id,
				struct upload_info *info, bool *used_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	const char *texts[PART_TEXTS];
	enum pli_status st = db_query(conn, &rows, err, UPLOAD_GET, "uuu", &who->entity, id, &who->account);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK) {
		size_t n;
		const void *sealed = db_blob(&rows, 3, &n);
		info->upload = *id;
		info->length = (uint64_t)db_int(&rows, 0);
		info->expires_us = db_int(&rows, 1);
		*used_r = !str_eq(db_text(&rows, 2), "open");
		st = meta_open_texts(pool, who->meta_key, UPLOAD_PLACE(&who->entity, id), sealed, n, texts, PART_TEXTS, err);
	} else if (st == PLI_ABSENT) {
		err_set(err, st, "There is no upload with that id.");
	}
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	if (st == PLI_OK) {
		info->name = texts[PART_NAME];
		info->type = texts[PART_TYPE];
	}
	if (st == PLI_OK && !*used_r && info->expires_us <= clock_now_us())
		st = err_set(err, PLI_GONE, "The upload has expired; begin it anew.");
	return st;
}

/* All bytes are there but the object was not ended: the process died in between. */
static enum pli_status end_late(struct office *office, const struct principal *who, const struct upload_info *info, struct err *err)
{
	struct ostream *os = NULL;
	uint64_t offset;
	enum pli_status st = object_resume(office->parts.objects, &who->entity, &info->upload, &os, &offset, err);

	if (st == PLI_OK && offset == info->length)
		st = ostream_finish(os, err);
	ostream_close(os);
	return st;
}

static enum pli_status progress_read(struct office *office, const struct principal *who, struct upload_info *info, bool used,
				     struct err *err)
{
	struct object_info object;
	enum pli_status st;

	if (used) {
		info->offset = info->length;
		info->done = true;
		return PLI_OK;
	}
	st = object_progress(office->parts.objects, &who->entity, &info->upload, &info->offset, err);
	if (st != PLI_OK || info->offset < info->length)
		return st;
	if (object_find(office->parts.objects, &who->entity, &info->upload, &object, NULL) == PLI_CONFLICT)
		st = end_late(office, who, info, err);
	info->done = st == PLI_OK;
	return st;
}

static enum pli_status upload_find(struct office *office, const struct principal *who, struct pool *pool, const char *id,
				   struct upload_info *info_r, bool *used_r, struct err *err)
{
	struct uuid upload;
	enum pli_status st = principal_may(who, RIGHT_DEPOSIT, NULL, NULL, err);

	*info_r = (struct upload_info){ 0 };
	if (st == PLI_OK && !uuid_parse(&upload, id))
		st = err_set(err, PLI_ABSENT, "There is no upload with that id.");
	if (st == PLI_OK)
		st = row_read(office, who, pool, &upload, info_r, used_r, err);
	if (st == PLI_OK)
		st = progress_read(office, who, info_r, *used_r, err);
	return st;
}

enum pli_status upload_get(struct office *office, const struct principal *who, struct pool *pool, const char *id,
			   struct upload_info *info_r, struct err *err)
{
	bool used;

	return upload_find(office, who, pool, id, info_r, &used, err);
}

/* ---- taking bytes ---- */

/* What the door writes into: counts, digests, makes progress durable.  inner NULL: the upload was complete already, or the append
 * has ended. */
struct upload_stream {
	struct ostream os;
	struct ostream *inner;
	uint64_t length, offset, announced;
	bool has_sha256;
	uint8_t sha256[32];
	struct digest digest;
};

static enum pli_status stream_write(struct ostream *os, const void *p, size_t n, struct err *err)
{
	struct upload_stream *s = (struct upload_stream *)os;
	enum pli_status st;

	if (n > s->length - s->offset)
		return err_field(err, PLI_LIMIT, "upload-too-long", "", "More bytes came than the upload's length says.");
	if (n == 0)
		return PLI_OK;
	if (s->has_sha256)
		digest_add(&s->digest, p, n);
	st = ostream_write(s->inner, p, n, err);
	if (st != PLI_OK)
		return st;
	s->offset += n;
	if (!s->has_sha256 && s->offset - s->announced >= PROGRESS_BYTES && s->offset < s->length)
		st = object_checkpoint(s->inner, &s->announced, err);
	return st;
}

/* The end of a request is not the end of the upload: upload_append_end decides. */
static enum pli_status stream_finish(struct ostream *os, struct err *err)
{
	(void)os;
	(void)err;
	return PLI_OK;
}

static void stream_close(struct ostream *os)
{
	struct upload_stream *s = (struct upload_stream *)os;

	ostream_close(s->inner);
	mem_free(s);
}

static const struct ostream_ops STREAM_OPS = { "upload", stream_write, stream_finish, stream_close };

static enum pli_status resume(struct office *office, const struct principal *who, const struct upload_info *info,
			      struct ostream **inner_r, struct err *err)
{
	uint64_t offset;
	enum pli_status st;

	if (info->done) {
		*inner_r = NULL;
		return PLI_OK;
	}
	st = object_resume(office->parts.objects, &who->entity, &info->upload, inner_r, &offset, err);
	if (st != PLI_OK)
		return st;
	object_limit(*inner_r, info->length, office->parts.settings->reserve_deposit_bytes);
	if (offset == info->offset)
		return PLI_OK;
	ostream_close(*inner_r);	/* another request came in between */
	return err_field(err, PLI_CONFLICT, "wrong-offset", "Upload-Offset", "Another request is writing to this upload.");
}

enum pli_status upload_append_begin(struct office *office, const struct principal *who, const char *id, uint64_t offset,
				    const uint8_t *sha256, struct ostream **os_r, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct upload_info info;
	struct upload_stream *s;
	struct ostream *inner;
	bool used;
	enum pli_status st = upload_find(office, who, pool, id, &info, &used, err);

	if (st == PLI_OK && offset != info.offset) {
		err_field(err, PLI_CONFLICT, "wrong-offset", "Upload-Offset", "The upload stands at %llu, not at %llu.",
			  (unsigned long long)info.offset, (unsigned long long)offset);
		return err_hint(err, "Ask for the offset with HEAD and go on from there.");
	}
	if (st == PLI_OK)
		st = office_room(office, OFFICE_RESERVE_DEPOSIT, err);
	if (st == PLI_OK)
		st = resume(office, who, &info, &inner, err);
	if (st != PLI_OK)
		return st;
	s = mem_alloc(sizeof(*s));
	s->os.ops = &STREAM_OPS;
	s->inner = inner;
	s->length = info.length;
	s->offset = s->announced = offset;
	s->has_sha256 = sha256 != NULL;
	if (sha256) {
		memcpy(s->sha256, sha256, 32);
		digest_init(&s->digest);
	}
	*os_r = &s->os;
	return PLI_OK;
}

static enum pli_status append_keep(struct upload_stream *s, struct err *err)
{
	uint8_t got[32];

	if (s->has_sha256) {
		struct digest digest = s->digest;
		digest_final(&digest, got);
		if (!mem_same(got, s->sha256, 32))
			return err_field(err, PLI_INPUT, "checksum-mismatch", "Upload-Checksum",
					 "The bytes of this request do not have the digest it announced; none of them counts.");
	}
	if (!s->inner)
		return PLI_OK;
	return s->offset == s->length ? ostream_finish(s->inner, err) : object_checkpoint(s->inner, &s->offset, err);
}

enum pli_status upload_append_end(struct office *office, struct ostream *os, uint64_t *offset_r, bool *done_r, struct err *err)
{
	struct upload_stream *s = (struct upload_stream *)os;
	enum pli_status st = append_keep(s, err);

	(void)office;
	/* The next request may come as soon as this one is answered, before its stream is closed. */
	ostream_close(s->inner);
	s->inner = NULL;
	if (st != PLI_OK)
		return st;
	*offset_r = s->offset;
	*done_r = s->offset == s->length;
	return PLI_OK;
}

/* ---- ending ---- */

struct upload_drop {
	const struct principal *who;
	const struct uuid *upload;
};

static enum pli_status upload_remove(struct db_tx *tx, void *arg, struct err *err)
{
	const struct upload_drop *d = arg;
	int64_t changed;
	enum pli_status st = db_run(tx->conn, &changed, err, UPLOAD_DROP, "uuu", &d->who->entity, d->upload, &d->who->account);

	if (st == PLI_OK && !changed)
		return err_field(err, PLI_CONFLICT, "upload-used", "", "The upload was used by a letter or removed meanwhile.");
	return st;
}

enum pli_status upload_delete(struct office *office, const struct principal *who, const char *id, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct upload_info info;
	struct upload_drop drop = { who, &info.upload };
	bool used;
	enum pli_status st = upload_find(office, who, pool, id, &info, &used, err);

	if (st == PLI_OK && used)
		st = err_field(err, PLI_CONFLICT, "upload-used", "", "The upload belongs to a letter now.");
	if (st != PLI_OK)
		return st;
	st = object_discard(office->parts.objects, &who->entity, &info.upload, err);
	if (st == PLI_OK || st == PLI_ABSENT)	/* swept meanwhile: the row goes too */
		st = db_write(office->parts.db, upload_remove, &drop, err);
	return st;
}

/* ---- into a letter ---- */

static enum pli_status row_as_part(struct db_conn *conn, const struct principal *who, struct pool *pool, const struct uuid *id,
				   struct letter_part *part, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	const char *texts[PART_TEXTS];
	const void *sealed;
	size_t sealed_n;
	enum pli_status st = db_query(conn, &rows, err, UPLOAD_GET, "uuu", &who->entity, id, &who->account);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_ABSENT)
		return err_field(err, PLI_INVALID, "unknown-upload", "uploads", "There is no upload with that id.");
	if (st != PLI_OK)
		return st;
	if (!str_eq(db_text(&rows, 2), "open"))
		return err_field(err, PLI_CONFLICT, "upload-used", "uploads", "An upload already belongs to another letter.");
	sealed = db_blob(&rows, 3, &sealed_n);
	st = meta_open_texts(pool, who->meta_key, UPLOAD_PLACE(&who->entity, id), sealed, sealed_n, texts, PART_TEXTS, err);
	part->name = texts[PART_NAME];
	part->type = texts[PART_TYPE];
	return st;
}

enum pli_status upload_as_part(struct office *office, const struct principal *who, struct pool *pool, struct db_conn *conn,
			       const struct uuid *id, struct letter_part *part_r, struct err *err)
{
	struct object_info info;
	enum pli_status st = row_as_part(conn, who, pool, id, part_r, err);

	if (st != PLI_OK)
		return st;
	st = object_find(office->parts.objects, &who->entity, id, &info, err);
	if (st == PLI_CONFLICT)
		return err_field(err, PLI_INVALID, "upload-incomplete", "uploads", "An upload is not complete yet.");
	if (st == PLI_ABSENT)
		return err_field(err, PLI_INVALID, "unknown-upload", "uploads", "There is no upload with that id.");
	if (st != PLI_OK)
		return st;
	part_r->object = *id;
	part_r->size = info.size;
	part_r->crc32 = info.crc32;
	memcpy(part_r->sha256, info.sha256, 32);
	return PLI_OK;
}

enum pli_status upload_use_apply(struct db_tx *tx, const struct uuid *entity, const struct uuid *upload, struct err *err)
{
	int64_t changed;
	enum pli_status st = db_run(tx->conn, &changed, err, UPLOAD_USE, "uu", entity, upload);

	if (st == PLI_OK && changed != 1)
		return err_field(err, PLI_CONFLICT, "upload-used", "uploads",
				 "An upload was used by another letter or removed meanwhile.");
	return st;
}
