/* What administrators change: roles, who and what is active, and who was invited and has not come yet. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "db.h"

#include "journal.h"

#include "directory_own.h"
#include "session.h"

static const char ROLE_SET[] = "UPDATE account SET role = $1 WHERE entity = $2 AND account = $3 AND role <> $1";
static const char ENABLE[] = "UPDATE account SET state = 'active' WHERE entity = $1 AND account = $2 AND state <> 'active'";
static const char ENTITY_STATE[] = "UPDATE entity SET state = $1 WHERE entity = $2 AND state <> $1";
static const char ENTITY_SESSIONS[] = "DELETE FROM session WHERE entity = $1";
static const char INVITED[] =
	"SELECT l.entity, l.account, l.created, l.expires FROM signin_link l JOIN account a ON a.entity = l.entity AND a.account = l.account "
	"WHERE l.kind = 'setup' AND l.used IS NULL AND a.state = 'active' AND a.password IS NULL AND ($1 IS NULL OR l.entity = $1) "
	"ORDER BY l.created DESC LIMIT $2";

struct change {
	struct directory *d;
	const struct journal_actor *by;
	struct uuid entity, account;
	const char *role, *state, *event, *details, *shown;
	const uint8_t *meta_key;
	int64_t changed;
};

static enum pli_status change_note(struct db_tx *tx, const struct change *c, struct err *err)
{
	struct journal_event ev = { .ev = c->event, .actor = c->by, .entity = &c->entity, .d_json = c->details, .shown_json = c->shown,
				    .meta_key = c->meta_key };

	return c->changed ? journal_add(c->d->journal, tx, &ev, err) : PLI_OK;	/* twice is once */
}

static enum pli_status change_begin(struct change *c, struct pool *pool, const char *user, struct err *err)
{
	const struct directory_known *known;
	enum pli_status st = directory_known_get(c->d, &c->entity, &known, err);

	if (st != PLI_OK)
		return st;
	c->shown = directory_shown(pool, known->name, known->siren, user);
	c->meta_key = known->meta_key;
	return PLI_OK;
}

/* ---- people ---- */

static enum pli_status role_write(struct db_tx *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	enum pli_status st = db_run(tx->conn, &c->changed, err, ROLE_SET, "tuu", c->role, &c->entity, &c->account);

	return st == PLI_OK ? change_note(tx, c, err) : st;
}

enum pli_status directory_account_role(struct directory *d, const struct journal_actor *by, const struct uuid *entity,
				       const struct uuid *account, enum role role, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct change c = { .d = d, .by = by, .entity = *entity, .account = *account, .role = role_name(role), .event = "user.changed" };
	struct directory_account a;
	enum pli_status st = directory_account_read(d, pool, entity, account, &a, err);

	if (st == PLI_OK)
		st = change_begin(&c, pool, a.name, err);
	if (st != PLI_OK)
		return st;
	c.details = pool_fmt(pool, "{\"role\":\"%s\"}", c.role);
	st = db_write(d->db, role_write, &c, err);
	directory_bearers_drop(d);
	return st;
}

static enum pli_status enable_write(struct db_tx *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	enum pli_status st = db_run(tx->conn, &c->changed, err, ENABLE, "uu", &c->entity, &c->account);

	return st == PLI_OK ? change_note(tx, c, err) : st;
}

enum pli_status directory_account_enable(struct directory *d, const struct journal_actor *by, const struct uuid *entity,
					 const struct uuid *account, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct change c = { .d = d, .by = by, .entity = *entity, .account = *account, .event = "user.enabled" };
	struct directory_account a;
	enum pli_status st = directory_account_read(d, pool, entity, account, &a, err);

	if (st == PLI_OK)
		st = change_begin(&c, pool, a.name, err);
	if (st == PLI_OK)
		st = db_write(d->db, enable_write, &c, err);
	directory_bearers_drop(d);
	return st;
}

/* ---- entities ---- */

static enum pli_status admins_left(struct db_conn *conn, const char *sql, const struct uuid *without, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, sql, "u", without);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK && db_int(&rows, 0) == 0)
		return err_field(err, PLI_CONFLICT, "last-admin", "", "Nobody would be left who administers this instance.");
	return st;
}

static enum pli_status entity_write(struct db_tx *tx, void *arg, struct err *err)
{
	static const char LEFT[] = "SELECT COUNT(*) FROM account a JOIN entity e ON e.entity = a.entity "
				   "WHERE a.instance_admin = 1 AND a.state = 'active' AND e.state = 'active' AND a.entity <> $1";
	struct change *c = arg;
	bool ends = str_eq(c->state, "disabled");
	enum pli_status st = ends ? admins_left(tx->conn, LEFT, &c->entity, err) : PLI_OK;

	if (st == PLI_OK)
		st = db_run(tx->conn, &c->changed, err, ENTITY_STATE, "tu", c->state, &c->entity);
	if (st == PLI_OK && ends)
		st = db_run(tx->conn, NULL, err, ENTITY_SESSIONS, "u", &c->entity);
	return st == PLI_OK ? change_note(tx, c, err) : st;
}

enum pli_status directory_entity_state(struct directory *d, const struct journal_actor *by, const struct uuid *entity, bool active,
				       struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct change c = { .d = d, .by = by, .entity = *entity, .state = active ? "active" : "disabled",
			    .event = active ? "entity.enabled" : "entity.disabled" };
	enum pli_status st = change_begin(&c, pool, NULL, err);

	if (st == PLI_OK)
		st = db_write(d->db, entity_write, &c, err);
	if (st == PLI_OK)
		directory_known_state(d, entity, c.state);
	directory_bearers_drop(d);
	return st;
}

static enum pli_status class_write(struct db_tx *tx, void *arg, struct err *err)
{
	static const char CLASS_SET[] = "UPDATE entity SET class = $1 WHERE entity = $2 AND COALESCE(class, 'simple') <> $1";
	struct change *c = arg;
	enum pli_status st = db_run(tx->conn, &c->changed, err, CLASS_SET, "tu", c->state, &c->entity);

	return st == PLI_OK ? change_note(tx, c, err) : st;
}

enum pli_status directory_entity_class(struct directory *d, const struct journal_actor *by, const struct uuid *entity, const char *class_,
				       struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct change c = { .d = d, .by = by, .entity = *entity, .state = directory_letter_class(class_), .event = "entity.class" };
	enum pli_status st;

	if (!str_eq(c.state, class_))
		return err_field(err, PLI_INVALID, "bad-class", "class", "The class of letters is simple, registered or fr-lre.");
	st = change_begin(&c, pool, NULL, err);
	if (st != PLI_OK)
		return st;
	c.details = pool_fmt(pool, "{\"class\":\"%s\"}", c.state);
	st = db_write(d->db, class_write, &c, err);
	if (st == PLI_OK || st == PLI_UNCERTAIN)
		directory_known_class(d, entity, c.state);
	directory_bearers_drop(d);
	return st;
}

enum pli_status directory_entity_each(struct directory *d, directory_entity_fn *fn, void *arg, struct err *err)
{
	static const char ALL[] = "SELECT e.entity, (SELECT COUNT(*) FROM account a WHERE a.entity = e.entity AND a.state = 'active') "
				  "FROM entity e ORDER BY e.created";
	AUTO_POOL pool = pool_new();
	AUTO_BUF list;			/* struct directory_entity, one after the other */
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, ALL, "");

	buf_init(&list);
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		struct directory_entity e = { .people = (unsigned)db_int(&rows, 1) };
		if (db_uuid(&rows, 0, &e.entity))
			buf_add(&list, &e, sizeof(e));
	}
	db_end(&rows);
	db_reader_give(d->db, conn);
	st = st == PLI_ABSENT ? PLI_OK : st;
	for (size_t at = 0; st == PLI_OK && at < list.n; at += sizeof(struct directory_entity)) {
		struct directory_entity e, read;
		memcpy(&e, list.p + at, sizeof(e));
		st = directory_entity_get(d, pool, &e.entity, &read, err);
		read.people = e.people;
		if (st == PLI_OK)
			st = fn(arg, &read, err);
	}
	return st;
}

/* ---- invitations ---- */

enum pli_status directory_invited(struct directory *d, struct pool *pool, const struct uuid *entity, unsigned limit,
				  struct directory_invitation *invited_r, unsigned *count_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, INVITED, "ui", entity, (int64_t)limit);

	*count_r = 0;
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK && *count_r < limit) {
		struct directory_invitation *i = &invited_r[*count_r];
		if (!db_uuid(&rows, 0, &i->account.entity) || !db_uuid(&rows, 1, &i->account.account))
			continue;
		i->created_us = db_int(&rows, 2);
		i->expires_us = db_int(&rows, 3);
		(*count_r)++;
	}
	db_end(&rows);
	st = st == PLI_ABSENT ? PLI_OK : st;
	for (unsigned k = 0; st == PLI_OK && k < *count_r; k++) {
		struct uuid its = invited_r[k].account.entity, account = invited_r[k].account.account;
		st = directory_account_get(d, conn, pool, &its, &account, &invited_r[k].account, err);
	}
	db_reader_give(d->db, conn);
	return st;
}
