/* Accounts: users of one entity, known by an e-mail address that is unique in the instance. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "address.h"

#include "db.h"

#include "journal.h"
#include "keeper.h"

#include "account_mail.h"
#include "common_password.h"
#include "meta.h"
#include "session.h"
#include "signin.h"

#include "directory_own.h"

#define NAME_MAX_BYTES 128
#define PASSWORD_MIN_CHARS 8
#define PASSWORD_MAX_CHARS 256

/* Texts sealed in a row: name, e-mail. */
enum { TEXT_NAME, TEXT_EMAIL, TEXT_COUNT };

static const char LOGIN_GET[] = "SELECT entity, account FROM login WHERE email_mac = $1";
static const char LOGIN_ADD[] = "INSERT INTO login (email_mac, entity, account) VALUES ($1, $2, $3)";
static const char ACCOUNT_ADD[] = "INSERT INTO account (entity, account, created, state, role, instance_admin, password, sealed) "
				  "VALUES ($1, $2, $3, 'active', $4, $5, $6, $7)";
static const char ACCOUNT_GET[] = "SELECT entity, account, created, state, role, instance_admin, sealed FROM account "
				  "WHERE entity = $1 AND account = $2";
static const char ACCOUNT_ALL[] = "SELECT entity, account, created, state, role, instance_admin, sealed FROM account "
				  "ORDER BY account";
static const char ACCOUNT_DISABLE[] = "UPDATE account SET state = 'disabled' WHERE entity = $1 AND account = $2 "
				      "AND state = 'active'";
static const char ACCOUNT_PASSWORD[] = "UPDATE account SET password = $1 WHERE entity = $2 AND account = $3";
static const char ACCOUNT_PROFILE[] = "UPDATE account SET sealed = $1, lang = $2 WHERE entity = $3 AND account = $4";
static const char LINK_TAKE[] = "UPDATE signin_link SET used = $1 WHERE link_hash = $2 AND used IS NULL AND expires > $1";
static const char LINKS_END[] = "UPDATE signin_link SET used = $1 WHERE entity = $2 AND account = $3 AND used IS NULL";

/* ---- reading ---- */

struct account_row {
	struct directory_account account;
	const void *sealed;
	size_t sealed_n;
};

static enum pli_status row_copy(struct db_rows *rows, struct pool *pool, struct account_row *row_r, struct err *err)
{
	const void *p;
	struct directory_account *a = &row_r->account;

	if (!db_uuid(rows, 0, &a->entity) || !db_uuid(rows, 1, &a->account) || !role_parse(db_text(rows, 4), &a->role))
		return err_set(err, PLI_IO, "The table of accounts is damaged.");
	a->created_us = db_int(rows, 2);
	a->state = pool_str(pool, db_text(rows, 3));
	a->instance_admin = db_int(rows, 5) != 0;
	p = db_blob(rows, 6, &row_r->sealed_n);
	row_r->sealed = pool_dup(pool, p, row_r->sealed_n);
	return PLI_OK;
}

static enum pli_status row_unseal(struct directory *d, struct pool *pool, struct account_row *row, struct err *err)
{
	const uint8_t *key;
	const char *texts[TEXT_COUNT];
	struct meta_place place = { "account", &row->account.entity, &row->account.account, 0 };
	enum pli_status st = directory_meta_key(d, &row->account.entity, &key, err);

	if (st == PLI_OK)
		st = meta_open_texts(pool, key, &place, row->sealed, row->sealed_n, texts, TEXT_COUNT, err);
	if (st == PLI_OK) {
		row->account.name = texts[TEXT_NAME];
		row->account.email = texts[TEXT_EMAIL];
	}
	return st;
}

enum pli_status directory_account_get(struct directory *d, struct db_conn *conn, struct pool *pool, const struct uuid *entity,
				      const struct uuid *account, struct directory_account *account_r, struct err *err)
{
	struct account_row row = { 0 };
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, ACCOUNT_GET, "uu", entity, account);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		st = row_copy(&rows, pool, &row, err);
	else if (st == PLI_ABSENT)
		err_set(err, st, "There is no such account.");
	db_end(&rows);
	if (st == PLI_OK)
		st = row_unseal(d, pool, &row, err);
	if (st == PLI_OK)
		*account_r = row.account;
	return st;
}

enum pli_status directory_account_read(struct directory *d, struct pool *pool, const struct uuid *entity,
				       const struct uuid *account, struct directory_account *account_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	enum pli_status st = directory_account_get(d, conn, pool, entity, account, account_r, err);

	db_reader_give(d->db, conn);
	return st;
}

void directory_email_mac(struct directory *d, struct pool *pool, const char *addr, uint8_t mac_r[32])
{
	const char *key = address_key(pool, addr);

	directory_mac(d, "email", key, strlen(key), mac_r);
}

static enum pli_status login_read(struct directory *d, const uint8_t mac[32], struct uuid *entity_r,
				  struct uuid *account_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, LOGIN_GET, "b", mac, (size_t)32);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK && (!db_uuid(&rows, 0, entity_r) || !db_uuid(&rows, 1, account_r)))
		st = err_set(err, PLI_IO, "The table of sign-in names is damaged.");
	else if (st == PLI_ABSENT)
		err_field(err, st, "no-account", "email", "There is no account with that e-mail address.");
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st;
}

enum pli_status directory_account_find(struct directory *d, struct pool *pool, const char *email,
				       struct directory_account *account_r, struct err *err)
{
	struct address addr;
	uint8_t mac[32];
	struct uuid entity, account;
	enum pli_status st = address_parse(pool, email, strlen(email), "email", &addr, err);

	if (st != PLI_OK)
		return st;
	directory_email_mac(d, pool, addr.addr, mac);
	st = login_read(d, mac, &entity, &account, err);
	if (st == PLI_OK)
		st = directory_account_read(d, pool, &entity, &account, account_r, err);
	return st;
}

static enum pli_status listed_copy(struct db_rows *rows, struct pool *pool, void *row_r, struct err *err)
{
	return row_copy(rows, pool, row_r, err);
}

struct account_told {
	directory_account_fn *fn;
	void *arg;
};

static enum pli_status listed_tell(struct directory *d, struct pool *pool, void *row, void *arg, struct err *err)
{
	struct account_row *r = row;
	const struct account_told *told = arg;
	enum pli_status st = row_unseal(d, pool, r, err);

	return st == PLI_OK ? told->fn(told->arg, &r->account, err) : st;
}

enum pli_status directory_account_each(struct directory *d, directory_account_fn *fn, void *arg, struct err *err)
{
	const struct directory_listing listing = { ACCOUNT_ALL, sizeof(struct account_row), listed_copy, listed_tell };

	return directory_rows_each(d, &listing, &(struct account_told){ fn, arg }, err);
}

/* ---- passwords ---- */

static enum pli_status password_checked(const char *password, const char *email, const char *name, struct err *err)
{
	const char *s = password, *end = password + strlen(password);
	size_t chars = 0;

	while (s < end) {
		if (utf8_next(&s, end) == (uint32_t)-1)
			return err_field(err, PLI_INVALID, "bad-password", "password", "The password is not valid UTF-8.");
		chars++;
	}
	if (chars < PASSWORD_MIN_CHARS || chars > PASSWORD_MAX_CHARS)
		return err_field(err, PLI_INVALID, "bad-password", "password", "A password has %d to %d characters.",
				 PASSWORD_MIN_CHARS, PASSWORD_MAX_CHARS);
	if (common_password_is(password) || str_ieq(password, email) || str_ieq(password, name)) {
		err_field(err, PLI_INVALID, "common-password", "password",
			  "This password is one of those that are tried first.");
		return err_hint(err, "Take several words that do not belong together.");
	}
	return PLI_OK;
}

static enum pli_status password_hash(struct directory *d, const char *password, const char *email, const char *name,
				     char hash_r[128], struct err *err)
{
	enum pli_status st = password_checked(password, email, name, err);

	if (st == PLI_OK)
		st = keeper_password_make(d->keeper, "account", password, hash_r, err);
	return st;
}

/* ---- changes ---- */

struct account_change {
	struct directory *d;
	const struct journal_actor *by;
	struct uuid entity, account;
	int64_t now_us;
	enum role role;
	bool instance_admin;
	const char *hash;		/* NULL: none */
	uint8_t mac[32];
	struct buf sealed;
	const char *shown;
	const uint8_t *meta_key;
	const struct directory_password *password;
	struct account_mail mail;
	const char *lang;
	int64_t changed;
};

static enum pli_status change_noted(struct db_tx *tx, const struct account_change *c, const char *event, struct err *err)
{
	struct journal_event ev = { .ev = event, .actor = c->by, .entity = &c->entity, .shown_json = c->shown,
				    .meta_key = c->meta_key };

	return journal_add(c->d->journal, tx, &ev, err);
}

static enum pli_status account_insert(struct db_tx *tx, void *arg, struct err *err)
{
	const struct account_change *c = arg;
	enum pli_status st = db_run(tx->conn, NULL, err, LOGIN_ADD, "buu", c->mac, sizeof(c->mac), &c->entity, &c->account);

	if (st == PLI_CONFLICT)
		return err_field(err, st, "email-taken", "email", "There is already an account with that e-mail address.");
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, ACCOUNT_ADD, "uuititb", &c->entity, &c->account, c->now_us, role_name(c->role),
			    (int64_t)c->instance_admin, c->hash, c->sealed.p, c->sealed.n);
	if (st == PLI_OK)
		st = change_noted(tx, c, "user.created", err);
	return st;
}

static enum pli_status name_checked(const char *name, struct err *err)
{
	size_t n = strlen(name);

	if (n == 0 || n > NAME_MAX_BYTES || !text_is_line(name, n) || name[0] == ' ' || name[n - 1] == ' ')
		return err_field(err, PLI_INVALID, "bad-name", "name", "The name must be one line of 1 to %d bytes, without "
				 "spaces at its ends.", NAME_MAX_BYTES);
	return PLI_OK;
}

enum pli_status directory_account_add(struct directory *d, const struct journal_actor *by, const struct uuid *entity,
				      const char *email, const char *name, enum role role, bool instance_admin,
				      const char *password, struct uuid *account_r, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct account_change c = { .d = d, .by = by, .entity = *entity, .role = role, .instance_admin = instance_admin,
				    .now_us = clock_now_us() };
	const struct directory_known *known;
	struct address addr;
	char hash[128];
	enum pli_status st = address_parse(pool, email, strlen(email), "email", &addr, err);

	if (st == PLI_OK)
		st = name_checked(name, err);
	if (st == PLI_OK)
		st = directory_known_get(d, entity, &known, err);
	if (st == PLI_OK && password) {
		st = password_hash(d, password, addr.addr, name, hash, err);
		c.hash = hash;
	}
	if (st != PLI_OK)
		return st;
	uuid_make(&c.account);
	directory_email_mac(d, pool, addr.addr, c.mac);
	c.shown = directory_shown(pool, known->name, known->siren, name);
	c.meta_key = known->meta_key;
	buf_init(&c.sealed);
	st = meta_seal_texts(known->meta_key, &(struct meta_place){ "account", &c.entity, &c.account, 0 },
			     (const char *[TEXT_COUNT]){ [TEXT_NAME] = name, [TEXT_EMAIL] = addr.addr }, TEXT_COUNT, &c.sealed, err);
	if (st == PLI_OK)
		st = db_write(d->db, account_insert, &c, err);
	if (st == PLI_OK)
		*account_r = c.account;
	buf_free(&c.sealed);
	mem_wipe(hash, sizeof(hash));
	return st;
}

/* Sessions but one, links, known browsers. */
static enum pli_status access_end(struct db_tx *tx, const struct account_change *c, const struct uuid *kept_session, struct err *err)
{
	enum pli_status st = session_drop(tx->conn, &c->entity, &c->account, kept_session, err);

	if (st == PLI_OK)
		st = signin_devices_drop(tx->conn, &c->entity, &c->account, err);
	return st == PLI_OK ? db_run(tx->conn, NULL, err, LINKS_END, "iuu", clock_now_us(), &c->entity, &c->account) : st;
}

static enum pli_status account_disable(struct db_tx *tx, void *arg, struct err *err)
{
	const struct account_change *c = arg;
	int64_t changed;
	enum pli_status st = db_run(tx->conn, &changed, err, ACCOUNT_DISABLE, "uu", &c->entity, &c->account);

	if (st == PLI_OK && changed)	/* twice is once */
		st = change_noted(tx, c, "user.disabled", err);
	return st == PLI_OK ? access_end(tx, c, NULL, err) : st;
}

enum pli_status directory_account_disable(struct directory *d, const struct journal_actor *by, const char *email, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct account_change c = { .d = d, .by = by };
	struct directory_account a;
	const struct directory_known *known;
	enum pli_status st = directory_account_find(d, pool, email, &a, err);

	if (st == PLI_OK)
		st = directory_known_get(d, &a.entity, &known, err);
	if (st != PLI_OK)
		return st;
	c.entity = a.entity;
	c.account = a.account;
	c.shown = directory_shown(pool, known->name, known->siren, a.name);
	c.meta_key = known->meta_key;
	st = db_write(d->db, account_disable, &c, err);
	directory_bearers_drop(d);
	return st;
}

static enum pli_status account_password(struct db_tx *tx, void *arg, struct err *err)
{
	struct account_change *c = arg;
	enum pli_status st = PLI_OK;

	if (c->password->link_hash) {
		st = db_run(tx->conn, &c->changed, err, LINK_TAKE, "ib", c->now_us, c->password->link_hash, (size_t)32);
		if (st == PLI_OK && !c->changed)
			return err_set(err, PLI_GONE, "This link was used, replaced, or has expired.");
	}
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, ACCOUNT_PASSWORD, "tuu", c->hash, &c->entity, &c->account);
	if (st == PLI_OK)
		st = access_end(tx, c, c->password->kept_session, err);
	if (st == PLI_OK)
		st = change_noted(tx, c, "password.changed", err);
	return st == PLI_OK ? account_mail_put(tx->conn, &c->mail, err) : st;
}

enum pli_status directory_account_password_set(struct directory *d, const struct journal_actor *by,
					       const struct directory_password *change, struct err *err)
{
	AUTO_POOL pool = pool_new();
	char hash[128];
	struct account_change c = { .d = d, .by = by, .hash = hash, .entity = change->entity, .account = change->account,
				    .password = change, .now_us = clock_now_us() };
	struct directory_account a;
	const struct directory_known *known;
	enum pli_status st = directory_account_read(d, pool, &change->entity, &change->account, &a, err);

	if (st == PLI_OK)
		st = directory_known_get(d, &a.entity, &known, err);
	if (st == PLI_OK)
		st = password_hash(d, change->password, a.email, a.name, hash, err);
	if (st == PLI_OK)
		st = account_mail_make(d, pool, &a, "changed", "password", NULL, 0, &c.mail, err);
	if (st != PLI_OK)
		return st;
	c.shown = directory_shown(pool, known->name, known->siren, a.name);
	c.meta_key = known->meta_key;
	st = db_write(d->db, account_password, &c, err);
	mem_wipe(hash, sizeof(hash));
	return st;
}

enum pli_status directory_account_password(struct directory *d, const struct journal_actor *by, const char *email,
					   const char *password, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct directory_password change = { .password = password };
	struct directory_account a;
	enum pli_status st = directory_account_find(d, pool, email, &a, err);

	if (st != PLI_OK)
		return st;
	change.entity = a.entity;
	change.account = a.account;
	return directory_account_password_set(d, by, &change, err);
}

static enum pli_status account_profile(struct db_tx *tx, void *arg, struct err *err)
{
	const struct account_change *c = arg;

	return db_run(tx->conn, NULL, err, ACCOUNT_PROFILE, "btuu", c->sealed.p, c->sealed.n, c->lang, &c->entity, &c->account);
}

enum pli_status directory_account_profile(struct directory *d, const struct uuid *entity, const struct uuid *account, const char *name,
					  const char *lang, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct account_change c = { .d = d, .entity = *entity, .account = *account, .lang = lang };
	struct directory_account a;
	const uint8_t *key;
	enum pli_status st = name_checked(name, err);

	if (st == PLI_OK)
		st = directory_account_read(d, pool, entity, account, &a, err);
	if (st == PLI_OK)
		st = directory_meta_key(d, entity, &key, err);
	buf_init(&c.sealed);
	if (st == PLI_OK)
		st = meta_seal_texts(key, &(struct meta_place){ "account", &c.entity, &c.account, 0 },
				     (const char *[TEXT_COUNT]){ [TEXT_NAME] = name, [TEXT_EMAIL] = a.email }, TEXT_COUNT, &c.sealed, err);
	if (st == PLI_OK)
		st = db_write(d->db, account_profile, &c, err);
	buf_free(&c.sealed);
	directory_bearers_drop(d);
	return st;
}
