/* Addresses: what is accepted and in which form, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "address.h"

#define D10 "a123456789"
#define D50 D10 D10 D10 D10 D10
#define D60 D50 D10

static const struct {
	const char *text, *name, *addr, *show;
} good[] = {
	{ "a@b.fr", "", "a@b.fr", "a@b.fr" },
	{ "  Marie.Curie@Example.ORG\t", "", "Marie.Curie@example.org", "Marie.Curie@example.org" },
	{ "first+tag@sub.domain.example", "", "first+tag@sub.domain.example",
	  "first+tag@sub.domain.example" },
	{ "!#$%&'*+-/=?^_`{|}~@b.fr", "", "!#$%&'*+-/=?^_`{|}~@b.fr", "!#$%&'*+-/=?^_`{|}~@b.fr" },
	{ "Marie Curie <m@b.fr>", "Marie Curie", "m@b.fr", "m@b.fr" },
	{ "\"Curie, Marie\" <m@b.fr>", "Curie, Marie", "m@b.fr", "m@b.fr" },
	{ "\"a \\\"b\\\" \\\\ c\" <m@b.fr>", "a \"b\" \\ c", "m@b.fr", "m@b.fr" },
	{ "Mairie de Paris (2e) <m@b.fr>", "Mairie de Paris (2e)", "m@b.fr", "m@b.fr" },
	{ "<m@b.fr>", "", "m@b.fr", "m@b.fr" },
	{ "< m@b.fr >", "", "m@b.fr", "m@b.fr" },
	{ "m@b.fr <m@b.fr>", "", "m@b.fr", "m@b.fr" },
	{ "Rene\xCC\x81 <m@b.fr>", "Ren\xC3\xA9", "m@b.fr", "m@b.fr" },
	{ "a@\xC3\xA9lys\xC3\xA9"
	  "e.fr",
	  "", "a@xn--lyse-9oad.fr",
	  "a@\xC3\xA9lys\xC3\xA9"
	  "e.fr" },
	{ "a@\xC3\x89LYS\xC3\x89"
	  "E.fr",
	  "", "a@xn--lyse-9oad.fr",
	  "a@\xC3\xA9lys\xC3\xA9"
	  "e.fr" },
	{ "a@xn--lyse-9oad.fr", "", "a@xn--lyse-9oad.fr",
	  "a@\xC3\xA9lys\xC3\xA9"
	  "e.fr" },
	{ "a@stra\xC3\x9F"
	  "e.de",
	  "", "a@xn--strae-oqa.de",
	  "a@stra\xC3\x9F"
	  "e.de" },
	{ "a@\xE4\xBE\x8B\xE3\x81\x88.\xE3\x83\x86\xE3\x82\xB9\xE3\x83\x88", "", "a@xn--r8jz45g.xn--zckzah",
	  "a@\xE4\xBE\x8B\xE3\x81\x88.\xE3\x83\x86\xE3\x82\xB9\xE3\x83\x88" },
	{ "a@p\xD0\xB0ypal.com", "", "a@xn--pypal-4ve.com", "a@xn--pypal-4ve.com" }, /* Cyrillic a */
	{ "a@\xD1\x80\xD0\xB0\xD1\x83\xD1\x80\xD0\xB0.com", "", "a@xn--80aa0cbo.com", NULL },
	{ "a@\xEF\xBD\x82.fr", "", "a@b.fr", "a@b.fr" }, /* full width */
	{ "a@123.example", "", "a@123.example", "a@123.example" },
	{ "a-@b-c.fr", "", "a-@b-c.fr", "a-@b-c.fr" },
	{ D60 "1234@b.fr", "", D60 "1234@b.fr", NULL },
	{ "a@" D60 "123.fr", "", "a@" D60 "123.fr", NULL },
	{ "a@" D50 "." D50 "." D50 "." D50 "." D10 D10 D10 D10 "12345.fr", "",
	  "a@" D50 "." D50 "." D50 "." D50 "." D10 D10 D10 D10 "12345.fr", NULL }, /* 254 bytes */
	{ "root@localhost.localdomain", "", "root@localhost.localdomain", "root@localhost.localdomain" },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct address address;
		struct err err = { 0 };
		enum pli_status status = address_parse(pool, good[i].text, strlen(good[i].text), "to",
						       &address, &err);

		if (status != PLI_OK)
			fail_msg("%s: %s", good[i].text, err.text);
		assert_string_equal(address.name, good[i].name);
		assert_string_equal(address.addr, good[i].addr);
		if (good[i].show)
			assert_string_equal(address.show, good[i].show);
		else
			assert_string_equal(address.show, address.addr);
	}
}

static const char *const bad[] = {
	"a",
	"@",
	"a@",
	"@b.fr",
	"a@b",
	"a@localhost",
	"a@@b.fr",
	"a@b@c.fr",
	"a b@c.fr",
	"a@b c.fr",
	"a@b .fr",
	".a@b.fr",
	"a.@b.fr",
	"a..b@c.fr",
	"a@.b.fr",
	"a@b..fr",
	"a@b.fr.",
	"a@-b.fr",
	"a@b-.fr",
	"a@b_c.fr",
	"a@[192.0.2.1]",
	"a@[IPv6:::1]",
	"a@192.0.2.1",
	"\"a b\"@c.fr",
	"\"a\"@c.fr",
	"a(comment)@b.fr",
	"a@b.fr(c)",
	"(c)a@b.fr",
	"@a.fr:b@c.fr",
	"<@a.fr,@b.fr:c@d.fr>",
	"Group: a@b.fr",
	"undisclosed:;",
	"mailto:a@b.fr",
	"<a@b.fr",
	"a@b.fr>",
	"<a@b.fr> x",
	"<a@b.fr><c@d.fr>",
	"A <b> <c@d.fr>",
	"<>",
	"x <>",
	"x@y.fr <a@b.fr>",
	"\"open <a@b.fr>",
	"a\" <a@b.fr>",
	"a\x01@b.fr",
	"a\x7f@b.fr",
	"a\r@b.fr",
	"a\rb@c.fr",
	"a\t@b.fr",
	"a@b.fr\rBcc: c@d.fr",
	"Name\x1b[31m <a@b.fr>",
	"a\xE2\x80\xAE@b.fr",
	"a@b\xE2\x80\xAE.fr",
	"a@b.example\nRCPT TO:<x@y.example>",
	"\xE2\x80\xAEName <a@b.fr>",
	"a\xE2\x80\xA8@b.fr",
	"a\xC2\x85@b.fr",
	"a\xEF\xBB\xBF@b.fr",
	"a\xC2\xA0@b.fr",
	"\xC3\xA9@b.fr",
	"a@b\xC3\x97\xE2\x98\x83\xE2\x80\x8B.",
	"a@xn--.fr",
	"a@xN--xnz-r8-Wg.xn",
	"a@xn--a.fr",
	"a@b,c.fr",
	"a;b@c.fr",
	"a<b@c.fr",
	"a\\@b.fr",
	"a:b@c.fr",
	"`id`@",
	"a@$(id).fr",
	"a@b.fr/..",
	"a@b.fr|id",
	"a@b.123",
	(D60 "12345@b.fr"),
	("a@" D60 "1234.fr"),
	("a@" D50 "." D50 "." D50 "." D50 "." D50 ".fr"),
	("a@" D50 "." D50 "." D50 "." D50 "." D10 D10 D10 D10 "123456.fr"),
	("\"" D60 D60 D10 "\" <a@b.fr>"),
};

/* As one address, and within a list: the bad one spoils it and is named with its field. */
static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO_POOL pool = pool_new();
		AUTO_BUF text = { 0 };
		struct address address;
		struct address_list list = { 0 };
		struct err err = { 0 };

		if (address_parse(pool, bad[i], strlen(bad[i]), "cc", &address, &err) != PLI_INVALID)
			fail_msg("accepted: %s", bad[i]);
		buf_fmt(&text, "good@b.fr\n%s", bad[i]);
		if (address_list_parse(pool, &list, text.p, text.n, "cc", 10, &err) != PLI_INVALID)
			fail_msg("accepted in a list: %s", bad[i]);
		assert_string_equal(err.field, "cc");
		assert_string_equal(err.type, "bad-address");
		assert_true(text_is_line(err.text, strlen(err.text)));
	}
}

static void test_list(void **state)
{
	static const char text[] = "a@b.fr, \"B, b\" <b@b.fr>;c@c.fr\n\nd@d.fr\r\n, ;A@B.fr\nE <e@e.fr>,";
	static const char *const want[] = { "a@b.fr", "b@b.fr", "c@c.fr", "d@d.fr", "e@e.fr" };
	AUTO_POOL pool = pool_new();
	struct address_list list = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(address_list_parse(pool, &list, text, sizeof(text) - 1, "to", 5, &err), PLI_OK);
	assert_int_equal(list.count, 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(list.items[i].addr, want[i]);
	assert_string_equal(list.items[1].name, "B, b");
	assert_non_null(address_list_find(&list, "E@E.FR"));
	assert_null(address_list_find(&list, "f@e.fr"));
	assert_int_equal(address_list_parse(pool, &list, "a@b.fr", 6, "to", 5, &err), PLI_OK);
	assert_int_equal(address_list_parse(pool, &list, "f@b.fr", 6, "to", 5, &err), PLI_INVALID);
	assert_string_equal(err.type, "too-many-recipients");
	assert_int_equal(address_list_parse(pool, &list, " ,;\n", 4, "to", 5, &err), PLI_OK);
	assert_int_equal(address_list_parse(pool, &list, "", 0, "to", 5, &err), PLI_OK);
	assert_int_equal(list.count, 5);
	assert_string_equal(address_key(pool, "Ab@c.fr"), "ab@c.fr");
}

static void test_encoding(void **state)
{
	AUTO_POOL pool = pool_new();
	struct address_list list = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(address_list_parse(pool, &list, "a\0@b.fr", 7, "to", 5, &err), PLI_INPUT);
	assert_int_equal(address_list_parse(pool, &list, "a@b.fr\xff", 7, "to", 5, &err), PLI_INPUT);
	assert_int_equal(address_list_parse(pool, &list, "a@b.fr\xed\xa0\x80", 9, "to", 5, &err), PLI_INPUT);
	assert_int_equal(list.count, 0);
}

/* Ten thousand recipients are one clear refusal, ten thousand times the same one is one recipient. */
static void test_many(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF many = { 0 };
	AUTO_BUF same = { 0 };
	struct address_list list = { 0 };
	struct err err = { 0 };

	(void)state;
	for (int i = 0; i < 10000; i++) {
		buf_fmt(&many, "u%d@example.org,", i);
		buf_str(&same, "u@example.org\n");
	}
	assert_int_equal(address_list_parse(pool, &list, many.p, many.n, "to", 1000, &err), PLI_INVALID);
	assert_string_equal(err.type, "too-many-recipients");
	list = (struct address_list){ 0 };
	assert_int_equal(address_list_parse(pool, &list, same.p, same.n, "to", 1000, &err), PLI_OK);
	assert_int_equal(list.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),     cmocka_unit_test(test_bad),  cmocka_unit_test(test_list),
		cmocka_unit_test(test_encoding), cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
