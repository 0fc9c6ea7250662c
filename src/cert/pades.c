/* PAdES by OpenSSL's CMS structures, signed by ourselves: the library cannot leave out the signing-time; see pades.h. */
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pdf_read.h"
#include "pem_list.h"
#include "pool.h"
#include "seal.h"
#include "text.h"
#include "token.h"

#include "pades.h"

#define FLAGS (CMS_DETACHED | CMS_BINARY | CMS_NOSMIMECAP | CMS_CADES | CMS_PARTIAL)
#define ATTRIBUTES_MAX 8

/* ---- the signed attributes, as DER SET OF: by rising bytes, the shorter first ---- */

struct piece {
	uint8_t *p;
	int n;
};

static int by_bytes(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;
	int n = x->n < y->n ? x->n : y->n, order = memcmp(x->p, y->p, (size_t)n);

	return order ? order : x->n - y->n;
}

static void length(struct buf *out, size_t n)
{
	if (n < 128) {
		buf_u8(out, (uint8_t)n);
	} else if (n < 256) {
		buf_u8(out, 0x81);
		buf_u8(out, (uint8_t)n);
	} else {
		buf_u8(out, 0x82);
		buf_u16(out, (uint16_t)n);
	}
}

static bool attributes_write(CMS_SignerInfo *signer, struct buf *out)
{
	struct piece pieces[ATTRIBUTES_MAX] = { 0 };
	int count = CMS_signed_get_attr_count(signer);
	size_t sum = 0;
	bool ok = count > 0 && count <= ATTRIBUTES_MAX;

	for (int i = 0; ok && i < count; i++) {
		pieces[i].n = i2d_X509_ATTRIBUTE(CMS_signed_get_attr(signer, i), &pieces[i].p);
		ok = pieces[i].n > 0;
		sum += ok ? (size_t)pieces[i].n : 0;
	}
	ok = ok && sum < 65536;
	if (ok) {
		qsort(pieces, (size_t)count, sizeof(pieces[0]), by_bytes);
		buf_u8(out, 0x31);
		length(out, sum);
	}
	for (int i = 0; i < ATTRIBUTES_MAX; i++) {
		if (ok && i < count)
			buf_add(out, pieces[i].p, (size_t)pieces[i].n);
		OPENSSL_free(pieces[i].p);
	}
	return ok;
}

/* ---- signing ---- */

static bool sign(EVP_PKEY *key, CMS_SignerInfo *signer)
{
	AUTO_BUF attributes = { 0 };
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[256];
	size_t n = sizeof(signature);
	bool ok = ctx && attributes_write(signer, &attributes) && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
		  EVP_DigestSign(ctx, signature, &n, (const uint8_t *)attributes.p, attributes.n) == 1 &&
		  ASN1_OCTET_STRING_set(CMS_SignerInfo_get0_signature(signer), signature, (int)n) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool stamp(struct token_maker *tokens, CMS_SignerInfo *signer, int64_t t_us, struct err *err)
{
	const ASN1_OCTET_STRING *signature = CMS_SignerInfo_get0_signature(signer);
	AUTO_BUF token = { 0 };

	return token_make(tokens, ASN1_STRING_get0_data(signature), (size_t)ASN1_STRING_length(signature), t_us, &token, err) == PLI_OK &&
	       CMS_unsigned_add1_attr_by_NID(signer, NID_id_smime_aa_timeStampToken, V_ASN1_SEQUENCE, token.p, (int)token.n) == 1;
}

enum pli_status pades_make(const struct sealer *sealer, struct token_maker *tokens, const uint8_t digest[32], int64_t t_us,
			   struct buf *der_out, struct err *err)
{
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, FLAGS);
	CMS_SignerInfo *signer = cms ? CMS_add1_signer(cms, sealer_cert(sealer), sealer_key(sealer), EVP_sha256(), FLAGS) : NULL;
	uint8_t *der = NULL;
	int n = 0;
	bool ok = signer &&
		  CMS_signed_add1_attr_by_NID(signer, NID_pkcs9_contentType, V_ASN1_OBJECT, OBJ_nid2obj(NID_pkcs7_data), -1) == 1 &&
		  CMS_signed_add1_attr_by_NID(signer, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING, digest, 32) == 1 &&
		  CMS_signed_get_attr_by_NID(signer, NID_id_smime_aa_signingCertificateV2, -1) >= 0 &&
		  CMS_signed_get_attr_by_NID(signer, NID_pkcs9_signingTime, -1) < 0 && CMS_add1_cert(cms, token_maker_cert(tokens)) == 1 &&
		  sign(sealer_key(sealer), signer) && stamp(tokens, signer, t_us, err);

	if (ok)
		n = i2d_CMS_ContentInfo(cms, &der);
	if (n > 0)
		buf_add(der_out, der, (size_t)n);
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	if (n > 0)
		return PLI_OK;
	ERR_clear_error();
	return err_set(err, PLI_BUG, "no signature for a PDF could be made");
}

/* ---- verifying ---- */

static X509 *read_cert(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	return cert;
}

/* The token, an unsigned attribute, over the signature's value. */
static enum pli_status token_check(CMS_SignerInfo *signer, const char *root_pem, const char *tsa_pem, int64_t *t_us_r, struct err *err)
{
	int at = CMS_unsigned_get_attr_by_NID(signer, NID_id_smime_aa_timeStampToken, -1);
	X509_ATTRIBUTE *attribute = at >= 0 ? CMS_unsigned_get_attr(signer, at) : NULL;
	ASN1_TYPE *type = attribute && X509_ATTRIBUTE_count(attribute) == 1 ? X509_ATTRIBUTE_get0_type(attribute, 0) : NULL;
	const ASN1_OCTET_STRING *signature = CMS_SignerInfo_get0_signature(signer);
	struct token_verifier *verifier = NULL;
	struct token_info info;
	enum pli_status status;

	if (!type || ASN1_TYPE_get(type) != V_ASN1_SEQUENCE)
		return err_set(err, PLI_CONFLICT, "the signature has no timestamp");
	status = token_verifier_new(root_pem, tsa_pem, &verifier, err);
	if (status == PLI_OK)
		status = token_verify(verifier, ASN1_STRING_get0_data(type->value.sequence), (size_t)ASN1_STRING_length(type->value.sequence),
				      ASN1_STRING_get0_data(signature), (size_t)ASN1_STRING_length(signature), &info, err);
	token_verifier_free(verifier);
	if (status == PLI_OK)
		*t_us_r = info.gen_time_us;
	return status;
}

/* Of the certificates of the house only those for seals. */
static bool for_seals(X509 *cert)
{
	return cert && !(X509_get_extension_flags(cert) & (EXFLAG_CA | EXFLAG_XKUSAGE | EXFLAG_INVALID)) &&
	       (X509_get_extension_flags(cert) & EXFLAG_KUSAGE) && (X509_get_key_usage(cert) & KU_NON_REPUDIATION);
}

static bool among(X509 *cert, const char *pems)
{
	AUTO_POOL pool = pool_new();
	uint8_t digest[32];
	char hex[65];

	return X509_digest(cert, EVP_sha256(), digest, NULL) == 1 && pem_list_find(pool, pems, hex_encode(hex, digest, 32));
}

/* Into the next element, which has that tag; over: beyond it instead. */
static bool step(const uint8_t **p, const uint8_t *end, int tag, bool over)
{
	long n;
	int is, class_;

	if (*p >= end || (ASN1_get_object(p, &n, &is, &class_, end - *p) & 0x80) || is != tag)
		return false;
	if (over)
		*p += n;
	return true;
}

static bool is_one(const uint8_t **p, const uint8_t *end)
{
	static const uint8_t ONE[] = { V_ASN1_INTEGER, 1, 1 };
	bool one = end - *p >= (ptrdiff_t)sizeof(ONE) && memcmp(*p, ONE, sizeof(ONE)) == 0;

	*p += one ? sizeof(ONE) : 0;
	return one;
}

/* The versions of SignedData and SignerInfo (RFC 5652, 5.1 and 5.3), for which the library has no words. */
static bool versions_are_one(const struct pdf_seal *seal)
{
	const uint8_t *p = seal->der, *end = p + seal->der_n;

	return step(&p, end, V_ASN1_SEQUENCE, false) && step(&p, end, V_ASN1_OBJECT, true) && step(&p, end, 0, false) &&
	       step(&p, end, V_ASN1_SEQUENCE, false) && is_one(&p, end) && step(&p, end, V_ASN1_SET, true) &&
	       step(&p, end, V_ASN1_SEQUENCE, true) && step(&p, end, 0, true) && step(&p, end, V_ASN1_SET, false) &&
	       step(&p, end, V_ASN1_SEQUENCE, false) && is_one(&p, end);
}

/* What the signature does not cover is exactly what we put there: P-256 with SHA-256, the signer's certificate, whose every byte its own
 * signature covers, and one that stamps. */
static bool nothing_else(CMS_ContentInfo *cms, CMS_SignerInfo *signer, const char *tsa_pem)
{
	STACK_OF(X509) *certs = CMS_get1_certs(cms);
	X509 *own = NULL;
	X509_ALGOR *digest = NULL, *signature = NULL;
	bool ok;

	CMS_SignerInfo_get0_algs(signer, NULL, &own, &digest, &signature);
	ok = OBJ_obj2nid(CMS_get0_eContentType(cms)) == NID_pkcs7_data && own && certs && digest && signature &&
	     OBJ_obj2nid(digest->algorithm) == NID_sha256 && OBJ_obj2nid(signature->algorithm) == NID_ecdsa_with_SHA256;
	for (int i = 0; ok && i < sk_X509_num(certs); i++) {
		X509 *cert = sk_X509_value(certs, i);

		ok = X509_cmp(cert, own) == 0 || among(cert, tsa_pem);
	}
	sk_X509_pop_free(certs, X509_free);
	return ok;
}

static bool signature_holds(CMS_ContentInfo *cms, X509 *root, const struct pdf_seal *seal, int64_t at_us)
{
	X509_STORE *store = X509_STORE_new();
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = store && bio && X509_STORE_add_cert(store, root) == 1;

	for (int i = 0; ok && i < 2; i++)
		ok = seal->over_n[i] <= INT32_MAX && BIO_write(bio, seal->over[i], (int)seal->over_n[i]) == (int)seal->over_n[i];
	if (ok) {
		X509_VERIFY_PARAM_set_purpose(X509_STORE_get0_param(store), X509_PURPOSE_ANY);
		X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), (time_t)(at_us / SECOND_US));
		ok = CMS_verify(cms, NULL, store, bio, NULL, CMS_BINARY | CMS_CADES) == 1;
	}
	BIO_free(bio);
	X509_STORE_free(store);
	return ok;
}

enum pli_status pades_verify(const struct pdf_seal *seal, const char *root_pem, const char *tsa_pem, int64_t *t_us_r, struct err *err)
{
	const uint8_t *p = seal->der;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)seal->der_n);
	STACK_OF(CMS_SignerInfo) *signers = cms ? CMS_get0_SignerInfos(cms) : NULL;
	CMS_SignerInfo *signer = sk_CMS_SignerInfo_num(signers) == 1 ? sk_CMS_SignerInfo_value(signers, 0) : NULL;
	X509 *root = read_cert(root_pem), *cert = NULL;
	enum pli_status status;

	if (!signer || !root || p != seal->der + seal->der_n || CMS_is_detached(cms) != 1)
		status = err_set(err, PLI_INPUT, "the signature is malformed");
	else
		status = token_check(signer, root_pem, tsa_pem, t_us_r, err);
	if (status == PLI_OK && !signature_holds(cms, root, seal, *t_us_r))
		status = err_set(err, PLI_CONFLICT, "the seal of the document does not hold");
	if (status == PLI_OK && (!versions_are_one(seal) || !nothing_else(cms, signer, tsa_pem)))
		status = err_set(err, PLI_CONFLICT, "the seal of the document holds more than a seal has");
	if (status == PLI_OK) {
		CMS_SignerInfo_get0_algs(signer, NULL, &cert, NULL, NULL);
		if (!for_seals(cert) || CMS_signed_get_attr_by_NID(signer, NID_pkcs9_signingTime, -1) >= 0)
			status = err_set(err, PLI_CONFLICT, "the document is not sealed by a key made for seals");
	}
	CMS_ContentInfo_free(cms);
	X509_free(root);
	if (status != PLI_OK)
		ERR_clear_error();
	return status;
}
