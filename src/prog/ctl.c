#include "buf.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "json_read.h"

#include "ctl.h"

void ctl_request_write(struct buf *out, const char *verb, const char *args_json)
{
	struct jsonw w;

	jsonw_init(&w, out, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "verb", verb);
	jsonw_raw(&w, "args", args_json, strlen(args_json));
	jsonw_object_end(&w);
	buf_ch(out, '\n');
}

enum pli_status ctl_request_read(struct pool *pool, const char *line, size_t n, struct ctl_request *request_r,
				 struct err *err)
{
	static const char *const names[] = { "verb", "args", NULL };
	struct ctl_request request = { 0 };
	struct json_read *top;
	enum pli_status st = json_read_open(pool, line, n, CTL_REQUEST_MAX, names, &top, err);

	if (st == PLI_OK)
		st = json_read_str(top, "verb", &request.verb, err);
	if (st == PLI_OK)
		st = json_read_object(top, "args", NULL, &request.args, err);
	if (st != PLI_OK)
		return st;
	if (!request.verb || !request.args)
		return err_set(err, PLI_INPUT, "a request needs verb and args");
	*request_r = request;
	return PLI_OK;
}

void ctl_row_write(struct buf *out, const char *row_json)
{
	struct jsonw w;

	jsonw_init(&w, out, false);
	jsonw_object(&w, NULL);
	jsonw_raw(&w, "row", row_json, strlen(row_json));
	jsonw_object_end(&w);
	buf_ch(out, '\n');
}

void ctl_end_write(struct buf *out, enum pli_status status, const struct err *err, const char *result_json)
{
	struct jsonw w;

	jsonw_init(&w, out, false);
	jsonw_object(&w, NULL);
	jsonw_bool(&w, "ok", status == PLI_OK);
	if (status != PLI_OK) {
		jsonw_str(&w, "status", pli_status_name(status));
		jsonw_str(&w, "type", err->type);
		jsonw_str(&w, "field", err->field);
		jsonw_str(&w, "text", err->text);
		jsonw_str(&w, "hint", err->hint);
	}
	if (result_json)
		jsonw_raw(&w, "result", result_json, strlen(result_json));
	jsonw_object_end(&w);
	buf_ch(out, '\n');
}

static enum pli_status status_by_name(const char *name)
{
	for (int i = 0; i < PLI_STATUS_COUNT; i++)
		if (str_eq(name, pli_status_name((enum pli_status)i)))
			return (enum pli_status)i;
	return PLI_BUG;
}

static enum pli_status read_failure(const struct json_read *top, struct ctl_answer *answer, struct err *err)
{
	const char *status = "", *type = NULL, *field = "", *text = "", *hint = "";
	enum pli_status st = json_read_str(top, "status", &status, err);

	if (st == PLI_OK)
		st = json_read_str(top, "type", &type, err);
	if (st == PLI_OK)
		st = json_read_str(top, "field", &field, err);
	if (st == PLI_OK)
		st = json_read_str(top, "text", &text, err);
	if (st == PLI_OK)
		st = json_read_str(top, "hint", &hint, err);
	if (st != PLI_OK)
		return st;
	answer->status = status_by_name(status);
	if (answer->status == PLI_OK)
		answer->status = PLI_BUG;
	(void)err_field(&answer->err, answer->status, type, field, "%s", text);
	if (hint[0])
		(void)err_hint(&answer->err, "%s", hint);
	return PLI_OK;
}

/* The text behind {"row": as ctl_row_write put it; NULL when another hand did. */
static const char *row_text(struct pool *pool, const char *line, size_t n)
{
	static const char before[] = "{\"row\":";
	size_t skip = sizeof(before) - 1;

	if (n < skip + 3 || memcmp(line, before, skip) != 0 || line[n - 1] != '}')
		return NULL;
	return pool_strn(pool, line + skip, n - skip - 1);
}

enum pli_status ctl_answer_read(struct pool *pool, const char *line, size_t n, struct ctl_answer *answer_r,
				struct err *err)
{
	struct ctl_answer answer = { .status = PLI_OK };
	struct json_read *top;
	bool ok = false;
	enum pli_status st = json_read_open(pool, line, n, CTL_ANSWER_MAX, NULL, &top, err);

	if (st != PLI_OK)
		return st;
	answer.last = !json_read_has(top, "row");
	st = json_read_object(top, answer.last ? "result" : "row", NULL, &answer.body, err);
	if (st == PLI_OK && answer.last)
		st = json_read_bool(top, "ok", &ok, err);
	if (st == PLI_OK && answer.last && !ok)
		st = read_failure(top, &answer, err);
	if (st == PLI_OK && !answer.last) {
		answer.row_json = row_text(pool, line, n);
		if (!answer.row_json || !answer.body)
			st = err_set(err, PLI_INPUT, "a row in an unknown form");
	}
	if (st == PLI_OK)
		*answer_r = answer;
	return st;
}
