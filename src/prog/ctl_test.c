#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "pool.h"

#include "json_read.h"

#include "ctl.h"

static void request_round_trip(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF line = { 0 };
	struct ctl_request request;
	const char *email = NULL;
	struct err err;

	(void)state;
	ctl_request_write(&line, "user add", "{\"email\":\"a@example.org\"}");
	assert_int_equal(line.p[line.n - 1], '\n');
	assert_int_equal(ctl_request_read(pool, line.p, line.n - 1, &request, &err), PLI_OK);
	assert_string_equal(request.verb, "user add");
	assert_int_equal(json_read_str(request.args, "email", &email, &err), PLI_OK);
	assert_string_equal(email, "a@example.org");
}

static void request_refused(void **state)
{
	static const char *const lines[] = {
		"", "{", "[]", "{}", "{\"verb\":\"x\"}", "{\"args\":{}}", "{\"verb\":1,\"args\":{}}",
		"{\"verb\":\"x\",\"args\":[]}", "{\"verb\":\"x\",\"args\":{},\"more\":1}", "{\"verb\":\"x\",\"args\":{}} x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct ctl_request request;
		struct err err;
		if (ctl_request_read(pool, lines[i], strlen(lines[i]), &request, &err) == PLI_OK)
			fail_msg("case %zu", i);
	}
}

static void answers_round_trip(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF line = { 0 };
	struct ctl_answer answer;
	struct err err = { 0 }, why = { 0 };
	int64_t n = 0;

	(void)state;
	ctl_row_write(&line, "{\"a\":[1,2]}");
	assert_int_equal(ctl_answer_read(pool, line.p, line.n - 1, &answer, &err), PLI_OK);
	assert_false(answer.last);
	assert_string_equal(answer.row_json, "{\"a\":[1,2]}");

	buf_reset(&line);
	ctl_end_write(&line, PLI_OK, NULL, NULL);
	assert_int_equal(ctl_answer_read(pool, line.p, line.n - 1, &answer, &err), PLI_OK);
	assert_true(answer.last);
	assert_int_equal(answer.status, PLI_OK);
	assert_null(answer.body);

	buf_reset(&line);
	(void)err_field(&why, PLI_CONFLICT, "journal", "seq", "number \"%d\" differs", 7);
	(void)err_hint(&why, "restore it");
	ctl_end_write(&line, PLI_CONFLICT, &why, "{\"bad_number\":7}");
	assert_int_equal(ctl_answer_read(pool, line.p, line.n - 1, &answer, &err), PLI_OK);
	assert_true(answer.last);
	assert_int_equal(answer.status, PLI_CONFLICT);
	assert_string_equal(answer.err.text, "number \"7\" differs");
	assert_string_equal(answer.err.type, "journal");
	assert_string_equal(answer.err.field, "seq");
	assert_string_equal(answer.err.hint, "restore it");
	assert_int_equal(json_read_int(answer.body, "bad_number", 0, 10, &n, &err), PLI_OK);
	assert_int_equal(n, 7);
}

/* An answer that says it failed without a known status is never taken for a success. */
static void unknown_status_is_a_failure(void **state)
{
	static const char *const lines[] = { "{\"ok\":false}", "{\"ok\":false,\"status\":\"ok\"}", "{}",
					     "{\"ok\":false,\"status\":\"new\"}" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct ctl_answer answer;
		struct err err;
		assert_int_equal(ctl_answer_read(pool, lines[i], strlen(lines[i]), &answer, &err), PLI_OK);
		if (answer.status == PLI_OK)
			fail_msg("case %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_round_trip), cmocka_unit_test(request_refused),
		cmocka_unit_test(answers_round_trip), cmocka_unit_test(unknown_status_is_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
