/* See external_token.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pkcs7.h>
#include <openssl/ts.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "renewal.h"
#include "renewal_token.h"

#include "external_token.h"

#define APART_US (300 * SECOND_US)

/* ---- what the token says of itself ---- */

/* YYYYMMDDHHMMSS, a fraction or none, Z: so much of RFC 3161 is what every verifier reads.  Cut to milliseconds, as dates are shown. */
static bool time_parse(const ASN1_GENERALIZEDTIME *time, int64_t *t_us_r)
{
	const char *s = (const char *)ASN1_STRING_get0_data(time);
	size_t n = (size_t)ASN1_STRING_length(time);
	char text[32];
	int ms = 0;
	struct tm tm;

	if (n < 15 || n >= sizeof(text) || s[n - 1] != 'Z' || (n > 15 && (s[14] != '.' || n < 17)))
		return false;
	for (size_t i = 0; i < n - 1; i++)
		if (i != 14 && (s[i] < '0' || s[i] > '9'))
			return false;
	for (size_t i = 15; i < 18; i++)
		ms = ms * 10 + (i < n - 1 ? s[i] - '0' : 0);
	if (!ASN1_TIME_to_tm(time, &tm))
		return false;
	*t_us_r = (int64_t)timegm(&tm) * SECOND_US + ms * INT64_C(1000);
	return true;
}

static TS_TST_INFO *info_of(const void *der, size_t n)
{
	const uint8_t *p = der;
	PKCS7 *token = d2i_PKCS7(NULL, &p, (long)n);
	TS_TST_INFO *info = token && PKCS7_type_is_signed(token) ? PKCS7_to_TS_TST_INFO(token) : NULL;

	PKCS7_free(token);
	ERR_clear_error();
	return info;
}

static bool policy_is(TS_TST_INFO *info, const char *policy)
{
	char text[128];

	return OBJ_obj2txt(text, sizeof(text), TS_TST_INFO_get_policy_id(info), 1) < (int)sizeof(text) && str_eq(text, policy);
}

static enum pli_status said(const void *der, size_t n, const char *policy, int64_t *time_us_r, struct err *err)
{
	TS_TST_INFO *info = info_of(der, n);
	enum pli_status st = PLI_OK;

	if (!info || !time_parse(TS_TST_INFO_get_time(info), time_us_r))
		st = err_set(err, PLI_CONFLICT, "its token has no time that is read here");
	else if (policy && !policy_is(info, policy))
		st = err_set(err, PLI_CONFLICT, "its token is under another policy than the one that was asked for");
	TS_TST_INFO_free(info);
	return st;
}

/* ---- asking ---- */

static bool request_fill(TS_REQ *req, const uint8_t digest[32], uint64_t nonce, const char *policy)
{
	TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
	X509_ALGOR *sha256 = X509_ALGOR_new();
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	ASN1_OBJECT *object = policy ? OBJ_txt2obj(policy, 1) : NULL;
	bool ok = imprint && sha256 && number && (!policy || object);

	if (ok) {
		X509_ALGOR_set_md(sha256, EVP_sha256());
		ok = TS_REQ_set_version(req, 1) && TS_MSG_IMPRINT_set_algo(imprint, sha256) &&
		     TS_MSG_IMPRINT_set_msg(imprint, (unsigned char *)(uintptr_t)digest, 32) && TS_REQ_set_msg_imprint(req, imprint) &&
		     ASN1_INTEGER_set_uint64(number, nonce) && TS_REQ_set_nonce(req, number) && TS_REQ_set_cert_req(req, 1) &&
		     (!object || TS_REQ_set_policy_id(req, object));
	}
	ASN1_OBJECT_free(object);
	ASN1_INTEGER_free(number);
	X509_ALGOR_free(sha256);
	TS_MSG_IMPRINT_free(imprint);
	return ok;
}

enum pli_status external_token_request(const void *data, size_t n, const char *policy, uint64_t *nonce_r, struct buf *der_out, struct err *err)
{
	TS_REQ *req = TS_REQ_new();
	uint8_t digest[32], *der = NULL;
	int der_n = -1;

	mem_random(nonce_r, sizeof(*nonce_r));
	*nonce_r >>= 1;
	if (req && EVP_Digest(data, n, digest, NULL, EVP_sha256(), NULL) && request_fill(req, digest, *nonce_r, policy))
		der_n = i2d_TS_REQ(req, &der);
	if (der_n > 0)
		buf_add(der_out, der, (size_t)der_n);
	OPENSSL_free(der);
	TS_REQ_free(req);
	ERR_clear_error();
	return der_n > 0 ? PLI_OK : err_set(err, PLI_BUG, "no timestamp request could be made");
}

enum pli_status external_token_answer(const void *der, size_t der_n, uint64_t nonce, const void *data, size_t n, const char *policy,
				      const char *roots_pem, int64_t now_us, struct buf *token_out, struct buf *pem_out, int64_t *time_us_r,
				      struct err *err)
{
	int64_t coarse_us;
	enum pli_status st = renewal_answer(der, der_n, nonce, data, n, roots_pem, now_us, token_out, pem_out, &coarse_us, err);

	if (st == PLI_OK)
		st = said(token_out->p, token_out->n, policy, time_us_r, err);
	if (st == PLI_OK && llabs(*time_us_r - now_us) > APART_US)
		st = err_set(err, PLI_CONFLICT, "its clock is %lld s from this machine's", llabs(*time_us_r - now_us) / SECOND_US);
	return st;
}

enum pli_status external_token_check(const void *der, size_t der_n, const void *data, size_t n, const char *chain_pem, int64_t *time_us_r,
				     struct err *err)
{
	int64_t coarse_us;
	enum pli_status st = said(der, der_n, NULL, time_us_r, err);

	return st == PLI_OK ? renewal_token_check(der, der_n, data, n, chain_pem, NULL, *time_us_r, &coarse_us, err) : st;
}
