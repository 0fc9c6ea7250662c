/* The table of routes and t/routes.tsv, written by hand, name the same routes: what has no row there is tested for nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "locale.h"
#include "pool.h"

#include "http.h"

#include "route.h"

#define ROWS_MAX 400
#define FILE_NAME "t/routes.tsv"

static char rows[ROWS_MAX][200];	/* "GET /l/{token}" */
static unsigned row_count;

static void row_add(const char *method, size_t method_n, const char *address)
{
	assert_true(row_count < ROWS_MAX);
	snprintf(rows[row_count++], sizeof(rows[0]), "%.*s %s", (int)method_n, method, address);
}

/* {id@foreign} and {name=root.pem} are {id} and {name} of the pattern; a query does not count. */
static void address_plain(const char *from, char out[160])
{
	size_t n = 0;
	bool inside = false, skip = false;

	for (; *from && *from != '\t' && *from != '?' && n < 159; from++) {
		if (*from == '{')
			inside = true;
		if (inside && (*from == '@' || *from == '='))
			skip = true;
		if (*from == '}')
			inside = skip = false;
		if (!skip)
			out[n++] = *from;
	}
	out[n] = '\0';
	/* The uploads' id has a name of its own in the table. */
	if (strstr(out, "{upload}"))
		memcpy(strstr(out, "{upload}"), "{id}", 5);
}

static void row_read(char *line)
{
	char address[160];
	char *tab = strchr(line, '\t');

	if (line[0] == '#' || !tab || strncmp(line, "method\t", 7) == 0)
		return;
	address_plain(tab + 1, address);
	for (char *m = line; m < tab;) {
		size_t n = strcspn(m, "+\t");

		row_add(m, n, address);
		m += n + 1;
	}
}

static int read_rows(void **state)
{
	FILE *f = fopen(FILE_NAME, "r");
	char line[1024];

	(void)state;
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		row_read(line);
	fclose(f);
	return 0;
}

static bool row_has(const char *method, const char *pattern)
{
	char wanted[200];

	snprintf(wanted, sizeof(wanted), "%s %s", method, pattern);
	for (unsigned i = 0; i < row_count; i++)
		if (strcmp(rows[i], wanted) == 0)
			return true;
	return false;
}

static void every_route_has_a_row(void **state)
{
	unsigned count, missing = 0;
	const struct route *table = route_table(&count);

	(void)state;
	assert_true(count > 0);
	for (unsigned i = 0; i < count; i++) {
		const struct route *r = &table[i];
		const char *method = http_method_name(r->method);

		if (!row_has(method, r->pattern)) {
			print_error("%s has no row for %s %s\n", FILE_NAME, method, r->pattern);
			missing++;
		}
		if (!row_has("*", r->pattern)) {
			print_error("%s has no row for the other methods of %s\n", FILE_NAME, r->pattern);
			missing++;
		}
		if (r->method == HTTP_GET && !row_has("HEAD", r->pattern)) {
			print_error("%s has no row for HEAD %s\n", FILE_NAME, r->pattern);
			missing++;
		}
	}
	assert_int_equal(missing, 0);
}

/* A form that is held while a fresh proof is asked for is named in both languages, and nothing else is. */
static void every_held_form_has_a_name(void **state)
{
	const struct locale *locales[] = { locale_find("fr"), locale_find("en") };
	unsigned count, held = 0;
	char key[80];
	const struct route *table = route_table(&count);

	(void)state;
	for (unsigned i = 0; i < count; i++) {
		const struct route *r = &table[i];
		bool takes_form = r->who == ROUTE_SESSION && r->fresh && r->method == HTTP_POST && (r->types & ROUTE_FORM) && r->body_max;

		if (takes_form != (r->act != NULL))
			fail_msg("%s: held and named, or neither", r->pattern);
		snprintf(key, sizeof(key), "stepup.do.%s", r->act ? r->act : "");
		for (unsigned k = 0; r->act && k < 2; k++)
			if (!locale_has(locales[k], key))
				fail_msg("%s: %s is no text of %s", r->pattern, key, locale_lang(locales[k]));
		held += r->act != NULL;
	}
	assert_true(held > 0);
}

static bool table_has(const char *method, const char *pattern)
{
	unsigned count;
	const struct route *table = route_table(&count);

	for (unsigned i = 0; i < count; i++) {
		const char *own = http_method_name(table[i].method);

		if (strcmp(table[i].pattern, pattern) != 0)
			continue;
		if (strcmp(own, method) == 0 || strcmp(method, "*") == 0 ||
		    (strcmp(method, "HEAD") == 0 && table[i].method == HTTP_GET))
			return true;
	}
	return false;
}

static void every_row_has_a_route(void **state)
{
	unsigned odd = 0;

	(void)state;
	assert_true(row_count > 0);
	for (unsigned i = 0; i < row_count; i++) {
		char *blank = strchr(rows[i], ' ');
		char method[16];

		snprintf(method, sizeof(method), "%.*s", (int)(blank - rows[i]), rows[i]);
		if (!table_has(method, blank + 1)) {
			print_error("%s: there is no route %s\n", FILE_NAME, rows[i]);
			odd++;
		}
	}
	assert_int_equal(odd, 0);
}

/* ---- looking up ---- */

static void looks_up(void **state)
{
	static const struct {
		enum http_method method;
		const char *path;
		enum pli_status status;
		const char *pattern, *first, *second, *allow;
	} CASES[] = {
		{ HTTP_GET, "/", PLI_OK, "/", NULL, NULL, "" },
		{ HTTP_HEAD, "/about", PLI_OK, "/about", NULL, NULL, "" },
		{ HTTP_GET, "/l/abc", PLI_OK, "/l/{token}", "abc", NULL, "" },
		{ HTTP_GET, "/l/abc/files/12", PLI_OK, "/l/{token}/files/{n}", "abc", "12", "" },
		{ HTTP_GET, "/l/abc/files.zip", PLI_OK, "/l/{token}/files.zip", "abc", NULL, "" },
		{ HTTP_POST, "/api/v1/letters/1/resend", PLI_OK, "/api/v1/letters/{id}/resend", "1", NULL, "" },
		{ HTTP_GET, "/l/", PLI_ABSENT, NULL, NULL, NULL, "" },
		{ HTTP_GET, "/l", PLI_ABSENT, NULL, NULL, NULL, "" },
		{ HTTP_GET, "/l/abc/", PLI_ABSENT, NULL, NULL, NULL, "" },
		{ HTTP_GET, "/l//letter", PLI_ABSENT, NULL, NULL, NULL, "" },
		{ HTTP_GET, "//", PLI_ABSENT, NULL, NULL, NULL, "" },
		{ HTTP_GET, "", PLI_ABSENT, NULL, NULL, NULL, "" },
		{ HTTP_GET, "/about/", PLI_ABSENT, NULL, NULL, NULL, "" },
		{ HTTP_GET, "/aboutx", PLI_ABSENT, NULL, NULL, NULL, "" },
		{ HTTP_GET, "/abou", PLI_ABSENT, NULL, NULL, NULL, "" },
		{ HTTP_DELETE, "/", PLI_METHOD, NULL, NULL, NULL, "GET, HEAD" },
		{ HTTP_PUT, "/api/v1/letters", PLI_METHOD, NULL, NULL, NULL, "POST, GET, HEAD" },
		{ HTTP_GET, "/api/v1/uploads/1", PLI_METHOD, NULL, NULL, NULL, "HEAD, PATCH, DELETE" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		AUTO_POOL pool = pool_new();
		const struct route *route = NULL;
		const char *params[2] = { NULL, NULL };
		char allow[64];
		enum pli_status st = route_find(CASES[i].method, CASES[i].path, pool, &route, params, allow);

		if (st != CASES[i].status)
			fail_msg("%s: status %d", CASES[i].path, (int)st);
		assert_string_equal(allow, CASES[i].allow);
		if (st != PLI_OK)
			continue;
		assert_string_equal(route->pattern, CASES[i].pattern);
		if (CASES[i].first)
			assert_string_equal(params[0], CASES[i].first);
		if (CASES[i].second)
			assert_string_equal(params[1], CASES[i].second);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_has_a_row),
		cmocka_unit_test(every_held_form_has_a_name),
		cmocka_unit_test(every_row_has_a_route),
		cmocka_unit_test(looks_up),
	};

	return cmocka_run_group_tests_name("route", tests, read_rows, NULL);
}
