/* See security_admin.h. */
#include "pool.h"

#include "db.h"

#include "directory_own.h"

#include "security_admin.h"

#define ADMINS_MAX 1000

static const char ADMINS[] =
	"SELECT a.entity, a.account FROM account a JOIN entity e ON e.entity = a.entity "
	"WHERE (a.instance_admin = 1 OR a.role = 'admin') AND COALESCE(a.alerts, a.instance_admin) = 1 AND a.state = 'active' "
	"AND e.state = 'active' ORDER BY a.account LIMIT $1";
static const char TOLD[] = "SELECT COALESCE(alerts, instance_admin) FROM account WHERE entity = $1 AND account = $2";
static const char CHOOSE[] = "UPDATE account SET alerts = $1 WHERE entity = $2 AND account = $3";

struct who {
	struct uuid entity, account;
};

static enum pli_status admins_read(struct directory *d, struct who *who_r, unsigned *count_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, ADMINS, "i", (int64_t)ADMINS_MAX);

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK)
		if (db_uuid(&rows, 0, &who_r[*count_r].entity) && db_uuid(&rows, 1, &who_r[*count_r].account))
			(*count_r)++;
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

enum pli_status security_admin_each(struct directory *directory, directory_account_fn *fn, void *arg, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct who *who = POOL_ARRAY(pool, struct who, ADMINS_MAX);
	unsigned count = 0;
	enum pli_status st = admins_read(directory, who, &count, err);

	for (unsigned i = 0; st == PLI_OK && i < count; i++) {
		struct directory_account account;

		st = directory_account_read(directory, pool, &who[i].entity, &who[i].account, &account, err);
		if (st == PLI_OK)
			st = fn(arg, &account, err);
	}
	return st;
}

enum pli_status security_admin_told(struct directory *directory, const struct principal *who, bool *told_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(directory->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, TOLD, "uu", &who->entity, &who->account);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	*told_r = st == PLI_OK && db_int(&rows, 0) != 0;
	db_end(&rows);
	db_reader_give(directory->db, conn);
	return st;
}

struct choice {
	const struct principal *who;
	bool told;
};

static enum pli_status choose_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct choice *c = arg;

	return db_run(tx->conn, NULL, err, CHOOSE, "iuu", (int64_t)c->told, &c->who->entity, &c->who->account);
}

enum pli_status security_admin_choose(struct directory *directory, const struct principal *who, bool told, struct err *err)
{
	struct choice c = { who, told };

	return db_write(directory->db, choose_fn, &c, err);
}
