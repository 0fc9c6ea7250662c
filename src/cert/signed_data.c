/* See signed_data.h. */
#include <string.h>

#include "signed_data.h"

/* SEQUENCE { OID 2.16.840.1.101.3.4.2.1 }, without and with the NULL that both forms of the library write in different places. */
static const uint8_t sha256_bare[] = { 0x30, 0x0b, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1 };
static const uint8_t sha256_null[] = { 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0 };
/* SEQUENCE { OID 1.2.840.10045.4.3.2 } */
static const uint8_t ecdsa_sha256[] = { 0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2 };

static bool algorithm_is(X509_ALGOR *algor, const uint8_t *der, size_t n)
{
	uint8_t *got = NULL;
	int got_n = i2d_X509_ALGOR(algor, &got);
	bool same = got_n > 0 && (size_t)got_n == n && memcmp(got, der, n) == 0;

	OPENSSL_free(got);
	return same;
}

static bool is_sha256(X509_ALGOR *algor)
{
	return algorithm_is(algor, sha256_bare, sizeof(sha256_bare)) || algorithm_is(algor, sha256_null, sizeof(sha256_null));
}

static bool names_same(const X509_NAME *a, const X509_NAME *b)
{
	uint8_t *da = NULL, *db = NULL;
	int na = i2d_X509_NAME(a, &da), nb = i2d_X509_NAME(b, &db);
	bool same = na > 0 && na == nb && memcmp(da, db, (size_t)na) == 0;

	OPENSSL_free(da);
	OPENSSL_free(db);
	return same;
}

static bool signer_exact(PKCS7_SIGNER_INFO *si, X509 *cert)
{
	return ASN1_INTEGER_get(si->version) == 1 && names_same(si->issuer_and_serial->issuer, X509_get_issuer_name(cert)) &&
	       ASN1_INTEGER_cmp(si->issuer_and_serial->serial, X509_get0_serialNumber(cert)) == 0 && is_sha256(si->digest_alg) &&
	       algorithm_is(si->digest_enc_alg, ecdsa_sha256, sizeof(ecdsa_sha256)) && sk_X509_ATTRIBUTE_num(si->unauth_attr) <= 0;
}

/* The common part: version, one digest algorithm, so many signers, no revocation list. */
static PKCS7_SIGNED *frame_exact(PKCS7 *p7, long version, int signers)
{
	PKCS7_SIGNED *s = PKCS7_type_is_signed(p7) ? p7->d.sign : NULL;

	if (!s || ASN1_INTEGER_get(s->version) != version || sk_X509_ALGOR_num(s->md_algs) != 1 ||
	    !is_sha256(sk_X509_ALGOR_value(s->md_algs, 0)) || sk_PKCS7_SIGNER_INFO_num(s->signer_info) != signers ||
	    sk_X509_CRL_num(s->crl) > 0)
		return NULL;
	return s;
}

bool signed_data_exact_two(PKCS7 *p7, X509 *a, X509 *b, long version)
{
	PKCS7_SIGNED *s = frame_exact(p7, version, 2);
	int first;

	if (!s || sk_X509_num(s->cert) != 2 || X509_cmp(a, b) == 0)
		return false;
	first = X509_cmp(sk_X509_value(s->cert, 0), a) == 0 ? 0 : 1;
	if (X509_cmp(sk_X509_value(s->cert, first), a) != 0 || X509_cmp(sk_X509_value(s->cert, !first), b) != 0)
		return false;
	/* The order of signers in the encoding is that of their bytes, not of these arguments. */
	first = signer_exact(sk_PKCS7_SIGNER_INFO_value(s->signer_info, 0), a) ? 0 : 1;
	return signer_exact(sk_PKCS7_SIGNER_INFO_value(s->signer_info, first), a) &&
	       signer_exact(sk_PKCS7_SIGNER_INFO_value(s->signer_info, !first), b);
}

bool signed_data_exact(PKCS7 *p7, X509 *cert, long version, bool with_cert)
{
	PKCS7_SIGNED *s = frame_exact(p7, version, 1);

	if (!s)
		return false;
	if (with_cert ? sk_X509_num(s->cert) != 1 || X509_cmp(sk_X509_value(s->cert, 0), cert) != 0 : sk_X509_num(s->cert) > 0)
		return false;
	return signer_exact(sk_PKCS7_SIGNER_INFO_value(s->signer_info, 0), cert);
}
