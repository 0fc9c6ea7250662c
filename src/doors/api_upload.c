/* tus 1.0 over the API: creation (with upload), offset, append with checksum, expiration, termination. */
#include <stdint.h>
#include <string.h>

#include "buf.h"
#include "log.h"
#include "pool.h"

#include "filename.h"
#include "http.h"
#include "mediatype.h"
#include "stream.h"
#include "tus.h"

#include "deposit.h"
#include "upload.h"

#include "answer.h"
#include "door.h"
#include "route.h"

#include "handlers.h"

struct upload_sink {
	struct ostream *os;		/* of the office; closed by the engine.  NULL: the body goes nowhere */
	struct ostream nowhere;
	struct upload_info info;
	bool created_here;		/* and known to nobody yet */
};

static void tus_head(struct door_call *c)
{
	http_header(&c->x->res, "Tus-Resumable", TUS_VERSION);
}

static enum pli_status tus_version(struct door_call *c, struct err *err)
{
	if (tus_version_known(http_field(&c->x->req, "tus-resumable")))
		return PLI_OK;
	return err_field(err, PLI_VERSION, "tus-version", "tus-resumable", "Send `Tus-Resumable: %s`.", TUS_VERSION);
}

enum pli_status api_upload_options(struct door_call *c, struct err *err)
{
	(void)err;
	tus_head(c);
	http_header(&c->x->res, "Tus-Version", TUS_VERSION);
	http_header(&c->x->res, "Tus-Extension", TUS_EXTENSIONS);
	http_header(&c->x->res, "Tus-Checksum-Algorithm", TUS_CHECKSUMS);
	http_headerf(&c->x->res, "Tus-Max-Size", "%llu", (unsigned long long)DEPOSIT_PART_MAX);
	answer_empty(c, 204);
	return PLI_OK;
}

static void upload_headers(struct door_call *c, const struct upload_info *info)
{
	AUTO_BUF expires = { 0 };

	tus_head(c);
	http_headerf(&c->x->res, "Upload-Offset", "%llu", (unsigned long long)info->offset);
	tus_date(&expires, info->expires_us);
	http_header(&c->x->res, "Upload-Expires", expires.p);
}

/* Refused by what the request says of itself, before a byte is taken: of one that is too long nothing counts. */
static enum pli_status body_fits(const struct door_call *c, uint64_t room, struct err *err)
{
	if (!c->x->req.has_body || c->x->req.content_length <= room)
		return PLI_OK;
	err_field(err, PLI_LIMIT, "upload-too-long", "Content-Length", "The request has more bytes than the upload still lacks.");
	return err_hint(err, "Upload-Length was said when the upload was made; %llu bytes are missing.", (unsigned long long)room);
}

static enum pli_status create(struct door_call *c, struct upload_info *info, bool *replayed_r, struct err *err)
{
	struct tus_metadata metadata;
	const struct tus_item *name, *type;
	uint64_t length;
	enum pli_status st = tus_version(c, err);

	if (st == PLI_OK)
		st = tus_number(http_field(&c->x->req, "upload-length"), "Upload-Length", DEPOSIT_PART_MAX, &length, err);
	if (st == PLI_OK)
		st = tus_metadata_parse(c->pool, http_field(&c->x->req, "upload-metadata"), &metadata, err);
	if (st != PLI_OK)
		return st;
	name = tus_metadata_get(&metadata, "filename");
	type = tus_metadata_get(&metadata, "filetype");
	st = body_fits(c, length, err);
	return st != PLI_OK ? st : upload_create(c->doors->office, &c->principal, length,
			     filename_clean(c->pool, name ? name->value : "", name ? name->value_n : 0),
			     mediatype_clean(c->pool, type ? type->value : NULL), http_field(&c->x->req, "idempotency-key"), info,
			     replayed_r, err);
}

static enum pli_status append_begin(struct door_call *c, struct upload_sink *s, const char *id, uint64_t offset,
				    struct ostream **sink_r, struct err *err)
{
	const char *checksum = http_field(&c->x->req, "upload-checksum");
	uint8_t digest[32];
	enum pli_status st = checksum ? tus_checksum_parse(checksum, digest, err) : PLI_OK;

	if (st == PLI_OK)
		st = upload_append_begin(c->doors->office, &c->principal, id, offset, checksum ? digest : NULL, &s->os, err);
	if (st != PLI_OK)
		return st;
	c->sink_state = s;
	*sink_r = s->os;
	return PLI_OK;
}

/* Nobody has been told of an upload whose creation was not answered: it is given back. */
static void forget_unknown(struct door_call *c, const struct upload_sink *s)
{
	char id[37];
	struct err lost = { 0 };

	/* What cannot be removed now is swept when it expires. */
	if (s->created_here && upload_delete(c->doors->office, &c->principal, uuid_format(id, &s->info.upload), &lost) != PLI_OK)
		log_warn("upload.forget", "%s", lost.text);
}

static enum pli_status nowhere_write(struct ostream *os, const void *p, size_t n, struct err *err)
{
	(void)os;
	(void)p;
	(void)n;
	(void)err;
	return PLI_OK;
}

static enum pli_status nowhere_finish(struct ostream *os, struct err *err)
{
	(void)os;
	(void)err;
	return PLI_OK;
}

static void nowhere_close(struct ostream *os)
{
	(void)os;
}

static enum pli_status nowhere_open(struct door_call *c, struct upload_sink *s, struct ostream **sink_r)
{
	static const struct ostream_ops OPS = { "nowhere", nowhere_write, nowhere_finish, nowhere_close };

	s->nowhere.ops = &OPS;
	c->sink_state = s;
	*sink_r = &s->nowhere;
	return PLI_OK;
}

enum pli_status api_upload_post_sink(struct door_call *c, struct ostream **sink_r, struct err *err)
{
	struct upload_sink *s = POOL_NEW(c->pool, struct upload_sink);
	char id[37];
	bool replayed;
	enum pli_status st = create(c, &s->info, &replayed, err);

	if (st != PLI_OK)
		return st;
	/* Its bytes may have come before: the answer says from where on they are wanted. */
	if (replayed)
		return nowhere_open(c, s, sink_r);
	/* Whoever has the key finds it again. */
	s->created_here = !http_field(&c->x->req, "idempotency-key");
	st = append_begin(c, s, uuid_format(id, &s->info.upload), 0, sink_r, err);
	if (st != PLI_OK)
		forget_unknown(c, s);
	return st;
}

enum pli_status api_upload_patch_sink(struct door_call *c, struct ostream **sink_r, struct err *err)
{
	struct upload_sink *s = POOL_NEW(c->pool, struct upload_sink);
	uint64_t offset;
	enum pli_status st = tus_version(c, err);

	if (st == PLI_OK)
		st = tus_number(http_field(&c->x->req, "upload-offset"), "Upload-Offset", DEPOSIT_PART_MAX, &offset, err);
	if (st == PLI_OK)
		st = upload_get(c->doors->office, &c->principal, c->pool, c->params[0], &s->info, err);
	if (st == PLI_OK && offset == s->info.offset)	/* another is refused for what it is */
		st = body_fits(c, s->info.length - offset, err);
	return st != PLI_OK ? st : append_begin(c, s, c->params[0], offset, sink_r, err);
}

/* What came before the break counts. */
void api_upload_broken(struct door_call *c)
{
	struct upload_sink *s = c->sink_state;
	uint64_t offset;
	bool done;
	struct err err = { 0 };

	if (!s || !s->os)
		return;
	if (upload_append_end(c->doors->office, s->os, &offset, &done, &err) == PLI_OK)
		s->info.offset = offset;
	forget_unknown(c, s);
}

static enum pli_status append_end(struct door_call *c, struct err *err)
{
	struct upload_sink *s = c->sink_state;
	enum pli_status st = PLI_OK;

	if (!s->os)
		return st;
	st = upload_append_end(c->doors->office, s->os, &s->info.offset, &s->info.done, err);

	if (st != PLI_OK)
		forget_unknown(c, s);
	return st;
}

enum pli_status api_upload_post(struct door_call *c, struct err *err)
{
	struct upload_sink *s = c->sink_state, plain = { 0 };
	enum pli_status st;
	bool replayed;
	char id[37];

	st = s ? append_end(c, err) : create(c, &plain.info, &replayed, err);
	if (st != PLI_OK)
		return st;
	if (!s)
		s = &plain;
	upload_headers(c, &s->info);
	http_headerf(&c->x->res, "Location", "%s/%s", c->route->pattern, uuid_format(id, &s->info.upload));
	answer_empty(c, 201);
	return PLI_OK;
}

enum pli_status api_upload_patch(struct door_call *c, struct err *err)
{
	struct upload_sink *s = c->sink_state;
	enum pli_status st = append_end(c, err);

	if (st != PLI_OK)
		return st;
	upload_headers(c, &s->info);
	answer_empty(c, 204);
	return PLI_OK;
}

enum pli_status api_upload_head(struct door_call *c, struct err *err)
{
	struct upload_info info;
	enum pli_status st = upload_get(c->doors->office, &c->principal, c->pool, c->params[0], &info, err);

	if (st != PLI_OK)
		return st;
	upload_headers(c, &info);
	http_headerf(&c->x->res, "Upload-Length", "%llu", (unsigned long long)info.length);
	answer_empty(c, 200);
	return PLI_OK;
}

enum pli_status api_upload_delete(struct door_call *c, struct err *err)
{
	enum pli_status st = tus_version(c, err);

	if (st == PLI_OK)
		st = upload_delete(c->doors->office, &c->principal, c->params[0], err);
	if (st != PLI_OK)
		return st;
	tus_head(c);
	answer_empty(c, 204);
	return PLI_OK;
}
