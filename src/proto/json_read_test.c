/* JSON from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "pool.h"
#include "json_read.h"

static const char *const names[] = { "subject", "to", "n", "flag", "o", "list", NULL };

static enum pli_status open_text(struct pool *pool, const char *text, struct json_read **object_r,
				 struct err *err)
{
	return json_read_open(pool, text, strlen(text), 100000, names, object_r, err);
}

static void test_malformed(void **state)
{
	static const struct {
		const char *text;
		enum pli_status status;
	} rows[] = {
		{ "{}", PLI_OK },
		{ " {\"subject\":\"\\u00e9\\ud83d\\ude00\"} \n", PLI_OK },
		{ "", PLI_INPUT },
		{ "{", PLI_INPUT },
		{ "{\"subject\":\"x\"", PLI_INPUT },
		{ "{\"subject\":\"x", PLI_INPUT },
		{ "{\"subject\":\"x\"}}", PLI_INPUT },
		{ "{\"subject\":\"x\"}{}", PLI_INPUT },
		{ "[]", PLI_INPUT },
		{ "\"x\"", PLI_INPUT },
		{ "null", PLI_INPUT },
		{ "{\"subject\":\"x\",}", PLI_INPUT },
		{ "{'subject':'x'}", PLI_INPUT },
		{ "{\"subject\":\"x\",\"subject\":\"y\"}", PLI_INPUT },
		{ "{\"o\":{\"a\":1,\"a\":2}}", PLI_INPUT },
		{ "{\"subject\":\"\\u0000\"}", PLI_INPUT },
		{ "{\"subject\":\"\\ud800\"}", PLI_INPUT },
		{ "{\"subject\":\"\xff\"}", PLI_INPUT },
		{ "{\"subject\":\"\xed\xa0\x80\"}", PLI_INPUT },
		{ "{\"subject\":\"\xc0\xaf\"}", PLI_INPUT },
		{ "{\"subject\":\"a\nb\"}", PLI_INPUT },
		{ "{\"subject\":\"\\udc00\\ud800\"}", PLI_INPUT },
		{ "{\"subject\":\"\\ud800x\\udc00\"}", PLI_INPUT },
		{ "{\"subject\":\"\\ud83d\\u0041\"}", PLI_INPUT },
		{ "{\"subject\":\"\\u12g4\"}", PLI_INPUT },
		{ "{\"subject\":\"\\x41\"}", PLI_INPUT },
		{ "{\"subject\":\"\\\"}", PLI_INPUT },
		{ "{\"subject\":\"\\", PLI_INPUT },
		{ "{\"subject\":\"a\tb\"}", PLI_INPUT },
		{ "{\"subject\" \"x\"}", PLI_INPUT },
		{ "{\"n\":-}", PLI_INPUT },
		{ "{\"n\":1.}", PLI_INPUT },
		{ "{\"n\":.5}", PLI_INPUT },
		{ "{\"n\":+1}", PLI_INPUT },
		{ "{\"n\":1e}", PLI_INPUT },
		{ "{\"n\":-1.5e+3,\"list\":[],\"flag\":null}", PLI_OK },
		{ "{\"n\":-9223372036854775808}", PLI_OK },
		{ "{\"n\":9223372036854775807}", PLI_OK },
		{ "{\"n\":9223372036854775808}", PLI_INPUT },
		{ "{\"n\":tru}", PLI_INPUT },
		{ "{\"list\":[1,]}", PLI_INPUT },
		{ "{\"list\":[1 2]}", PLI_INPUT },
		{ "{\"list\":[}", PLI_INPUT },
		{ "{\"n\":NaN}", PLI_INPUT },
		{ "{\"n\":01}", PLI_INPUT },
		{ "{\"n\":1e999}", PLI_INPUT },
		{ "{\"n\":99999999999999999999}", PLI_INPUT },
		{ "\xEF\xBB\xBF{}", PLI_INPUT },
		{ "{} // x", PLI_INPUT },
		{ "{\"subjet\":\"x\"}", PLI_INVALID },
		{ "{\"__proto__\":{}}", PLI_INVALID },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct json_read *object;
		struct err err = { 0 };

		if (open_text(pool, rows[i].text, &object, &err) != rows[i].status)
			fail_msg("row %zu: %s", i, err.text);
	}
}

static void test_nul(void **state)
{
	AUTO_POOL pool = pool_new();
	struct json_read *object;

	(void)state;
	assert_int_equal(json_read_open(pool, "{}\0", 3, 100, names, &object, NULL), PLI_INPUT);
	assert_int_equal(json_read_open(pool, "{\"subject\":\"a\0b\"}", 17, 100, names, &object, NULL),
			 PLI_INPUT);
	assert_int_equal(json_read_open(pool, "{}", 2, 1, names, &object, NULL), PLI_LIMIT);
}

static void test_depth(void **state)
{
	(void)state;
	for (int depth = 30; depth < 34; depth++) {
		AUTO_POOL pool = pool_new();
		AUTO_BUF text = { 0 };
		struct json_read *object;

		buf_str(&text, "{\"subject\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\",\"list\":");
		for (int i = 1; i < depth; i++)
			buf_ch(&text, '[');
		for (int i = 1; i < depth; i++)
			buf_ch(&text, ']');
		buf_ch(&text, '}');
		assert_int_equal(json_read_open(pool, text.p, text.n, 1000, names, &object, NULL),
				 depth > JSON_READ_DEPTH_MAX ? PLI_INPUT : PLI_OK);
	}
}

static void test_escapes(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF text = { 0 };
	struct json_read *object;
	const char *s = NULL;
	int64_t n = 1;

	(void)state;
	assert_int_equal(open_text(pool, "{\"subject\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00E9\\u20ac\\uD83D\\uDE00é\","
				   "\"n\":-9223372036854775808}", &object, NULL), PLI_OK);
	assert_int_equal(json_read_str(object, "subject", &s, NULL), PLI_OK);
	assert_string_equal(s, "\"\\/\b\f\n\r\tA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xC3\xA9");
	assert_int_equal(json_read_int(object, "n", INT64_MIN, 0, &n, NULL), PLI_OK);
	assert_true(n == INT64_MIN);
	/* Nothing but escapes, and many names: in time that grows with the length. */
	buf_str(&text, "{\"subject\":\"");
	for (int i = 0; i < 500000; i++)
		buf_str(&text, "\\\\\\\"");
	buf_str(&text, "\",\"o\":{\"x\":0");
	for (int i = 0; i < 100000; i++)
		buf_fmt(&text, ",\"%d\":0", i);
	buf_str(&text, "}}");
	assert_int_equal(json_read_open(pool, text.p, text.n, text.n, names, &object, NULL), PLI_OK);
	assert_int_equal(json_read_str(object, "subject", &s, NULL), PLI_OK);
	assert_int_equal(strlen(s), 1000000);
}

static void test_values(void **state)
{
	(void)state;
	for (int count = 262142; count < 262144; count++) {
		AUTO_POOL pool = pool_new();
		AUTO_BUF text = { 0 };
		struct json_read *object;

		/* The object and the array are two more. */
		buf_str(&text, "{\"list\":[0");
		for (int i = 1; i < count; i++)
			buf_str(&text, ",0");
		buf_str(&text, "]}");
		assert_int_equal(json_read_open(pool, text.p, text.n, text.n, names, &object, NULL),
				 count <= 262142 ? PLI_OK : PLI_INPUT);
	}
}

static void test_hint(void **state)
{
	AUTO_POOL pool = pool_new();
	struct json_read *object;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(open_text(pool, "{\"subjet\":1}", &object, &err), PLI_INVALID);
	assert_string_equal(err.field, "subjet");
	assert_string_equal(err.type, "unknown-field");
	assert_non_null(strstr(err.hint, "\"subject\""));
	assert_int_equal(json_read_open(pool, "{\"subjet\":1}", 12, 100, NULL, &object, &err), PLI_OK);
}

static void test_types(void **state)
{
	static const char *const inner[] = { "a", NULL };
	AUTO_POOL pool = pool_new();
	struct json_read *object, *child = NULL, **items = NULL;
	struct err err = { 0 };
	const char *s = "default", **strs = NULL;
	size_t count = 0;
	int64_t n = -1;
	bool flag = false;

	(void)state;
	assert_int_equal(open_text(pool,
				   "{\"subject\":\"x\",\"to\":[\"a\",\"b\"],\"n\":5,\"flag\":true,"
				   "\"o\":{\"a\":\"y\"},\"list\":[{\"a\":\"1\"},{}]}",
				   &object, &err),
			 PLI_OK);
	assert_int_equal(json_read_str(object, "missing", &s, &err), PLI_OK);
	assert_string_equal(s, "default");
	assert_int_equal(json_read_str(object, "subject", &s, &err), PLI_OK);
	assert_string_equal(s, "x");
	assert_int_equal(json_read_strs(object, "to", 2, &strs, &count, &err), PLI_OK);
	assert_int_equal(count, 2);
	assert_string_equal(strs[1], "b");
	assert_int_equal(json_read_strs(object, "to", 1, &strs, &count, &err), PLI_INVALID);
	assert_int_equal(json_read_strs(object, "subject", 1, &strs, &count, &err), PLI_OK);
	assert_int_equal(count, 1);
	assert_int_equal(json_read_strs(object, "list", 9, &strs, &count, &err), PLI_INVALID);
	assert_int_equal(json_read_int(object, "n", 0, 5, &n, &err), PLI_OK);
	assert_int_equal(n, 5);
	assert_int_equal(json_read_int(object, "n", 6, 9, &n, &err), PLI_INVALID);
	assert_int_equal(json_read_int(object, "subject", 0, 5, &n, &err), PLI_INVALID);
	assert_string_equal(err.field, "subject");
	assert_int_equal(json_read_bool(object, "flag", &flag, &err), PLI_OK);
	assert_true(flag);
	assert_int_equal(json_read_bool(object, "n", &flag, &err), PLI_INVALID);
	assert_int_equal(json_read_str(object, "n", &s, &err), PLI_INVALID);
	assert_int_equal(json_read_object(object, "o", inner, &child, &err), PLI_OK);
	assert_true(json_read_has(child, "a"));
	assert_int_equal(json_read_object(object, "list", inner, &child, &err), PLI_INVALID);
	assert_int_equal(json_read_objects(object, "list", inner, 2, &items, &count, &err), PLI_OK);
	assert_int_equal(count, 2);
	assert_false(json_read_has(items[1], "a"));
	assert_int_equal(json_read_objects(object, "list", inner, 1, &items, &count, &err), PLI_INVALID);
	assert_int_equal(json_read_objects(object, "to", inner, 9, &items, &count, &err), PLI_INVALID);
	assert_int_equal(json_read_objects(object, "list", names, 9, &items, &count, &err), PLI_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_malformed), cmocka_unit_test(test_nul),   cmocka_unit_test(test_depth),
		cmocka_unit_test(test_hint),      cmocka_unit_test(test_types), cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
