/* tus header values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "tus.h"

static void test_number(void **state)
{
	static const struct {
		const char *value;
		enum pli_status status;
		uint64_t n;
	} rows[] = {
		{ "0", PLI_OK, 0 },
		{ "007", PLI_OK, 7 },
		{ "1000", PLI_OK, 1000 },
		{ "1001", PLI_LIMIT, 0 },
		{ "9999999999999999999", PLI_LIMIT, 0 },
		{ NULL, PLI_INPUT, 0 },
		{ "", PLI_INPUT, 0 },
		{ "-1", PLI_INPUT, 0 },
		{ "+1", PLI_INPUT, 0 },
		{ " 1", PLI_INPUT, 0 },
		{ "1 ", PLI_INPUT, 0 },
		{ "0x10", PLI_INPUT, 0 },
		{ "1e3", PLI_INPUT, 0 },
		{ "1.0", PLI_INPUT, 0 },
		{ "18446744073709551616", PLI_INPUT, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t n = 0;

		if (tus_number(rows[i].value, "Upload-Length", 1000, &n, NULL) != rows[i].status ||
		    n != rows[i].n)
			fail_msg("row %zu", i);
	}
}

static void test_metadata(void **state)
{
	static const char *const bad[] = {
		"filename YS50eHQ",
		"filename YS50eHQ= ",
		"filename  YS50eHQ=",
		"filename !",
		"a YQ==,a Yg==",
		"a,",
		",a",
		",",
		"a YQ==,,b",
		" ",
		"a\tYQ==",
		"\xC3\xA9 YQ==",
		"a YR==",
		"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa YQ==",
	};
	AUTO_POOL pool = pool_new();
	struct tus_metadata metadata;

	(void)state;
	assert_int_equal(tus_metadata_parse(pool, "filename YS50eHQ=, type dGV4dC9wbGFpbg==,flag,raw AP8=",
					    &metadata, NULL),
			 PLI_OK);
	assert_int_equal(metadata.count, 4);
	assert_string_equal(tus_metadata_get(&metadata, "filename")->value, "a.txt");
	assert_string_equal(tus_metadata_get(&metadata, "type")->value, "text/plain");
	assert_int_equal(tus_metadata_get(&metadata, "flag")->value_n, 0);
	assert_int_equal(tus_metadata_get(&metadata, "raw")->value_n, 2);
	assert_null(tus_metadata_get(&metadata, "Filename"));
	assert_int_equal(tus_metadata_parse(pool, NULL, &metadata, NULL), PLI_OK);
	assert_int_equal(metadata.count, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (tus_metadata_parse(pool, bad[i], &metadata, NULL) != PLI_INPUT)
			fail_msg("accepted: %s", bad[i]);
}

static void test_metadata_size(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF value = { 0 };
	struct tus_metadata metadata;

	(void)state;
	buf_str(&value, "a ");
	for (int i = 0; i < 1023; i++)
		buf_str(&value, "AAAA");
	assert_int_equal(tus_metadata_parse(pool, value.p, &metadata, NULL), PLI_OK);
	buf_str(&value, "AAAA");
	assert_int_equal(tus_metadata_parse(pool, value.p, &metadata, NULL), PLI_INPUT);
}

static void test_checksum(void **state)
{
	static const char *const bad[] = {
		"",
		"sha256",
		"sha256 ",
		"sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
		"md5 1B2M2Y8AsgTpgAmY7PhCfg==",
		"sha256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
		"sha256  47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
		"sha256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= x",
		"sha256 AAAA",
		"sha256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=AAAA",
	};
	uint8_t digest[32];
	char hex[65];

	(void)state;
	assert_int_equal(
		tus_checksum_parse("sha256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", digest, NULL),
		PLI_OK);
	assert_string_equal(hex_encode(hex, digest, 32),
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_int_equal(tus_checksum_parse(NULL, digest, NULL), PLI_INPUT);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (tus_checksum_parse(bad[i], digest, NULL) != PLI_INPUT)
			fail_msg("accepted: %s", bad[i]);
}

static void test_others(void **state)
{
	AUTO_BUF out = { 0 };

	(void)state;
	assert_true(tus_version_known("1.0.0"));
	assert_false(tus_version_known("0.2.2"));
	assert_false(tus_version_known(NULL));
	tus_date(&out, INT64_C(784887151) * 1000000);
	assert_string_equal(out.p, "Tue, 15 Nov 1994 08:12:31 GMT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_number),        cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_metadata_size), cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
