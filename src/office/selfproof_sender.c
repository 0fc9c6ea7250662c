/* See selfproof_own.h. */
#include <string.h>

#include "actor.h"
#include "locale.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "db.h"

#include "entry.h"

#include "directory.h"

#include "office_own.h"
#include "selfproof_own.h"

#define TRIES 3

static const char SENDER_GET[] = "SELECT v FROM instance WHERE k = 'selfproof_sender'";
static const char SENDER_SET[] = "INSERT INTO instance (k, v) VALUES ('selfproof_sender', $1) ON CONFLICT (k) DO UPDATE SET v = excluded.v";

static const char ENTITIES_MADE[] = "SELECT entity, entry FROM journal WHERE event = 'entity.created' ORDER BY seq";

static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };

static bool ids_get(struct office *office, struct uuid ids_r[2])
{
	bool known;

	pthread_mutex_lock(&office->lock);
	memcpy(ids_r, office->self, sizeof(office->self));
	known = office->has_self;
	pthread_mutex_unlock(&office->lock);
	return known;
}

static void ids_set(struct office *office, const struct uuid ids[2])
{
	pthread_mutex_lock(&office->lock);
	memcpy(office->self, ids, sizeof(office->self));
	office->has_self = true;
	pthread_mutex_unlock(&office->lock);
}

enum pli_status selfproof_load(struct office *office, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	struct uuid ids[2];
	const void *p = NULL;
	size_t n = 0;
	enum pli_status st = db_query(conn, &rows, err, SENDER_GET, "");

	if (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK)
		p = db_blob(&rows, 0, &n);
	if (p && n == sizeof(ids)) {
		memcpy(ids, p, sizeof(ids));
		ids_set(office, ids);
	}
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

bool office_self(struct office *office, struct uuid *entity_r)
{
	struct uuid ids[2];
	bool known = ids_get(office, ids);

	*entity_r = known ? ids[0] : (struct uuid){ { 0 } };
	return known;
}

bool office_is_self(struct office *office, const struct uuid *entity)
{
	struct uuid self;

	return office_self(office, &self) && uuid_same(entity, &self);
}

static enum pli_status ids_fn(struct db_tx *tx, void *arg, struct err *err)
{
	return db_run(tx->conn, NULL, err, SENDER_SET, "b", arg, 2 * sizeof(struct uuid));
}

/* The entity of an attempt that ended half-way (a crash between the steps of sender_make): no other is ever made by the system itself, which the
 * journal knows.  PLI_ABSENT. */
static enum pli_status entity_begun(struct office *office, struct uuid *entity_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, ENTITIES_MADE, "");

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		AUTO_POOL pool = pool_new();
		struct entry_view v;
		size_t n;
		const void *entry = db_blob(&rows, 1, &n);

		if (db_uuid(&rows, 0, entity_r) && entry && entry_parse(pool, entry, n, &v, NULL) == PLI_OK && str_eq(v.e.method, SYSTEM.method))
			break;
	}
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	return st;
}

/* Its name may be taken: then another. */
static enum pli_status entity_make(struct office *office, struct pool *pool, const char *name, struct uuid *entity_r, struct err *err)
{
	enum pli_status st = entity_begun(office, entity_r, err);

	if (st != PLI_ABSENT)
		return st;
	st = PLI_CONFLICT;
	for (unsigned i = 0; st == PLI_CONFLICT && i < TRIES; i++)
		st = directory_entity_add(office->parts.directory, &SYSTEM, i ? pool_fmt(pool, "%s (%u)", name, i + 1) : name, NULL, entity_r, err);
	return st;
}

/* Likewise its address; the one that an attempt took for this entity is the account. */
static enum pli_status account_make(struct office *office, struct pool *pool, const char *name, const struct uuid *entity, struct uuid *account_r,
				    struct err *err)
{
	struct directory *d = office->parts.directory;
	enum pli_status st = PLI_CONFLICT;

	for (unsigned i = 0; st == PLI_CONFLICT && i < TRIES; i++) {
		const char *email = i ? pool_fmt(pool, "nightly-proof-%u@pli.invalid", i + 1) : "nightly-proof@pli.invalid";
		struct directory_account taken;

		st = directory_account_find(d, pool, email, &taken, err);
		if (st == PLI_ABSENT)
			st = directory_account_add(d, &SYSTEM, entity, email, name, ROLE_EDITOR, false, NULL, account_r, err);
		else if (st == PLI_OK && uuid_same(&taken.entity, entity))
			*account_r = taken.account;
		else if (st == PLI_OK)
			st = err_set(err, PLI_CONFLICT, "The addresses of the nightly proof are taken.");
	}
	return st;
}

/* Three commits, any of which may be the last: the next night goes on from there. */
static enum pli_status sender_make(struct office *office, struct pool *pool, struct err *err)
{
	const char *name = locale_text(locale_get(office->parts.settings->lang), "selfproof.name");
	struct uuid ids[2];
	enum pli_status st = entity_make(office, pool, name, &ids[0], err);

	if (st == PLI_OK)
		st = account_make(office, pool, name, &ids[0], &ids[1], err);
	if (st == PLI_OK)
		st = db_write(office->parts.db, ids_fn, ids, err);
	if (st == PLI_OK)
		ids_set(office, ids);
	return st;
}

enum pli_status selfproof_sender(struct office *office, struct pool *pool, struct principal *who_r, const char **address_r, struct err *err)
{
	struct directory *d = office->parts.directory;
	struct directory_account account;
	struct directory_entity entity;
	struct uuid ids[2];
	struct db_conn *conn;
	enum pli_status st = PLI_OK;

	if (!ids_get(office, ids))
		st = sender_make(office, pool, err);
	if (st != PLI_OK)
		return st;
	(void)ids_get(office, ids);
	conn = db_reader_take(office->parts.db);
	st = directory_account_get(d, conn, pool, &ids[0], &ids[1], &account, err);
	db_reader_give(office->parts.db, conn);
	if (st == PLI_OK)
		st = directory_entity_get(d, pool, &ids[0], &entity, err);
	if (st != PLI_OK)
		return st;
	*who_r = (struct principal){ .entity = ids[0], .account = ids[1], .role = ROLE_EDITOR, .name = account.name, .email = account.email,
				     .entity_name = entity.name, .siren = "", .letter_class = "simple", .method = "system" };
	*address_r = account.email;
	return directory_meta_key(d, &ids[0], &who_r->meta_key, err);
}
