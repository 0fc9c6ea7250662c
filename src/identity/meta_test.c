/* Sealed texts open in their place only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "buf.h"
#include "pool.h"
#include "uuid.h"

#include "meta.h"

static const struct uuid E1 = { { 1 } }, E2 = { { 2 } }, L1 = { { 3 } }, L2 = { { 4 } };
static const uint8_t KEY[32] = { 7 }, OTHER_KEY[32] = { 8 };

static void texts_come_back(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF sealed;
	const char *const in[] = { "Objet", NULL, "", "é\n☃" };
	const char *out[4];
	struct meta_place place = { "letter", &E1, &L1, 0 };

	(void)state;
	buf_init(&sealed);
	assert_int_equal(meta_seal_texts(KEY, &place, in, 4, &sealed, NULL), PLI_OK);
	assert_int_equal(meta_open_texts(pool, KEY, &place, sealed.p, sealed.n, out, 4, NULL), PLI_OK);
	assert_string_equal(out[0], "Objet");
	assert_string_equal(out[1], "");
	assert_string_equal(out[2], "");
	assert_string_equal(out[3], "é\n☃");
	assert_int_equal(meta_open_texts(pool, KEY, &place, sealed.p, sealed.n, out, 3, NULL), PLI_IO);
}

static void elsewhere_nothing_opens(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF sealed;
	const char *text = "secret", *out;
	struct meta_place place = { "recipient", &E1, &L1, 1 };
	const struct meta_place elsewhere[] = {
		{ "sheet", &E1, &L1, 1 }, { "recipient", &E2, &L1, 1 }, { "recipient", &E1, &L2, 1 }, { "recipient", &E1, &L1, 2 },
		{ "recipient", &L1, &E1, 1 }, { "recipient", NULL, &L1, 1 }, { "recipient", &E1, NULL, 1 },
	};

	(void)state;
	buf_init(&sealed);
	assert_int_equal(meta_seal_texts(KEY, &place, &text, 1, &sealed, NULL), PLI_OK);
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		assert_int_equal(meta_open_texts(pool, KEY, &elsewhere[i], sealed.p, sealed.n, &out, 1, NULL), PLI_IO);
	assert_int_equal(meta_open_texts(pool, OTHER_KEY, &place, sealed.p, sealed.n, &out, 1, NULL), PLI_IO);
	for (size_t i = 0; i < sealed.n; i++) {
		sealed.p[i] = (char)(sealed.p[i] ^ 1);
		assert_int_equal(meta_open_texts(pool, KEY, &place, sealed.p, sealed.n, &out, 1, NULL), PLI_IO);
		sealed.p[i] = (char)(sealed.p[i] ^ 1);
	}
	assert_int_equal(meta_open_texts(pool, KEY, &place, sealed.p, sealed.n, &out, 1, NULL), PLI_OK);
	assert_int_equal(meta_open_texts(pool, KEY, &place, sealed.p, 0, &out, 1, NULL), PLI_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(texts_come_back), cmocka_unit_test(elsewhere_nothing_opens) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
