/* Sessions, see session.h. */
#include <stdlib.h>
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "clock.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "cipher.h"
#include "db.h"

#include "journal.h"

#include "meta.h"

#include "directory_own.h"
#include "session.h"

/* So often the time of the last request is written down. */
#define SEEN_US (60 * INT64_C(1000000))
#define BROWSER_MAX_BYTES 200

enum { TEXT_ADDRESS, TEXT_BROWSER, TEXT_COUNT };

static const char SESSION_GET[] =
	"SELECT s.session, s.entity, s.account, s.created, s.seen, s.ends, s.proved, s.strong, s.idle, "
	"a.state, a.role, a.instance_admin, a.totp IS NOT NULL, a.lang "
	"FROM session s JOIN account a ON a.entity = s.entity AND a.account = s.account WHERE s.session_hash = $1";
static const char SESSION_ADD[] =
	"INSERT INTO session (session_hash, session, entity, account, created, seen, idle, ends, proved, strong, sealed) "
	"VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $5, $8, $9)";
static const char SESSION_SEEN[] = "UPDATE session SET seen = $1 WHERE session_hash = $2";
static const char SESSION_RAISE[] =
	"UPDATE session SET session_hash = $1, proved = $2, seen = $2, strong = CASE WHEN $3 = 1 THEN 1 ELSE strong END WHERE session = $4 AND entity = $5 "
	"AND account = $6";
static const char SESSION_DROP[] = "DELETE FROM session WHERE entity = $1 AND account = $2 AND session = $3";
static const char SESSION_DROP_OTHERS[] = "DELETE FROM session WHERE entity = $1 AND account = $2 AND session <> $3";
static const char SESSION_LIST[] =
	"SELECT session, created, seen, strong, sealed FROM session WHERE entity = $1 AND account = $2 AND ends > $3 "
	"AND seen + idle > $3 ORDER BY seen DESC, session";
static const char SESSION_SWEEP[] = "DELETE FROM session WHERE ends <= $1 OR seen + idle <= $1";

/* ---- finding ---- */

static enum pli_status refused(struct err *err)
{
	return err_field(err, PLI_UNAUTH, "no-session", "", "You are not signed in.");
}

struct found {
	struct session *session;
	struct directory_account account;
	int64_t idle_us;
};

static enum pli_status row_copy(struct db_rows *rows, struct pool *pool, struct found *f, struct err *err)
{
	struct session *s = f->session;

	if (!db_uuid(rows, 0, &s->session) || !db_uuid(rows, 1, &f->account.entity) || !db_uuid(rows, 2, &f->account.account) ||
	    !role_parse(db_text(rows, 10), &f->account.role))
		return err_set(err, PLI_IO, "The table of sessions is damaged.");
	s->created_us = db_int(rows, 3);
	s->seen_us = db_int(rows, 4);
	s->ends_us = db_int(rows, 5);
	s->proved_us = db_int(rows, 6);
	s->strong = db_int(rows, 7) != 0;
	f->idle_us = db_int(rows, 8);
	f->account.state = pool_str(pool, db_text(rows, 9));
	f->account.instance_admin = db_int(rows, 11) != 0;
	s->has_factor = db_int(rows, 12) != 0;
	s->lang = pool_str(pool, db_text(rows, 13));
	return PLI_OK;
}

static enum pli_status row_read(struct directory *d, struct pool *pool, const uint8_t hash[32], struct found *f, struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, SESSION_GET, "b", hash, (size_t)32);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		st = row_copy(&rows, pool, f, err);
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st;
}

struct seen {
	const uint8_t *hash;
	int64_t now_us;
};

static enum pli_status seen_write(struct db_tx *tx, void *arg, struct err *err)
{
	const struct seen *s = arg;

	return db_run(tx->conn, NULL, err, SESSION_SEEN, "ib", s->now_us, s->hash, (size_t)32);
}

/* Not worth a refusal when it cannot be written: the session then ends earlier. */
static void seen_note(struct directory *d, const uint8_t hash[32], int64_t now_us)
{
	struct seen s = { hash, now_us };
	struct err err = { 0 };

	if (db_write(d->db, seen_write, &s, &err) != PLI_OK)
		log_debug("session.seen", "%s", err.text);
}

static void form_key_make(struct directory *d, struct session *s)
{
	uint8_t mac[32];

	directory_mac(d, "session-form", s->session.b, sizeof(s->session.b), mac);
	hex_encode(s->form_key, mac, sizeof(mac));
}

static enum pli_status session_by_value(struct directory *d, struct pool *pool, const char *value, int64_t now_us, bool present,
					 struct session *session_r, struct err *err)
{
	uint8_t hash[32];
	struct found f = { .session = session_r };
	const struct directory_known *known;
	enum pli_status st;

	*session_r = (struct session){ 0 };
	if (!value || strlen(value) != SESSION_VALUE_CHARS)
		return refused(err);
	cipher_sha256(value, SESSION_VALUE_CHARS, hash);
	st = row_read(d, pool, hash, &f, err);
	if (st == PLI_OK && (session_r->ends_us <= now_us || session_r->seen_us + f.idle_us <= now_us || !str_eq(f.account.state, "active")))
		st = PLI_ABSENT;
	if (st == PLI_OK)
		st = directory_known_get(d, &f.account.entity, &known, err);
	if (st == PLI_OK && !str_eq(known->state, "active"))
		st = PLI_ABSENT;
	if (st == PLI_ABSENT)
		return refused(err);
	if (st == PLI_OK)
		st = directory_account_read(d, pool, &f.account.entity, &f.account.account, &f.account, err);
	if (st != PLI_OK)
		return st;
	session_r->principal = (struct principal){
		.entity = f.account.entity, .account = f.account.account, .role = f.account.role,
		.instance_admin = f.account.instance_admin, .name = f.account.name, .email = f.account.email,
		.entity_name = known->name, .siren = known->siren,
		.letter_class = known->letter_class, .meta_key = known->meta_key,
		.method = session_r->strong ? "password+totp" : "password", .level = session_r->strong ? 3 : 2,
	};
	form_key_make(d, session_r);
	if (present && now_us - session_r->seen_us >= SEEN_US)
		seen_note(d, hash, now_us);
	return PLI_OK;
}

enum pli_status session_find(struct directory *d, struct pool *pool, const char *value, int64_t now_us, struct session *session_r,
			     struct err *err)
{
	return session_by_value(d, pool, value, now_us, true, session_r, err);
}

enum pli_status session_look(struct directory *d, struct pool *pool, const char *value, int64_t now_us, struct session *session_r,
			     struct err *err)
{
	return session_by_value(d, pool, value, now_us, false, session_r, err);
}

/* ---- beginning and raising ---- */

struct change {
	struct directory *d;
	const struct session_new *wanted;
	uint8_t hash[32];
	struct uuid session, entity, account;
	int64_t now_us;
	bool strong;
	struct buf sealed;
	const char *shown;
	const uint8_t *meta_key;
	int64_t changed;
};

static void value_make(char value_r[SESSION_VALUE_CHARS + 1], uint8_t hash_r[32])
{
	uint8_t random_bytes[32];

	mem_random(random_bytes, sizeof(random_bytes));
	base32_encode(value_r, random_bytes, sizeof(random_bytes));
	cipher_sha256(value_r, SESSION_VALUE_CHARS, hash_r);
	mem_wipe(random_bytes, sizeof(random_bytes));
}

static enum pli_status session_insert(struct db_tx *tx, void *arg, struct err *err)
{
	const struct change *c = arg;
	struct journal_event ev = { .ev = "session.opened", .actor = c->wanted->by, .entity = &c->entity, .shown_json = c->shown,
				    .meta_key = c->meta_key };
	enum pli_status st = db_run(tx->conn, NULL, err, SESSION_ADD, "buuuiiiib", c->hash, sizeof(c->hash), &c->session, &c->entity,
				    &c->account, c->now_us, c->wanted->idle_us, c->now_us + c->wanted->life_us, (int64_t)c->strong,
				    c->sealed.p, c->sealed.n);

	return st == PLI_OK ? journal_add(c->d->journal, tx, &ev, err) : st;
}

/* As the browser names itself, on one line and not too long. */
static const char *browser_clean(struct pool *pool, const char *browser)
{
	size_t n = browser ? strlen(browser) : 0;

	if (n > BROWSER_MAX_BYTES)
		n = BROWSER_MAX_BYTES;
	while (n && !utf8_valid(browser, n))
		n--;
	return n && text_is_line(browser, n) ? pool_strn(pool, browser, n) : "";
}

enum pli_status session_begin(struct directory *d, const struct session_new *wanted, char value_r[SESSION_VALUE_CHARS + 1],
			      struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct change c = { .d = d, .wanted = wanted, .entity = wanted->entity, .account = wanted->account, .strong = wanted->strong,
			    .now_us = clock_now_us() };
	const char *texts[TEXT_COUNT] = { [TEXT_ADDRESS] = wanted->address, [TEXT_BROWSER] = browser_clean(pool, wanted->browser) };
	struct directory_account a;
	const struct directory_known *known;
	enum pli_status st = directory_account_read(d, pool, &wanted->entity, &wanted->account, &a, err);

	if (st == PLI_OK)
		st = directory_known_get(d, &wanted->entity, &known, err);
	if (st != PLI_OK)
		return st;
	value_make(value_r, c.hash);
	uuid_make(&c.session);
	c.shown = directory_shown(pool, known->name, known->siren, a.name);
	c.meta_key = known->meta_key;
	buf_init(&c.sealed);
	st = meta_seal_texts(known->meta_key, &(struct meta_place){ "session", &c.entity, &c.session, 0 }, texts, TEXT_COUNT, &c.sealed,
			     err);
	if (st == PLI_OK)
		st = db_write(d->db, session_insert, &c, err);
	buf_free(&c.sealed);
	return st;
}

static enum pli_status raise_write(struct db_tx *tx, void *arg, struct err *err)
{
	struct change *c = arg;

	return db_run(tx->conn, &c->changed, err, SESSION_RAISE, "biiuuu", c->hash, sizeof(c->hash), c->now_us, (int64_t)c->strong,
		      &c->session, &c->entity, &c->account);
}

enum pli_status session_raise(struct directory *d, const struct session *session, bool strong, char value_r[SESSION_VALUE_CHARS + 1],
			      struct err *err)
{
	struct change c = { .d = d, .session = session->session, .entity = session->principal.entity,
			    .account = session->principal.account, .strong = strong, .now_us = clock_now_us() };
	enum pli_status st;

	value_make(value_r, c.hash);
	st = db_write(d->db, raise_write, &c, err);
	return st == PLI_OK && !c.changed ? refused(err) : st;	/* revoked meanwhile */
}

/* ---- revoking ---- */

static enum pli_status revoke_write(struct db_tx *tx, void *arg, struct err *err)
{
	struct change *c = arg;

	return db_run(tx->conn, &c->changed, err, SESSION_DROP, "uuu", &c->entity, &c->account, &c->session);
}

enum pli_status session_revoke(struct directory *d, const struct uuid *entity, const struct uuid *account, const struct uuid *session,
			       struct err *err)
{
	struct change c = { .d = d, .entity = *entity, .account = *account, .session = *session };
	enum pli_status st = db_write(d->db, revoke_write, &c, err);

	return st == PLI_OK && !c.changed ? err_set(err, PLI_ABSENT, "There is no such session.") : st;
}

enum pli_status session_drop(struct db_conn *conn, const struct uuid *entity, const struct uuid *account, const struct uuid *kept,
			     struct err *err)
{
	static const struct uuid NONE = { { 0 } };

	return db_run(conn, NULL, err, SESSION_DROP_OTHERS, "uuu", entity, account, kept ? kept : &NONE);
}

static enum pli_status drop_write(struct db_tx *tx, void *arg, struct err *err)
{
	const struct change *c = arg;

	return session_drop(tx->conn, &c->entity, &c->account, &c->session, err);
}

enum pli_status session_revoke_others(struct directory *d, const struct uuid *entity, const struct uuid *account,
				      const struct uuid *kept, struct err *err)
{
	struct change c = { .d = d, .entity = *entity, .account = *account };

	if (kept)
		c.session = *kept;
	return db_write(d->db, drop_write, &c, err);
}

/* ---- listing ---- */

struct listed {
	struct session_item item;
	const void *sealed;
	size_t sealed_n;
};

static enum pli_status list_read(struct directory *d, struct pool *pool, const struct uuid *entity, const struct uuid *account,
				 int64_t now_us, struct buf *list, struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, SESSION_LIST, "uui", entity, account, now_us);

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		struct listed l = { 0 };
		const void *p;

		if (!db_uuid(&rows, 0, &l.item.session)) {
			st = err_set(err, PLI_IO, "The table of sessions is damaged.");
			break;
		}
		l.item.created_us = db_int(&rows, 1);
		l.item.seen_us = db_int(&rows, 2);
		l.item.strong = db_int(&rows, 3) != 0;
		p = db_blob(&rows, 4, &l.sealed_n);
		l.sealed = pool_dup(pool, p, l.sealed_n);
		buf_add(list, &l, sizeof(l));
	}
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

enum pli_status session_list(struct directory *d, struct pool *pool, const struct uuid *entity, const struct uuid *account,
			     int64_t now_us, struct session_item **items_r, unsigned *count_r, struct err *err)
{
	AUTO_BUF list = { 0 };
	const uint8_t *key;
	struct session_item *items;
	unsigned count;
	enum pli_status st = list_read(d, pool, entity, account, now_us, &list, err);

	if (st == PLI_OK)
		st = directory_meta_key(d, entity, &key, err);
	count = (unsigned)(list.n / sizeof(struct listed));
	items = POOL_ARRAY(pool, struct session_item, count + 1);
	for (unsigned i = 0; st == PLI_OK && i < count; i++) {
		const char *texts[TEXT_COUNT];
		struct listed l;

		memcpy(&l, list.p + i * sizeof(l), sizeof(l));
		items[i] = l.item;
		st = meta_open_texts(pool, key, &(struct meta_place){ "session", entity, &l.item.session, 0 }, l.sealed, l.sealed_n, texts,
				     TEXT_COUNT, err);
		if (st == PLI_OK) {
			items[i].address = texts[TEXT_ADDRESS];
			items[i].browser = texts[TEXT_BROWSER];
		}
	}
	*items_r = items;
	*count_r = count;
	return st;
}

static enum pli_status sweep_write(struct db_tx *tx, void *arg, struct err *err)
{
	return db_run(tx->conn, NULL, err, SESSION_SWEEP, "i", *(const int64_t *)arg);
}

enum pli_status session_sweep(struct directory *d, int64_t now_us, struct err *err)
{
	return db_write(d->db, sweep_write, &now_us, err);
}
