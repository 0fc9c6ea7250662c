/* Other authorities' tokens, see renewal_token.h; and asking for one. */
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/ts.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"
#include "cipher.h"

#include "renewal.h"
#include "renewal_token.h"

#define ANSWER_MAX_BYTES 65536
#define CERTS_MAX 12

static STACK_OF(X509) *certs_read(const char *pem)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert;

	while (certs && bio && sk_X509_num(certs) < CERTS_MAX && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
		if (!sk_X509_push(certs, cert))
			X509_free(cert);
	BIO_free(bio);
	ERR_clear_error();
	return certs;
}

static void certs_free(STACK_OF(X509) *certs)
{
	sk_X509_pop_free(certs, X509_free);
}

static X509 *last_of(STACK_OF(X509) *certs)
{
	return sk_X509_num(certs) ? sk_X509_value(certs, sk_X509_num(certs) - 1) : NULL;
}

static bool among(STACK_OF(X509) *certs, X509 *one)
{
	for (int i = 0; i < sk_X509_num(certs); i++)
		if (X509_cmp(sk_X509_value(certs, i), one) == 0)
			return true;
	return false;
}

void renewal_token_root(const char *chain_pem, char hex_r[65])
{
	STACK_OF(X509) *certs = certs_read(chain_pem);
	uint8_t digest[32], *der = NULL;
	int n = last_of(certs) ? i2d_X509(last_of(certs), &der) : -1;

	hex_r[0] = '\0';
	if (n > 0) {
		cipher_sha256(der, (size_t)n, digest);
		hex_encode(hex_r, digest, 32);
	}
	OPENSSL_free(der);
	certs_free(certs);
}

bool renewal_token_root_given(const char *chain_pem, const char *roots_pem)
{
	STACK_OF(X509) *certs = certs_read(chain_pem), *roots = certs_read(roots_pem);
	bool given = last_of(certs) && among(roots, last_of(certs));

	certs_free(certs);
	certs_free(roots);
	return given;
}

/* The text is what these certificates are written as, each issued by the next, the last by itself: there is no second way to write it. */
static bool chain_exact(STACK_OF(X509) *certs, const char *pem)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int count = sk_X509_num(certs);
	bool ok = bio && count > 0;
	char *text;
	long n;

	for (int i = 0; ok && i < count; i++) {
		X509 *by = sk_X509_value(certs, i + 1 < count ? i + 1 : i);

		ok = X509_verify(sk_X509_value(certs, i), X509_get0_pubkey(by)) == 1 && PEM_write_bio_X509(bio, sk_X509_value(certs, i));
	}
	n = ok ? BIO_get_mem_data(bio, &text) : 0;
	ok = n > 0 && (size_t)n == strlen(pem) && memcmp(text, pem, (size_t)n) == 0;
	BIO_free(bio);
	ERR_clear_error();
	return ok;
}

/* What no signature covers is left out of a token that is kept, and refused in one that is shown: certificates, lists, further attributes. */
static void token_strip(PKCS7 *token)
{
	PKCS7_SIGNER_INFO *si = sk_PKCS7_SIGNER_INFO_value(PKCS7_get_signer_info(token), 0);

	sk_X509_pop_free(token->d.sign->cert, X509_free);
	token->d.sign->cert = NULL;
	sk_X509_CRL_pop_free(token->d.sign->crl, X509_CRL_free);
	token->d.sign->crl = NULL;
	if (si) {
		sk_X509_ATTRIBUTE_pop_free(si->unauth_attr, X509_ATTRIBUTE_free);
		si->unauth_attr = NULL;
	}
}

static bool name_same(X509_NAME *a, X509_NAME *b)
{
	uint8_t *p = NULL, *q = NULL;
	int n = i2d_X509_NAME(a, &p), m = i2d_X509_NAME(b, &q);
	bool same = n > 0 && n == m && memcmp(p, q, (size_t)n) == 0;

	OPENSSL_free(p);
	OPENSSL_free(q);
	return same;
}

static bool token_exact(PKCS7 *token, const void *der, size_t n, X509 *signer)
{
	PKCS7_SIGNER_INFO *si = sk_PKCS7_SIGNER_INFO_value(PKCS7_get_signer_info(token), 0);
	uint8_t *again = NULL;
	int again_n;
	bool ok;

	if (sk_PKCS7_SIGNER_INFO_num(PKCS7_get_signer_info(token)) != 1 || !si->issuer_and_serial ||
	    !name_same(si->issuer_and_serial->issuer, X509_get_issuer_name(signer)))
		return false;
	token_strip(token);
	again_n = i2d_PKCS7(token, &again);
	ok = again_n > 0 && (size_t)again_n == n && memcmp(again, der, n) == 0;
	OPENSSL_free(again);
	return ok;
}

/* ---------------------------------------------------------------------------------------------- checking */

static PKCS7 *token_read(const void *der, size_t n, TS_TST_INFO **info_r)
{
	const uint8_t *p = der;
	PKCS7 *token = n && n <= ANSWER_MAX_BYTES ? d2i_PKCS7(NULL, &p, (long)n) : NULL;

	*info_r = token && p == (const uint8_t *)der + n && PKCS7_type_is_signed(token) ? PKCS7_to_TS_TST_INFO(token) : NULL;
	if (!*info_r) {
		PKCS7_free(token);
		token = NULL;
	}
	ERR_clear_error();
	return token;
}

static bool time_of(const TS_TST_INFO *info, int64_t *t_us_r)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(TS_TST_INFO_get_time(info), &tm))
		return false;
	*t_us_r = (int64_t)timegm(&tm) * SECOND_US;	/* a fraction is not needed */
	return true;
}

/* A digest that is not known to be weak. */
static bool digest_good(TS_TST_INFO *info)
{
	const ASN1_OBJECT *oid = NULL;
	int nid;

	X509_ALGOR_get0(&oid, NULL, NULL, TS_MSG_IMPRINT_get_algo(TS_TST_INFO_get_msg_imprint(info)));
	nid = OBJ_obj2nid(oid);
	return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512;
}

static bool holds_at(PKCS7 *token, const void *data, size_t n, STACK_OF(X509) *certs, int64_t at_us)
{
	TS_VERIFY_CTX *ctx = TS_VERIFY_CTX_new();
	X509_STORE *store = X509_STORE_new();
	BIO *bio = n <= INT32_MAX ? BIO_new_mem_buf(data, (int)n) : NULL;
	STACK_OF(X509) *known = X509_chain_up_ref(certs);
	bool ok = ctx && store && bio && known && X509_STORE_add_cert(store, last_of(certs));

	if (!ok) {
		TS_VERIFY_CTX_free(ctx);
		X509_STORE_free(store);
		BIO_free(bio);
		certs_free(known);
		return false;
	}
	X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), (time_t)(at_us / SECOND_US));
	X509_STORE_set_purpose(store, X509_PURPOSE_TIMESTAMP_SIGN);
	TS_VERIFY_CTX_set_store(ctx, store);	/* ctx owns these three from here */
	TS_VERIFY_CTX_set_certs(ctx, known);
	TS_VERIFY_CTX_set_data(ctx, bio);
	TS_VERIFY_CTX_set_flags(ctx, TS_VFY_VERSION | TS_VFY_SIGNATURE | TS_VFY_DATA);
	ok = TS_RESP_verify_token(ctx, token) == 1;
	TS_VERIFY_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

/* The first certificate of the chain that has ended by then; NULL: none. */
static X509 *ended_by(STACK_OF(X509) *certs, int64_t at_us)
{
	time_t at = (time_t)(at_us / SECOND_US);

	for (int i = 0; i < sk_X509_num(certs); i++)
		if (X509_cmp_time(X509_get0_notAfter(sk_X509_value(certs, i)), &at) < 0)
			return sk_X509_value(certs, i);
	return NULL;
}

static enum pli_status ended(X509 *cert, struct err *err)
{
	char name[80] = "?", t[25];
	struct tm tm = { 0 };

	X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof(name));
	for (char *p = name; *p; p++)	/* it comes from outside */
		if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
			*p = '?';
	(void)ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm);
	return err_set(err, PLI_CONFLICT, "the certificate of its authority (%s) ended on %.10s; the proof had to be renewed again before: look "
		       "for a copy that was", name, clock_rfc3339(t, (int64_t)timegm(&tm) * SECOND_US));
}

static enum pli_status check(PKCS7 *token, TS_TST_INFO *info, const void *data, size_t n, STACK_OF(X509) *certs,
			     const char *roots_pem, int64_t at_us, int64_t *time_us_r, struct err *err)
{
	STACK_OF(X509) *roots = roots_pem ? certs_read(roots_pem) : NULL;
	bool readable = !roots_pem || sk_X509_num(roots) > 0, known = !roots_pem || (last_of(certs) && among(roots, last_of(certs)));

	certs_free(roots);
	if (!readable)
		return err_set(err, PLI_INPUT, "renewal: the roots of time-stamping authorities that were given cannot be read");
	if (!last_of(certs))
		return err_set(err, PLI_CONFLICT, "its certificates cannot be read");
	if (!known)
		return err_set(err, PLI_CONFLICT, "its authority is not under a root that was given");
	if (!digest_good(info) || !time_of(info, time_us_r))
		return err_set(err, PLI_CONFLICT, "its token has a weak digest or no time");
	if (!holds_at(token, data, n, certs, *time_us_r))
		return err_set(err, PLI_CONFLICT, "its token does not hold over its list");
	if (ended_by(certs, at_us))
		return ended(ended_by(certs, at_us), err);
	return holds_at(token, data, n, certs, at_us) ? PLI_OK : err_set(err, PLI_CONFLICT, "its token is not good any more");
}

enum pli_status renewal_token_check(const void *der, size_t der_n, const void *data, size_t n, const char *chain_pem,
				    const char *roots_pem, int64_t at_us, int64_t *time_us_r, struct err *err)
{
	TS_TST_INFO *info;
	PKCS7 *token = token_read(der, der_n, &info);
	STACK_OF(X509) *certs = certs_read(chain_pem);
	enum pli_status st = PLI_OK;

	if (!token)
		st = err_set(err, PLI_CONFLICT, "its token is malformed");
	else if (!chain_exact(certs, chain_pem))
		st = err_set(err, PLI_CONFLICT, "its certificates are not one chain, plainly written");
	else if (!token_exact(token, der, der_n, sk_X509_value(certs, 0)))
		st = err_set(err, PLI_CONFLICT, "its token holds more than a token");
	if (st == PLI_OK)
		st = check(token, info, data, n, certs, roots_pem, at_us, time_us_r, err);

	certs_free(certs);
	TS_TST_INFO_free(info);
	PKCS7_free(token);
	return st;
}

/* ------------------------------------------------------------------------------------------------- asking */

enum pli_status renewal_request(const void *list, size_t n, uint64_t *nonce_r, struct buf *der_out, struct err *err)
{
	TS_REQ *req = TS_REQ_new();
	TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
	X509_ALGOR *sha512 = X509_ALGOR_new();
	ASN1_INTEGER *nonce = ASN1_INTEGER_new();
	uint8_t digest[64], *der = NULL;
	int der_n = -1;

	mem_random(nonce_r, sizeof(*nonce_r));
	*nonce_r >>= 1;
	if (req && imprint && sha512 && nonce && EVP_Digest(list, n, digest, NULL, EVP_sha512(), NULL)) {
		X509_ALGOR_set_md(sha512, EVP_sha512());
		if (TS_REQ_set_version(req, 1) && TS_MSG_IMPRINT_set_algo(imprint, sha512) && TS_MSG_IMPRINT_set_msg(imprint, digest, 64) &&
		    TS_REQ_set_msg_imprint(req, imprint) && ASN1_INTEGER_set_uint64(nonce, *nonce_r) && TS_REQ_set_nonce(req, nonce) &&
		    TS_REQ_set_cert_req(req, 1))
			der_n = i2d_TS_REQ(req, &der);
	}
	if (der_n > 0)
		buf_add(der_out, der, (size_t)der_n);
	OPENSSL_free(der);
	ASN1_INTEGER_free(nonce);
	X509_ALGOR_free(sha512);
	TS_MSG_IMPRINT_free(imprint);
	TS_REQ_free(req);
	return der_n > 0 ? PLI_OK : err_set(err, PLI_BUG, "no timestamp request could be made");
}

static bool about(TS_RESP *resp, uint64_t nonce)
{
	const ASN1_INTEGER *n = TS_RESP_get_tst_info(resp) ? TS_TST_INFO_get_nonce(TS_RESP_get_tst_info(resp)) : NULL;
	uint64_t got;

	return n && ASN1_INTEGER_get_uint64(&got, n) && got == nonce;
}

/* The authority's chain, built from what the token brought up to one of the roots, as PEM. */
static bool chain_write(PKCS7 *token, STACK_OF(X509) *roots, int64_t now_us, struct buf *pem_out)
{
	STACK_OF(X509) *signers = PKCS7_get0_signers(token, NULL, 0), *chain;
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = signers && sk_X509_num(signers) == 1 && store && ctx && bio;
	char *text;
	long n;

	for (int i = 0; ok && i < sk_X509_num(roots); i++)
		ok = X509_STORE_add_cert(store, sk_X509_value(roots, i));
	ok = ok && X509_STORE_CTX_init(ctx, store, sk_X509_value(signers, 0), token->d.sign->cert);
	if (ok) {
		X509_STORE_CTX_set_time(ctx, 0, (time_t)(now_us / SECOND_US));
		X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_TIMESTAMP_SIGN);
		ok = X509_verify_cert(ctx) == 1;
	}
	chain = ok ? X509_STORE_CTX_get0_chain(ctx) : NULL;
	for (int i = 0; chain && i < sk_X509_num(chain); i++)
		ok = ok && PEM_write_bio_X509(bio, sk_X509_value(chain, i));
	n = ok ? BIO_get_mem_data(bio, &text) : 0;
	if (n > 0)
		buf_add(pem_out, text, (size_t)n);
	BIO_free(bio);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_free(signers);
	ERR_clear_error();
	return n > 0;
}

static enum pli_status answer_take(TS_RESP *resp, uint64_t nonce, STACK_OF(X509) *roots, int64_t now_us, struct buf *token_out,
				   struct buf *pem_out, struct err *err)
{
	PKCS7 *token = TS_RESP_get_token(resp);
	uint8_t *der = NULL;
	int n;

	/* A refusal is an answer too: only its status tells. */
	if (!token || ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(TS_RESP_get_status_info(resp))) != TS_STATUS_GRANTED)
		return err_set(err, PLI_CONFLICT, "the time-stamping authority refused");
	if (!about(resp, nonce))
		return err_set(err, PLI_CONFLICT, "the time-stamping authority answered another request");
	if (!chain_write(token, roots, now_us, pem_out))
		return err_set(err, PLI_CONFLICT, "the time-stamping authority is not under a root that was given");
	token_strip(token);
	n = i2d_PKCS7(token, &der);
	if (n <= 0)
		return err_set(err, PLI_BUG, "the token cannot be written");
	buf_add(token_out, der, (size_t)n);
	OPENSSL_free(der);
	return PLI_OK;
}

enum pli_status renewal_answer(const void *der, size_t der_n, uint64_t nonce, const void *list, size_t n, const char *roots_pem,
			       int64_t now_us, struct buf *token_out, struct buf *pem_out, int64_t *time_us_r, struct err *err)
{
	const uint8_t *p = der;
	TS_RESP *resp = der_n && der_n <= ANSWER_MAX_BYTES ? d2i_TS_RESP(NULL, &p, (long)der_n) : NULL;
	STACK_OF(X509) *roots = certs_read(roots_pem);
	enum pli_status st = PLI_OK;

	if (!sk_X509_num(roots))
		st = err_set(err, PLI_INPUT, "the roots of time-stamping authorities that were given cannot be read");
	else if (!resp)
		st = err_set(err, PLI_INPUT, "what came is no answer of a time-stamping authority");
	else
		st = answer_take(resp, nonce, roots, now_us, token_out, pem_out, err);
	TS_RESP_free(resp);
	certs_free(roots);
	ERR_clear_error();
	if (st == PLI_OK)
		st = renewal_token_check(token_out->p, token_out->n, list, n, pem_out->p, roots_pem, now_us, time_us_r, err);
	return st;
}
