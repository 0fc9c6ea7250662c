/* Timestamp tokens by OpenSSL's TS code; see token.h. */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/ts.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"

#include "cipher.h"

#include "pem.h"
#include "signed_data.h"
#include "tsa_query.h"

#include "token.h"

struct token_maker {
	TS_RESP_CTX *ctx;
	X509 *cert;
	X509_ALGOR *digests[TSA_DIGESTS];
	int64_t t_us;		/* of the token being made */
	/* The newest token and the answer that it came in.  The next one is made of it: only what is stamped, time, serial and
	 * signature are new, which costs half of an answer from nothing. */
	TS_RESP *last;
};

static X509 *read_cert(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	return cert;
}

static int give_time(struct TS_resp_ctx *ctx, void *arg, long *sec, long *usec)
{
	const struct token_maker *maker = arg;

	(void)ctx;
	*sec = (long)(maker->t_us / SECOND_US);
	*usec = (long)(maker->t_us % SECOND_US / 1000 * 1000);
	return 1;
}

static ASN1_INTEGER *give_serial(struct TS_resp_ctx *ctx, void *arg)
{
	ASN1_INTEGER *serial = ASN1_INTEGER_new();
	uint64_t v;

	(void)ctx;
	(void)arg;
	mem_random(&v, sizeof(v));
	if (serial && !ASN1_INTEGER_set_uint64(serial, v >> 1 | 1)) {
		ASN1_INTEGER_free(serial);
		serial = NULL;
	}
	return serial;
}

static bool digests_fill(struct token_maker *maker)
{
	const EVP_MD *const known[TSA_DIGESTS] = { [TSA_SHA256] = EVP_sha256(), [TSA_SHA384] = EVP_sha384(), [TSA_SHA512] = EVP_sha512() };

	for (int i = 0; i < TSA_DIGESTS; i++) {
		maker->digests[i] = X509_ALGOR_new();
		if (!maker->digests[i] || !TS_RESP_CTX_add_md(maker->ctx, known[i]))
			return false;
		X509_ALGOR_set_md(maker->digests[i], known[i]);
	}
	return true;
}

static bool maker_fill(struct token_maker *maker, X509 *cert, EVP_PKEY *key)
{
	ASN1_OBJECT *policy = OBJ_txt2obj(TOKEN_POLICY, 1);
	bool ok;

	maker->ctx = TS_RESP_CTX_new();
	ok = policy && maker->ctx && TS_RESP_CTX_set_signer_cert(maker->ctx, cert) &&
	     TS_RESP_CTX_set_signer_key(maker->ctx, key) && TS_RESP_CTX_set_signer_digest(maker->ctx, EVP_sha256()) &&
	     TS_RESP_CTX_set_ess_cert_id_digest(maker->ctx, EVP_sha256()) && TS_RESP_CTX_set_def_policy(maker->ctx, policy) &&
	     digests_fill(maker) && TS_RESP_CTX_set_clock_precision_digits(maker->ctx, 3);
	if (ok) {
		TS_RESP_CTX_set_time_cb(maker->ctx, give_time, maker);
		TS_RESP_CTX_set_serial_cb(maker->ctx, give_serial, maker);
	}
	ASN1_OBJECT_free(policy);
	return ok;
}

enum pli_status token_maker_new(const char *cert_pem, const char *key_pem, struct token_maker **maker_r, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(key_pem, -1);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	enum pli_status status = token_maker_new_key(cert_pem, key, maker_r, err);

	BIO_free(bio);
	EVP_PKEY_free(key);
	return status;
}

enum pli_status token_maker_new_key(const char *cert_pem, EVP_PKEY *key, struct token_maker **maker_r, struct err *err)
{
	X509 *cert = read_cert(cert_pem);
	struct token_maker *maker = mem_alloc(sizeof(*maker));
	bool ok = key && cert && X509_check_private_key(cert, key) == 1 && maker_fill(maker, cert, key);

	/* The context holds references of its own. */
	maker->cert = cert;
	if (!ok) {
		ERR_clear_error();
		token_maker_free(maker);
		return err_set(err, PLI_INPUT, "time-stamping certificate and key cannot be used together");
	}
	*maker_r = maker;
	return PLI_OK;
}

X509 *token_maker_cert(const struct token_maker *maker)
{
	return maker->cert;
}

void token_maker_free(struct token_maker *maker)
{
	if (!maker)
		return;
	TS_RESP_free(maker->last);
	TS_RESP_CTX_free(maker->ctx);
	X509_free(maker->cert);
	for (int i = 0; i < TSA_DIGESTS; i++)
		X509_ALGOR_free(maker->digests[i]);
	mem_free(maker);
}

/* ---- the first one: an answer to a request as a client would send it, for the library answers requests only ---- */

static BIO *request(struct token_maker *maker, const uint8_t digest[32])
{
	TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
	TS_REQ *req = TS_REQ_new();
	BIO *bio = BIO_new(BIO_s_mem());

	if (!imprint || !req || !bio || !TS_REQ_set_version(req, 1) || !TS_MSG_IMPRINT_set_algo(imprint, maker->digests[TSA_SHA256]) ||
	    !TS_MSG_IMPRINT_set_msg(imprint, (unsigned char *)(uintptr_t)digest, 32) || !TS_REQ_set_msg_imprint(req, imprint) ||
	    !TS_REQ_set_cert_req(req, 0) || !i2d_TS_REQ_bio(bio, req)) {
		BIO_free(bio);
		bio = NULL;
	}
	TS_MSG_IMPRINT_free(imprint);
	TS_REQ_free(req);
	return bio;
}

/* Takes bio. */
static bool answer(struct token_maker *maker, BIO *bio)
{
	maker->last = bio ? TS_RESP_create_response(maker->ctx, bio) : NULL;
	BIO_free(bio);
	/* A refusal is an answer too: only its status tells. */
	return maker->last && TS_RESP_get_token(maker->last) &&
	       ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(TS_RESP_get_status_info(maker->last))) == TS_STATUS_GRANTED;
}

/* ---- the next ones: from the last ---- */

/* To the millisecond, without trailing zeros (RFC 3161 section 2.4.2). */
static ASN1_GENERALIZEDTIME *gen_time(int64_t t_us)
{
	ASN1_GENERALIZEDTIME *time = ASN1_GENERALIZEDTIME_new();
	time_t seconds = (time_t)(t_us / SECOND_US);
	unsigned ms = (unsigned)(t_us % SECOND_US / 1000);
	char text[40];
	struct tm tm;
	size_t n;

	if (!time || !gmtime_r(&seconds, &tm))
		return time;
	n = strftime(text, sizeof(text), "%Y%m%d%H%M%S", &tm);
	if (ms) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, ".%03u", ms);
		while (text[n - 1] == '0')
			n--;
	}
	snprintf(text + n, sizeof(text) - n, "Z");
	if (ASN1_GENERALIZEDTIME_set_string(time, text))
		return time;
	ASN1_GENERALIZEDTIME_free(time);
	return NULL;
}

/* nonce: as before when NULL. */
static bool info_renew(struct token_maker *maker, TS_TST_INFO *tst, enum tsa_digest which, const uint8_t *digest, size_t n,
		       const ASN1_INTEGER *nonce)
{
	TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint(tst);
	ASN1_GENERALIZEDTIME *time = gen_time(maker->t_us);
	ASN1_INTEGER *serial = give_serial(maker->ctx, NULL);
	bool ok = time && serial && TS_TST_INFO_set_time(tst, time) && TS_TST_INFO_set_serial(tst, serial) &&
		  TS_MSG_IMPRINT_set_algo(imprint, maker->digests[which]) &&
		  TS_MSG_IMPRINT_set_msg(imprint, (unsigned char *)(uintptr_t)digest, (int)n) &&
		  (!nonce || TS_TST_INFO_set_nonce(tst, nonce));

	ASN1_GENERALIZEDTIME_free(time);
	ASN1_INTEGER_free(serial);
	return ok;
}

/* New content, and the attributes and signature that go with it. */
static bool sign_again(PKCS7 *token, TS_TST_INFO *tst, int64_t t_us)
{
	PKCS7_SIGNER_INFO *si = sk_PKCS7_SIGNER_INFO_value(PKCS7_get_signer_info(token), 0);
	ASN1_OCTET_STRING *content = token->d.sign->contents->d.other->value.octet_string;
	ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)(t_us / SECOND_US));
	uint8_t *der = NULL, digest[32];
	int n = i2d_TS_TST_INFO(tst, &der);
	bool ok = n > 0 && time && ASN1_OCTET_STRING_set(content, der, n);

	if (ok)
		cipher_sha256(der, (size_t)n, digest);
	OPENSSL_free(der);
	/* Both attributes replace the ones before; the first takes time. */
	ok = ok && PKCS7_add0_attrib_signing_time(si, time);
	if (!ok)
		ASN1_TIME_free(time);
	return ok && PKCS7_add1_attrib_digest(si, digest, sizeof(digest)) && PKCS7_SIGNER_INFO_sign(si);
}

static bool renew(struct token_maker *maker, enum tsa_digest which, const uint8_t *digest, size_t n, const ASN1_INTEGER *nonce)
{
	TS_TST_INFO *tst = TS_RESP_get_tst_info(maker->last);

	return info_renew(maker, tst, which, digest, n, nonce) && sign_again(TS_RESP_get_token(maker->last), tst, maker->t_us);
}

/* The newest token, if it could be made. */
static enum pli_status give(struct token_maker *maker, bool made, struct buf *out, struct err *err)
{
	int len = made ? i2d_PKCS7(TS_RESP_get_token(maker->last), NULL) : 0;

	if (len > 0) {
		uint8_t *p = buf_reserve(out, (size_t)len);

		i2d_PKCS7(TS_RESP_get_token(maker->last), &p);
		out->n += (size_t)len;
		out->p[out->n] = 0;
		return PLI_OK;
	}
	/* Nothing half-made serves as a model. */
	TS_RESP_free(maker->last);
	maker->last = NULL;
	ERR_clear_error();
	return err_set(err, PLI_BUG, "no timestamp token could be made");
}

enum pli_status token_make(struct token_maker *maker, const void *data, size_t n, int64_t t_us, struct buf *out, struct err *err)
{
	uint8_t digest[32];
	bool made;

	cipher_sha256(data, n, digest);
	maker->t_us = t_us;
	made = maker->last ? renew(maker, TSA_SHA256, digest, sizeof(digest), NULL) : answer(maker, request(maker, digest));
	return give(maker, made, out, err);
}

enum pli_status token_grant(struct token_maker *maker, const void *der, size_t der_n, const struct tsa_query *query, int64_t t_us,
			    struct buf *out, struct err *err)
{
	const uint8_t *p = query->nonce;
	ASN1_INTEGER *nonce = p ? d2i_ASN1_INTEGER(NULL, &p, (long)query->nonce_n) : NULL;
	bool made = false;

	maker->t_us = t_us;
	if (!query->nonce || nonce)
		made = maker->last ? renew(maker, query->digest, query->imprint, query->imprint_n, nonce)
				   : answer(maker, BIO_new_mem_buf(der, (int)der_n));
	ASN1_INTEGER_free(nonce);
	return give(maker, made, out, err);
}

/* genTime is YYYYMMDDHHMMSS, a fraction without trailing zeros, Z (RFC 3161 section 2.4.2). */
static bool gen_time_parse(const ASN1_GENERALIZEDTIME *time, int64_t *t_us_r)
{
	static const uint8_t width[] = { 4, 2, 2, 2, 2, 2 };
	const unsigned char *s = ASN1_STRING_get0_data(time);
	int n = ASN1_STRING_length(time), field[6], at = 0;
	int64_t fraction = 0, unit = 100000;
	struct tm tm = { 0 };

	if (n < 15)
		return false;
	for (int i = 0; i < 6; i++) {
		field[i] = 0;
		for (int k = 0; k < width[i]; k++, at++) {
			if (s[at] < '0' || s[at] > '9')
				return false;
			field[i] = field[i] * 10 + (s[at] - '0');
		}
	}
	if (s[at] == '.') {
		for (at++; at < n && s[at] >= '0' && s[at] <= '9'; at++, unit /= 10)
			fraction += (s[at] - '0') * unit;
		if (s[at - 1] == '0' || s[at - 1] == '.' || at > 21)
			return false;
	}
	if (at != n - 1 || s[at] != 'Z' || field[0] < 1970 || field[1] < 1 || field[1] > 12 || field[2] < 1 || field[2] > 31 ||
	    field[3] > 23 || field[4] > 59 || field[5] > 60)
		return false;
	tm.tm_year = field[0] - 1900;
	tm.tm_mon = field[1] - 1;
	tm.tm_mday = field[2];
	tm.tm_hour = field[3];
	tm.tm_min = field[4];
	tm.tm_sec = field[5];
	*t_us_r = (int64_t)timegm(&tm) * SECOND_US + fraction;
	return true;
}

static bool is_sha256(const X509_ALGOR *algor)
{
	const ASN1_OBJECT *oid = NULL;

	X509_ALGOR_get0(&oid, NULL, NULL, algor);
	return OBJ_obj2nid(oid) == NID_sha256;
}

static bool info_fill(TS_TST_INFO *tst, struct token_info *info)
{
	TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint(tst);
	ASN1_OCTET_STRING *digest = TS_MSG_IMPRINT_get_msg(imprint);
	const ASN1_INTEGER *serial = TS_TST_INFO_get_serial(tst);

	memset(info, 0, sizeof(*info));
	if (TS_TST_INFO_get_version(tst) != 1 || !is_sha256(TS_MSG_IMPRINT_get_algo(imprint)) || ASN1_STRING_length(digest) != 32 ||
	    ASN1_STRING_length(serial) > (int)sizeof(info->serial) || !gen_time_parse(TS_TST_INFO_get_time(tst), &info->gen_time_us) ||
	    OBJ_obj2txt(info->policy, sizeof(info->policy), TS_TST_INFO_get_policy_id(tst), 1) >= (int)sizeof(info->policy))
		return false;
	memcpy(info->imprint, ASN1_STRING_get0_data(digest), 32);
	info->serial_n = (size_t)ASN1_STRING_length(serial);
	memcpy(info->serial, ASN1_STRING_get0_data(serial), info->serial_n);
	return true;
}

/* Signed data with one signer, and the only DER encoding of what it says. */
static PKCS7 *token_decode(const void *der, size_t n)
{
	const uint8_t *p = der;
	PKCS7 *token = n && n <= TOKEN_MAX_BYTES ? d2i_PKCS7(NULL, &p, (long)n) : NULL;
	uint8_t *again = NULL;
	int again_n;
	bool ok;

	if (!token)
		return NULL;
	ok = p == (const uint8_t *)der + n && PKCS7_type_is_signed(token) && token->d.sign &&
	     sk_PKCS7_SIGNER_INFO_num(PKCS7_get_signer_info(token)) == 1;
	if (ok) {
		again_n = i2d_PKCS7(token, &again);
		ok = again_n > 0 && (size_t)again_n == n && memcmp(again, der, n) == 0;
		OPENSSL_free(again);
	}
	if (!ok) {
		PKCS7_free(token);
		token = NULL;
	}
	return token;
}

static PKCS7 *token_read(const void *der, size_t n, struct token_info *info_r)
{
	PKCS7 *token = token_decode(der, n);
	TS_TST_INFO *tst = token ? PKCS7_to_TS_TST_INFO(token) : NULL;

	if (!tst || !info_fill(tst, info_r)) {
		PKCS7_free(token);
		token = NULL;
	}
	TS_TST_INFO_free(tst);
	if (!token)
		ERR_clear_error();
	return token;
}

enum pli_status token_parse(const void *der, size_t n, struct token_info *info_r, struct err *err)
{
	struct token_info info;
	PKCS7 *token = token_read(der, n, &info);

	if (!token)
		return err_set(err, PLI_INPUT, "timestamp token is malformed");
	PKCS7_free(token);
	*info_r = info;
	return PLI_OK;
}

struct token_verifier {
	X509_STORE *store;
	STACK_OF(X509) *authorities;
};

/* Every certificate of the text; NULL when there is none. */
static STACK_OF(X509) *read_certs(const char *pem)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert;

	while (certs && bio && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
		if (!sk_X509_push(certs, cert))
			X509_free(cert);
	BIO_free(bio);
	ERR_clear_error();
	if (sk_X509_num(certs) > 0)
		return certs;
	sk_X509_free(certs);
	return NULL;
}

/* The one that the token names, borrowed. */
static X509 *authority_of(const struct token_verifier *v, PKCS7 *token)
{
	for (int i = 0; i < sk_X509_num(v->authorities); i++)
		if (signed_data_exact(token, sk_X509_value(v->authorities, i), 3, false))
			return sk_X509_value(v->authorities, i);
	return NULL;
}

bool token_is_by(const void *der, size_t n, const char *tsa_pem)
{
	AUTO_BUF cert = { 0 };
	uint8_t digest[32];

	if (n > TOKEN_MAX_BYTES || !pem_der(tsa_pem, strlen(tsa_pem), PEM_STRING_X509, &cert))
		return false;
	cipher_sha256(cert.p, cert.n, digest);
	return memmem(der, n, digest, sizeof(digest)) != NULL;
}

enum pli_status token_verifier_new(const char *root_pem, const char *tsa_pem, struct token_verifier **verifier_r, struct err *err)
{
	struct token_verifier *v = mem_alloc(sizeof(*v));
	X509 *root = read_cert(root_pem);

	v->authorities = read_certs(tsa_pem);
	v->store = X509_STORE_new();
	if (!root || !v->authorities || !v->store || !X509_STORE_add_cert(v->store, root)) {
		ERR_clear_error();
		X509_free(root);
		token_verifier_free(v);
		return err_set(err, PLI_INPUT, "root or time-stamping certificate cannot be read");
	}
	X509_free(root);
	*verifier_r = v;
	return PLI_OK;
}

void token_verifier_free(struct token_verifier *verifier)
{
	if (!verifier)
		return;
	X509_STORE_free(verifier->store);
	sk_X509_pop_free(verifier->authorities, X509_free);
	mem_free(verifier);
}

static bool signature_holds(struct token_verifier *v, PKCS7 *token, const struct token_info *info)
{
	TS_VERIFY_CTX *ctx = TS_VERIFY_CTX_new();
	STACK_OF(X509) *certs = sk_X509_new_null();
	X509 *authority = authority_of(v, token);
	bool ok;

	if (!authority || !ctx || !certs || !X509_up_ref(authority) || !sk_X509_push(certs, authority)) {
		TS_VERIFY_CTX_free(ctx);
		sk_X509_free(certs);
		return false;
	}
	X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(v->store), (time_t)(info->gen_time_us / SECOND_US));
	X509_STORE_up_ref(v->store);
	TS_VERIFY_CTX_set_store(ctx, v->store);		/* ctx owns that reference and the stack */
	TS_VERIFY_CTX_set_certs(ctx, certs);
	TS_VERIFY_CTX_set_flags(ctx, TS_VFY_SIGNATURE | TS_VFY_VERSION);
	ok = TS_RESP_verify_token(ctx, token) == 1;
	TS_VERIFY_CTX_free(ctx);
	if (!ok)
		ERR_clear_error();
	return ok;
}

enum pli_status token_verify(struct token_verifier *verifier, const void *der, size_t n, const void *data, size_t data_n,
			     struct token_info *info_r, struct err *err)
{
	struct token_info info;
	PKCS7 *token = token_read(der, n, &info);
	uint8_t digest[32];
	bool ok;

	if (!token)
		return err_set(err, PLI_INPUT, "timestamp token is malformed");
	cipher_sha256(data, data_n, digest);
	ok = memcmp(digest, info.imprint, 32) == 0;
	if (!ok)
		err_set(err, PLI_CONFLICT, "timestamp token is over other data");
	else if (!(ok = signature_holds(verifier, token, &info)))
		err_set(err, PLI_CONFLICT, "signature of the timestamp token does not hold");
	PKCS7_free(token);
	if (!ok)
		return PLI_CONFLICT;
	*info_r = info;
	return PLI_OK;
}
