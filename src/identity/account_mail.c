/* Mails to account holders, see account_mail.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "db.h"

#include "meta.h"

#include "directory_own.h"
#include "account_mail.h"

enum { TEXT_NAME, TEXT_ADDRESS, TEXT_LANG, TEXT_WHAT, TEXT_TOKEN, TEXT_EXPIRES, TEXT_COUNT };

static const char MAIL_PUT[] = "INSERT INTO account_mail (entity, mail, account, kind, created, due, tries, sealed) "
			       "VALUES ($1, $2, $3, $4, $5, $5, 0, $6)";
static const char MAIL_PUT_ABOUT[] =
	"INSERT INTO account_mail (entity, mail, account, kind, created, due, tries, sealed, about) "
	"SELECT $1, $2, $3, $4, $5, $5, 0, $6, $7 WHERE NOT EXISTS "
	"(SELECT 1 FROM account_mail WHERE entity = $1 AND account = $3 AND kind = $4 AND about = $7 AND lease IS NULL)";
static const char MAIL_DUE[] = "SELECT entity, mail, kind, created, tries, sealed, account FROM account_mail "
			       "WHERE due <= $1 AND (lease IS NULL OR lease < $1) ORDER BY due, mail LIMIT $2";
static const char MAIL_DUE_OF[] = "SELECT entity, mail, kind, created, tries, sealed, account FROM account_mail "
				  "WHERE due <= $1 AND (lease IS NULL OR lease < $1) AND kind IN ($3, $4) ORDER BY due, mail LIMIT $2";
static const char MAIL_ANY_OF[] = "SELECT 1 FROM account_mail WHERE kind IN ($1, $2) LIMIT 1";
static const char MAIL_LEASE[] = "UPDATE account_mail SET lease = $1, tries = tries + 1 WHERE entity = $2 AND mail = $3";
static const char MAIL_DONE[] = "DELETE FROM account_mail WHERE entity = $1 AND mail = $2";
static const char MAIL_LATER[] = "UPDATE account_mail SET due = $1, lease = NULL WHERE entity = $2 AND mail = $3 AND created > $4";
static const char MAIL_RESET[] = "UPDATE account_mail SET lease = NULL WHERE lease IS NOT NULL";
static const char LANG_GET[] = "SELECT lang FROM account WHERE entity = $1 AND account = $2";

static enum pli_status lang_read(struct directory *d, struct pool *pool, const struct directory_account *a, const char **lang_r,
				 struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, LANG_GET, "uu", &a->entity, &a->account);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		*lang_r = pool_str(pool, db_text(&rows, 0));
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

enum pli_status account_mail_make(struct directory *d, struct pool *pool, const struct directory_account *a, const char *kind,
				  const char *what, const char *token, int64_t expires_us, struct account_mail *mail_r, struct err *err)
{
	const char *texts[TEXT_COUNT] = { [TEXT_NAME] = a->name, [TEXT_ADDRESS] = a->email, [TEXT_WHAT] = what, [TEXT_TOKEN] = token,
					  [TEXT_EXPIRES] = pool_fmt(pool, "%" PRId64, expires_us) };
	const uint8_t *key;
	AUTO_BUF sealed = { 0 };
	enum pli_status st = lang_read(d, pool, a, &texts[TEXT_LANG], err);

	if (st == PLI_OK)
		st = directory_meta_key(d, &a->entity, &key, err);
	if (st != PLI_OK)
		return st;
	*mail_r = (struct account_mail){ .entity = a->entity, .account = a->account, .kind = kind, .now_us = clock_now_us() };
	uuid_make(&mail_r->mail);
	st = meta_seal_texts(key, &(struct meta_place){ "account-mail", &a->entity, &mail_r->mail, 0 }, texts, TEXT_COUNT, &sealed, err);
	if (st == PLI_OK) {
		mail_r->sealed = pool_dup(pool, sealed.p, sealed.n);
		mail_r->sealed_n = sealed.n;
	}
	return st;
}

enum pli_status account_mail_put_about(struct directory *d, struct db_tx *tx, const struct uuid *entity, const struct uuid *account,
				       const char *kind, const struct uuid *letter, const char *what, int64_t t_us, struct err *err)
{
	char id[37];
	const char *texts[TEXT_COUNT] = { [TEXT_NAME] = "", [TEXT_ADDRESS] = "", [TEXT_LANG] = "", [TEXT_WHAT] = what,
					  [TEXT_TOKEN] = uuid_format(id, letter), [TEXT_EXPIRES] = pool_fmt(tx->pool, "%" PRId64, t_us) };
	struct uuid mail;
	const uint8_t *key;
	AUTO_BUF sealed = { 0 };
	enum pli_status st = directory_meta_key(d, entity, &key, err);

	uuid_make(&mail);
	if (st == PLI_OK)
		st = meta_seal_texts(key, &(struct meta_place){ "account-mail", entity, &mail, 0 }, texts, TEXT_COUNT, &sealed, err);
	if (st != PLI_OK)
		return st;
	return db_run(tx->conn, NULL, err, MAIL_PUT_ABOUT, "uuutibu", entity, &mail, account, kind, clock_now_us(), sealed.p, sealed.n, letter);
}

enum pli_status account_mail_put(struct db_conn *conn, const struct account_mail *m, struct err *err)
{
	return db_run(conn, NULL, err, MAIL_PUT, "uuutib", &m->entity, &m->mail, &m->account, m->kind, m->now_us, m->sealed, m->sealed_n);
}

/* ---- leasing ---- */

struct row {
	struct account_mail_due due;
	struct uuid account;
	const void *sealed;
	size_t sealed_n;
};
struct lease {
	const struct row *rows;
	unsigned count;
	int64_t until_us;
};

static enum pli_status rows_read(struct directory *d, struct pool *pool, const char *const *kinds, int64_t now_us, unsigned limit,
				 struct row *rows_r, unsigned *count_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = kinds ? db_query(conn, &rows, err, MAIL_DUE_OF, "iitt", now_us, (int64_t)limit, kinds[0], kinds[1])
				   : db_query(conn, &rows, err, MAIL_DUE, "ii", now_us, (int64_t)limit);

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		struct row *r = &rows_r[*count_r];
		const void *p;

		if (!db_uuid(&rows, 0, &r->due.entity) || !db_uuid(&rows, 1, &r->due.mail)) {
			st = err_set(err, PLI_IO, "The queue of mails to account holders is damaged.");
			break;
		}
		if (!db_uuid(&rows, 6, &r->account)) {
			st = err_set(err, PLI_IO, "The queue of mails to account holders is damaged.");
			break;
		}
		r->due.kind = pool_str(pool, db_text(&rows, 2));
		r->due.created_us = db_int(&rows, 3);
		r->due.tries = (unsigned)db_int(&rows, 4);
		p = db_blob(&rows, 5, &r->sealed_n);
		r->sealed = pool_dup(pool, p, r->sealed_n);
		(*count_r)++;
	}
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

static enum pli_status lease_write(struct db_tx *tx, void *arg, struct err *err)
{
	const struct lease *l = arg;
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; st == PLI_OK && i < l->count; i++)
		st = db_run(tx->conn, NULL, err, MAIL_LEASE, "iuu", l->until_us, &l->rows[i].due.entity, &l->rows[i].due.mail);
	return st;
}

/* Of one that was put without: who he is now. */
static enum pli_status person_read(struct directory *d, struct pool *pool, struct row *r, struct err *err)
{
	struct directory_account a;
	enum pli_status st = directory_account_read(d, pool, &r->due.entity, &r->account, &a, err);

	if (st != PLI_OK)
		return st;
	r->due.name = a.name;
	r->due.address = a.email;
	st = lang_read(d, pool, &a, &r->due.lang, err);
	if (!r->due.lang)
		r->due.lang = "";
	return st;
}

static enum pli_status row_open(struct directory *d, struct pool *pool, struct row *r, struct err *err)
{
	const char *texts[TEXT_COUNT];
	const struct directory_known *known;
	enum pli_status st = directory_known_get(d, &r->due.entity, &known, err);

	if (st == PLI_OK)
		st = meta_open_texts(pool, known->meta_key, &(struct meta_place){ "account-mail", &r->due.entity, &r->due.mail, 0 },
				     r->sealed, r->sealed_n, texts, TEXT_COUNT, err);
	if (st != PLI_OK)
		return st;
	r->due.name = texts[TEXT_NAME];
	r->due.address = texts[TEXT_ADDRESS];
	r->due.lang = texts[TEXT_LANG];
	r->due.what = texts[TEXT_WHAT];
	r->due.token = texts[TEXT_TOKEN];
	r->due.expires_us = strtoll(texts[TEXT_EXPIRES], NULL, 10);
	r->due.entity_name = known->name;
	return *r->due.address ? PLI_OK : person_read(d, pool, r, err);
}

bool account_mail_any(struct directory *d, const char *const kinds[2])
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, NULL, MAIL_ANY_OF, "tt", kinds[0], kinds[1]);
	bool any = st == PLI_OK && (st = db_next(&rows, NULL)) != PLI_ABSENT;

	db_end(&rows);
	db_reader_give(d->db, conn);
	return any;
}

enum pli_status account_mail_lease(struct directory *d, struct pool *pool, const char *const *kinds, int64_t now_us, int64_t lease_until_us,
				   unsigned limit, struct account_mail_due *due_r, unsigned *count_r, struct err *err)
{
	struct row *rows = POOL_ARRAY(pool, struct row, limit + 1);
	struct lease lease = { .rows = rows, .until_us = lease_until_us };
	enum pli_status st = rows_read(d, pool, kinds, now_us, limit, rows, &lease.count, err);

	*count_r = 0;
	if (st != PLI_OK || !lease.count)
		return st;
	st = db_write(d->db, lease_write, &lease, err);
	for (unsigned i = 0; st == PLI_OK && i < lease.count; i++) {
		/* One that does not open stays leased for a while; the others go on. */
		if (row_open(d, pool, &rows[i], err) == PLI_OK)
			due_r[(*count_r)++] = rows[i].due;
		else
			log_error("account_mail.passed", "a mail to an account holder cannot be made");
	}
	return st;
}

enum pli_status account_mail_done(struct db_conn *conn, const struct uuid *entity, const struct uuid *mail, struct err *err)
{
	int64_t changed;
	enum pli_status st = db_run(conn, &changed, err, MAIL_DONE, "uu", entity, mail);

	return st == PLI_OK && !changed ? PLI_ABSENT : st;
}

enum pli_status account_mail_later(struct db_conn *conn, const struct uuid *entity, const struct uuid *mail, int64_t due_us,
				   int64_t since_us, struct err *err)
{
	int64_t changed;
	enum pli_status st = db_run(conn, &changed, err, MAIL_LATER, "iuui", due_us, entity, mail, since_us);

	return st == PLI_OK && !changed ? PLI_ABSENT : st;
}

enum pli_status account_mail_reset(struct db_conn *conn, struct err *err)
{
	return db_run(conn, NULL, err, MAIL_RESET, "");
}
