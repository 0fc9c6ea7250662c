/* See sender_alert.h. */
#include <assert.h>
#include <inttypes.h>

#include "pool.h"
#include "text.h"

#include "db.h"

#include "account_mail.h"
#include "directory_own.h"

#include "sender_alert.h"

static const char WISH_GET[] = "SELECT decisions FROM account WHERE entity = $1 AND account = $2 AND state = 'active'";
static const char WISH_SET[] = "UPDATE account SET decisions = $1 WHERE entity = $2 AND account = $3";

bool sender_alert_is(const char *wish)
{
	return str_eq(wish, "none") || str_eq(wish, "closed") || str_eq(wish, "all");
}

static enum pli_status wish_read(struct db_conn *conn, struct pool *pool, const struct uuid *entity, const struct uuid *account,
				 const char **wish_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, WISH_GET, "uu", entity, account);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		*wish_r = db_is_null(&rows, 0) ? SENDER_ALERT_DEFAULT : pool_str(pool, db_text(&rows, 0));
	return st;
}

enum pli_status sender_alert_get(struct directory *directory, struct pool *pool, const struct principal *who, const char **wish_r,
				 struct err *err)
{
	struct db_conn *conn = db_reader_take(directory->db);
	enum pli_status st = wish_read(conn, pool, &who->entity, &who->account, wish_r, err);

	db_reader_give(directory->db, conn);
	return st;
}

struct choice {
	const struct principal *who;
	const char *wish;
};

static enum pli_status choose_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct choice *c = arg;

	return db_run(tx->conn, NULL, err, WISH_SET, "tuu", c->wish, &c->who->entity, &c->who->account);
}

enum pli_status sender_alert_choose(struct directory *directory, const struct principal *who, const char *wish, struct err *err)
{
	assert(sender_alert_is(wish));
	return db_write(directory->db, choose_fn, &(struct choice){ who, wish }, err);
}

enum pli_status sender_alert_put(struct directory *directory, struct db_tx *tx, const struct sender_alert *alert, struct err *err)
{
	const char *wish = "none";
	enum pli_status st = wish_read(tx->conn, tx->pool, alert->entity, alert->account, &wish, err);

	if (st == PLI_ABSENT)	/* nobody who signs in any more */
		return PLI_OK;
	if (st != PLI_OK || str_eq(wish, "none") || (str_eq(wish, "closed") && str_eq(alert->what, "accepted")))
		return st;
	return account_mail_put_about(directory, tx, alert->entity, alert->account, alert->what, alert->letter,
				      pool_fmt(tx->pool, "%" PRIu64, alert->number), alert->t_us, err);
}
