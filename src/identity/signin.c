/* Signing in, see signin.h. */
#include <string.h>

#include "clock.h"
#include "pool.h"
#include "text.h"

#include "address.h"

#include "cipher.h"
#include "db.h"

#include "keeper.h"

#include "directory_own.h"
#include "factor.h"
#include "guess.h"
#include "signin.h"

#define HOUR_US (3600 * INT64_C(1000000))
#define HALF_US (600 * INT64_C(1000000))
#define HALF_TRIES_MAX 5

static const char BY_EMAIL[] =
	"SELECT a.entity, a.account, a.state, a.password, a.totp IS NOT NULL FROM login l "
	"JOIN account a ON a.entity = l.entity AND a.account = l.account WHERE l.email_mac = $1";
static const char BY_ID[] =
	"SELECT a.entity, a.account, a.state, a.password, a.totp IS NOT NULL FROM account a WHERE a.entity = $1 AND a.account = $2";
static const char FAILURE_ADD[] =
	"INSERT INTO signin_failure (entity, account, hour, failures) VALUES ($1, $2, $3, 1) "
	"ON CONFLICT (entity, account, hour) DO UPDATE SET failures = signin_failure.failures + 1";
static const char HALF_ADD[] = "INSERT INTO signin_half (half_hash, entity, account, created, tries) VALUES ($1, $2, $3, $4, 0)";
static const char HALF_GET[] = "SELECT entity, account, created, tries FROM signin_half WHERE half_hash = $1";
static const char HALF_TRY[] = "UPDATE signin_half SET tries = tries + 1 WHERE half_hash = $1 AND tries < $2 AND created > $3";
static const char HALF_DROP[] = "DELETE FROM signin_half WHERE half_hash = $1";
static const char DEVICE_ADD[] = "INSERT INTO device (device_hash, entity, account, created, seen) VALUES ($1, $2, $3, $4, $4)";
static const char DEVICE_GET[] = "SELECT entity, account FROM device WHERE device_hash = $1";

/* Costs what the real ones cost and is nobody's. */
static const char NOBODY[] = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

struct candidate {
	struct signin_account account;
	const char *hash;		/* NULL: nobody may sign in by it */
};

/* ---- who ---- */

static enum pli_status candidate_copy(struct db_rows *rows, struct pool *pool, struct candidate *c, struct err *err)
{
	if (!db_uuid(rows, 0, &c->account.entity) || !db_uuid(rows, 1, &c->account.account))
		return err_set(err, PLI_IO, "The table of accounts is damaged.");
	c->account.has_factor = db_int(rows, 4) != 0;
	if (str_eq(db_text(rows, 2), "active"))
		c->hash = pool_str(pool, db_text(rows, 3));
	return PLI_OK;
}

static enum pli_status candidate_row(struct db_rows *rows, struct pool *pool, struct candidate *c, struct err *err)
{
	enum pli_status st = db_next(rows, err);

	if (st == PLI_OK)
		st = candidate_copy(rows, pool, c, err);
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* PLI_OK with hash NULL when there is nobody. */
static enum pli_status candidate_by_email(struct directory *d, struct pool *pool, const uint8_t mac[32], struct candidate *c,
					  struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, BY_EMAIL, "b", mac, (size_t)32);

	if (st == PLI_OK)
		st = candidate_row(&rows, pool, c, err);
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st;
}

static enum pli_status candidate_by_id(struct directory *d, struct pool *pool, const struct uuid *entity, const struct uuid *account,
				       struct candidate *c, struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, BY_ID, "uu", entity, account);

	if (st == PLI_OK)
		st = candidate_row(&rows, pool, c, err);
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st;
}

/* The hash of a known browser's cookie value, true when it is this account's. */
static enum pli_status device_known(struct directory *d, const char *value, const struct signin_account *a, uint8_t hash_r[32],
				    bool *known_r, struct err *err)
{
	struct db_conn *conn;
	struct db_rows rows = { 0 };
	struct uuid entity, account;
	enum pli_status st;

	*known_r = false;
	if (!value || strlen(value) != SIGNIN_VALUE_CHARS)
		return PLI_OK;
	cipher_sha256(value, SIGNIN_VALUE_CHARS, hash_r);
	conn = db_reader_take(d->db);
	st = db_query(conn, &rows, err, DEVICE_GET, "b", hash_r, (size_t)32);
	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		*known_r = db_uuid(&rows, 0, &entity) && db_uuid(&rows, 1, &account) && uuid_same(&entity, &a->entity) &&
			   uuid_same(&account, &a->account);
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* ---- the password ---- */

/* name: what the try names, 32 bytes. */
static enum pli_status guess_of(struct directory *d, const struct signin_try *by, const struct signin_account *a, const uint8_t name[32],
				struct guess *g, struct err *err)
{
	uint8_t both[64 + 32] = { 0 }, device[32];
	size_t from_n = strlen(by->from) < 63 ? strlen(by->from) : 63;
	bool known;
	enum pli_status st = device_known(d, by->device, a, device, &known, err);

	if (st != PLI_OK)
		return st;
	if (known) {
		guess_add(d, g, GUESS_DEVICE, device, sizeof(device));
		return PLI_OK;
	}
	memcpy(both, name, 32);
	memcpy(both + 32, by->from, from_n);
	guess_add(d, g, GUESS_NAME_FROM, both, sizeof(both));
	guess_add(d, g, GUESS_FROM, by->from, strlen(by->from));
	guess_add(d, g, GUESS_NAME, name, 32);
	return PLI_OK;
}

struct change {
	struct signin_account account;
	uint8_t hash[32];
	int64_t now_us, changed;
};

static enum pli_status failure_write(struct db_tx *tx, void *arg, struct err *err)
{
	const struct change *c = arg;

	return db_run(tx->conn, NULL, err, FAILURE_ADD, "uui", &c->account.entity, &c->account.account, c->now_us / HOUR_US);
}

/* The same work for nobody as for somebody: the rows of nobody are swept without an entry. */
static enum pli_status failed(struct directory *d, const struct signin_account *a, struct err *err)
{
	struct change c = { .account = *a, .now_us = clock_now_us() };
	struct err ignored = { 0 };
	enum pli_status st = db_write(d->db, failure_write, &c, &ignored);

	if (st != PLI_OK && st != PLI_FULL)
		return st;
	return err_field(err, PLI_DENIED, "wrong-password", "password", "The address or the password is not right.");
}

static enum pli_status evaluate(struct directory *d, const struct candidate *c, const char *password, bool *right_r, struct err *err)
{
	bool right = false;
	enum pli_status st = keeper_password_check(d->keeper, c->hash ? c->hash : NOBODY, password, &right, err);

	*right_r = right && c->hash;
	return st;
}

enum pli_status signin_password(struct directory *d, struct pool *pool, const struct signin_try *by, const char *email,
				const char *password, struct signin_account *account_r, struct err *err)
{
	struct candidate c = { .hash = NULL };
	struct guess guess = { 0 };
	struct address addr;
	struct err ignored;
	uint8_t mac[32];
	bool right = false;
	enum pli_status st;

	/* What is no address is nobody's, and costs as much. */
	if (address_parse(pool, email, strlen(email), "email", &addr, NULL) == PLI_OK)
		email = addr.addr;
	directory_email_mac(d, pool, email, mac);
	st = candidate_by_email(d, pool, mac, &c, err);
	if (st == PLI_OK)
		st = guess_of(d, by, &c.account, mac, &guess, err);
	if (st == PLI_OK)
		st = guess_reserve(d, &guess, clock_now_us(), err);
	if (st != PLI_OK)
		return st;
	st = evaluate(d, &c, password, &right, err);
	if (st != PLI_OK) {
		if (guess_give_back(d, &guess, false, &ignored) != PLI_OK)
			return st;
		return st;
	}
	if (!right)
		return failed(d, &c.account, err);
	*account_r = c.account;
	return guess_give_back(d, &guess, true, err);
}

/* ---- half in ---- */

static void value_make(char value_r[SIGNIN_VALUE_CHARS + 1], uint8_t hash_r[32])
{
	uint8_t random_bytes[32];

	mem_random(random_bytes, sizeof(random_bytes));
	base32_encode(value_r, random_bytes, sizeof(random_bytes));
	cipher_sha256(value_r, SIGNIN_VALUE_CHARS, hash_r);
	mem_wipe(random_bytes, sizeof(random_bytes));
}

static enum pli_status half_write(struct db_tx *tx, void *arg, struct err *err)
{
	const struct change *c = arg;

	return db_run(tx->conn, NULL, err, HALF_ADD, "buui", c->hash, (size_t)32, &c->account.entity, &c->account.account, c->now_us);
}

enum pli_status signin_half_open(struct directory *d, const struct signin_account *account, char value_r[SIGNIN_VALUE_CHARS + 1],
				 struct err *err)
{
	struct change c = { .account = *account, .now_us = clock_now_us() };

	value_make(value_r, c.hash);
	return db_write(d->db, half_write, &c, err);
}

static enum pli_status half_over(struct err *err)
{
	return err_field(err, PLI_UNAUTH, "half-over", "", "This sign-in is over; begin again with your password.");
}

static enum pli_status half_read(struct directory *d, const uint8_t hash[32], int64_t now_us, struct signin_account *a, struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, HALF_GET, "b", hash, (size_t)32);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK && (!db_uuid(&rows, 0, &a->entity) || !db_uuid(&rows, 1, &a->account) || db_int(&rows, 2) <= now_us - HALF_US ||
			     db_int(&rows, 3) >= HALF_TRIES_MAX))
		st = PLI_ABSENT;
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st == PLI_ABSENT ? half_over(err) : st;
}

static enum pli_status half_try_write(struct db_tx *tx, void *arg, struct err *err)
{
	struct change *c = arg;

	return db_run(tx->conn, &c->changed, err, HALF_TRY, "bii", c->hash, (size_t)32, (int64_t)HALF_TRIES_MAX, c->now_us - HALF_US);
}

static enum pli_status half_drop_write(struct db_tx *tx, void *arg, struct err *err)
{
	struct change *c = arg;

	return db_run(tx->conn, &c->changed, err, HALF_DROP, "b", c->hash, (size_t)32);
}

static enum pli_status code_guess(struct directory *d, const struct signin_try *by, const struct signin_account *a, struct guess *g,
				  struct err *err)
{
	uint8_t device[32];
	bool known;
	enum pli_status st = device_known(d, by->device, a, device, &known, err);

	if (st == PLI_OK && known)
		guess_add(d, g, GUESS_DEVICE, device, sizeof(device));
	else if (st == PLI_OK)
		guess_add(d, g, GUESS_CODE, a->account.b, sizeof(a->account.b));
	return st;
}

/* The try is counted, evaluated, and given back when it was right. */
static enum pli_status code_try(struct directory *d, const struct guess *guess, const struct signin_account *a, const char *code,
				struct err *err)
{
	struct err ignored;
	enum pli_status st = guess_reserve(d, guess, clock_now_us(), err);

	if (st != PLI_OK)
		return st;
	st = factor_check(d, &a->entity, &a->account, code, err);
	if (st == PLI_DENIED)
		return failed(d, a, &ignored) == PLI_DENIED ? st : PLI_IO;
	if (guess_give_back(d, guess, st == PLI_OK, &ignored) != PLI_OK && st == PLI_OK)
		st = err_set(err, PLI_IO, "The sign-in could not be noted.");
	return st;
}

enum pli_status signin_code(struct directory *d, struct pool *pool, const struct signin_try *by, const char *value, const char *code,
			    struct signin_account *account_r, struct err *err)
{
	struct change c = { .now_us = clock_now_us() };
	struct guess guess = { 0 };
	struct candidate still = { .hash = NULL };
	enum pli_status st;

	if (!value || strlen(value) != SIGNIN_VALUE_CHARS)
		return half_over(err);
	cipher_sha256(value, SIGNIN_VALUE_CHARS, c.hash);
	st = half_read(d, c.hash, c.now_us, &c.account, err);
	if (st == PLI_OK)
		st = candidate_by_id(d, pool, &c.account.entity, &c.account.account, &still, err);
	if (st == PLI_OK && !still.hash)
		st = half_over(err);
	if (st == PLI_OK)
		st = code_guess(d, by, &c.account, &guess, err);
	if (st == PLI_OK)
		st = db_write(d->db, half_try_write, &c, err);
	if (st == PLI_OK && !c.changed)
		st = half_over(err);
	if (st == PLI_OK)
		st = code_try(d, &guess, &c.account, code, err);
	if (st == PLI_OK)
		st = db_write(d->db, half_drop_write, &c, err);
	if (st == PLI_OK && !c.changed)		/* another was faster with the same value */
		st = half_over(err);
	if (st != PLI_OK)
		return st;
	*account_r = still.account;
	return PLI_OK;
}

/* ---- again ---- */

enum pli_status signin_again(struct directory *d, struct pool *pool, const struct uuid *session, const struct signin_account *account,
			     const char *shown, struct err *err)
{
	struct candidate c = { .hash = NULL };
	struct guess guess = { 0 };
	struct err ignored;
	bool right = false;
	enum pli_status st;

	guess_add(d, &guess, GUESS_SESSION, session->b, sizeof(session->b));
	if (account->has_factor)
		return code_try(d, &guess, account, shown, err);
	st = candidate_by_id(d, pool, &account->entity, &account->account, &c, err);
	if (st == PLI_OK)
		st = guess_reserve(d, &guess, clock_now_us(), err);
	if (st != PLI_OK)
		return st;
	st = evaluate(d, &c, shown, &right, err);
	if (st == PLI_OK && !right)
		return failed(d, account, err);
	if (guess_give_back(d, &guess, right, &ignored) != PLI_OK && st == PLI_OK)
		st = err_set(err, PLI_IO, "The sign-in could not be noted.");
	return st;
}

/* ---- known browsers ---- */

static enum pli_status device_write(struct db_tx *tx, void *arg, struct err *err)
{
	const struct change *c = arg;

	return db_run(tx->conn, NULL, err, DEVICE_ADD, "buui", c->hash, (size_t)32, &c->account.entity, &c->account.account, c->now_us);
}

enum pli_status signin_device_add(struct directory *d, const struct signin_account *account, char value_r[SIGNIN_VALUE_CHARS + 1],
				  struct err *err)
{
	struct change c = { .account = *account, .now_us = clock_now_us() };

	value_make(value_r, c.hash);
	return db_write(d->db, device_write, &c, err);
}
