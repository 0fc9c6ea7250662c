/* Statements of a SQLite connection, cached by their SQL's address; see db_statement.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"
#include "uuid.h"

#include "db_statement.h"

#define CACHE_SLOTS_FIRST 128	/* a power of two */

static size_t slot_of(const struct sqlite_conn *c, const char *sql)
{
	uintptr_t x = (uintptr_t)sql;
	size_t mask = c->slot_count - 1;
	size_t i = (x >> 3 ^ x >> 12) & mask;

	while (c->slots[i] && c->slots[i]->sql != sql)
		i = (i + 1) & mask;
	return i;
}

static void slots_grow(struct sqlite_conn *c)
{
	struct db_statement **old = c->slots;
	size_t old_count = c->slot_count;

	c->slot_count = old_count ? old_count * 2 : CACHE_SLOTS_FIRST;
	c->slots = mem_alloc(c->slot_count * sizeof(*c->slots));
	for (size_t i = 0; i < old_count; i++)
		if (old[i])
			c->slots[slot_of(c, old[i]->sql)] = old[i];
	mem_free(old);
}

static enum pli_status places_find(struct db_statement *s, struct err *err)
{
	int count = sqlite3_bind_parameter_count(s->stmt);

	for (int i = 1; i <= count; i++) {
		const char *name = sqlite3_bind_parameter_name(s->stmt, i);
		char *end;
		unsigned long n = 0;

		if (name && name[0] == '$')
			n = strtoul(name + 1, &end, 10);
		if (!n || n > DB_PARAMETERS_MAX || *end)
			return err_set(err, PLI_BUG, "bad parameter in: %.100s", s->sql);
		s->place[n] = (unsigned char)i;
		if (n > s->count)
			s->count = (unsigned char)n;
	}
	return PLI_OK;
}

static void statement_free(struct db_statement *s)
{
	if (!s)
		return;
	sqlite3_finalize(s->stmt);
	mem_free(s);
}

static enum pli_status statement_make(struct sqlite_conn *c, const char *sql, unsigned flags,
				      struct db_statement **s_r, struct err *err)
{
	struct db_statement *s = mem_alloc(sizeof(*s));
	enum pli_status status;

	s->sql = sql;
	if (sqlite3_prepare_v3(c->db, sql, -1, flags, &s->stmt, NULL) != SQLITE_OK || !s->stmt) {
		statement_free(s);
		return db_sqlite_failed(c, sql, err);
	}
	status = places_find(s, err);
	if (status != PLI_OK) {
		statement_free(s);
		return status;
	}
	*s_r = s;
	return PLI_OK;
}

/* From the linker: between them lie the program's constants. */
extern const char __executable_start[], data_start[];

/* The address is the key: the text behind it must be a constant.  Where it cannot be anything else, comparing all of it anew would only
 * cost cold memory, at every statement. */
static bool is_its_text(const struct db_statement *s, const char *sql)
{
	uintptr_t at = (uintptr_t)sql;

	return (at >= (uintptr_t)__executable_start && at < (uintptr_t)data_start) || strcmp(sqlite3_sql(s->stmt), sql) == 0;
}

/* The cached statement of sql, marked busy; a second one when the first is being read. */
enum pli_status db_statement_take(struct sqlite_conn *c, const char *sql, struct db_statement **s_r, struct err *err)
{
	size_t i = slot_of(c, sql);
	struct db_statement *s = c->slots[i];
	enum pli_status status;

	if (s && !s->busy) {
		assert(is_its_text(s, sql));
		s->busy = true;
		*s_r = s;
		return PLI_OK;
	}
	status = statement_make(c, sql, s ? 0 : SQLITE_PREPARE_PERSISTENT, &s, err);
	if (status != PLI_OK)
		return status;
	s->busy = true;
	if (!c->slots[i]) {
		s->cached = true;
		c->slots[i] = s;
		if (++c->slot_used * 2 > c->slot_count)
			slots_grow(c);
	}
	*s_r = s;
	return PLI_OK;
}

void db_statement_give(struct db_statement *s)
{
	sqlite3_reset(s->stmt);
	if (s->cached) {
		sqlite3_clear_bindings(s->stmt);
		s->busy = false;
	} else {
		statement_free(s);
	}
}

/* borrow: the values outlive the statement's run, so they are not copied. */
void db_statement_bind(struct db_statement *s, const char *types, va_list ap, bool borrow)
{
	sqlite3_destructor_type life = borrow ? SQLITE_STATIC : SQLITE_TRANSIENT;
	unsigned n = 0;

	for (const char *t = types; *t; t++) {
		const void *p;
		size_t size;
		int place;

		n++;
		assert(n <= s->count);
		place = s->place[n];
		switch (*t) {
		case 'i':
			sqlite3_bind_int64(s->stmt, place, va_arg(ap, int64_t));
			break;
		case 't':
			sqlite3_bind_text(s->stmt, place, va_arg(ap, const char *), -1, life);
			break;
		case 'b':
			p = va_arg(ap, const void *);
			size = va_arg(ap, size_t);
			if (p && !size)
				sqlite3_bind_zeroblob(s->stmt, place, 0);
			else
				sqlite3_bind_blob64(s->stmt, place, p, size, life);
			break;
		case 'u':
			p = va_arg(ap, const struct uuid *);
			sqlite3_bind_blob(s->stmt, place, p, sizeof(struct uuid), life);
			break;
		case 'n':
			sqlite3_bind_null(s->stmt, place);
			break;
		default:
			assert(!"unknown binding letter");
		}
	}
	/* As many letters as the statement has parameters: a forgotten one would silently be null. */
	assert(n == s->count);
}

void db_statement_begin(struct sqlite_conn *c)
{
	slots_grow(c);
}

void db_statement_end(struct sqlite_conn *c)
{
	for (size_t i = 0; i < c->slot_count; i++)
		statement_free(c->slots[i]);
	mem_free(c->slots);
}
