/* SQLite alone: what a deposit leaves in the database, written by nothing but SQLite.
 *
 * The model is a database of the server with letters in it.  Its tables and indexes are made again, empty; the rows of one
 * of its letters, in every table that has a column `letter`, are the model of a deposit.  Each deposit is these rows with
 * fresh ids, numbers, times and hashes, all other values as they are; each group of deposits is one transaction, with one
 * row in `head` and the journal's state, as the server writes for a commit group.  WAL, synchronous = FULL, one thread.
 * Nothing is sealed, hashed, signed, parsed or sent here: this is the most that the server could reach. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sqlite3.h>

#include "reference.h"

#define ROWS_MAX 64
#define COLUMNS_MAX 64
#define IDS_MAX 64

enum role {
	KEPT,		/* as in the model */
	OWN_ID,		/* 16 bytes: a fresh id for each one of the model's letter */
	RANDOM,		/* a hash or a token's */
	NUMBER,		/* the journal's */
	SIZE,		/* the journal's: how many entries there are */
	TIME,
	LATER,		/* a time, 30 days on */
};

struct column {
	enum role role;
	sqlite3_value *value;
};

/* A statement that inserts one row of a deposit. */
struct row {
	sqlite3_stmt *insert;
	unsigned columns;
	struct column column[COLUMNS_MAX];
};

struct rows {
	sqlite3 *model, *db;
	struct row row[ROWS_MAX];
	unsigned n;
	struct row head;		/* columns 0: there is none */
	sqlite3_stmt *begin, *commit, *state;
	struct {
		unsigned char model[16], fresh[16];
	} id[IDS_MAX];
	unsigned ids;
	uint64_t seq;
	int64_t now_us;
	uint32_t serial;
	uint64_t noise;			/* not 0 */
};

static void must(sqlite3 *db, int code)
{
	if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE)
		reference_die("SQLite: %s", sqlite3_errmsg(db));
}

static sqlite3_stmt *prepared(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;

	must(db, sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL));
	return s;
}

/* ------------------------------------------------------------------ the model */

static enum role role_of(const char *table, const char *column, const sqlite3_value *value)
{
	static const struct {
		const char *column;
		enum role role;
	} ROLES[] = {
		{ "letter", OWN_ID }, { "recipient", OWN_ID }, { "notice", OWN_ID }, { "object", OWN_ID },
		{ "token_hash", RANDOM }, { "leaf", RANDOM }, { "key_mac", RANDOM }, { "root", RANDOM },
		{ "seq", NUMBER }, { "size", SIZE }, { "number", SIZE }, { "gate", SIZE },
		{ "t", TIME }, { "created", TIME }, { "due", TIME }, { "gen_time", TIME }, { "expires", LATER },
	};

	if (sqlite3_value_type((sqlite3_value *)(uintptr_t)value) == SQLITE_NULL)
		return KEPT;
	/* Only a head's size is the journal's. */
	if (strcmp(column, "size") == 0 && strcmp(table, "head") != 0)
		return KEPT;
	for (size_t i = 0; i < sizeof(ROLES) / sizeof(ROLES[0]); i++)
		if (strcmp(column, ROLES[i].column) == 0)
			return ROLES[i].role;
	return KEPT;
}

static void row_model(struct rows *r, struct row *row, const char *table, sqlite3_stmt *from)
{
	char sql[2048];
	size_t at;

	row->columns = (unsigned)sqlite3_column_count(from);
	if (row->columns > COLUMNS_MAX)
		reference_die("table %s is too wide", table);
	at = (size_t)snprintf(sql, sizeof(sql), "INSERT INTO %s VALUES (?", table);
	for (unsigned i = 1; i < row->columns; i++)
		at += (size_t)snprintf(sql + at, sizeof(sql) - at, ",?");
	snprintf(sql + at, sizeof(sql) - at, ")");
	row->insert = prepared(r->db, sql);
	for (unsigned i = 0; i < row->columns; i++) {
		row->column[i].value = sqlite3_value_dup(sqlite3_column_value(from, (int)i));
		row->column[i].role = role_of(table, sqlite3_column_name(from, (int)i), row->column[i].value);
	}
}

static bool has_letters(sqlite3 *db, const char *table)
{
	sqlite3_stmt *s = prepared(db, "SELECT 1 FROM pragma_table_info(?) WHERE name = 'letter'");
	bool has;

	sqlite3_bind_text(s, 1, table, -1, SQLITE_STATIC);
	has = sqlite3_step(s) == SQLITE_ROW;
	sqlite3_finalize(s);
	return has;
}

static void table_model(struct rows *r, const char *table)
{
	char sql[512];
	sqlite3_stmt *s;

	snprintf(sql, sizeof(sql), "SELECT * FROM %s WHERE letter = (SELECT letter FROM letter ORDER BY letter DESC LIMIT 1)%s", table,
		 strcmp(table, "journal") == 0 ? " ORDER BY seq" : "");
	s = prepared(r->model, sql);
	while (sqlite3_step(s) == SQLITE_ROW) {
		if (r->n == ROWS_MAX)
			reference_die("the model's letter has too many rows");
		row_model(r, &r->row[r->n++], table, s);
	}
	sqlite3_finalize(s);
}

static void model_read(struct rows *r)
{
	sqlite3_stmt *s = prepared(r->model, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");

	while (sqlite3_step(s) == SQLITE_ROW)
		if (has_letters(r->model, (const char *)sqlite3_column_text(s, 0)))
			table_model(r, (const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	if (!r->n)
		reference_die("there is no letter in the model");
	s = prepared(r->model, "SELECT * FROM head ORDER BY size DESC LIMIT 1");
	if (sqlite3_step(s) != SQLITE_ROW)
		reference_die("there is no head in the model");
	row_model(r, &r->head, "head", s);
	sqlite3_finalize(s);
	/* The state is a tree's edges: about as long as it ever gets. */
	r->state = prepared(r->db, "INSERT OR REPLACE INTO instance (k, v) VALUES ('journal.tree', zeroblob(500))");
}

static void schema_make(struct rows *r)
{
	sqlite3_stmt *s = prepared(r->model, "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
					     " ORDER BY type = 'index'");

	must(r->db, sqlite3_exec(r->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8000;"
				 "PRAGMA wal_autocheckpoint = 4000", NULL, NULL, NULL));
	if (sqlite3_table_column_metadata(r->db, NULL, "letter", NULL, NULL, NULL, NULL, NULL, NULL) != SQLITE_OK)
		while (sqlite3_step(s) == SQLITE_ROW)
			must(r->db, sqlite3_exec(r->db, (const char *)sqlite3_column_text(s, 0), NULL, NULL, NULL));
	sqlite3_finalize(s);
	s = prepared(r->db, "SELECT coalesce(max(seq) + 1, 0) FROM journal");
	sqlite3_step(s);
	r->seq = (uint64_t)sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
}

/* ------------------------------------------------------------------ writing */

/* Bytes that do not repeat; SQLite does not mind how they were made, and this costs next to nothing. */
static void noise(struct rows *r, unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i % 8 == 0) {
			r->noise ^= r->noise << 13;
			r->noise ^= r->noise >> 7;
			r->noise ^= r->noise << 17;
		}
		p[i] = (unsigned char)(r->noise >> (i % 8 * 8));
	}
}

/* UUIDv7: the time, then a counter and random bits, as the server's ids. */
static void id_make(struct rows *r, unsigned char id[16])
{
	uint64_t ms = (uint64_t)(r->now_us / 1000);
	uint32_t serial = ++r->serial;

	noise(r, id, 16);
	for (int i = 0; i < 6; i++)
		id[i] = (unsigned char)(ms >> (40 - 8 * i));
	id[6] = (unsigned char)(0x70 | (serial >> 16 & 0x0f));
	id[7] = (unsigned char)(serial >> 8);
	id[8] = (unsigned char)(0x80 | (serial >> 2 & 0x3f));
}

static const unsigned char *id_fresh(struct rows *r, const void *model)
{
	for (unsigned i = 0; i < r->ids; i++)
		if (memcmp(r->id[i].model, model, 16) == 0)
			return r->id[i].fresh;
	if (r->ids == IDS_MAX)
		reference_die("the model's letter has too many ids");
	memcpy(r->id[r->ids].model, model, 16);
	id_make(r, r->id[r->ids].fresh);
	return r->id[r->ids++].fresh;
}

static void row_insert(struct rows *r, struct row *row)
{
	unsigned char hash[32];

	for (unsigned i = 0; i < row->columns; i++) {
		struct column *c = &row->column[i];
		int at = (int)i + 1;

		switch (c->role) {
		case KEPT: sqlite3_bind_value(row->insert, at, c->value); break;
		case OWN_ID: sqlite3_bind_blob(row->insert, at, id_fresh(r, sqlite3_value_blob(c->value)), 16, SQLITE_STATIC); break;
		case RANDOM:
			noise(r, hash, sizeof(hash));
			sqlite3_bind_blob(row->insert, at, hash, sizeof(hash), SQLITE_TRANSIENT);
			break;
		case NUMBER: sqlite3_bind_int64(row->insert, at, (int64_t)r->seq++); break;
		case SIZE: sqlite3_bind_int64(row->insert, at, (int64_t)r->seq); break;
		case TIME: sqlite3_bind_int64(row->insert, at, r->now_us); break;
		case LATER: sqlite3_bind_int64(row->insert, at, r->now_us + 30 * 86400 * INT64_C(1000000)); break;
		}
	}
	must(r->db, sqlite3_step(row->insert));
	must(r->db, sqlite3_reset(row->insert));
}

static void step(struct rows *r, sqlite3_stmt *s)
{
	must(r->db, sqlite3_step(s));
	must(r->db, sqlite3_reset(s));
}

static void group_write(struct rows *r, unsigned group)
{
	step(r, r->begin);
	for (unsigned i = 0; i < group; i++) {
		r->ids = 0;
		for (unsigned k = 0; k < r->n; k++)
			row_insert(r, &r->row[k]);
	}
	row_insert(r, &r->head);
	step(r, r->state);
	step(r, r->commit);
}

void reference_rows(const char *model, const char *to, unsigned group, double seconds, const char *name)
{
	struct rows *r = calloc(1, sizeof(*r));
	int64_t begun, cpu_us, us = 0;
	struct timespec now;
	double n = 0;
	char uri[4096];

	if (!r || group < 1)
		reference_die("a group has at least one deposit");
	snprintf(uri, sizeof(uri), "file:%s?immutable=1", model);
	must(NULL, sqlite3_open_v2(uri, &r->model, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL));
	must(NULL, sqlite3_open(to, &r->db));
	schema_make(r);
	model_read(r);
	r->noise = (uint64_t)reference_now_us() | 1;
	r->begin = prepared(r->db, "BEGIN IMMEDIATE");
	r->commit = prepared(r->db, "COMMIT");
	begun = reference_now_us();
	cpu_us = reference_cpu_us();
	while ((double)us < seconds * 1e6) {
		clock_gettime(CLOCK_REALTIME, &now);
		r->now_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
		group_write(r, group);
		n += group;
		us = reference_now_us() - begun;
	}
	cpu_us = reference_cpu_us() - cpu_us;
	printf("%s %.0f /s\n%s.cpu %.1f us\n", name, n * 1e6 / (double)us, name, (double)cpu_us / n);
	/* The process ends: what is open is closed with it, but the log must be short for the next time. */
	must(r->db, sqlite3_wal_checkpoint_v2(r->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
	free(r);
}
