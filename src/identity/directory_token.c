/* API tokens: made, listed, revoked, and whom they stand for.  Only SHA-256 of the text is stored; the text is shown once. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "cipher.h"
#include "db.h"

#include "journal.h"

#include "bearer.h"
#include "meta.h"

#include "directory_own.h"

#define DAYS_MAX 3650
#define NAME_MAX_BYTES 128
/* What a token of an account that an operator made is worth: one factor, see the levels in the documentation of proofs. */
#define TOKEN_LEVEL 2
/* Above this the cache of bearers starts anew. */
#define BEARERS_MAX 4096

static const char TOKEN_ADD[] = "INSERT INTO api_token (token_hash, entity, account, token, created, expires, sealed) "
				"VALUES ($1, $2, $3, $4, $5, $6, $7)";
static const char TOKEN_GET[] = "SELECT entity, account, expires, revoked FROM api_token WHERE token_hash = $1";
static const char TOKEN_ALL[] = "SELECT entity, account, token, created, expires, revoked, sealed FROM api_token ORDER BY token";
static const char TOKEN_BY_ID[] = "SELECT entity, account FROM api_token WHERE token = $1";
static const char TOKEN_REVOKE[] = "UPDATE api_token SET revoked = $1 WHERE token = $2 AND revoked IS NULL";

/* ---- making and revoking ---- */

struct token_change {
	struct directory *d;
	const struct journal_actor *by;
	uint8_t hash[32];
	struct uuid entity, account, token;
	int64_t now_us, expires_us;
	struct buf sealed;
	const char *shown;
	const uint8_t *meta_key;
};

static enum pli_status change_noted(struct db_tx *tx, const struct token_change *c, const char *event, struct err *err)
{
	struct journal_event ev = { .ev = event, .actor = c->by, .entity = &c->entity, .shown_json = c->shown,
				    .meta_key = c->meta_key };

	return journal_add(c->d->journal, tx, &ev, err);
}

static enum pli_status token_insert(struct db_tx *tx, void *arg, struct err *err)
{
	const struct token_change *c = arg;
	enum pli_status st = db_run(tx->conn, NULL, err, TOKEN_ADD, "buuuiib", c->hash, sizeof(c->hash), &c->entity, &c->account,
				    &c->token, c->now_us, c->expires_us, c->sealed.p, c->sealed.n);

	if (st == PLI_OK)
		st = change_noted(tx, c, "token.created", err);
	return st;
}

static enum pli_status token_checked(const struct directory_account *a, const char *name, unsigned days, struct err *err)
{
	size_t n = strlen(name);

	if (!str_eq(a->state, "active"))
		return err_field(err, PLI_INVALID, "account-disabled", "email", "The account is disabled.");
	if (n == 0 || n > NAME_MAX_BYTES || !text_is_line(name, n))
		return err_field(err, PLI_INVALID, "bad-name", "name", "A token's name is one line of 1 to %d bytes.",
				 NAME_MAX_BYTES);
	if (days < 1 || days > DAYS_MAX)
		return err_field(err, PLI_INVALID, "bad-days", "days", "A token lives 1 to %d days.", DAYS_MAX);
	return PLI_OK;
}

enum pli_status directory_token_add(struct directory *d, const struct journal_actor *by, const char *email, const char *name,
				    unsigned days, struct pool *pool, const char **token_r, struct err *err)
{
	struct token_change c = { .d = d, .by = by, .now_us = clock_now_us() };
	struct directory_account a;
	const struct directory_known *known;
	uint8_t random_bytes[BEARER_BYTES];
	char text[BEARER_CHARS + 1];
	enum pli_status st = directory_account_find(d, pool, email, &a, err);

	if (!name || !*name)
		name = "API";
	if (st == PLI_OK)
		st = token_checked(&a, name, days, err);
	if (st == PLI_OK)
		st = directory_known_get(d, &a.entity, &known, err);
	if (st != PLI_OK)
		return st;
	mem_random(random_bytes, sizeof(random_bytes));
	bearer_text(text, random_bytes);
	cipher_sha256(text, BEARER_CHARS, c.hash);
	uuid_make(&c.token);
	c.entity = a.entity;
	c.account = a.account;
	c.expires_us = c.now_us + (int64_t)days * DAY_US;
	c.shown = directory_shown(pool, known->name, known->siren, a.name);
	c.meta_key = known->meta_key;
	buf_init(&c.sealed);
	st = meta_seal_texts(known->meta_key, &(struct meta_place){ "api-token", &c.entity, &c.token, 0 }, &name, 1, &c.sealed, err);
	if (st == PLI_OK)
		st = db_write(d->db, token_insert, &c, err);
	if (st == PLI_OK)
		*token_r = pool_strn(pool, text, BEARER_CHARS);
	buf_free(&c.sealed);
	mem_wipe(random_bytes, sizeof(random_bytes));
	mem_wipe(text, sizeof(text));
	return st;
}

static enum pli_status token_revoke(struct db_tx *tx, void *arg, struct err *err)
{
	const struct token_change *c = arg;
	int64_t changed;
	enum pli_status st = db_run(tx->conn, &changed, err, TOKEN_REVOKE, "iu", c->now_us, &c->token);

	if (st == PLI_OK && changed)	/* twice is once */
		st = change_noted(tx, c, "token.revoked", err);
	return st;
}

static enum pli_status token_owner(struct directory *d, struct token_change *c, struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, TOKEN_BY_ID, "u", &c->token);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK && (!db_uuid(&rows, 0, &c->entity) || !db_uuid(&rows, 1, &c->account)))
		st = err_set(err, PLI_IO, "The table of tokens is damaged.");
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st;
}

enum pli_status directory_token_revoke(struct directory *d, const struct journal_actor *by, const char *id, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct token_change c = { .d = d, .by = by, .now_us = clock_now_us() };
	struct directory_account a;
	const struct directory_known *known;
	enum pli_status st = uuid_parse(&c.token, id) ? token_owner(d, &c, err) : PLI_ABSENT;

	if (st == PLI_ABSENT) {
		err_field(err, st, "no-token", "id", "There is no token with that id.");
		return err_hint(err, "\"pli token list\" shows the ids.");
	}
	if (st == PLI_OK)
		st = directory_account_read(d, pool, &c.entity, &c.account, &a, err);
	if (st == PLI_OK)
		st = directory_known_get(d, &c.entity, &known, err);
	if (st != PLI_OK)
		return st;
	c.shown = directory_shown(pool, known->name, known->siren, a.name);
	c.meta_key = known->meta_key;
	st = db_write(d->db, token_revoke, &c, err);
	directory_bearers_drop(d);
	return st;
}

/* ---- listing ---- */

struct token_row {
	struct uuid entity, account;
	struct directory_token token;
	const void *sealed;
	size_t sealed_n;
};

static enum pli_status row_copy(struct db_rows *rows, struct pool *pool, struct token_row *row_r, struct err *err)
{
	const void *p;

	if (!db_uuid(rows, 0, &row_r->entity) || !db_uuid(rows, 1, &row_r->account) || !db_uuid(rows, 2, &row_r->token.token))
		return err_set(err, PLI_IO, "The table of tokens is damaged.");
	row_r->token.created_us = db_int(rows, 3);
	row_r->token.expires_us = db_int(rows, 4);
	row_r->token.revoked_us = db_int(rows, 5);
	p = db_blob(rows, 6, &row_r->sealed_n);
	row_r->sealed = pool_dup(pool, p, row_r->sealed_n);
	return PLI_OK;
}

static enum pli_status row_unseal(struct directory *d, struct pool *pool, struct token_row *row, struct err *err)
{
	const uint8_t *key;
	struct directory_account a;
	enum pli_status st = directory_meta_key(d, &row->entity, &key, err);

	if (st == PLI_OK)
		st = meta_open_texts(pool, key, &(struct meta_place){ "api-token", &row->entity, &row->token.token, 0 },
				     row->sealed, row->sealed_n, &row->token.name, 1, err);
	if (st == PLI_OK)
		st = directory_account_read(d, pool, &row->entity, &row->account, &a, err);
	if (st == PLI_OK)
		row->token.email = a.email;
	return st;
}

static enum pli_status listed_copy(struct db_rows *rows, struct pool *pool, void *row_r, struct err *err)
{
	return row_copy(rows, pool, row_r, err);
}

struct token_told {
	directory_token_fn *fn;
	void *arg;
};

static enum pli_status listed_tell(struct directory *d, struct pool *pool, void *row, void *arg, struct err *err)
{
	struct token_row *r = row;
	const struct token_told *told = arg;
	enum pli_status st = row_unseal(d, pool, r, err);

	return st == PLI_OK ? told->fn(told->arg, &r->token, err) : st;
}

enum pli_status directory_token_each(struct directory *d, directory_token_fn *fn, void *arg, struct err *err)
{
	const struct directory_listing listing = { TOKEN_ALL, sizeof(struct token_row), listed_copy, listed_tell };

	return directory_rows_each(d, &listing, &(struct token_told){ fn, arg }, err);
}

/* ---- who holds it ---- */

static unsigned bearer_bucket(const uint8_t hash[32])
{
	return hash[0] % DIRECTORY_BUCKETS;
}

static void bearer_free(struct directory_bearer *b)
{
	mem_free(b->name);
	mem_free(b->email);
	mem_free(b);
}

static void bearers_drop_locked(struct directory *d)
{
	for (unsigned i = 0; i < DIRECTORY_BUCKETS; i++) {
		for (struct directory_bearer *b = d->bearers[i], *next; b; b = next) {
			next = b->next;
			bearer_free(b);
		}
		d->bearers[i] = NULL;
	}
	d->bearer_count = 0;
}

void directory_bearers_drop(struct directory *d)
{
	pthread_mutex_lock(&d->lock);
	bearers_drop_locked(d);
	d->generation++;
	pthread_mutex_unlock(&d->lock);
}

static void principal_of(struct pool *pool, const struct directory_bearer *b, struct principal *principal_r)
{
	*principal_r = (struct principal){
		.entity = b->known->entity, .account = b->account, .role = b->role, .instance_admin = b->instance_admin,
		.name = pool_str(pool, b->name), .email = pool_str(pool, b->email), .entity_name = b->known->name,
		.siren = b->known->siren, .letter_class = b->known->letter_class, .method = "api-token", .level = TOKEN_LEVEL, .meta_key = b->known->meta_key,
	};
}

static bool bearer_cached(struct directory *d, struct pool *pool, const uint8_t hash[32], int64_t now_us,
			  struct principal *principal_r, uint64_t *generation_r)
{
	bool found = false;

	pthread_mutex_lock(&d->lock);
	*generation_r = d->generation;
	for (struct directory_bearer *b = d->bearers[bearer_bucket(hash)]; b && !found; b = b->next) {
		found = mem_same(b->token_hash, hash, 32) && b->expires_us > now_us;
		if (found)
			principal_of(pool, b, principal_r);
	}
	pthread_mutex_unlock(&d->lock);
	return found;
}

static void bearer_remember(struct directory *d, const struct directory_bearer *fresh, uint64_t generation)
{
	struct directory_bearer *b = mem_alloc(sizeof(*b));

	*b = *fresh;
	b->name = mem_str(fresh->name);
	b->email = mem_str(fresh->email);
	pthread_mutex_lock(&d->lock);
	if (d->generation != generation) {	/* something changed since it was read */
		bearer_free(b);
	} else {
		if (d->bearer_count >= BEARERS_MAX)
			bearers_drop_locked(d);
		b->next = d->bearers[bearer_bucket(b->token_hash)];
		d->bearers[bearer_bucket(b->token_hash)] = b;
		d->bearer_count++;
	}
	pthread_mutex_unlock(&d->lock);
}

static enum pli_status refused(struct err *err)
{
	err_field(err, PLI_UNAUTH, "bad-token", "", "The API token is not accepted.");
	return err_hint(err, "It may be mistyped, expired or revoked; ask the operator of this server for a new one.");
}

/* The stored token, when it is alive. */
static enum pli_status bearer_read(struct directory *d, struct directory_bearer *b, struct uuid *entity_r, int64_t now_us,
				   struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, TOKEN_GET, "b", b->token_hash, (size_t)32);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK && (!db_uuid(&rows, 0, entity_r) || !db_uuid(&rows, 1, &b->account)))
		st = err_set(err, PLI_IO, "The table of tokens is damaged.");
	if (st == PLI_OK) {
		b->expires_us = db_int(&rows, 2);
		if (!db_is_null(&rows, 3) || b->expires_us <= now_us)
			st = PLI_ABSENT;
	}
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st;
}

enum pli_status directory_token_principal(struct directory *d, struct pool *pool, const char *token,
					  struct principal *principal_r, struct err *err)
{
	struct directory_bearer b = { 0 };
	struct directory_account a;
	struct uuid entity;
	uint64_t generation;
	int64_t now_us = clock_now_us();
	enum pli_status st;

	if (!bearer_wellformed(token))
		return refused(err);
	cipher_sha256(token, BEARER_CHARS, b.token_hash);
	if (bearer_cached(d, pool, b.token_hash, now_us, principal_r, &generation))
		return PLI_OK;
	st = bearer_read(d, &b, &entity, now_us, err);
	if (st == PLI_OK)
		st = directory_account_read(d, pool, &entity, &b.account, &a, err);
	if (st == PLI_OK)
		st = directory_known_get(d, &entity, &b.known, err);
	if (st == PLI_OK && (!str_eq(a.state, "active") || !str_eq(b.known->state, "active")))
		st = PLI_ABSENT;
	if (st == PLI_ABSENT)
		return refused(err);
	if (st != PLI_OK)
		return st;
	b.role = a.role;
	b.instance_admin = a.instance_admin;
	b.name = (char *)(uintptr_t)a.name;
	b.email = (char *)(uintptr_t)a.email;
	bearer_remember(d, &b, generation);
	principal_of(pool, &b, principal_r);
	return PLI_OK;
}
