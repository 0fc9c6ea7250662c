/* Certificates that say that they are qualified, and those that do not, or only half. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "qualified.h"

/* DER of SEQUENCE { SEQUENCE { OID } … } in hex, as `1.3.6.1.5.5.7.1.3 = DER:…` of openssl takes it. */
#define COMPLIANCE "3008 0606 0400 8E46 0101"
#define ESEAL "3013 0606 0400 8E46 0106 3009 0607 0400 8E46 0106 02"
#define ESIGN "3013 0606 0400 8E46 0106 3009 0607 0400 8E46 0106 01"
#define TIMES "3009 0607 0400 8197 5E01 01"

static char *made(const char *statements)
{
	static char pem[4096];
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	BIO *out = BIO_new(BIO_s_mem());
	int n;

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	if (statements) {
		char text[512], inner[256] = "";
		unsigned length = 0;
		X509_EXTENSION *ext;

		for (const char *s = statements; *s; s++)
			if (*s != ' ') {
				inner[length++] = *s;
				inner[length] = '\0';
			}
		snprintf(text, sizeof(text), "DER:30%02X%s", length / 2, inner);
		ext = X509V3_EXT_conf_nid(NULL, NULL, NID_qcStatements, text);
		assert_non_null(ext);
		X509_add_ext(x, ext, -1);
		X509_EXTENSION_free(ext);
	}
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	PEM_write_bio_X509(out, x);
	n = BIO_read(out, pem, sizeof(pem) - 1);
	assert_true(n > 0);
	pem[n] = '\0';
	BIO_free(out);
	X509_free(x);
	EVP_PKEY_free(key);
	return pem;
}

static void what_statements_say(void **state)
{
	static const struct {
		const char *statements;
		bool seal, time;
	} ROWS[] = {
		{ NULL, false, false },
		{ COMPLIANCE ESEAL, true, true },
		{ ESEAL COMPLIANCE, true, true },
		{ COMPLIANCE, false, true },
		{ COMPLIANCE ESIGN, false, true },
		{ ESEAL, false, false },
		{ TIMES, false, true },
		{ "3000" COMPLIANCE ESEAL, true, true },
		{ "0500", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const char *pem = made(ROWS[i].statements);

		if (qualified_certificate(pem, QUALIFIED_SEAL) != ROWS[i].seal || qualified_certificate(pem, QUALIFIED_TIME) != ROWS[i].time)
			fail_msg("row %zu", i);
	}
}

static void what_is_no_certificate(void **state)
{
	(void)state;
	assert_false(qualified_certificate(NULL, QUALIFIED_SEAL));
	assert_false(qualified_certificate("", QUALIFIED_SEAL));
	assert_false(qualified_certificate("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", QUALIFIED_TIME));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_statements_say), cmocka_unit_test(what_is_no_certificate) };

	return cmocka_run_group_tests_name("qualified", tests, NULL, NULL);
}
