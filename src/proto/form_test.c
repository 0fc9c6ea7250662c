/* Forms and query strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "pool.h"
#include "form.h"

/* name=value; for each item. */
static void show(const struct form *form, struct buf *out)
{
	for (unsigned i = 0; i < form->count; i++)
		buf_fmt(out, "%s=%s;", form->items[i].name, form->items[i].value);
}

static void test_parse(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: refused */
	} rows[] = {
		{ "a=1&b=2", "a=1;b=2;" },
		{ "", "" },
		{ "&&a=1&", "a=1;" },
		{ "a", "a=;" },
		{ "a=b=c", "a=b=c;" },
		{ "a+b=c+d%2B", "a b=c d+;" },
		{ "a=%C3%A9%0A", "a=\xC3\xA9\n;" },
		{ "a=1&a=2", "a=1;a=2;" },
		{ "=1", NULL },
		{ "a=%", NULL },
		{ "a=%1", NULL },
		{ "a=%zz", NULL },
		{ "a=%00", NULL },
		{ "%00=1", NULL },
		{ "a%00b=1", NULL },
		{ "a=%ff", NULL },
		{ "a=%ed%a0%80", NULL },
		{ "a=%c0%af", NULL },
		{ "%ff=1", NULL },
		{ "a%0a=1", NULL },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_POOL pool = pool_new();
		AUTO_BUF out = { 0 };
		struct form form;
		enum pli_status status;

		form_init(&form, pool);
		status = form_parse(&form, rows[i].text, strlen(rows[i].text), 0, NULL);
		if (status != (rows[i].want ? PLI_OK : PLI_INPUT))
			fail_msg("row %zu", i);
		if (!rows[i].want)
			continue;
		buf_str(&out, "");
		show(&form, &out);
		assert_string_equal(out.n ? out.p : "", rows[i].want);
	}
}

static void test_access(void **state)
{
	static const char *const names[] = { "subject", "message", "to", NULL };
	AUTO_POOL pool = pool_new();
	struct form form;
	struct err err = { 0 };
	const char *value;

	(void)state;
	form_init(&form, pool);
	assert_int_equal(form_parse(&form, "to=a&to=b&subject=s", 19, 0, &err), PLI_OK);
	assert_string_equal(form_get(&form, "to"), "a");
	assert_null(form_get(&form, "cc"));
	assert_int_equal(form_one(&form, "subject", &value, &err), PLI_OK);
	assert_string_equal(value, "s");
	assert_int_equal(form_one(&form, "cc", &value, &err), PLI_OK);
	assert_null(value);
	assert_int_equal(form_one(&form, "to", &value, &err), PLI_INPUT);
	assert_string_equal(err.field, "to");
	assert_int_equal(form_only(&form, names, &err), PLI_OK);
	assert_int_equal(form_add(&form, "subjet", "x", 1, &err), PLI_OK);
	assert_int_equal(form_only(&form, names, &err), PLI_INVALID);
	assert_string_equal(err.type, "unknown-field");
	assert_non_null(strstr(err.hint, "subject"));
	assert_int_equal(form_add(&form, "m", "a\0b", 3, &err), PLI_INPUT);
	assert_int_equal(form_parse(&form, "a=1&b=2&c=3", 11, 2, &err), PLI_INVALID);
}

static void test_many(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF text = { 0 };
	struct form form;

	(void)state;
	for (int i = 0; i < FORM_ITEMS_MAX; i++)
		buf_str(&text, "a=b&");
	form_init(&form, pool);
	assert_int_equal(form_parse(&form, text.p, text.n, 0, NULL), PLI_OK);
	assert_int_equal(form.count, FORM_ITEMS_MAX);
	form_init(&form, pool);
	buf_str(&text, "a=b");
	assert_int_equal(form_parse(&form, text.p, text.n, 0, NULL), PLI_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_parse), cmocka_unit_test(test_access),
					    cmocka_unit_test(test_many) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
