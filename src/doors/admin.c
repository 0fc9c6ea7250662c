/* The frame of the administration, see admin.h. */
#include <string.h>

#include "locale.h"
#include "pool.h"
#include "text.h"
#include "view.h"

#include "directory.h"

#include "answer.h"
#include "door.h"
#include "portal.h"

#include "admin.h"

/* People and entities on one page. */
#define ADMIN_ROWS 100

enum pli_status admin_enter(struct door_call *c, struct err *err)
{
	return principal_may(&c->principal, RIGHT_PEOPLE, NULL, NULL, err);
}

const struct uuid *admin_scope(const struct door_call *c)
{
	return c->principal.instance_admin ? NULL : &c->principal.entity;
}

struct sought {
	struct door_call *c;
	struct uuid account;
	struct directory_account *found;
	bool there;
};

static enum pli_status account_look(void *arg, const struct directory_account *a, struct err *err)
{
	struct sought *s = arg;
	const struct uuid *scope = admin_scope(s->c);

	(void)err;
	if (!uuid_same(&a->account, &s->account) || (scope && !uuid_same(scope, &a->entity)))
		return PLI_OK;
	*s->found = *a;
	s->found->name = pool_str(s->c->pool, a->name);
	s->found->email = pool_str(s->c->pool, a->email);
	s->found->state = pool_str(s->c->pool, a->state);
	s->there = true;
	return PLI_OK;
}

enum pli_status admin_account(struct door_call *c, struct directory_account *account_r, struct err *err)
{
	struct sought s = { .c = c, .found = account_r };
	enum pli_status st = admin_enter(c, err);

	if (st == PLI_OK && !uuid_parse(&s.account, c->params[0]))
		return err_set(err, PLI_ABSENT, "There is nothing here under that id.");
	if (st == PLI_OK)
		st = directory_account_each(c->doors->directory, account_look, &s, err);
	if (st == PLI_OK && !s.there)
		st = err_set(err, PLI_ABSENT, "There is nothing here under that id.");
	return st;
}

void admin_page(struct door_call *c, int code, const struct template *t, struct view *v, const char *title, const char *tab)
{
	static const struct {
		const char *name, *href;
	} TABS[] = { { "users", "/admin/users" }, { "invitations", "/admin/invitations" }, { "entities", "/admin/entities" },
		     { "alerts", "/admin/alerts" } };

	for (size_t i = 0; i < sizeof(TABS) / sizeof(*TABS); i++) {
		struct view *item = view_item(v, "tabs");

		view_str(item, "href", TABS[i].href);
		view_str(item, "label", locale_text(c->locale, pool_fmt(c->pool, "admin.%s", TABS[i].name)));
		view_bool(item, "here", str_eq(TABS[i].name, tab));
	}
	view_bool(v, "all_entities", c->principal.instance_admin);
	portal_page(c, code, t, v, title, PORTAL_ADMIN);
}

void admin_pager(struct door_call *c, struct view *v, const char *path, struct admin_rows *r)
{
	const char *after = door_query(c, "after");
	struct uuid id;
	char text[37];

	r->from = 0;
	if (after && uuid_parse(&id, after))
		for (unsigned i = 0; i < r->count && !r->from; i++)
			if (uuid_same(r->id_of(r->rows, i), &id))
				r->from = i + 1;
	r->to = r->count - r->from < ADMIN_ROWS ? r->count : r->from + ADMIN_ROWS;
	view_str(v, "pager_path", path);
	view_bool(v, "pager", r->count > ADMIN_ROWS);
	view_bool(v, "pager_later", r->from > 0);
	view_fmt(v, "pager_first", "%u", r->from + (r->from < r->to));
	view_fmt(v, "pager_last", "%u", r->to);
	view_fmt(v, "pager_all", "%u", r->count);
	view_str(v, "pager_next", r->to && r->to < r->count ? uuid_format(text, r->id_of(r->rows, r->to - 1)) : "");
}

void admin_roles_put(struct door_call *c, struct view *v, const char *chosen)
{
	for (unsigned i = ROLE_EDITOR; i <= ROLE_ADMIN; i++) {
		const char *code = role_name((enum role)i);
		struct view *item = view_item(v, "roles");

		view_str(item, "code", code);
		view_str(item, "label", locale_text(c->locale, pool_fmt(c->pool, "admin.role_%s", code)));
		view_str(item, "may", locale_text(c->locale, pool_fmt(c->pool, "admin.may_%s", code)));
		view_bool(item, "chosen", str_eq(code, chosen));
	}
}

enum pli_status admin_account_put(struct door_call *c, struct view *v, const struct directory_account *a, struct err *err)
{
	struct directory_entity entity;
	char id[37];
	enum pli_status st = directory_entity_get(c->doors->directory, c->pool, &a->entity, &entity, err);

	if (st != PLI_OK)
		return st;
	view_str(v, "id", uuid_format(id, &a->account));
	view_str(v, "name", a->name);
	view_str(v, "email", a->email);
	view_str(v, "entity", entity.name);
	view_str(v, "role", locale_text(c->locale, pool_fmt(c->pool, "admin.role_%s", role_name(a->role))));
	view_bool(v, "whole_instance", a->instance_admin);
	view_bool(v, "active", str_eq(a->state, "active"));
	view_bool(v, "entity_active", str_eq(entity.state, "active"));
	view_bool(v, "me", uuid_same(&a->account, &c->principal.account));
	answer_date(c, v, "created", "created_iso", a->created_us);
	return PLI_OK;
}
