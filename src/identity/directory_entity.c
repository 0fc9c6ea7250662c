/* Entities: made, found, kept in memory with their metadata key. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "db.h"

#include "journal.h"

#include "meta.h"

#include "directory_own.h"

#define NAME_MAX_BYTES 128

static const char ENTITY_GET[] = "SELECT created, state, meta_kid, meta_key, sealed, class FROM entity WHERE entity = $1";
static const char ENTITY_ALL[] = "SELECT entity FROM entity";
static const char ENTITY_ADD[] = "INSERT INTO entity (entity, created, state, meta_kid, meta_key, sealed) "
				 "VALUES ($1, $2, 'active', $3, $4, $5)";
static const char NAME_ADD[] = "INSERT INTO entity_name (name_mac, entity) VALUES ($1, $2)";
static const char NAME_GET[] = "SELECT entity FROM entity_name WHERE name_mac = $1";

const char *directory_shown(struct pool *pool, const char *entity_name, const char *siren, const char *user)
{
	AUTO_BUF json;
	struct jsonw w;

	buf_init(&json);
	jsonw_init(&w, &json, true);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "entity", entity_name && *entity_name ? entity_name : NULL);
	jsonw_str(&w, "siren", siren && *siren ? siren : NULL);
	jsonw_str(&w, "user", user && *user ? user : NULL);
	jsonw_object_end(&w);
	return pool_strn(pool, json.p, json.n);
}

const char *directory_letter_class(const char *word)
{
	static const char *const CLASSES[] = { "simple", "registered", "fr-lre" };

	for (size_t i = 0; word && i < sizeof(CLASSES) / sizeof(*CLASSES); i++)
		if (str_eq(CLASSES[i], word))
			return CLASSES[i];
	return CLASSES[0];
}

/* ---- the cache ---- */

static unsigned known_bucket(const struct uuid *entity)
{
	return (entity->b[15] ^ entity->b[9]) % DIRECTORY_BUCKETS;
}

static struct directory_known *known_find(struct directory *d, const struct uuid *entity)
{
	struct directory_known *k = d->known[known_bucket(entity)];

	while (k && !uuid_same(&k->entity, entity))
		k = k->next;
	return k;
}

/* Columns of ENTITY_GET, copied out. */
struct entity_row {
	int64_t created_us;
	const char *state, *meta_kid, *letter_class;
	const void *meta_key, *sealed;
	size_t meta_key_n, sealed_n;
};

static enum pli_status row_read(struct directory *d, struct pool *pool, const struct uuid *entity, struct entity_row *row,
				struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, ENTITY_GET, "u", entity);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK) {
		const void *p;
		row->created_us = db_int(&rows, 0);
		row->state = pool_str(pool, db_text(&rows, 1));
		row->meta_kid = pool_str(pool, db_text(&rows, 2));
		p = db_blob(&rows, 3, &row->meta_key_n);
		row->meta_key = pool_dup(pool, p, row->meta_key_n);
		p = db_blob(&rows, 4, &row->sealed_n);
		row->sealed = pool_dup(pool, p, row->sealed_n);
		row->letter_class = directory_letter_class(db_text(&rows, 5));
	} else if (st == PLI_ABSENT) {
		err_set(err, st, "There is no such entity.");
	}
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st;
}

static enum pli_status meta_key_unwrap(struct directory *d, const struct uuid *entity, const struct entity_row *row,
				       uint8_t key_r[32], struct err *err)
{
	uint8_t aad[META_AAD_MAX];
	struct keywrap_item item = { .kid = row->meta_kid, .aad = aad, .in = row->meta_key, .in_n = row->meta_key_n };
	enum pli_status st;

	item.aad_n = meta_aad(aad, &(struct meta_place){ "meta-key", entity, entity, 0 });
	st = d->keywrap.unwrap(d->keywrap.arg, &item, 1, err);
	if (st == PLI_OK && item.out_n != 32)
		st = err_set(err, PLI_IO, "The metadata key of an entity has an unknown form.");
	if (st == PLI_OK)
		memcpy(key_r, item.out, 32);
	mem_wipe(item.out, sizeof(item.out));
	return st;
}

static struct directory_known *known_remember(struct directory *d, struct directory_known *fresh)
{
	struct directory_known *k;

	pthread_mutex_lock(&d->lock);
	k = known_find(d, &fresh->entity);
	if (!k) {
		unsigned b = known_bucket(&fresh->entity);
		fresh->next = d->known[b];
		d->known[b] = fresh;
	}
	pthread_mutex_unlock(&d->lock);
	if (!k)
		return fresh;
	/* Another thread was first; its copy is the one that pointers may already refer to. */
	directory_known_free(fresh);
	return k;
}

void directory_known_state(struct directory *d, const struct uuid *entity, const char *state)
{
	struct directory_known *k;

	pthread_mutex_lock(&d->lock);
	k = known_find(d, entity);
	if (k)
		k->state = state;
	pthread_mutex_unlock(&d->lock);
}

void directory_known_class(struct directory *d, const struct uuid *entity, const char *letter_class)
{
	struct directory_known *k;

	pthread_mutex_lock(&d->lock);
	k = known_find(d, entity);
	if (k)
		k->letter_class = letter_class;
	pthread_mutex_unlock(&d->lock);
}

enum pli_status directory_known_get(struct directory *d, const struct uuid *entity,
				    const struct directory_known **known_r, struct err *err)
{
	AUTO_POOL pool = NULL;
	struct directory_known *k;
	struct entity_row row = { 0 };
	const char *texts[2];
	uint8_t key[32];
	enum pli_status st;

	pthread_mutex_lock(&d->lock);
	k = known_find(d, entity);
	pthread_mutex_unlock(&d->lock);
	if (k) {
		*known_r = k;
		return PLI_OK;
	}
	pool = pool_new();
	st = row_read(d, pool, entity, &row, err);
	if (st == PLI_OK)
		st = meta_key_unwrap(d, entity, &row, key, err);
	if (st == PLI_OK)
		st = meta_open_texts(pool, key, &(struct meta_place){ "entity", entity, entity, 0 }, row.sealed, row.sealed_n,
				     texts, 2, err);
	if (st == PLI_OK) {
		k = mem_alloc(sizeof(*k));
		k->entity = *entity;
		memcpy(k->meta_key, key, 32);
		k->name = mem_str(texts[0]);
		k->siren = mem_str(texts[1]);
		k->state = str_eq(row.state, "active") ? "active" : "disabled";
		k->letter_class = row.letter_class;
		k->created_us = row.created_us;
		*known_r = known_remember(d, k);
	}
	mem_wipe(key, sizeof(key));
	return st;
}

enum pli_status directory_known_all(struct directory *d, struct err *err)
{
	AUTO_BUF ids;			/* struct uuid, one after the other */
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, ENTITY_ALL, "");

	buf_init(&ids);
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		struct uuid id;
		if (db_uuid(&rows, 0, &id))
			buf_add(&ids, &id, sizeof(id));
	}
	db_end(&rows);
	db_reader_give(d->db, conn);
	if (st == PLI_ABSENT)
		st = PLI_OK;
	for (size_t at = 0; st == PLI_OK && at < ids.n; at += sizeof(struct uuid)) {
		const struct directory_known *known;
		struct uuid id;
		memcpy(&id, ids.p + at, sizeof(id));
		st = directory_known_get(d, &id, &known, err);
		/* A damaged row or a key that is gone harms its own entity only, when it is used. */
		if (st != PLI_OK && st != PLI_BUSY) {
			char text[37];

			log_error("entity.closed", "entity %s cannot be opened: %s", uuid_format(text, &id), pli_status_name(st));
			st = PLI_OK;
		}
	}
	return st;
}

enum pli_status directory_meta_key(struct directory *directory, const struct uuid *entity, const uint8_t **key_r, struct err *err)
{
	const struct directory_known *known;
	enum pli_status st = directory_known_get(directory, entity, &known, err);

	if (st == PLI_OK)
		*key_r = known->meta_key;
	return st;
}

/* ---- adding and finding ---- */

struct entity_new {
	struct directory *d;
	const struct journal_actor *by;
	struct uuid entity;
	int64_t now_us;
	uint8_t key[32], name_mac[32];
	char kid[64];
	struct keywrap_item wrapped;
	struct buf sealed;
	const char *shown;
};

static enum pli_status name_taken(struct err *err)
{
	err_field(err, PLI_CONFLICT, "entity-exists", "name", "There is already an entity of that name.");
	return err_hint(err, "Choose another name; \"pli user add\" takes the existing one.");
}

static enum pli_status entity_insert(struct db_tx *tx, void *arg, struct err *err)
{
	const struct entity_new *e = arg;
	struct journal_event ev = { .ev = "entity.created", .actor = e->by, .entity = &e->entity, .shown_json = e->shown,
				    .meta_key = e->key };
	enum pli_status st = db_run(tx->conn, NULL, err, NAME_ADD, "bu", e->name_mac, sizeof(e->name_mac), &e->entity);

	if (st == PLI_CONFLICT)
		return name_taken(err);
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, ENTITY_ADD, "uitbb", &e->entity, e->now_us, e->kid, e->wrapped.out,
			    e->wrapped.out_n, e->sealed.p, e->sealed.n);
	if (st == PLI_OK)
		st = journal_add(e->d->journal, tx, &ev, err);
	return st;
}

static enum pli_status entity_checked(const char *name, const char *siren, struct err *err)
{
	size_t n = strlen(name);

	if (n == 0 || n > NAME_MAX_BYTES || !text_is_line(name, n) || name[0] == ' ' || name[n - 1] == ' ')
		return err_field(err, PLI_INVALID, "bad-name", "name", "The name must be one line of 1 to %d bytes, without "
				 "spaces at its ends.", NAME_MAX_BYTES);
	if (siren && *siren && (strlen(siren) != 9 || strspn(siren, "0123456789") != 9))
		return err_field(err, PLI_INVALID, "bad-siren", "siren", "A SIREN number has nine digits.");
	return PLI_OK;
}

static enum pli_status entity_keys(struct entity_new *e, struct err *err)
{
	uint8_t aad[META_AAD_MAX];
	enum pli_status st = directory_kek(e->d, "meta", &e->entity, 0, e->kid, err);

	if (st != PLI_OK)
		return st;
	mem_random(e->key, sizeof(e->key));
	e->wrapped = (struct keywrap_item){ .kid = e->kid, .aad = aad, .in = e->key, .in_n = sizeof(e->key) };
	e->wrapped.aad_n = meta_aad(aad, &(struct meta_place){ "meta-key", &e->entity, &e->entity, 0 });
	return e->d->keywrap.wrap(e->d->keywrap.arg, &e->wrapped, 1, err);
}

/* Names that differ only by the case of A to Z, or by how an accent is encoded, are one name. */
static void name_mac(struct directory *d, const char *name, uint8_t mac_r[32])
{
	size_t n = strlen(name);
	char *nfc = text_nfc(name, n, &n);
	const char *s = nfc ? nfc : name;
	AUTO_BUF lower;

	buf_init(&lower);
	for (size_t i = 0; i < n; i++)
		buf_ch(&lower, s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] + 32) : s[i]);
	directory_mac(d, "entity-name", lower.p, lower.n, mac_r);
	mem_free(nfc);
}

static enum pli_status entity_by_name(struct directory *d, const char *name, struct uuid *entity_r, struct err *err)
{
	uint8_t mac[32];
	struct db_conn *conn;
	struct db_rows rows = { 0 };
	enum pli_status st;

	name_mac(d, name, mac);
	conn = db_reader_take(d->db);
	st = db_query(conn, &rows, err, NAME_GET, "b", mac, sizeof(mac));
	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK && !db_uuid(&rows, 0, entity_r))
		st = err_set(err, PLI_IO, "The table of entity names is damaged.");
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st;
}

/* Asked before a key is made, which would stay for nothing: one of the key files for each entity. */
static enum pli_status name_free(struct directory *d, const char *name, struct err *err)
{
	struct uuid other;
	enum pli_status st = entity_by_name(d, name, &other, err);

	if (st == PLI_OK)
		return name_taken(err);
	return st == PLI_ABSENT ? PLI_OK : st;
}

static enum pli_status entity_add(struct entity_new *e, const char *name, const char *const texts[2], const char *siren,
				  struct uuid *entity_r, struct err *err)
{
	AUTO_POOL pool = pool_new();
	enum pli_status st;

	uuid_make(&e->entity);
	name_mac(e->d, name, e->name_mac);
	e->shown = directory_shown(pool, name, siren, NULL);
	buf_init(&e->sealed);
	st = entity_keys(e, err);
	if (st == PLI_OK)
		st = meta_seal_texts(e->key, &(struct meta_place){ "entity", &e->entity, &e->entity, 0 }, texts, 2, &e->sealed, err);
	if (st == PLI_OK)
		st = db_write(e->d->db, entity_insert, e, err);
	if (st == PLI_OK) {
		const struct directory_known *known;
		st = directory_known_get(e->d, &e->entity, &known, err);
		*entity_r = e->entity;
	}
	buf_free(&e->sealed);
	return st;
}

enum pli_status directory_entity_add(struct directory *d, const struct journal_actor *by, const char *name, const char *siren,
				     struct uuid *entity_r, struct err *err)
{
	struct entity_new e = { .d = d, .by = by, .now_us = clock_now_us() };
	const char *texts[2] = { name, siren ? siren : "" };
	enum pli_status st = entity_checked(name, siren, err);

	if (st != PLI_OK)
		return st;
	/* One after the other, so that nobody takes the name meanwhile. */
	pthread_mutex_lock(&d->adding);
	st = name_free(d, name, err);
	if (st == PLI_OK)
		st = entity_add(&e, name, texts, siren, entity_r, err);
	pthread_mutex_unlock(&d->adding);
	mem_wipe(e.key, sizeof(e.key));
	return st;
}

enum pli_status directory_entity_get(struct directory *d, struct pool *pool, const struct uuid *entity,
				     struct directory_entity *entity_r, struct err *err)
{
	const struct directory_known *known;
	enum pli_status st = directory_known_get(d, entity, &known, err);

	if (st == PLI_OK)
		*entity_r = (struct directory_entity){
			.entity = *entity, .name = pool_str(pool, known->name), .siren = pool_str(pool, known->siren),
			.state = pool_str(pool, known->state), .letter_class = known->letter_class, .created_us = known->created_us,
		};
	return st;
}

enum pli_status directory_entity_find(struct directory *d, struct pool *pool, const char *name_or_id,
				      struct directory_entity *entity_r, struct err *err)
{
	struct uuid entity;
	enum pli_status st = uuid_parse(&entity, name_or_id) ? PLI_OK : entity_by_name(d, name_or_id, &entity, err);

	if (st == PLI_OK)
		st = directory_entity_get(d, pool, &entity, entity_r, err);
	if (st == PLI_ABSENT)
		return err_field(err, st, "no-entity", "entity", "There is no entity of that name or id.");
	return st;
}
