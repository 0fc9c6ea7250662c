/* Recipients out of raw fields: order, kinds, each person once, refusals with their field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "buf.h"
#include "pool.h"

#include "address_book.h"

static void order_and_kinds(void **state)
{
	AUTO_POOL pool = pool_new();
	const char *const to[] = { "Ann <a@example.org>; b@example.org", "A@Example.ORG", NULL };
	const char *const cc[] = { "c@example.org\nb@example.org", NULL };
	const char *const bcc[] = { "d@example.org,c@EXAMPLE.org,a@example.org", NULL };
	const char *const *fields[] = { to, cc, bcc };
	struct address_book book;
	static const struct {
		const char *address;
		enum address_kind kind;
	} EXPECTED[] = { { "a@example.org", ADDRESS_TO }, { "b@example.org", ADDRESS_TO }, { "c@example.org", ADDRESS_CC },
			 { "d@example.org", ADDRESS_BCC } };

	(void)state;
	assert_int_equal(address_book_parse(pool, fields, 10, &book, NULL), PLI_OK);
	assert_int_equal(book.count, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_string_equal(book.items[i].address, EXPECTED[i].address);
		assert_int_equal(book.items[i].kind, EXPECTED[i].kind);
	}
	assert_string_equal(book.items[0].name, "Ann");
	assert_int_equal(book.of_kind[ADDRESS_TO], 2);
	assert_int_equal(book.of_kind[ADDRESS_CC], 1);
	assert_int_equal(book.of_kind[ADDRESS_BCC], 1);
}

static void to_may_be_empty(void **state)
{
	AUTO_POOL pool = pool_new();
	const char *const bcc[] = { "d@example.org", NULL };
	const char *const *fields[] = { NULL, NULL, bcc };
	struct address_book book;

	(void)state;
	assert_int_equal(address_book_parse(pool, fields, 10, &book, NULL), PLI_OK);
	assert_int_equal(book.of_kind[ADDRESS_BCC], 1);
}

static void refusals(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF many;
	struct address_book book;
	static const struct {
		const char *to, *cc, *type, *field;
	} ROWS[] = {
		{ NULL, NULL, "no-recipient", "to" },
		{ " , ;\n", NULL, "no-recipient", "to" },
		{ "a@example.org", "not an address", "bad-address", "cc" },
		{ "a@example.org\r\nBcc: x@example.org", NULL, "bad-address", "to" },
		{ "a@b", NULL, "bad-address", "to" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct err err = { 0 };
		const char *const to[] = { ROWS[i].to, NULL }, *const cc[] = { ROWS[i].cc, NULL };
		const char *const *fields[] = { to, cc, NULL };
		if (address_book_parse(pool, fields, 10, &book, &err) != PLI_INVALID || strcmp(err.type, ROWS[i].type) != 0 ||
		    strcmp(err.field, ROWS[i].field) != 0)
			fail_msg("row %zu: %s %s %s", i, err.type ? err.type : "-", err.field, err.text);
	}
	buf_init(&many);
	for (int i = 0; i < 10000; i++)
		buf_fmt(&many, "a%d@example.org,", i);
	const char *const to[] = { many.p, NULL };
	const char *const *fields[] = { to, NULL, NULL };
	struct err err = { 0 };
	assert_int_equal(address_book_parse(pool, fields, 1000, &book, &err), PLI_INVALID);
	assert_string_equal(err.type, "too-many-recipients");
	assert_string_equal(err.field, "to");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(order_and_kinds), cmocka_unit_test(to_may_be_empty),
					    cmocka_unit_test(refusals) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
