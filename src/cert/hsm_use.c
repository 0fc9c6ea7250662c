/* What keys in the token do: sign, seal, unseal. */
#define OPENSSL_SUPPRESS_DEPRECATED	/* EC_KEY: the one way to a key of one's own in OpenSSL 3 that needs no provider */
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <string.h>

#include "buf.h"
#include "pool.h"

#include "cipher.h"

#include "hsm_own.h"

#define NONCE 12
#define TAG 16

/* One signature; again in a new session when the old one is lost. */
static enum pli_status sign(struct hsm_key *k, CK_MECHANISM_TYPE type, const void *p, size_t n, uint8_t signature_r[64], struct err *err)
{
	CK_MECHANISM mechanism = { type, NULL, 0 };
	CK_FUNCTION_LIST *f = k->hsm->f;
	enum pli_status status;
	CK_ULONG got = 64;
	CK_RV rv = CKR_OK;

	for (int turn = 0; turn < 2; turn++) {
		status = hsm_key_ready(k, err);
		if (status != PLI_OK)
			return status;
		rv = f->C_SignInit(k->session, &mechanism, k->object);
		got = 64;
		if (rv == CKR_OK)
			rv = f->C_Sign(k->session, (CK_BYTE *)(uintptr_t)p, n, signature_r, &got);
		if (rv == CKR_OK || !hsm_key_lost(k, rv))
			break;
	}
	if (rv != CKR_OK)
		return hsm_failed(err, "a signature", rv);
	return got == 64 ? PLI_OK : err_set(err, PLI_IO, "PKCS#11: a signature of %lu bytes", got);
}

enum pli_status hsm_key_sign(struct hsm_key *key, const void *p, size_t n, uint8_t signature_r[64], struct err *err)
{
	return sign(key, CKM_EDDSA, p, n, signature_r, err);
}

const uint8_t *hsm_key_public(const struct hsm_key *key)
{
	return key->public_key;
}

/* ---- P-256, as OpenSSL asks for it ---- */

static ECDSA_SIG *sign_digest(const unsigned char *digest, int n, const BIGNUM *kinv, const BIGNUM *rp, EC_KEY *ec)
{
	struct hsm_key *k = EC_KEY_get_ex_data(ec, 0);
	uint8_t rs[64];
	ECDSA_SIG *sig;
	BIGNUM *r, *s;

	(void)kinv;
	(void)rp;
	if (!k || n <= 0 || sign(k, CKM_ECDSA, digest, (size_t)n, rs, NULL) != PLI_OK)
		return NULL;
	sig = ECDSA_SIG_new();
	r = BN_bin2bn(rs, 32, NULL);
	s = BN_bin2bn(rs + 32, 32, NULL);
	if (sig && r && s && ECDSA_SIG_set0(sig, r, s))
		return sig;
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return NULL;
}

EC_KEY_METHOD *hsm_ec_method(void)
{
	int (*whole)(int, const unsigned char *, int, unsigned char *, unsigned int *, const BIGNUM *, const BIGNUM *, EC_KEY *);
	int (*setup)(EC_KEY *, BN_CTX *, BIGNUM **, BIGNUM **);
	EC_KEY_METHOD *m = EC_KEY_METHOD_new(EC_KEY_OpenSSL());

	if (!m)
		return NULL;
	EC_KEY_METHOD_get_sign(m, &whole, &setup, NULL);
	EC_KEY_METHOD_set_sign(m, whole, setup, sign_digest);
	return m;
}

enum pli_status hsm_key_bind(struct hsm_key *key, const uint8_t point[65], struct err *err)
{
	EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	bool ok = ec && EC_KEY_oct2key(ec, point, 65, NULL) && EC_KEY_set_method(ec, key->hsm->method) && EC_KEY_set_ex_data(ec, 0, key);

	EC_KEY_set_asn1_flag(ec, OPENSSL_EC_NAMED_CURVE);
	key->pkey = ok ? EVP_PKEY_new() : NULL;
	ok = key->pkey && EVP_PKEY_set1_EC_KEY(key->pkey, ec);
	EC_KEY_free(ec);
	if (ok)
		return PLI_OK;
	ERR_clear_error();
	return err_set(err, PLI_CONFLICT, "PKCS#11: the token's key is no P-256 key");
}

EVP_PKEY *hsm_key_pkey(struct hsm_key *key)
{
	return key->pkey;
}

/* ---- AES-256-GCM ---- */

/* In one step; again in a new session when the old one is lost.  in and out do not overlap. */
static enum pli_status gcm(struct hsm_key *k, bool encrypt, uint8_t nonce[NONCE], const void *aad, size_t aad_n, const uint8_t *in,
			   size_t in_n, uint8_t *out, size_t out_n, struct err *err)
{
	CK_GCM_PARAMS params = { .pIv = nonce, .ulIvLen = NONCE, .ulIvBits = 8 * NONCE, .pAAD = (CK_BYTE *)(uintptr_t)aad,
				 .ulAADLen = aad_n, .ulTagBits = 8 * TAG };
	CK_MECHANISM mechanism = { CKM_AES_GCM, &params, sizeof(params) };
	CK_FUNCTION_LIST *f = k->hsm->f;
	CK_BYTE *from = (CK_BYTE *)(uintptr_t)in;
	enum pli_status status;
	CK_ULONG got = 0;
	CK_RV rv = CKR_OK;

	for (int turn = 0; turn < 2; turn++) {
		status = hsm_key_ready(k, err);
		if (status != PLI_OK)
			return status;
		got = encrypt ? out_n : in_n;	/* some tokens want room for the tag, too */
		rv = encrypt ? f->C_EncryptInit(k->session, &mechanism, k->object) : f->C_DecryptInit(k->session, &mechanism, k->object);
		if (rv == CKR_OK)
			rv = encrypt ? f->C_Encrypt(k->session, from, in_n, out, &got) : f->C_Decrypt(k->session, from, in_n, out, &got);
		if (rv == CKR_OK || !hsm_key_lost(k, rv))
			break;
	}
	/* Tokens do not agree on how to say that the tag is not the one. */
	if (!encrypt && (rv == CKR_ENCRYPTED_DATA_INVALID || rv == CKR_ENCRYPTED_DATA_LEN_RANGE || rv == CKR_GENERAL_ERROR ||
			 rv == CKR_FUNCTION_FAILED || rv == CKR_SIGNATURE_INVALID || rv == CKR_DATA_INVALID))
		return err_set(err, PLI_INPUT, "sealed value does not open");
	if (rv != CKR_OK)
		return hsm_failed(err, encrypt ? "sealing" : "opening", rv);
	return got == out_n ? PLI_OK : err_set(err, PLI_IO, "PKCS#11: %lu bytes where %zu must be", got, out_n);
}

enum pli_status hsm_key_seal(struct hsm_key *key, const void *aad, size_t aad_n, const void *p, size_t n, struct buf *out, struct err *err)
{
	uint8_t *to = buf_reserve(out, n + CIPHER_SEAL_BYTES + 1);
	enum pli_status status;

	mem_random(to, NONCE);
	status = gcm(key, true, to, aad, aad_n, p, n, to + NONCE, n + TAG, err);
	if (status != PLI_OK)
		return status;
	out->n += n + CIPHER_SEAL_BYTES;
	out->p[out->n] = 0;
	return PLI_OK;
}

enum pli_status hsm_key_unseal(struct hsm_key *key, const void *aad, size_t aad_n, const void *p, size_t n, struct buf *out, struct err *err)
{
	uint8_t nonce[NONCE], *to;
	enum pli_status status;
	size_t plain_n;

	if (n < CIPHER_SEAL_BYTES)
		return err_set(err, PLI_INPUT, "sealed value does not open");
	plain_n = n - CIPHER_SEAL_BYTES;
	memcpy(nonce, p, NONCE);
	to = buf_reserve(out, n + 1);
	status = gcm(key, false, nonce, aad, aad_n, (const uint8_t *)p + NONCE, n - NONCE, to, plain_n, err);
	if (status != PLI_OK) {
		mem_wipe(to, plain_n);
		return status;
	}
	out->n += plain_n;
	out->p[out->n] = 0;
	return PLI_OK;
}
