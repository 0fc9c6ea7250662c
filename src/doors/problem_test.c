/* Every outcome has its HTTP code, its exit code, its document and its page, written down here a second time by hand; and what broke
 * inside is told to nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include <cmocka.h>
#include <jansson.h>

#include "buf.h"
#include "locale.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "http.h"

#include "door.h"
#include "problem.h"

#define SECRET "open /srv/pli/data/pli.db: sqlite: SELECT salt FROM sheet"

static const struct expected {
	enum pli_status status;
	int http, exit;
	const char *type, *retry;
} EXPECTED[] = {
	{ PLI_AGAIN, 503, EX_TEMPFAIL, "urn:pli:problem:again", "2" },
	{ PLI_INPUT, 400, EX_USAGE, "urn:pli:problem:input", NULL },
	{ PLI_INVALID, 422, EX_DATAERR, "urn:pli:problem:invalid", NULL },
	{ PLI_UNAUTH, 401, EX_NOPERM, "urn:pli:problem:unauth", NULL },
	{ PLI_DENIED, 403, EX_NOPERM, "urn:pli:problem:denied", NULL },
	{ PLI_ABSENT, 404, EX_NOINPUT, "urn:pli:problem:absent", NULL },
	{ PLI_METHOD, 405, EX_USAGE, "urn:pli:problem:method", NULL },
	{ PLI_CONFLICT, 409, EX_DATAERR, "urn:pli:problem:conflict", NULL },
	{ PLI_VERSION, 412, EX_PROTOCOL, "urn:pli:problem:version", NULL },
	{ PLI_GONE, 410, EX_UNAVAILABLE, "urn:pli:problem:gone", NULL },
	{ PLI_LIMIT, 413, EX_DATAERR, "urn:pli:problem:limit", NULL },
	{ PLI_TYPE, 415, EX_DATAERR, "urn:pli:problem:type", NULL },
	{ PLI_RANGE, 416, EX_DATAERR, "urn:pli:problem:range", NULL },
	{ PLI_LOCKED, 423, EX_NOPERM, "urn:pli:problem:locked", NULL },
	{ PLI_RATE, 429, EX_TEMPFAIL, "urn:pli:problem:rate", NULL },
	{ PLI_BUSY, 503, EX_TEMPFAIL, "urn:pli:problem:busy", "2" },
	{ PLI_UNCERTAIN, 503, EX_TEMPFAIL, "urn:pli:problem:uncertain", "2" },
	{ PLI_FULL, 507, EX_TEMPFAIL, "urn:pli:problem:no-space", NULL },
	{ PLI_IO, 500, EX_IOERR, "urn:pli:problem:io", NULL },
	{ PLI_BUG, 500, EX_SOFTWARE, "urn:pli:problem:bug", NULL },
};
#define EXPECTED_COUNT (sizeof(EXPECTED) / sizeof(EXPECTED[0]))

static const struct settings SETTINGS = { .host = "pli.example.org",
					  .timezone = "Europe/Paris",
					  .lang = "fr" };
static const struct doors DOORS = { .settings = &SETTINGS,
				    .base_url = "https://pli.example.org:8443",
				    .host = "pli.example.org:8443",
				    .hsts = true };

static bool is_internal(enum pli_status status)
{
	return status == PLI_IO || status == PLI_BUG;
}

static void response_end(struct http_response *res)
{
	buf_free(&res->head);
	buf_free(&res->body);
}

/* The value of a header that is there exactly once, in buffer; NULL when it is not there. */
static const char *header(struct http_response *res, const char *name, char value[512])
{
	char line[80];
	const char *head, *at, *end;

	buf_ch(&res->head, '\0'); /* the engine needs no end of a string, we do */
	head = (const char *)res->head.p;
	res->head.n--;
	snprintf(line, sizeof line, "%s: ", name);
	at = strstr(head, line);
	if (!at)
		return NULL;
	assert_true(at == head || at[-1] == '\n');
	assert_null(strstr(at + 1, line));
	at += strlen(line);
	end = strstr(at, "\r\n");
	assert_non_null(end);
	snprintf(value, 512, "%.*s", (int)(end - at), at);
	return value;
}

static void expect_header(struct http_response *res, const char *name, const char *wanted)
{
	char value[512];
	const char *got = header(res, name, value);

	if (!wanted) {
		assert_null(got);
		return;
	}
	assert_non_null(got);
	assert_string_equal(got, wanted);
}

static json_t *document(struct http_response *res)
{
	json_error_t fault;
	json_t *doc = json_loadb((const char *)res->body.p, res->body.n, JSON_REJECT_DUPLICATES, &fault);

	expect_header(res, "Content-Type", "application/problem+json");
	if (!doc)
		fail_msg("%s: %.*s", fault.text, (int)res->body.n, (const char *)res->body.p);
	assert_int_equal(json_integer_value(json_object_get(doc, "status")), res->status);
	for (int i = 0; i < 4; i++) {
		static const char *const KEYS[] = { "type", "title", "detail", "hint" };
		const char *text = json_string_value(json_object_get(doc, KEYS[i]));

		if (!text || !*text)
			fail_msg("no %s: %.*s", KEYS[i], (int)res->body.n, (const char *)res->body.p);
	}
	return doc;
}

static const char *member(const json_t *doc, const char *key)
{
	const char *text = json_string_value(json_object_get(doc, key));

	return text ? text : "";
}

static void every_status_is_expected(void **state)
{
	bool seen[PLI_STATUS_COUNT] = { [PLI_OK] = true };

	(void)state;
	for (size_t i = 0; i < EXPECTED_COUNT; i++)
		seen[EXPECTED[i].status] = true;
	for (int s = 0; s < PLI_STATUS_COUNT; s++)
		assert_true(seen[s]);
}

static void codes(void **state)
{
	(void)state;
	assert_int_equal(problem_http_code(PLI_OK), 200);
	assert_int_equal(problem_exit_code(PLI_OK), EX_OK);
	for (size_t i = 0; i < EXPECTED_COUNT; i++) {
		assert_int_equal(problem_http_code(EXPECTED[i].status), EXPECTED[i].http);
		assert_int_equal(problem_exit_code(EXPECTED[i].status), EXPECTED[i].exit);
	}
	assert_int_equal(problem_http_code(PLI_STATUS_COUNT), 500);
	assert_int_equal(problem_exit_code(PLI_STATUS_COUNT), EX_SOFTWARE);
}

static void documents(void **state)
{
	(void)state;
	for (size_t i = 0; i < EXPECTED_COUNT; i++) {
		const struct expected *e = &EXPECTED[i];
		struct http_response res = { 0 };
		struct err err = { 0 };
		json_t *doc;

		err_set(&err, e->status, "%s", SECRET);
		problem_json(&res, e->http, &err);
		assert_int_equal(res.status, e->http);
		doc = document(&res);
		assert_string_equal(member(doc, "type"), e->type);
		assert_null(json_object_get(doc, "field"));
		if (is_internal(e->status))
			assert_null(memmem(res.body.p, res.body.n, "sqlite", 6));
		else if (e->status != PLI_FULL)
			assert_string_equal(member(doc, "detail"), SECRET);
		json_decref(doc);
		response_end(&res);
	}
}

static void document_of_a_field(void **state)
{
	static const char TEXT[] = "\"quoted\" <b> \\ \x7f \n é \xe2\x80\xa8";
	struct http_response res = { 0 };
	struct err err = { 0 };
	json_t *doc;

	(void)state;
	err_field(&err, PLI_INVALID, "empty-subject", "subject", "%s", TEXT);
	err_hint(&err, "Say what the letter is about.");
	problem_json(&res, 422, &err);
	doc = document(&res);
	assert_string_equal(member(doc, "type"), "urn:pli:problem:empty-subject");
	assert_string_equal(member(doc, "field"), "subject");
	assert_string_equal(member(doc, "detail"), TEXT);
	assert_string_equal(member(doc, "hint"), "Say what the letter is about.");
	json_decref(doc);
	response_end(&res);
}

/* Whatever name a maybe has, a client that must ask again with the same key finds it out by this type alone. */
static void uncertain_stays_uncertain(void **state)
{
	struct http_response res = { 0 };
	struct err err = { 0 };
	json_t *doc;

	(void)state;
	err_field(&err, PLI_UNCERTAIN, "keeper-silent", "", "No answer in time.");
	problem_json(&res, 503, &err);
	doc = document(&res);
	assert_string_equal(member(doc, "type"), "urn:pli:problem:uncertain");
	json_decref(doc);
	response_end(&res);
}

/* ---- by address: a document under /api/, a page elsewhere ---- */

static void answer(struct http_exchange *x, const char *path, const char *lang, const struct err *err)
{
	struct doors doors = DOORS;
	struct door_call c = {
		.doors = &doors, .x = x, .pool = x->pool, .lang = lang, .locale = locale_get(lang)
	};

	x->req.method = HTTP_GET;
	x->req.path = path;
	problem_answer(&c, err);
}

static void answers_of_the_api(void **state)
{
	(void)state;
	for (size_t i = 0; i < EXPECTED_COUNT; i++) {
		AUTO_POOL pool = pool_new();
		struct http_exchange x = { .pool = pool };
		struct err err = { 0 };

		err_set(&err, EXPECTED[i].status, "%s", SECRET);
		answer(&x, "/api/v1/letters", "fr", &err);
		assert_int_equal(x.res.status, EXPECTED[i].http);
		json_decref(document(&x.res));
		expect_header(&x.res, "Retry-After", EXPECTED[i].retry);
		expect_header(&x.res, "WWW-Authenticate",
			      EXPECTED[i].status == PLI_UNAUTH ? "Bearer realm=\"pli\"" : NULL);
		response_end(&x.res);
	}
}

static void retry_after_is_the_errors_own(void **state)
{
	AUTO_POOL pool = pool_new();
	struct http_exchange x = { .pool = pool };
	struct err err = { 0 };

	(void)state;
	err_set(&err, PLI_CONFLICT, "The same request is still running.");
	err.retry_after_s = 7;
	answer(&x, "/api/v1/letters", "en", &err);
	expect_header(&x.res, "Retry-After", "7");
	response_end(&x.res);
}

static bool body_has(const struct http_exchange *x, const char *text)
{
	return memmem(x->res.body.p, x->res.body.n, text, strlen(text)) != NULL;
}

static void pages(void **state)
{
	static const char *const LANGS[] = { "fr", "en" };

	(void)state;
	for (size_t i = 0; i < EXPECTED_COUNT; i++) {
		for (int l = 0; l < 2; l++) {
			AUTO_POOL pool = pool_new();
			struct http_exchange x = { .pool = pool };
			struct err err = { 0 };

			err_set(&err, EXPECTED[i].status, "%s",
				is_internal(EXPECTED[i].status) ? SECRET : "<script>x</script> for programs");
			answer(&x, "/l/x/letter", LANGS[l], &err);
			assert_int_equal(x.res.status, EXPECTED[i].http);
			expect_header(&x.res, "Content-Type", "text/html; charset=utf-8");
			expect_header(&x.res, "Content-Language", LANGS[l]);
			expect_header(&x.res, "Retry-After", EXPECTED[i].retry);
			assert_true(body_has(&x, pool_fmt(pool, "<html lang=\"%s\">", LANGS[l])));
			assert_true(body_has(&x, "<h1>"));
			assert_false(body_has(&x, "<h1></h1>"));
			/* Errors speak English, to programs; pages speak the reader's language. */
			assert_false(body_has(&x, "<script>"));
			assert_false(body_has(&x, "for programs"));
			assert_true(body_has(&x, "<p class=\"lead\">"));
			assert_false(body_has(&x, "sqlite"));
			response_end(&x.res);
		}
	}
}

/* ---- faults below routing ---- */

static void faults(void **state)
{
	static const struct {
		int code;
		const char *target, *type, *urn;
	} CASES[] = {
		{ 400, "/api/v1/letters", "application/problem+json", "urn:pli:problem:input" },
		{ 408, "/api/v1/letters", "application/problem+json", "urn:pli:problem:slow" },
		{ 411, "/api/v1/letters", "application/problem+json", "urn:pli:problem:length-required" },
		{ 413, "/api/v1/letters", "application/problem+json", "urn:pli:problem:limit" },
		{ 421, "/api/x", "application/problem+json", "urn:pli:problem:unknown-host" },
		{ 431, "/api/v1/letters", "application/problem+json", "urn:pli:problem:head-too-large" },
		{ 503, "/api/", "application/problem+json", "urn:pli:problem:busy" },
		{ 500, "/api/v1/journal", "application/problem+json", "urn:pli:problem:bug" },
		{ 400, NULL, NULL, NULL },
		{ 413, "/l/x/open", NULL, NULL },
		{ 421, "/about", NULL, NULL },
		{ 431, "/apix", NULL, NULL },
		{ 408, NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct http_response res = { 0 };
		char value[512];

		problem_fault(&DOORS, CASES[i].code, CASES[i].target,
			      CASES[i].code == 500 ? SECRET : "a blank before a colon", &res);
		assert_int_equal(res.status, CASES[i].code);
		assert_true(res.body.n > 0);
		assert_null(memmem(res.body.p, res.body.n, "sqlite", 6));
		if (CASES[i].type) {
			json_t *doc = document(&res);

			assert_string_equal(member(doc, "type"), CASES[i].urn);
			json_decref(doc);
		} else {
			expect_header(&res, "Content-Type", "text/html; charset=utf-8");
			assert_non_null(memmem(res.body.p, res.body.n, "<html lang=\"fr\">", 16));
			assert_null(memmem(res.body.p, res.body.n, "a blank before", 14));
		}
		expect_header(&res, "X-Content-Type-Options", "nosniff");
		expect_header(&res, "Cache-Control", "no-store");
		expect_header(&res, "Strict-Transport-Security", "max-age=63072000; includeSubDomains");
		assert_non_null(header(&res, "Content-Security-Policy", value));
		response_end(&res);
	}
}

static void a_fault_without_detail(void **state)
{
	struct http_response res = { 0 };

	(void)state;
	problem_fault(&DOORS, 400, "/about", NULL, &res);
	assert_int_equal(res.status, 400);
	assert_true(res.body.n > 0);
	response_end(&res);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_status_is_expected),
		cmocka_unit_test(codes),
		cmocka_unit_test(documents),
		cmocka_unit_test(document_of_a_field),
		cmocka_unit_test(uncertain_stays_uncertain),
		cmocka_unit_test(answers_of_the_api),
		cmocka_unit_test(retry_after_is_the_errors_own),
		cmocka_unit_test(pages),
		cmocka_unit_test(faults),
		cmocka_unit_test(a_fault_without_detail),
	};

	return cmocka_run_group_tests_name("problem", tests, NULL, NULL);
}
