/* A forger's keys, see attack_forger.h. */
#include <stdbool.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "pool.h"
#include "seal.h"
#include "token.h"

#include "attack_forger.h"

struct pair {
	EVP_PKEY *key;
	X509 *cert;
};

static void pair_free(struct pair *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
}

static bool extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = e && X509_add_ext(cert, e, -1);
	X509_EXTENSION_free(e);
	return ok;
}

/* usage: value of the extension nid that says what the key is for. */
static bool pair_make(struct pair *p, const struct pair *issuer, const char *name, int serial, int nid, const char *usage)
{
	const struct pair *by = issuer ? issuer : p;

	p->key = EVP_EC_gen("P-256");
	p->cert = X509_new();
	return p->key && p->cert && X509_set_version(p->cert, X509_VERSION_3) &&
	       ASN1_INTEGER_set(X509_get_serialNumber(p->cert), serial) &&
	       X509_NAME_add_entry_by_txt(X509_get_subject_name(p->cert), "CN", MBSTRING_UTF8, (const uint8_t *)name, -1, -1, 0) &&
	       X509_set_issuer_name(p->cert, X509_get_subject_name(by->cert)) &&
	       X509_gmtime_adj(X509_getm_notBefore(p->cert), -86400L * 3650) && X509_gmtime_adj(X509_getm_notAfter(p->cert), 86400L * 3650) &&
	       X509_set_pubkey(p->cert, p->key) && (issuer || extension(p->cert, by->cert, NID_basic_constraints, "critical,CA:TRUE")) &&
	       extension(p->cert, by->cert, nid, usage) && X509_sign(p->cert, by->key, EVP_sha256()) > 0;
}

static const char *taken(struct pool *pool, BIO *bio, int written)
{
	char *text;
	long n = BIO_get_mem_data(bio, &text);
	const char *out = written && n > 0 ? pool_strn(pool, text, (size_t)n) : NULL;

	BIO_free(bio);
	return out;
}

static const char *cert_text(struct pool *pool, X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());

	return taken(pool, bio, PEM_write_bio_X509(bio, cert));
}

static const char *key_text(struct pool *pool, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());

	return taken(pool, bio, PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
}

static bool log_make(struct pool *pool, struct attack_forger *f)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *bio = BIO_new(BIO_s_mem());
	size_t n = 32, m = 32;
	bool ok = key && EVP_PKEY_get_raw_private_key(key, f->log_secret, &n) && EVP_PKEY_get_raw_public_key(key, f->log_secret + 32, &m);

	f->log_pub = taken(pool, bio, ok && PEM_write_bio_PUBKEY(bio, key));
	EVP_PKEY_free(key);
	return f->log_pub != NULL;
}

static enum pli_status tools_make(struct pool *pool, struct attack_forger *f, const struct pair p[4], struct err *err)
{
	enum pli_status st;

	f->root_pem = cert_text(pool, p[0].cert);
	f->seal_pem = cert_text(pool, p[1].cert);
	f->operator_pem = cert_text(pool, p[2].cert);
	f->tsa_pem = cert_text(pool, p[3].cert);
	st = sealer_new(f->seal_pem, key_text(pool, p[1].key), &f->seal, err);
	if (st == PLI_OK)
		st = sealer_new(f->operator_pem, key_text(pool, p[2].key), &f->operator_, err);
	if (st == PLI_OK)
		st = token_maker_new(f->tsa_pem, key_text(pool, p[3].key), &f->tsa, err);
	return st;
}

enum pli_status attack_forger_make(struct pool *pool, struct attack_forger *f, struct err *err)
{
	struct pair p[4] = { 0 };
	enum pli_status st = PLI_OK;

	*f = (struct attack_forger){ 0 };
	if (!pair_make(&p[0], NULL, "Pli evidence root", 1, NID_key_usage, "critical,keyCertSign,cRLSign") ||
	    !pair_make(&p[1], &p[0], "Pli seal", 2, NID_key_usage, "critical,digitalSignature,nonRepudiation") ||
	    !pair_make(&p[2], &p[0], "Pli operator", 3, NID_key_usage, "critical,digitalSignature,nonRepudiation") ||
	    !pair_make(&p[3], &p[0], "Pli time-stamping", 4, NID_ext_key_usage, "critical,timeStamping") || !log_make(pool, f)) {
		ERR_clear_error();
		st = err_set(err, PLI_BUG, "no keys could be made for the attack");
	}
	if (st == PLI_OK)
		st = tools_make(pool, f, p, err);
	for (int i = 0; i < 4; i++)
		pair_free(&p[i]);
	if (st != PLI_OK)
		attack_forger_free(f);
	return st;
}

void attack_forger_free(struct attack_forger *f)
{
	sealer_free(f->seal);
	sealer_free(f->operator_);
	token_maker_free(f->tsa);
	*f = (struct attack_forger){ 0 };
}
