/* Media types and dispositions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pool.h"
#include "text.h"
#include "mediatype.h"

static void test_parse(void **state)
{
	static const struct {
		const char *value, *type, *param, *want;
	} rows[] = {
		{ "text/plain", "text/plain", "charset", NULL },
		{ " Text/HTML ; Charset=UTF-8 ; a=b", "text/html", "charset", "UTF-8" },
		{ "a/b;x=\"q \\\" \\\\ \\n;\"", "a/b", "x", "q \" \\ \\n;" },
		{ "a/b;x=\"\"", "a/b", "x", "" },
		{ "a/b;", "a/b", "x", NULL },
		{ "form-data; name=\"f\"; filename=\"C:\\x\"", "form-data", "filename", "C:\\x" },
		{ "", NULL, NULL, NULL },
		{ "/b", NULL, NULL, NULL },
		{ "a/", NULL, NULL, NULL },
		{ "a/b c", NULL, NULL, NULL },
		{ "a/b; x", NULL, NULL, NULL },
		{ "a/b; x=", NULL, NULL, NULL },
		{ "a/b; x=y z", NULL, NULL, NULL },
		{ "a/b; x=\"y", NULL, NULL, NULL },
		{ "a/b;; x=y", NULL, NULL, NULL },
		{ "a/b; x=y; X=z", NULL, NULL, NULL },
		{ "a/b, c/d", NULL, NULL, NULL },
		{ "a/b (c)", NULL, NULL, NULL },
		{ "a/b; x=\xC3\xA9", NULL, NULL, NULL },
		{ "a/b; x = y", NULL, NULL, NULL },
		{ "a/b; x=\"y\rz\"", NULL, NULL, NULL },
		{ "a/b;a=1;b=1;c=1;d=1;e=1;f=1;g=1;h=1;i=1;j=1;k=1;l=1;m=1;n=1;o=1;p=1;q=1", NULL, NULL,
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct mediatype type;
		enum pli_status status = mediatype_parse(pool, rows[i].value, strlen(rows[i].value), &type,
							 NULL);

		if (status != (rows[i].type ? PLI_OK : PLI_INPUT))
			fail_msg("row %zu", i);
		if (!rows[i].type)
			continue;
		assert_string_equal(type.type, rows[i].type);
		if (!str_eq(mediatype_param(&type, rows[i].param), rows[i].want) &&
		    (rows[i].want || mediatype_param(&type, rows[i].param)))
			fail_msg("row %zu: parameter", i);
	}
}

static void test_helpers(void **state)
{
	AUTO_POOL pool = pool_new();
	struct mediatype type;

	(void)state;
	assert_true(mediatype_is("Application/JSON; charset=utf-8", "application/json"));
	assert_true(mediatype_is("application/json", "application/json"));
	assert_false(mediatype_is("application/jsonx", "application/json"));
	assert_false(mediatype_is("text/plain; application/json", "application/json"));
	assert_false(mediatype_is(NULL, "application/json"));
	assert_int_equal(mediatype_parse(pool, "a/b; charset=latin1", 19, &type, NULL), PLI_OK);
	assert_false(mediatype_is_utf8(&type));
	assert_int_equal(mediatype_parse(pool, "a/b; charset=\"Utf-8\"", 20, &type, NULL), PLI_OK);
	assert_true(mediatype_is_utf8(&type));
	assert_string_equal(mediatype_clean(pool, "Image/PNG; x=y"), "image/png");
	assert_string_equal(mediatype_clean(pool, NULL), "application/octet-stream");
	assert_string_equal(mediatype_clean(pool, "text/html\r\nX: y"), "application/octet-stream");
	assert_string_equal(mediatype_clean(pool, "plain"), "application/octet-stream");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_parse), cmocka_unit_test(test_helpers) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
