/* See mail_sign.h. */
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>

#include "buf.h"
#include "pool.h"

#include "keyring.h"

#include "mail_sign.h"

#define FLAGS (CMS_DETACHED | CMS_BINARY | CMS_NOSMIMECAP)
#define SIGNATURE_MAX 1024

struct mail_signer {
	X509 *cert;
	STACK_OF(X509) *chain;
	EVP_PKEY *keys[MAIL_SIGN_DKIM_RSA + 1];
	struct err why[MAIL_SIGN_DKIM_RSA + 1];		/* of those that are NULL */
};

static const char *const key_names[] = { [MAIL_SIGN_SMIME] = "mail.key", [MAIL_SIGN_DKIM_ED25519] = "dkim.key",
					 [MAIL_SIGN_DKIM_RSA] = "dkim-rsa.key" };
static const int key_types[] = { [MAIL_SIGN_SMIME] = 0, [MAIL_SIGN_DKIM_ED25519] = EVP_PKEY_ED25519, [MAIL_SIGN_DKIM_RSA] = EVP_PKEY_RSA };

static enum pli_status read_key(const struct keyring *ring, enum mail_sign_kind kind, EVP_PKEY **key_r, struct err *err)
{
	AUTO_BUF pem = { .secret = 1 };
	enum pli_status status = keyring_read(ring, key_names[kind], &pem, err);
	EVP_PKEY *key = NULL;

	if (status == PLI_OK) {
		BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);

		key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
		BIO_free(bio);
		if (!key || (key_types[kind] && EVP_PKEY_get_base_id(key) != key_types[kind]))
			status = err_set(err, PLI_ABSENT, "keys/%s holds no key for mail", key_names[kind]);
	} else {
		status = err_set(err, PLI_ABSENT, "keys/%s cannot be read", key_names[kind]);
	}
	ERR_clear_error();
	if (status != PLI_OK)
		EVP_PKEY_free(key);
	else
		*key_r = key;
	return status;
}

/* The signer's own certificate first, whatever follows goes along for those who check. */
static enum pli_status read_certs(struct mail_signer *s, const struct keyring *ring, struct err *err)
{
	AUTO_BUF pem = { 0 };
	enum pli_status status = keyring_read(ring, "mail.pem", &pem, err);
	BIO *bio = status == PLI_OK ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	X509 *cert;

	s->chain = sk_X509_new_null();
	if (bio && s->chain)
		s->cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	while (s->cert && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
		if (!sk_X509_push(s->chain, cert))
			X509_free(cert);
	BIO_free(bio);
	ERR_clear_error();
	if (!s->cert)
		return err_set(err, PLI_ABSENT, "keys/mail.pem holds no certificate");
	if (X509_check_private_key(s->cert, s->keys[MAIL_SIGN_SMIME]) == 1)
		return PLI_OK;
	ERR_clear_error();
	return err_set(err, PLI_ABSENT, "keys/mail.key does not belong to keys/mail.pem");
}

struct mail_signer *mail_signer_new(const struct keyring *ring)
{
	struct mail_signer *s = mem_alloc(sizeof(*s));

	for (int kind = MAIL_SIGN_SMIME; kind <= MAIL_SIGN_DKIM_RSA; kind++)
		if (read_key(ring, (enum mail_sign_kind)kind, &s->keys[kind], &s->why[kind]) != PLI_OK)
			s->keys[kind] = NULL;
	if (s->keys[MAIL_SIGN_SMIME] && read_certs(s, ring, &s->why[MAIL_SIGN_SMIME]) != PLI_OK) {
		EVP_PKEY_free(s->keys[MAIL_SIGN_SMIME]);
		s->keys[MAIL_SIGN_SMIME] = NULL;
	}
	return s;
}

void mail_signer_free(struct mail_signer *s)
{
	if (!s)
		return;
	X509_free(s->cert);
	sk_X509_pop_free(s->chain, X509_free);
	for (int kind = MAIL_SIGN_SMIME; kind <= MAIL_SIGN_DKIM_RSA; kind++)
		EVP_PKEY_free(s->keys[kind]);
	mem_free(s);
}

static bool begins(const char *p, size_t n, const char *with)
{
	return n >= strlen(with) && memcmp(p, with, strlen(with)) == 0;
}

/* Header lines in the relaxed form, CRLF between them; among them the sender's; the last is a DKIM-Signature of ours. */
static bool is_dkim_text(const char *p, size_t n)
{
	const char *last = memrchr(p, '\n', n);
	bool from = begins(p, n, "from:");

	if (!last || memchr(p, '\0', n))
		return false;
	for (const char *line = p; line < last; line = (const char *)memchr(line, '\n', (size_t)(last + 1 - line)) + 1) {
		size_t left = (size_t)(last + 1 - line), name_n = strcspn(line, ":\n");

		if (!name_n || line[name_n] != ':' || line[0] == ' ' || line[0] == '\t')
			return false;
		from = from || begins(line, left, "from:");
	}
	return from && begins(last + 1, n - (size_t)(last + 1 - p), "dkim-signature:v=1; a=");
}

static bool shape_holds(enum mail_sign_kind kind, const char *p, size_t n)
{
	if (kind == MAIL_SIGN_SMIME)
		return begins(p, n, "Content-Type: multipart/alternative;\r\n") || begins(p, n, "Content-Type: text/plain;");
	return is_dkim_text(p, n);
}

static bool sign_cms(struct mail_signer *s, const void *text, size_t n, struct buf *out)
{
	BIO *bio = BIO_new_mem_buf(text, (int)n);
	CMS_ContentInfo *cms = bio ? CMS_sign(NULL, NULL, s->chain, NULL, FLAGS | CMS_PARTIAL) : NULL;
	int len = 0;

	if (cms && CMS_add1_signer(cms, s->cert, s->keys[MAIL_SIGN_SMIME], EVP_sha256(), FLAGS) && CMS_final(cms, bio, NULL, FLAGS) == 1)
		len = i2d_CMS_ContentInfo(cms, NULL);
	if (len > 0) {
		uint8_t *p = buf_reserve(out, (size_t)len + 1);

		i2d_CMS_ContentInfo(cms, &p);
		out->n += (size_t)len;
		out->p[out->n] = 0;
	}
	CMS_ContentInfo_free(cms);
	BIO_free(bio);
	return len > 0;
}

/* RFC 8463 section 3: Ed25519 signs the digest, not the text. */
static bool sign_dkim(EVP_PKEY *key, bool rsa, const void *text, size_t n, struct buf *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t digest[SHA256_DIGEST_LENGTH], signature[SIGNATURE_MAX];
	size_t signature_n = sizeof(signature);
	bool ok;

	SHA256(text, n, digest);
	ok = ctx && EVP_DigestSignInit(ctx, NULL, rsa ? EVP_sha256() : NULL, NULL, key) == 1 &&
	     EVP_DigestSign(ctx, signature, &signature_n, rsa ? text : digest, rsa ? n : sizeof(digest)) == 1;
	EVP_MD_CTX_free(ctx);
	if (ok)
		buf_add(out, signature, signature_n);
	return ok;
}

enum pli_status mail_sign(struct mail_signer *s, enum mail_sign_kind kind, const void *text, size_t n, struct buf *out, struct err *err)
{
	bool ok;

	if (kind < MAIL_SIGN_SMIME || kind > MAIL_SIGN_DKIM_RSA || n > INT32_MAX || !shape_holds(kind, text, n))
		return err_set(err, PLI_INPUT, "the keeper does not sign this");
	if (!s->keys[kind]) {
		*err = s->why[kind];
		return PLI_ABSENT;
	}
	ok = kind == MAIL_SIGN_SMIME ? sign_cms(s, text, n, out) : sign_dkim(s->keys[kind], kind == MAIL_SIGN_DKIM_RSA, text, n, out);
	ERR_clear_error();
	return ok ? PLI_OK : err_set(err, PLI_BUG, "a mail could not be signed");
}
