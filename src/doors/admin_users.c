/* Administration of people: who is there, invited, made active or not, and in which role. */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "locale.h"
#include "pool.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "form.h"
#include "http.h"

#include "directory.h"
#include "signin_link.h"

#include "admin.h"
#include "answer.h"
#include "door.h"
#include "door_form.h"

#include "handlers.h"

#define INVITATIONS_MAX 200

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

/* ---- the list ---- */

struct list {
	struct door_call *c;
	struct directory_account *all;
	unsigned count, room;
};

static enum pli_status account_keep(void *arg, const struct directory_account *a, struct err *err)
{
	struct list *l = arg;
	const struct uuid *scope = admin_scope(l->c);
	struct directory_account *grown;

	(void)err;
	if (scope && !uuid_same(scope, &a->entity))
		return PLI_OK;
	if (l->count == l->room) {
		grown = POOL_ARRAY(l->c->pool, struct directory_account, l->room * 2);
		memcpy(grown, l->all, l->count * sizeof(*grown));
		l->all = grown;
		l->room *= 2;
	}
	l->all[l->count] = *a;
	l->all[l->count].name = pool_str(l->c->pool, a->name);
	l->all[l->count].email = pool_str(l->c->pool, a->email);
	l->all[l->count].state = pool_str(l->c->pool, a->state);
	l->count++;
	return PLI_OK;
}

/* Who is active first, then by name as it is written. */
static int by_name(const void *a, const void *b)
{
	const struct directory_account *x = a, *y = b;
	int state = strcmp(x->state, y->state);

	return state ? state : strcasecmp(x->name, y->name);
}

static const struct uuid *account_id(const void *rows, unsigned i)
{
	return &((const struct directory_account *)rows)[i].account;
}

enum pli_status admin_users(struct door_call *c, struct err *err)
{
	struct view *v = view_new(c->pool);
	struct admin_rows rows = { .id_of = account_id };
	struct list l = { .c = c, .room = 64 };
	enum pli_status st = admin_enter(c, err);

	if (st != PLI_OK)
		return st;
	l.all = POOL_ARRAY(c->pool, struct directory_account, l.room);
	st = directory_account_each(c->doors->directory, account_keep, &l, err);
	qsort(l.all, l.count, sizeof(*l.all), by_name);
	rows.rows = l.all;
	rows.count = l.count;
	admin_pager(c, v, "/admin/users", &rows);
	for (unsigned i = rows.from; st == PLI_OK && i < rows.to; i++)
		st = admin_account_put(c, view_item(v, "users"), &l.all[i], err);
	if (st != PLI_OK)
		return st;
	view_str(v, "act_href", "/admin/users/new");
	view_str(v, "act_label", locale_text(c->locale, "admin.invite"));
	admin_page(c, 200, &tpl_pages_admin_users_html, v, locale_text(c->locale, "admin.users"), "users");
	return PLI_OK;
}

/* ---- somebody new ---- */

struct typed {
	const char *name, *email, *entity, *role;
	const char *fault_field, *fault_key;
};

static enum pli_status entity_option(void *arg, const struct directory_entity *e, struct err *err)
{
	struct view *v = arg, *item;
	char id[37];
	const char *chosen;
	size_t n;

	(void)err;
	if (!str_eq(e->state, "active"))
		return PLI_OK;
	item = view_item(v, "entities");
	chosen = view_text(v, "chosen_entity", &n);
	view_str(item, "id", uuid_format(id, &e->entity));
	view_str(item, "label", e->name);
	view_bool(item, "chosen", str_eq(id, chosen));
	return PLI_OK;
}

static enum pli_status answer_new(struct door_call *c, int code, const struct typed *t, struct err *err)
{
	struct view *v = view_new(c->pool);
	enum pli_status st = PLI_OK;

	view_str(v, "name", t->name);
	view_str(v, "email", t->email);
	view_str(v, "chosen_entity", t->entity);
	if (t->fault_field)
		view_str(v, pool_fmt(c->pool, "fault_%s", t->fault_field), locale_text(c->locale, t->fault_key));
	admin_roles_put(c, v, t->role);
	if (c->principal.instance_admin)
		st = directory_entity_each(c->doors->directory, entity_option, v, err);
	if (st == PLI_OK)
		admin_page(c, code, &tpl_pages_admin_user_new_html, v, locale_text(c->locale, "admin.invite"), "users");
	return st;
}

enum pli_status admin_user_new(struct door_call *c, struct err *err)
{
	char own[37];
	struct typed t = { .name = "", .email = "", .entity = uuid_format(own, &c->principal.entity), .role = "editor" };
	enum pli_status st = admin_enter(c, err);

	return st == PLI_OK ? answer_new(c, 200, &t, err) : st;
}

/* A refusal that a mended field answers. */
static bool new_fault(struct typed *t, const struct err *err)
{
	if (err->status != PLI_INVALID && err->status != PLI_CONFLICT && err->status != PLI_INPUT)
		return false;
	t->fault_field = str_eq(err->field, "name") ? "name" : str_eq(err->field, "role") ? "role" : str_eq(err->field, "entity") ? "entity" :
										      "email";
	t->fault_key = str_eq(t->fault_field, "name") ? "admin.bad_name" : str_eq(t->fault_field, "role") ? "admin.bad_role" :
		       str_eq(t->fault_field, "entity") ? "admin.bad_entity" : str_eq(err->type, "email-taken") ? "admin.email_taken" :
														    "admin.bad_email";
	return true;
}

static enum pli_status invite(struct door_call *c, const struct typed *t, struct err *err)
{
	struct directory *d = c->doors->directory;
	struct directory_account account;
	struct directory_entity entity;
	struct uuid id = c->principal.entity, made;
	enum role role;
	enum pli_status st = PLI_OK;

	if (!role_parse(t->role, &role))
		return err_field(err, PLI_INVALID, "bad-role", "role", "There is no such role.");
	if (c->principal.instance_admin && !uuid_parse(&id, t->entity))
		return err_field(err, PLI_INVALID, "no-entity", "entity", "There is no such entity.");
	st = directory_entity_get(d, c->pool, &id, &entity, err);
	if (st == PLI_ABSENT || (st == PLI_OK && !str_eq(entity.state, "active")))
		return err_field(err, PLI_INVALID, "no-entity", "entity", "There is no such entity.");
	if (st == PLI_OK)
		st = directory_account_add(d, &c->actor, &id, t->email, t->name, role, false, NULL, &made, err);
	if (st == PLI_OK)
		st = directory_account_find(d, c->pool, t->email, &account, err);
	return st == PLI_OK ? signin_link_send(d, c->pool, &account, true, NULL, err) : st;
}

enum pli_status admin_user_new_post(struct door_call *c, struct err *err)
{
	struct typed t = { 0 };
	struct form form;
	enum pli_status st = admin_enter(c, err);

	if (st == PLI_OK)
		st = door_form(c, &form, err);
	if (st != PLI_OK)
		return st;
	t.name = or_empty(form_get(&form, "name"));
	t.email = or_empty(form_get(&form, "email"));
	t.entity = or_empty(form_get(&form, "entity"));
	t.role = or_empty(form_get(&form, "role"));
	st = invite(c, &t, err);
	if (st == PLI_OK)
		answer_see_other(c, "/admin/invitations?done=invited");
	else if (new_fault(&t, err))
		st = answer_new(c, 422, &t, err);
	return st;
}

/* ---- one person ---- */

static enum pli_status answer_user(struct door_call *c, int code, const struct directory_account *a, const char *fault_key, struct err *err)
{
	struct view *v = view_new(c->pool);
	enum pli_status st = admin_account_put(c, v, a, err);

	if (st != PLI_OK)
		return st;
	admin_roles_put(c, v, role_name(a->role));
	view_str(v, "fault", fault_key ? locale_text(c->locale, fault_key) : "");
	admin_page(c, code, &tpl_pages_admin_user_html, v, a->name, "users");
	return PLI_OK;
}

enum pli_status admin_user(struct door_call *c, struct err *err)
{
	struct directory_account a;
	enum pli_status st = admin_account(c, &a, err);

	return st == PLI_OK ? answer_user(c, 200, &a, NULL, err) : st;
}

static enum pli_status act_begin(struct door_call *c, struct directory_account *a, struct form *form, struct err *err)
{
	enum pli_status st = admin_account(c, a, err);

	return st == PLI_OK ? door_form(c, form, err) : st;
}

static void back(struct door_call *c, const char *done)
{
	answer_see_other(c, pool_fmt(c->pool, "/admin/users/%s?done=%s", c->params[0], done));
}

/* Nobody takes his own rights away: another administrator does. */
static bool is_me(const struct door_call *c, const struct directory_account *a)
{
	return uuid_same(&a->account, &c->principal.account);
}

enum pli_status admin_user_role(struct door_call *c, struct err *err)
{
	struct directory_account a;
	struct form form;
	enum role role;
	enum pli_status st = act_begin(c, &a, &form, err);

	if (st != PLI_OK)
		return st;
	if (is_me(c, &a))
		return answer_user(c, 422, &a, "admin.not_oneself", err);
	if (!role_parse(or_empty(form_get(&form, "role")), &role))
		return answer_user(c, 422, &a, "admin.bad_role", err);
	st = directory_account_role(c->doors->directory, &c->actor, &a.entity, &a.account, role, err);
	if (st == PLI_OK)
		back(c, "role");
	return st;
}

enum pli_status admin_user_state(struct door_call *c, struct err *err)
{
	struct directory_account a;
	struct form form;
	const char *state;
	enum pli_status st = act_begin(c, &a, &form, err);

	if (st != PLI_OK)
		return st;
	state = or_empty(form_get(&form, "state"));
	if (is_me(c, &a))
		return answer_user(c, 422, &a, "admin.not_oneself", err);
	if (str_eq(state, "disabled"))
		st = directory_account_disable(c->doors->directory, &c->actor, a.email, err);
	else if (str_eq(state, "active"))
		st = directory_account_enable(c->doors->directory, &c->actor, &a.entity, &a.account, err);
	else
		return answer_user(c, 422, &a, "admin.bad_state", err);
	if (st == PLI_OK)
		back(c, str_eq(state, "active") ? "enabled" : "disabled");
	return st;
}

struct waiting {
	struct directory_invitation all[INVITATIONS_MAX];
	unsigned count;
};

static enum pli_status waiting_read(struct door_call *c, struct waiting *w, struct err *err)
{
	return directory_invited(c->doors->directory, c->pool, admin_scope(c), INVITATIONS_MAX, w->all, &w->count, err);
}

/* A link for the first password while there is none, else for a new one. */
enum pli_status admin_user_link(struct door_call *c, struct err *err)
{
	struct waiting *w = POOL_NEW(c->pool, struct waiting);
	struct directory_account a;
	struct form form;
	bool setup = false;
	enum pli_status st = act_begin(c, &a, &form, err);

	if (st == PLI_OK)
		st = waiting_read(c, w, err);
	if (st != PLI_OK)
		return st;
	if (!str_eq(a.state, "active"))
		return answer_user(c, 422, &a, "admin.not_active", err);
	for (unsigned i = 0; i < w->count; i++)
		setup = setup || uuid_same(&w->all[i].account.account, &a.account);
	st = signin_link_send(c->doors->directory, c->pool, &a, setup, NULL, err);
	if (st == PLI_OK && setup && str_eq(form_get(&form, "from"), "invitations"))
		answer_see_other(c, "/admin/invitations?done=invited");
	else if (st == PLI_OK)
		back(c, "link_sent");
	return st;
}

/* ---- invitations ---- */

enum pli_status admin_invitations(struct door_call *c, struct err *err)
{
	struct view *v = view_new(c->pool);
	struct waiting *w = POOL_NEW(c->pool, struct waiting);
	int64_t now_us = clock_now_us();
	enum pli_status st = admin_enter(c, err);

	if (st == PLI_OK)
		st = waiting_read(c, w, err);
	for (unsigned i = 0; st == PLI_OK && i < w->count; i++) {
		struct view *item = view_item(v, "invitations");

		st = admin_account_put(c, item, &w->all[i].account, err);
		answer_date(c, item, "sent", "sent_iso", w->all[i].created_us);
		answer_date(c, item, "until", "until_iso", w->all[i].expires_us);
		view_bool(item, "over", w->all[i].expires_us <= now_us);
	}
	if (st != PLI_OK)
		return st;
	view_str(v, "act_href", "/admin/users/new");
	view_str(v, "act_label", locale_text(c->locale, "admin.invite"));
	admin_page(c, 200, &tpl_pages_admin_invitations_html, v, locale_text(c->locale, "admin.invitations"), "invitations");
	return PLI_OK;
}
