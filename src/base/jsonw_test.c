/* The JSON writer, its escapes and its canonical form (RFC 8785). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "jsonw.h"

static void test_shape(void **state)
{
	AUTO_BUF out = { 0 };
	struct jsonw w;

	(void)state;
	jsonw_init(&w, &out, true);
	jsonw_object(&w, NULL);
	jsonw_array(&w, "a");
	jsonw_int(&w, NULL, -1);
	jsonw_object(&w, NULL);
	jsonw_object_end(&w);
	jsonw_array(&w, NULL);
	jsonw_array_end(&w);
	jsonw_bool(&w, NULL, true);
	jsonw_array_end(&w);
	jsonw_hex(&w, "b", "\x01\xFE", 2);
	jsonw_null(&w, "c");
	jsonw_str(&w, "d", NULL);
	jsonw_int(&w, "e", INT64_C(9007199254740991));
	jsonw_time(&w, "f", INT64_C(1795293275123456));
	jsonw_time(&w, "g", 0);
	jsonw_raw(&w, "h", "{\"x\":1}", 7);
	jsonw_object(&w, "i");
	jsonw_str(&w, "a", "");
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	assert_string_equal(out.p,
			    "{\"a\":[-1,{},[],true],\"b\":\"01fe\",\"c\":null,\"e\":9007199254740991,"
			    "\"f\":\"2026-11-21T20:34:35.123Z\",\"g\":null,\"h\":{\"x\":1},\"i\":{\"a\":\"\"}}");
	assert_int_equal(w.depth, 0);
}

static void test_escapes(void **state)
{
	AUTO_BUF out = { 0 };
	struct jsonw w;
	char all[128];
	json_t *read;

	(void)state;
	jsonw_init(&w, &out, false);
	jsonw_strn(&w, NULL, "\"\\/\b\t\n\f\r\x0B\x1F\x7F<é\xE2\x80\xA8", 17);
	assert_string_equal(out.p, "\"\\\"\\\\/\\b\\t\\n\\f\\r\\u000b\\u001f\x7F<é\xE2\x80\xA8\"");
	/* Another reader gives the same back. */
	for (int i = 0; i < 127; i++)
		all[i] = (char)(i + 1);
	buf_reset(&out);
	jsonw_init(&w, &out, false);
	jsonw_array(&w, NULL);
	jsonw_strn(&w, NULL, all, 127);
	jsonw_strn(&w, NULL, "a\0b", 3);
	jsonw_array_end(&w);
	read = json_loadb(out.p, out.n, JSON_ALLOW_NUL, NULL);
	assert_non_null(read);
	assert_int_equal(json_string_length(json_array_get(read, 0)), 127);
	assert_memory_equal(json_string_value(json_array_get(read, 0)), all, 127);
	assert_int_equal(json_string_length(json_array_get(read, 1)), 3);
	json_decref(read);
}

/* Keys out of order are a mistake of ours: the process ends. */
static void test_order(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		AUTO_BUF out = { 0 };
		struct jsonw w;

		close(STDERR_FILENO);
		jsonw_init(&w, &out, true);
		jsonw_object(&w, NULL);
		jsonw_int(&w, "b", 1);
		jsonw_int(&w, "a", 1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
