/* Letters and journal over the API: read fields, ask the office, answer. */
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "form.h"
#include "http.h"
#include "json_read.h"
#include "mediatype.h"

#include "archive_export.h"
#include "letter.h"
#include "reading.h"
#include "letter_journal.h"
#include "retention.h"
#include "statistics.h"

#include "answer.h"
#include "door.h"

#include "handlers.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX 200
#define RESEND_JSON_MAX (256 * 1024)

static enum pli_status query_read(struct door_call *c, const char *const *names, struct form *form, struct err *err)
{
	const char *value;
	enum pli_status st;

	form_init(form, c->pool);
	st = form_parse(form, c->x->req.query, strlen(c->x->req.query), 64, err);
	if (st == PLI_OK)
		st = form_only(form, names, err);
	for (; st == PLI_OK && *names; names++)	/* none stands twice */
		st = form_one(form, *names, &value, err);
	return st;
}

static enum pli_status limit_read(const struct form *form, unsigned *limit_r, struct err *err)
{
	const char *s = form_get(form, "limit");
	char *end;
	unsigned long n;

	*limit_r = LIMIT_DEFAULT;
	if (!s)
		return PLI_OK;
	n = strtoul(s, &end, 10);
	if (*s < '1' || *s > '9' || *end || n > LIMIT_MAX)
		return err_field(err, PLI_INVALID, "bad-limit", "limit", "limit is a number from 1 to %d.", LIMIT_MAX);
	*limit_r = (unsigned)n;
	return PLI_OK;
}

enum pli_status api_letter_list(struct door_call *c, struct err *err)
{
	static const char *const NAMES[] = { "state", "q", "cursor", "limit", NULL };
	struct form q;
	unsigned limit;
	enum pli_status st = query_read(c, NAMES, &q, err);

	if (st == PLI_OK)
		st = limit_read(&q, &limit, err);
	if (st == PLI_OK)
		st = letter_list(c->doors->office, &c->principal, c->pool, form_get(&q, "state"), form_get(&q, "q"),
				 form_get(&q, "cursor"), limit, &c->x->res.body, err);
	if (st == PLI_OK)
		answer_json(c, 200);
	return st;
}

enum pli_status api_letter_get(struct door_call *c, struct err *err)
{
	struct letter *letter;
	enum pli_status st = letter_get(c->doors->office, &c->principal, c->pool, c->params[0], &letter, err);

	if (st == PLI_OK)
		st = reading_load(c->doors->office, c->pool, letter, err);
	if (st != PLI_OK)
		return st;
	letter_json(letter, &c->x->res.body);
	answer_json(c, 200);
	return PLI_OK;
}

enum pli_status api_letter_message(struct door_call *c, struct err *err)
{
	struct letter_content *content;
	enum pli_status st = letter_content_get(c->doors->office, &c->principal, c->pool, c->params[0], &content, err);

	if (st != PLI_OK)
		return st;
	buf_add(&c->x->res.body, content->message, content->message_n);
	c->x->res.status = 200;
	answer_download(c, "text/markdown; charset=utf-8", "message.md");
	return PLI_OK;
}

enum pli_status api_letter_delete(struct door_call *c, struct err *err)
{
	enum pli_status st = retention_delete(c->doors->office, &c->principal, &c->actor, c->params[0], err);

	if (st == PLI_OK)
		c->x->res.status = 204;
	return st;
}

enum pli_status api_letter_resend(struct door_call *c, struct err *err)
{
	static const char *const NAMES[] = { "recipients", NULL };
	const char **addresses = NULL, **terminated = NULL;
	struct json_read *o;
	size_t count = 0;
	bool named = false;
	enum pli_status st = PLI_OK;

	if (c->x->body.n) {
		st = json_read_open(c->pool, c->x->body.p, c->x->body.n, RESEND_JSON_MAX, NAMES, &o, err);
		if (st == PLI_OK)
			st = json_read_strs(o, "recipients", 1000, &addresses, &count, err);
		if (st != PLI_OK)
			return st;
		named = json_read_has(o, "recipients");
	}
	if (named) {
		terminated = POOL_ARRAY(c->pool, const char *, count + 1);
		if (count)
			memcpy(terminated, addresses, count * sizeof *addresses);
	}
	st = letter_resend(c->doors->office, &c->principal, &c->actor, c->pool, c->params[0], terminated,
			   http_field(&c->x->req, "idempotency-key"), err);
	if (st != PLI_OK)
		return st;
	buf_str(&c->x->res.body, "{\"accepted\":true}");
	answer_json(c, 202);
	return PLI_OK;
}

enum pli_status api_letter_proof(struct door_call *c, struct err *err)
{
	static const char *const NAMES[] = { "recipient", NULL };
	struct form q;
	enum pli_status st = query_read(c, NAMES, &q, err);

	if (st == PLI_OK)
		st = letter_proof(c->doors->office, &c->principal, c->pool, c->params[0], form_get(&q, "recipient"),
				  &c->x->res.body, err);
	if (st != PLI_OK)
		return st;
	c->x->res.status = 200;
	answer_download(c, "application/vnd.etsi.asic-e+zip", pool_fmt(c->pool, "pli-%.8s.asice", c->params[0]));
	return PLI_OK;
}

/* letter may stand many times; so query_read, which takes each name once, is not for this. */
enum pli_status api_archive_list(struct door_call *c, struct err *err)
{
	static const char *const NAMES[] = { "letter", "cursor", NULL };
	const char **ids;
	const char *cursor;
	size_t count = 0;
	struct form q;
	enum pli_status st;

	form_init(&q, c->pool);
	st = form_parse(&q, c->x->req.query, strlen(c->x->req.query), ARCHIVE_EXPORT_MAX + 1, err);
	if (st == PLI_OK)
		st = form_only(&q, NAMES, err);
	if (st == PLI_OK)
		st = form_one(&q, "cursor", &cursor, err);
	if (st != PLI_OK)
		return st;
	ids = POOL_ARRAY(c->pool, const char *, q.count + 1);
	for (size_t i = 0; i < q.count; i++)
		if (str_eq(q.items[i].name, "letter"))
			ids[count++] = q.items[i].value;
	if (count && cursor)
		return err_field(err, PLI_INVALID, "bad-cursor", "cursor", "A cursor is for the list of all letters.");
	st = archive_export_list(c->doors->office, &c->principal, c->pool, ids, count, cursor, &c->x->res.body, err);
	if (st == PLI_OK)
		answer_json(c, 200);
	return st;
}

enum pli_status api_letter_receipt(struct door_call *c, struct err *err)
{
	static const char *const NAMES[] = { "kind", "recipient", "lang", NULL };
	const char *kind, *lang;
	struct form q;
	enum pli_status st = query_read(c, NAMES, &q, err);

	if (st != PLI_OK)
		return st;
	kind = form_get(&q, "kind");
	lang = form_get(&q, "lang");
	if (!kind)
		kind = "deposit";
	st = letter_receipt(c->doors->office, &c->principal, c->pool, c->params[0], kind, form_get(&q, "recipient"), lang ? lang : c->lang,
			    &c->x->res.body, err);
	if (st != PLI_OK)
		return st;
	c->x->res.status = 200;
	answer_download(c, "application/pdf", pool_fmt(c->pool, "pli-%.8s-%s.pdf", c->params[0], kind));
	return PLI_OK;
}

enum pli_status api_journal(struct door_call *c, struct err *err)
{
	static const char *const NAMES[] = { "letter", "type", "state", "user", "from", "to", "q", "cursor", "limit", NULL };
	const char *accept = http_field(&c->x->req, "accept");
	struct letter_journal_query query = { .lang = c->lang, .csv = accept && strstr(accept, "text/csv") };
	struct form q;
	enum pli_status st = query_read(c, NAMES, &q, err);

	if (st == PLI_OK)
		st = limit_read(&q, &query.limit, err);
	if (st != PLI_OK)
		return st;
	if (query.csv && !form_get(&q, "limit"))
		query.limit = 0;	/* a table has no next page to point to: it is whole */
	query.letter = form_get(&q, "letter");
	query.type = form_get(&q, "type");
	query.state = form_get(&q, "state");
	query.user = form_get(&q, "user");
	query.from = form_get(&q, "from");
	query.to = form_get(&q, "to");
	query.q = form_get(&q, "q");
	query.cursor = form_get(&q, "cursor");
	if (!http_field(&c->x->req, "accept-language"))
		query.lang = c->doors->settings->lang;
	st = letter_journal(c->doors->office, &c->principal, c->pool, &query, &c->x->res.body, err);
	if (st != PLI_OK)
		return st;
	if (!query.csv) {
		answer_json(c, 200);
		return PLI_OK;
	}
	c->x->res.status = 200;
	answer_download(c, "text/csv; charset=utf-8", query.lang[0] == 'f' ? "journal.csv" : "journal-en.csv");
	return PLI_OK;
}

enum pli_status api_statistics(struct door_call *c, struct err *err)
{
	static const char *const NAMES[] = { "from", "to", "by", NULL };
	struct statistics_query query;
	struct statistics statistics;
	struct form q;
	enum pli_status st = query_read(c, NAMES, &q, err);

	if (st != PLI_OK)
		return st;
	query = (struct statistics_query){ .from = form_get(&q, "from"), .to = form_get(&q, "to"), .by = form_get(&q, "by") };
	st = statistics_read(c->doors->office, &c->principal, c->pool, &query, &statistics, err);
	if (st != PLI_OK)
		return st;
	statistics_json(&statistics, &c->x->res.body);
	answer_json(c, 200);
	return PLI_OK;
}
