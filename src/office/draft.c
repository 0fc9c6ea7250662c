/* Drafts: loaded and listed for their author, shown as JSON. */
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "db.h"
#include "keywrap.h"

#include "keeper.h"

#include "draft_own.h"
#include "letter_own.h"
#include "office_own.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX 200

static const char DRAFT_GET[] = "SELECT created, changed, expires, noted, version, kid, letter_key, sealed, content, class FROM draft "
				"WHERE entity = $1 AND draft = $2 AND account = $3";
/* The time of the last change is order and cursor; ids part those of one moment. */
static const char DRAFTS_OF[] =
	"SELECT draft, changed FROM draft WHERE entity = $1 AND account = $2 AND (changed < $3 OR (changed = $3 AND draft < $4)) "
	"ORDER BY changed DESC, draft DESC LIMIT $5";

static void wipe_draft(void *arg)
{
	struct draft *d = arg;

	mem_wipe(d->letter_key, sizeof(d->letter_key));
	if (d->password)
		mem_wipe((void *)(uintptr_t)d->password, strlen(d->password));
}

struct loading {
	struct draft *d;
	const struct principal *who;
	struct pool *pool;
	char kid[64];
	const void *wrapped, *content;
	size_t wrapped_n, content_n;
};

static enum pli_status row_read(struct db_conn *conn, struct loading *l, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	struct draft *d = l->d;
	const char *texts[DRAFT_TEXTS];
	size_t n;
	const void *p;
	enum pli_status st = db_query(conn, &rows, err, DRAFT_GET, "uuu", &d->entity, &d->draft, &d->account);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_ABSENT)
		return err_set(err, st, "There is no draft with that id.");
	if (st != PLI_OK)
		return st;
	d->created_us = db_int(&rows, 0);
	d->changed_us = db_int(&rows, 1);
	d->expires_us = db_int(&rows, 2);
	d->noted_us = db_int(&rows, 3);
	d->version = (uint64_t)db_int(&rows, 4);
	snprintf(l->kid, sizeof(l->kid), "%s", db_text(&rows, 5));
	p = db_blob(&rows, 6, &l->wrapped_n);
	l->wrapped = pool_dup(l->pool, p, l->wrapped_n);
	p = db_blob(&rows, 8, &l->content_n);
	l->content = pool_dup(l->pool, p, l->content_n);
	d->class_ = pool_str(l->pool, db_is_null(&rows, 9) ? "" : db_text(&rows, 9));
	p = db_blob(&rows, 7, &n);
	st = meta_open_texts(l->pool, l->who->meta_key, DRAFT_PLACE(&d->entity, &d->draft), p, n, texts, DRAFT_TEXTS, err);
	if (st != PLI_OK)
		return st;
	d->to = texts[DRAFT_TO];
	d->cc = texts[DRAFT_CC];
	d->bcc = texts[DRAFT_BCC];
	d->subject = texts[DRAFT_SUBJECT];
	d->expires = texts[DRAFT_EXPIRES];
	return PLI_OK;
}

static enum pli_status parts_read(struct db_conn *conn, struct loading *l, struct err *err)
{
	struct letter as = { .entity = l->d->entity, .letter = l->d->draft };
	enum pli_status st = letter_parts_load(conn, l->pool, l->who->meta_key, &as, err);

	l->d->parts = as.parts;
	l->d->part_count = as.part_count;
	return st;
}

/* The keeper unwraps; message and password open under the key. */
static enum pli_status content_open(struct office *office, struct loading *l, struct err *err)
{
	struct draft *d = l->d;
	struct letter as = { .entity = d->entity, .letter = d->draft };
	struct letter_keys keys = { .kid = l->kid, .letter_key = l->wrapped, .letter_key_n = l->wrapped_n };
	const char *texts[DRAFT_CONTENTS];
	enum pli_status st = letter_key_unwrap(office, &as, &keys, d->letter_key, err);

	if (st == PLI_OK)
		st = meta_open_texts(l->pool, d->letter_key, DRAFT_CONTENT_PLACE(&d->entity, &d->draft), l->content, l->content_n,
				     texts, DRAFT_CONTENTS, err);
	if (st != PLI_OK)
		return st;
	d->message = texts[DRAFT_MESSAGE];
	d->password = texts[DRAFT_PASSWORD];
	return PLI_OK;
}

enum pli_status draft_load(struct office *office, const struct principal *who, struct pool *pool, const struct uuid *id,
			   struct draft **draft_r, struct err *err)
{
	struct draft *d = POOL_NEW(pool, struct draft);
	struct loading l = { .d = d, .who = who, .pool = pool };
	struct db_conn *conn = db_reader_take(office->parts.db);
	enum pli_status st;

	pool_cleanup(pool, wipe_draft, d);
	d->entity = who->entity;
	d->draft = *id;
	d->account = who->account;
	st = db_snapshot(conn, err);
	if (st == PLI_OK)
		st = row_read(conn, &l, err);
	if (st == PLI_OK)
		st = parts_read(conn, &l, err);
	db_reader_give(office->parts.db, conn);
	if (st == PLI_OK)
		st = content_open(office, &l, err);
	if (st == PLI_OK)
		*draft_r = d;
	return st;
}

enum pli_status draft_get(struct office *office, const struct principal *who, struct pool *pool, const char *id,
			  struct draft **draft_r, struct err *err)
{
	struct uuid draft_id;
	enum pli_status st = principal_may(who, RIGHT_DEPOSIT, NULL, NULL, err);

	if (st != PLI_OK)
		return st;
	if (!uuid_parse(&draft_id, id))
		return err_set(err, PLI_ABSENT, "There is no draft with that id.");
	return draft_load(office, who, pool, &draft_id, draft_r, err);
}

/* ---- listing ---- */

static enum pli_status cursor_read(const char *cursor, int64_t *changed_r, struct uuid *id_r, struct err *err)
{
	const char *dash = cursor ? strchr(cursor, '-') : NULL;
	size_t n = dash ? (size_t)(dash - cursor) : 0;

	*changed_r = INT64_MAX;
	if (!cursor)
		return PLI_OK;
	*changed_r = 0;
	for (size_t i = 0; i < n && n <= 18; i++)
		*changed_r = *changed_r * 10 + (cursor[i] - '0');
	if (n == 0 || n > 18 || strspn(cursor, "0123456789") != n || !uuid_parse(id_r, dash + 1))
		return err_field(err, PLI_INVALID, "bad-cursor", "cursor", "The cursor is not one that this server gave.");
	return PLI_OK;
}

enum pli_status draft_list(struct office *office, const struct principal *who, struct pool *pool, const char *cursor, unsigned limit,
			   draft_fn *fn, void *arg, const char **next_r, struct err *err)
{
	struct uuid *ids, before = { { 0 } };
	int64_t changed = 0, from, *times;
	struct db_conn *conn;
	struct db_rows rows = { 0 };
	unsigned count = 0;
	bool more = false;
	char id[37];
	enum pli_status st = principal_may(who, RIGHT_DEPOSIT, NULL, NULL, err);

	*next_r = NULL;
	limit = limit == 0 ? LIMIT_DEFAULT : limit > LIMIT_MAX ? LIMIT_MAX : limit;
	if (st == PLI_OK)
		st = cursor_read(cursor, &from, &before, err);
	if (st != PLI_OK)
		return st;
	ids = POOL_ARRAY(pool, struct uuid, limit);
	times = POOL_ARRAY(pool, int64_t, limit);
	conn = db_reader_take(office->parts.db);
	st = db_query(conn, &rows, err, DRAFTS_OF, "uuiui", &who->entity, &who->account, from, &before, (int64_t)limit + 1);
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		more = count == limit;
		if (more || !db_uuid(&rows, 0, &ids[count]))
			continue;
		times[count++] = changed = db_int(&rows, 1);
	}
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	if (st == PLI_ABSENT)
		st = PLI_OK;
	for (unsigned i = 0; st == PLI_OK && i < count; i++) {
		AUTO_POOL own = pool_new_secret();
		struct draft *d;

		st = draft_load(office, who, own, &ids[i], &d, err);
		if (st == PLI_OK)
			st = fn(arg, d, err);
		else if (st == PLI_ABSENT)	/* sent or given up meanwhile */
			st = PLI_OK;
		if (st == PLI_AGAIN) {
			more |= i + 1 < count;
			count = i + 1;
			st = PLI_OK;
		}
	}
	if (st == PLI_OK && more)
		*next_r = pool_fmt(pool, "%lld-%s", (long long)times[count - 1], uuid_format(id, &ids[count - 1]));
	return st;
}

/* ---- shown ---- */

const char *draft_shown(struct pool *pool, const struct principal *who, const char *subject)
{
	const struct letter as = { .subject = subject, .entity_name = who->entity_name, .siren = who->siren ? who->siren : "" };

	return letter_shown(pool, &as, who->name);
}

static void lines_json(struct jsonw *w, const char *name, const char *text)
{
	jsonw_array(w, name);
	while (*text) {
		size_t n = strcspn(text, "\r\n");

		if (n)
			jsonw_strn(w, NULL, text, n);
		text += n + (text[n] != '\0');
	}
	jsonw_array_end(w);
}

void draft_json(const struct draft *d, struct buf *out)
{
	const struct letter as = { .parts = d->parts, .part_count = d->part_count };
	struct jsonw w;
	char id[37], link[80];

	uuid_format(id, &d->draft);
	jsonw_init(&w, out, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "id", id);
	jsonw_str(&w, "state", d->noted_us ? "draft" : "created");
	jsonw_time(&w, "created", d->created_us);
	jsonw_time(&w, "changed", d->changed_us);
	jsonw_time(&w, "kept_until", d->expires_us);
	jsonw_int(&w, "version", (int64_t)d->version);
	lines_json(&w, "to", d->to);
	lines_json(&w, "cc", d->cc);
	lines_json(&w, "bcc", d->bcc);
	jsonw_str(&w, "subject", d->subject);
	jsonw_str(&w, "message", d->message);
	jsonw_str(&w, "expires", *d->expires ? d->expires : NULL);
	jsonw_str(&w, "class", *d->class_ ? d->class_ : NULL);
	jsonw_bool(&w, "has_password", *d->password != '\0');
	letter_parts_json(&as, &w);
	jsonw_object(&w, "links");
	snprintf(link, sizeof(link), "/api/v1/drafts/%s", id);
	jsonw_str(&w, "self", link);
	snprintf(link, sizeof(link), "/api/v1/drafts/%s/send", id);
	jsonw_str(&w, "send", link);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
}
