/* Links for a password, see signin_link.h. */
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "address.h"

#include "cipher.h"
#include "db.h"

#include "account_mail.h"

#include "directory_own.h"
#include "guess.h"
#include "signin_link.h"

#define HOUR_US (3600 * INT64_C(1000000))
#define SETUP_US (7 * 24 * HOUR_US)
#define RESET_US HOUR_US
/* Rows are kept a while beyond their end, so that a late visitor reads why. */
#define KEPT_US (30 * 24 * HOUR_US)

static const char LINK_ADD[] = "INSERT INTO signin_link (link_hash, entity, account, kind, created, expires) VALUES ($1, $2, $3, $4, $5, $6)";
static const char LINKS_END[] = "UPDATE signin_link SET used = $1 WHERE entity = $2 AND account = $3 AND used IS NULL";
static const char LINK_GET[] = "SELECT l.entity, l.account, l.kind, l.expires, l.used, a.state, a.totp IS NOT NULL FROM signin_link l "
			       "JOIN account a ON a.entity = l.entity AND a.account = l.account WHERE l.link_hash = $1";
static const char LINK_SWEEP[] = "DELETE FROM signin_link WHERE expires < $1";

struct change {
	struct uuid entity, account;
	uint8_t hash[32];
	const char *kind;
	int64_t now_us, expires_us;
	const struct account_mail *mail;	/* NULL: none */
};

static enum pli_status link_write(struct db_tx *tx, void *arg, struct err *err)
{
	const struct change *c = arg;
	enum pli_status st = db_run(tx->conn, NULL, err, LINKS_END, "iuu", c->now_us, &c->entity, &c->account);

	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, LINK_ADD, "buutii", c->hash, (size_t)32, &c->entity, &c->account, c->kind, c->now_us,
			    c->expires_us);
	return st == PLI_OK && c->mail ? account_mail_put(tx->conn, c->mail, err) : st;
}

static void token_make(char token_r[SIGNIN_LINK_CHARS + 1], uint8_t hash_r[32])
{
	uint8_t random_bytes[32];

	mem_random(random_bytes, sizeof(random_bytes));
	base32_encode(token_r, random_bytes, sizeof(random_bytes));
	cipher_sha256(token_r, SIGNIN_LINK_CHARS, hash_r);
	mem_wipe(random_bytes, sizeof(random_bytes));
}

enum pli_status signin_link_send(struct directory *d, struct pool *pool, const struct directory_account *a, bool setup,
				 const char **token_r, struct err *err)
{
	struct change c = { .entity = a->entity, .account = a->account, .kind = setup ? "setup" : "reset", .now_us = clock_now_us() };
	struct account_mail mail;
	char token[SIGNIN_LINK_CHARS + 1];
	enum pli_status st = PLI_OK;

	c.expires_us = c.now_us + (setup ? SETUP_US : RESET_US);
	token_make(token, c.hash);
	if (token_r) {
		*token_r = pool_str(pool, token);
	} else {
		st = account_mail_make(d, pool, a, c.kind, NULL, token, c.expires_us, &mail, err);
		c.mail = &mail;
	}
	mem_wipe(token, sizeof(token));
	return st == PLI_OK ? db_write(d->db, link_write, &c, err) : st;
}

enum pli_status signin_link_ask(struct directory *d, struct pool *pool, const char *email, const char *from, struct err *err)
{
	struct directory_account a;
	struct guess guess = { 0 };
	struct address addr;
	struct change nobody = { .kind = "reset", .now_us = clock_now_us() };
	uint8_t mac[32];
	enum pli_status st;

	if (address_parse(pool, email, strlen(email), "email", &addr, NULL) == PLI_OK)
		email = addr.addr;
	directory_email_mac(d, pool, email, mac);
	guess_add(d, &guess, GUESS_RESET_NAME, mac, sizeof(mac));
	guess_add(d, &guess, GUESS_RESET_FROM, from, strlen(from));
	st = guess_reserve(d, &guess, nobody.now_us, err);
	if (st != PLI_OK)
		return st == PLI_RATE ? PLI_OK : st;
	st = directory_account_find(d, pool, email, &a, err);
	if (st == PLI_OK && str_eq(a.state, "active"))
		return signin_link_send(d, pool, &a, false, NULL, err);
	if (st != PLI_OK && st != PLI_ABSENT && st != PLI_INPUT && st != PLI_INVALID)
		return st;
	/* A link of nobody, which opens nothing: it takes as long to write. */
	mem_random(nobody.hash, sizeof(nobody.hash));
	nobody.expires_us = nobody.now_us - KEPT_US + RESET_US;
	return db_write(d->db, link_write, &nobody, err);
}

/* ---- using ---- */

static enum pli_status link_absent(struct err *err)
{
	return err_set(err, PLI_ABSENT, "This link is not known.");
}

static enum pli_status link_read(struct directory *d, const uint8_t hash[32], struct signin_link *l, struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, LINK_GET, "b", hash, (size_t)32);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK && (!db_uuid(&rows, 0, &l->account.entity) || !db_uuid(&rows, 1, &l->account.account)))
		st = err_set(err, PLI_IO, "The table of links is damaged.");
	if (st == PLI_OK) {
		l->setup = str_eq(db_text(&rows, 2), "setup");
		l->expires_us = db_int(&rows, 3);
		l->account.has_factor = db_int(&rows, 6) != 0;
		if (!db_is_null(&rows, 4) || l->expires_us <= clock_now_us() || !str_eq(db_text(&rows, 5), "active"))
			st = err_set(err, PLI_GONE, "This link was used, replaced, or has expired.");
	}
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st == PLI_ABSENT ? link_absent(err) : st;
}

static enum pli_status link_of(struct directory *d, const char *token, const char *from, uint8_t hash_r[32], struct signin_link *l,
			       struct err *err)
{
	struct guess guess = { 0 };
	struct err ignored;
	enum pli_status st, back;

	*l = (struct signin_link){ 0 };
	if (!token || strlen(token) != SIGNIN_LINK_CHARS)	/* mistyped, not guessed */
		return link_absent(err);
	guess_add(d, &guess, GUESS_LINK_FROM, from, strlen(from));
	st = guess_reserve(d, &guess, clock_now_us(), err);
	if (st != PLI_OK)
		return st;
	cipher_sha256(token, SIGNIN_LINK_CHARS, hash_r);
	st = link_read(d, hash_r, l, err);
	if (st == PLI_ABSENT)
		return st;
	back = guess_give_back(d, &guess, false, &ignored);
	return st == PLI_OK && back != PLI_OK && back != PLI_FULL ? err_set(err, back, "%s", ignored.text) : st;
}

static enum pli_status whose(struct directory *d, struct pool *pool, struct signin_link *l, struct err *err)
{
	struct directory_account a;
	enum pli_status st = directory_account_read(d, pool, &l->account.entity, &l->account.account, &a, err);

	if (st == PLI_OK) {
		l->name = a.name;
		l->email = a.email;
	}
	return st;
}

enum pli_status signin_link_look(struct directory *d, struct pool *pool, const char *token, const char *from, struct signin_link *link_r,
				 struct err *err)
{
	uint8_t hash[32];
	enum pli_status st = link_of(d, token, from, hash, link_r, err);

	return st == PLI_OK ? whose(d, pool, link_r, err) : st;
}

enum pli_status signin_link_use(struct directory *d, struct pool *pool, const char *token, const char *password,
				const struct journal_actor *by, const char *from, struct signin_link *link_r, struct err *err)
{
	uint8_t hash[32];
	struct journal_actor actor = *by;
	struct directory_password change = { .password = password, .link_hash = hash };
	enum pli_status st = link_of(d, token, from, hash, link_r, err);

	if (st == PLI_OK)
		st = whose(d, pool, link_r, err);
	if (st != PLI_OK)
		return st;
	change.entity = link_r->account.entity;
	change.account = link_r->account.account;
	actor.account = &change.account;
	return directory_account_password_set(d, &actor, &change, err);
}

static enum pli_status sweep_write(struct db_tx *tx, void *arg, struct err *err)
{
	return db_run(tx->conn, NULL, err, LINK_SWEEP, "i", *(const int64_t *)arg - KEPT_US);
}

enum pli_status signin_link_sweep(struct directory *d, int64_t now_us, struct err *err)
{
	return db_write(d->db, sweep_write, &now_us, err);
}
