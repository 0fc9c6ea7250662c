/* Signing in, see signin.h. */
#include <string.h>

#include "pool.h"
#include "text.h"

#include "address.h"

#include "db.h"

#include "keeper.h"

#include "directory_own.h"
#include "signin.h"

static const char BY_EMAIL[] =
	"SELECT a.entity, a.account, a.state, a.password, a.totp IS NOT NULL FROM login l "
	"JOIN account a ON a.entity = l.entity AND a.account = l.account WHERE l.email_mac = $1";
static const char BY_ID[] =
	"SELECT a.entity, a.account, a.state, a.password, a.totp IS NOT NULL FROM account a WHERE a.entity = $1 AND a.account = $2";

/* Costs what the real ones cost and is nobody's. */
static const char NOBODY[] = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

struct candidate {
	struct signin_account account;
	const char *hash;		/* NULL: nobody may sign in by it */
};

static enum pli_status candidate_copy(struct db_rows *rows, struct pool *pool, struct candidate *c, struct err *err)
{
	if (!db_uuid(rows, 0, &c->account.entity) || !db_uuid(rows, 1, &c->account.account))
		return err_set(err, PLI_IO, "The table of accounts is damaged.");
	c->account.has_factor = db_int(rows, 4) != 0;
	if (str_eq(db_text(rows, 2), "active"))
		c->hash = pool_str(pool, db_text(rows, 3));
	return PLI_OK;
}

/* PLI_OK with hash NULL when there is nobody. */
static enum pli_status candidate_by_email(struct directory *d, struct pool *pool, const char *email, struct candidate *c,
					  struct err *err)
{
	struct db_conn *conn;
	struct db_rows rows = { 0 };
	struct address addr;
	uint8_t mac[32];
	enum pli_status st;

	/* What is no address is nobody's, and costs as much. */
	if (address_parse(pool, email, strlen(email), "email", &addr, err) == PLI_OK)
		email = addr.addr;
	directory_email_mac(d, pool, email, mac);
	conn = db_reader_take(d->db);
	st = db_query(conn, &rows, err, BY_EMAIL, "b", mac, sizeof(mac));
	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		st = candidate_copy(&rows, pool, c, err);
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

static enum pli_status candidate_by_id(struct directory *d, struct pool *pool, const struct uuid *entity, const struct uuid *account,
				       struct candidate *c, struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, BY_ID, "uu", entity, account);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		st = candidate_copy(&rows, pool, c, err);
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

static enum pli_status evaluate(struct directory *d, const struct candidate *c, const char *password, struct err *err)
{
	bool right = false;
	enum pli_status st = keeper_password_check(d->keeper, c->hash ? c->hash : NOBODY, password, &right, err);

	if (st == PLI_OK && (!right || !c->hash))
		return err_field(err, PLI_DENIED, "wrong-password", "password", "The address or the password is not right.");
	return st;
}

enum pli_status signin_password(struct directory *d, struct pool *pool, const char *email, const char *password,
				struct signin_account *account_r, struct err *err)
{
	struct candidate c = { .hash = NULL };
	enum pli_status st = candidate_by_email(d, pool, email, &c, err);

	if (st == PLI_OK)
		st = evaluate(d, &c, password, err);
	if (st == PLI_OK)
		*account_r = c.account;
	return st;
}

enum pli_status signin_password_again(struct directory *d, struct pool *pool, const struct uuid *entity, const struct uuid *account,
				      const char *password, struct err *err)
{
	struct candidate c = { .hash = NULL };
	enum pli_status st = candidate_by_id(d, pool, entity, account, &c, err);

	return st == PLI_OK ? evaluate(d, &c, password, err) : st;
}
