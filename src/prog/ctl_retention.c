#include "actor.h"
#include "buf.h"
#include "jsonw.h"
#include "pool.h"

#include "json_read.h"

#include "directory.h"

#include "retention.h"

#include "ctl_verbs.h"
#include "front.h"

#include "ctl_retention.h"

enum pli_status ctl_letter_hold(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	const char *id, *reason;
	enum pli_status st = ctl_need_office(front, err);

	if (st == PLI_OK)
		st = ctl_need(call, "id", &id, err);
	if (st == PLI_OK)
		st = ctl_need(call, "reason", &reason, err);
	return st == PLI_OK ? retention_hold(front->office, NULL, &ctl_operator, id, reason, err) : st;
}

enum pli_status ctl_letter_release(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	const char *id;
	enum pli_status st = ctl_need_office(front, err);

	if (st == PLI_OK)
		st = ctl_need(call, "id", &id, err);
	return st == PLI_OK ? retention_release(front->office, NULL, &ctl_operator, id, err) : st;
}

enum pli_status ctl_letter_delete(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	const char *id;
	enum pli_status st = ctl_need_office(front, err);

	if (st == PLI_OK)
		st = ctl_need(call, "id", &id, err);
	return st == PLI_OK ? retention_delete(front->office, NULL, &ctl_operator, id, err) : st;
}

static enum pli_status entity_of(struct front *front, struct ctl_call *call, struct directory_entity *entity_r, struct err *err)
{
	const char *name;
	enum pli_status st = ctl_need_office(front, err);

	if (st == PLI_OK)
		st = ctl_need(call, "entity", &name, err);
	return st == PLI_OK ? directory_entity_find(front->directory, call->pool, name, entity_r, err) : st;
}

enum pli_status ctl_entity_class(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	struct directory_entity entity;
	const char *class_;
	enum pli_status st = entity_of(front, call, &entity, err);

	if (st == PLI_OK)
		st = ctl_need(call, "class", &class_, err);
	return st == PLI_OK ? directory_entity_class(front->directory, &ctl_operator, &entity.entity, class_, err) : st;
}

enum pli_status ctl_entity_set(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	struct directory_entity entity;
	struct retention_span span = { .content_days = 0 };
	const char *name;
	int64_t content = 0, evidence = 0;
	enum pli_status st = entity_of(front, call, &entity, err);

	if (st == PLI_OK)
		st = ctl_need(call, "retention", &name, err);
	if (st == PLI_OK)
		st = json_read_int(call->args, "content_days", 1, RETENTION_DAYS_MAX, &content, err);
	if (st == PLI_OK)
		st = json_read_int(call->args, "evidence_days", 1, RETENTION_DAYS_MAX, &evidence, err);
	if (st != PLI_OK)
		return st;
	if (strlen(name) > RETENTION_NAME_MAX)
		return err_field(err, PLI_INVALID, "bad-retention", "retention", "A retention's name has at most %d characters.", RETENTION_NAME_MAX);
	snprintf(span.name, sizeof(span.name), "%s", name);
	span.content_days = (unsigned)content;
	span.evidence_days = (unsigned)evidence;
	return retention_set(front->office, &ctl_operator, &entity.entity, &span, err);
}

static enum pli_status span_row(void *arg, const struct retention_span *span, bool own, struct err *err)
{
	AUTO_BUF row = { 0 };
	struct jsonw w;

	(void)err;
	jsonw_init(&w, &row, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "name", span->name);
	jsonw_int(&w, "content_days", span->content_days);
	jsonw_int(&w, "evidence_days", span->evidence_days);
	jsonw_bool(&w, "own", own);
	jsonw_object_end(&w);
	ctl_call_row(arg, row.p);
	return PLI_OK;
}

enum pli_status ctl_entity_retention(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	struct directory_entity entity;
	enum pli_status st = entity_of(front, call, &entity, err);

	return st == PLI_OK ? retention_each(front->office, &entity.entity, span_row, call, err) : st;
}
