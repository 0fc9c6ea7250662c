/* Administration of entities: for administrators of the instance all of them, for others their own, to look at. */
#include <string.h>

#include "locale.h"
#include "pool.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "form.h"
#include "http.h"

#include "directory.h"

#include "admin.h"
#include "answer.h"
#include "door.h"
#include "door_form.h"

#include "handlers.h"

struct list {
	struct door_call *c;
	struct directory_entity *all;
	unsigned count, room;
};

static enum pli_status entity_keep(void *arg, const struct directory_entity *e, struct err *err)
{
	struct list *l = arg;
	const struct uuid *scope = admin_scope(l->c);
	struct directory_entity *grown;

	(void)err;
	if (scope && !uuid_same(scope, &e->entity))
		return PLI_OK;
	if (l->count == l->room) {
		grown = POOL_ARRAY(l->c->pool, struct directory_entity, l->room * 2);
		memcpy(grown, l->all, l->count * sizeof(*grown));
		l->all = grown;
		l->room *= 2;
	}
	l->all[l->count] = *e;
	l->all[l->count].name = pool_str(l->c->pool, e->name);
	l->all[l->count].siren = pool_str(l->c->pool, e->siren);
	l->all[l->count].state = pool_str(l->c->pool, e->state);
	l->count++;
	return PLI_OK;
}

static const struct uuid *entity_id(const void *rows, unsigned i)
{
	return &((const struct directory_entity *)rows)[i].entity;
}

static void entity_put(struct door_call *c, struct view *item, const struct directory_entity *e)
{
	char id[37];

	view_str(item, "id", uuid_format(id, &e->entity));
	view_str(item, "name", e->name);
	view_str(item, "siren", e->siren);
	view_int(item, "people", e->people);
	view_bool(item, "active", str_eq(e->state, "active"));
	answer_date(c, item, "created", "created_iso", e->created_us);
}

static enum pli_status answer_entities(struct door_call *c, int code, const char *fault_key, struct err *err)
{
	struct view *v = view_new(c->pool);
	struct list l = { .c = c, .all = POOL_ARRAY(c->pool, struct directory_entity, 64), .room = 64 };
	struct admin_rows rows = { .id_of = entity_id };
	enum pli_status st = directory_entity_each(c->doors->directory, entity_keep, &l, err);

	if (st != PLI_OK)
		return st;
	rows.rows = l.all;
	rows.count = l.count;
	admin_pager(c, v, "/admin/entities", &rows);
	for (unsigned i = rows.from; i < rows.to; i++)
		entity_put(c, view_item(v, "entities"), &l.all[i]);
	view_str(v, "fault", fault_key ? locale_text(c->locale, fault_key) : "");
	if (c->principal.instance_admin) {
		view_str(v, "act_href", "/admin/entities/new");
		view_str(v, "act_label", locale_text(c->locale, "admin.entity_new"));
	}
	admin_page(c, code, &tpl_pages_admin_entities_html, v, locale_text(c->locale, "admin.entities"), "entities");
	return PLI_OK;
}

enum pli_status admin_entities(struct door_call *c, struct err *err)
{
	enum pli_status st = admin_enter(c, err);

	return st == PLI_OK ? answer_entities(c, 200, NULL, err) : st;
}

static enum pli_status instance_enter(struct door_call *c, struct err *err)
{
	enum pli_status st = admin_enter(c, err);

	if (st == PLI_OK && !c->principal.instance_admin)
		st = err_set(err, PLI_DENIED, "Entities are managed by the administrators of the instance.");
	return st;
}

/* ---- a new one ---- */

static enum pli_status answer_new(struct door_call *c, int code, const char *name, const char *siren, const char *fault_field, const char *fault_key)
{
	struct view *v = view_new(c->pool);

	view_str(v, "name", name);
	view_str(v, "siren", siren);
	if (fault_field)
		view_str(v, pool_fmt(c->pool, "fault_%s", fault_field), locale_text(c->locale, fault_key));
	admin_page(c, code, &tpl_pages_admin_entity_new_html, v, locale_text(c->locale, "admin.entity_new"), "entities");
	return PLI_OK;
}

enum pli_status admin_entity_new(struct door_call *c, struct err *err)
{
	enum pli_status st = instance_enter(c, err);

	return st == PLI_OK ? answer_new(c, 200, "", "", NULL, NULL) : st;
}

/* As people write it: "123 456 789". */
static const char *siren_read(struct door_call *c, const char *typed)
{
	char *out = pool_str(c->pool, typed);
	size_t n = 0;

	for (const char *s = typed; *s; s++)
		if (*s != ' ')
			out[n++] = *s;
	out[n] = '\0';
	return n ? out : NULL;
}

enum pli_status admin_entity_new_post(struct door_call *c, struct err *err)
{
	struct form form;
	struct uuid made;
	const char *name, *siren;
	enum pli_status st = instance_enter(c, err);

	if (st == PLI_OK)
		st = door_form(c, &form, err);
	if (st != PLI_OK)
		return st;
	name = form_get(&form, "name") ? form_get(&form, "name") : "";
	siren = form_get(&form, "siren") ? form_get(&form, "siren") : "";
	st = directory_entity_add(c->doors->directory, &c->actor, name, siren_read(c, siren), &made, err);
	if (st == PLI_OK)
		answer_see_other(c, "/admin/entities?done=entity");
	if (st == PLI_CONFLICT && str_eq(err->type, "entity-exists"))
		return answer_new(c, 422, name, siren, "name", "admin.entity_exists");
	if (st == PLI_INVALID && str_eq(err->field, "siren"))
		return answer_new(c, 422, name, siren, "siren", "admin.bad_siren");
	if (st == PLI_INVALID)
		return answer_new(c, 422, name, siren, "name", "admin.bad_name");
	return st;
}

enum pli_status admin_entity_state(struct door_call *c, struct err *err)
{
	struct directory_entity e;
	struct form form;
	struct uuid id;
	const char *state;
	enum pli_status st = instance_enter(c, err);

	if (st == PLI_OK && !uuid_parse(&id, c->params[0]))
		st = err_set(err, PLI_ABSENT, "There is nothing here under that id.");
	if (st == PLI_OK)
		st = directory_entity_get(c->doors->directory, c->pool, &id, &e, err);
	if (st == PLI_OK)
		st = door_form(c, &form, err);
	if (st != PLI_OK)
		return st;
	state = form_get(&form, "state");
	if (!str_eq(state, "active") && !str_eq(state, "disabled"))
		return answer_entities(c, 422, "admin.bad_state", err);
	if (uuid_same(&id, &c->principal.entity))
		return answer_entities(c, 422, "admin.not_own_entity", err);
	st = directory_entity_state(c->doors->directory, &c->actor, &id, str_eq(state, "active"), err);
	if (st == PLI_CONFLICT)
		return answer_entities(c, 422, "admin.last_admin", err);
	if (st == PLI_OK)
		answer_see_other(c, str_eq(state, "active") ? "/admin/entities?done=enabled" : "/admin/entities?done=disabled");
	return st;
}
