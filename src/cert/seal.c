/* CAdES-BES by OpenSSL's CMS code; see seal.h. */
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"

#include "pem.h"
#include "signed_data.h"

#include "seal.h"

#define SIGN_FLAGS (CMS_DETACHED | CMS_BINARY | CMS_NOSMIMECAP | CMS_CADES)

struct sealer {
	X509 *cert;
	EVP_PKEY *key;
};

static X509 *read_cert(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	return cert;
}

bool seal_usage(const char *cert_pem)
{
	X509 *cert = read_cert(cert_pem);
	bool fit = cert && !(X509_get_extension_flags(cert) & (EXFLAG_CA | EXFLAG_XKUSAGE | EXFLAG_INVALID)) &&
		   (X509_get_extension_flags(cert) & EXFLAG_KUSAGE) && (X509_get_key_usage(cert) & KU_NON_REPUDIATION);

	X509_free(cert);
	return fit;
}

enum pli_status sealer_new(const char *cert_pem, const char *key_pem, struct sealer **sealer_r, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(key_pem, -1);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	enum pli_status status = sealer_new_key(cert_pem, key, sealer_r, err);

	BIO_free(bio);
	EVP_PKEY_free(key);
	return status;
}

enum pli_status sealer_new_key(const char *cert_pem, EVP_PKEY *key, struct sealer **sealer_r, struct err *err)
{
	struct sealer *s = mem_alloc(sizeof(*s));

	s->key = key && EVP_PKEY_up_ref(key) ? key : NULL;
	s->cert = read_cert(cert_pem);
	if (!s->key || !s->cert || X509_check_private_key(s->cert, s->key) != 1) {
		ERR_clear_error();
		sealer_free(s);
		return err_set(err, PLI_INPUT, "seal certificate and key cannot be used together");
	}
	*sealer_r = s;
	return PLI_OK;
}

void sealer_free(struct sealer *sealer)
{
	if (!sealer)
		return;
	X509_free(sealer->cert);
	EVP_PKEY_free(sealer->key);
	mem_free(sealer);
}

X509 *sealer_cert(const struct sealer *sealer)
{
	return sealer->cert;
}

EVP_PKEY *sealer_key(const struct sealer *sealer)
{
	return sealer->key;
}

static bool signer_add(CMS_ContentInfo *cms, const struct sealer *sealer)
{
	return !sealer || CMS_add1_signer(cms, sealer->cert, sealer->key, EVP_sha256(), SIGN_FLAGS);
}

static enum pli_status make(const struct sealer *a, const struct sealer *b, const void *data, size_t n, struct buf *p7s_out, struct err *err)
{
	BIO *bio = n <= INT32_MAX ? BIO_new_mem_buf(data, (int)n) : NULL;
	CMS_ContentInfo *cms = bio ? CMS_sign(NULL, NULL, NULL, NULL, SIGN_FLAGS | CMS_PARTIAL) : NULL;
	int len = 0;

	if (cms && signer_add(cms, a) && signer_add(cms, b) && CMS_final(cms, bio, NULL, SIGN_FLAGS) == 1)
		len = i2d_CMS_ContentInfo(cms, NULL);
	if (len > 0) {
		uint8_t *p = buf_reserve(p7s_out, (size_t)len);

		i2d_CMS_ContentInfo(cms, &p);
		p7s_out->n += (size_t)len;
		p7s_out->p[p7s_out->n] = 0;
	}
	CMS_ContentInfo_free(cms);
	BIO_free(bio);
	if (len <= 0)
		ERR_clear_error();
	return len > 0 ? PLI_OK : err_set(err, PLI_BUG, "no seal could be made");
}

enum pli_status seal_make(struct sealer *sealer, const void *data, size_t n, struct buf *p7s_out, struct err *err)
{
	return make(sealer, NULL, data, n, p7s_out, err);
}

enum pli_status seal_make_two(struct sealer *a, struct sealer *b, const void *data, size_t n, struct buf *p7s_out, struct err *err)
{
	return make(a, b, data, n, p7s_out, err);
}

/* The whole of p7s, the only DER encoding of what it says. */
static CMS_ContentInfo *decode(const void *p7s, size_t n)
{
	const uint8_t *p = p7s;
	CMS_ContentInfo *cms = n && n <= SEAL_MAX_BYTES ? d2i_CMS_ContentInfo(NULL, &p, (long)n) : NULL;
	uint8_t *again = NULL;
	int again_n;
	bool ok;

	if (!cms)
		return NULL;
	again_n = i2d_CMS_ContentInfo(cms, &again);
	ok = p == (const uint8_t *)p7s + n && again_n > 0 && (size_t)again_n == n && memcmp(again, p7s, n) == 0 &&
	     OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_signed && OBJ_obj2nid(CMS_get0_eContentType(cms)) == NID_pkcs7_data &&
	     CMS_is_detached(cms) == 1;
	OPENSSL_free(again);
	if (!ok) {
		CMS_ContentInfo_free(cms);
		cms = NULL;
	}
	return cms;
}

/* These signers (b NULL: one) and their certificates in the one form that is allowed, each with the CAdES attribute. */
static bool shape_holds(CMS_ContentInfo *cms, const void *p7s, size_t n, X509 *a, X509 *b)
{
	STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);
	const uint8_t *p = p7s;
	PKCS7 *p7 = d2i_PKCS7(NULL, &p, (long)n);
	bool ok = p7 && (b ? signed_data_exact_two(p7, a, b, 1) : signed_data_exact(p7, a, 1, true));

	for (int i = 0; ok && i < sk_CMS_SignerInfo_num(signers); i++)
		ok = CMS_signed_get_attr_by_NID(sk_CMS_SignerInfo_value(signers, i), NID_id_smime_aa_signingCertificateV2, -1) >= 0;
	PKCS7_free(p7);
	return ok;
}

static bool signature_holds(CMS_ContentInfo *cms, X509 *root, const void *data, size_t n, int64_t at_us)
{
	X509_STORE *store = X509_STORE_new();
	BIO *bio = n <= INT32_MAX ? BIO_new_mem_buf(data, (int)n) : NULL;
	bool ok = store && bio && X509_STORE_add_cert(store, root);

	if (ok) {
		X509_VERIFY_PARAM *param = X509_STORE_get0_param(store);

		X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY);
		if (at_us)
			X509_VERIFY_PARAM_set_time(param, (time_t)(at_us / SECOND_US));
		ok = CMS_verify(cms, NULL, store, bio, NULL, CMS_BINARY | CMS_CADES) == 1;
	}
	BIO_free(bio);
	X509_STORE_free(store);
	return ok;
}

static enum pli_status verify(const void *p7s, size_t p7s_n, const void *data, size_t n, const char *root_pem, const char *a_pem,
			      const char *b_pem, int64_t at_us, struct err *err)
{
	CMS_ContentInfo *cms = decode(p7s, p7s_n);
	X509 *root = read_cert(root_pem), *a = read_cert(a_pem), *b = b_pem ? read_cert(b_pem) : NULL;
	enum pli_status status = PLI_OK;

	if (!root || !a || (b_pem && !b))
		status = err_set(err, PLI_INPUT, "root or seal certificate cannot be read");
	else if (!cms)
		status = err_set(err, PLI_INPUT, b_pem ? "signatures are malformed" : "seal is malformed");
	else if (b && sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)) != 2)
		status = err_set(err, PLI_CONFLICT, "two signers expected, %d found", sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)));
	else if (!shape_holds(cms, p7s, p7s_n, a, b))
		status = err_set(err, PLI_CONFLICT, b ? "not by seal and certification operator alone" : "seal is not by the seal certificate alone");
	else if (!signature_holds(cms, root, data, n, at_us))
		status = err_set(err, PLI_CONFLICT, b ? "a signature does not hold" : "seal does not hold");
	CMS_ContentInfo_free(cms);
	X509_free(root);
	X509_free(a);
	X509_free(b);
	if (status != PLI_OK)
		ERR_clear_error();
	return status;
}

enum pli_status seal_verify(const void *p7s, size_t p7s_n, const void *data, size_t n, const char *root_pem, const char *seal_pem,
			    int64_t at_us, struct err *err)
{
	return verify(p7s, p7s_n, data, n, root_pem, seal_pem, NULL, at_us, err);
}

enum pli_status seal_verify_two(const void *p7s, size_t p7s_n, const void *data, size_t n, const char *root_pem, const char *a_pem,
				const char *b_pem, int64_t at_us, struct err *err)
{
	return verify(p7s, p7s_n, data, n, root_pem, a_pem, b_pem, at_us, err);
}

/* The bytes of a certificate stand in the signature as they stand in PEM. */
bool seal_holds_certificate(const void *p7s, size_t n, const char *cert_pem)
{
	AUTO_BUF der = { 0 };

	return n <= SEAL_MAX_BYTES && pem_der(cert_pem, strlen(cert_pem), PEM_STRING_X509, &der) && memmem(p7s, n, der.p, der.n);
}
