/* See key_facts.h. */
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "text.h"

#include "cipher.h"

#include "keyfile.h"
#include "keyring.h"

#include "key_facts.h"

struct source {
	const char *name, *file, *token;	/* in keys/ */
	const char *public;			/* in public/, the newest first; NULL: keys/mail.pem, or nothing */
};
static const struct source sources[] = {
	{ "root", "root.key", NULL, "root.pem" },
	{ "seal", "seal.key", "seal.token", "seal.pem" },
	{ "operator", "operator.key", "operator.token", "operator.pem" },
	{ "tsa", "tsa.key", "tsa.token", "tsa.pem" },
	{ "log", "log.key", "log.token", "log.pub" },
	{ "wrap", "root.kek", "root.token", NULL },
	{ "mail", "mail.key", NULL, NULL },
};

static const char *place_of(int keys_dir_fd, const struct source *s)
{
	if (s->token && faccessat(keys_dir_fd, s->token, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return "token";
	switch (keyring_form(keys_dir_fd, s->file)) {
	case KEYRING_PLAIN:
		return "plain";
	case KEYRING_PROTECTED:
		return "protected";
	default:
		return "absent";
	}
}

static int64_t time_us(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) * SECOND_US : 0;
}

static void fingerprint(struct key_facts *k, uint8_t *der, int n)
{
	uint8_t digest[32];

	if (n > 0) {
		cipher_sha256(der, (size_t)n, digest);
		hex_encode(k->fingerprint, digest, sizeof(digest));
	}
	OPENSSL_free(der);
}

/* The next object of the file; false at its end. */
static bool public_next(BIO *bio, bool bare, struct key_facts *k)
{
	X509 *cert = bare ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
	EVP_PKEY *key = bare ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	uint8_t *der = NULL;
	bool got = cert || key;

	if (cert) {
		int n = i2d_X509(cert, &der);

		fingerprint(k, der, n);
		k->since_us = time_us(X509_get0_notBefore(cert));
		k->until_us = time_us(X509_get0_notAfter(cert));
	} else if (key) {
		int n = i2d_PUBKEY(key, &der);

		fingerprint(k, der, n);
	}
	X509_free(cert);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return got;
}

static enum pli_status add(int keys_dir_fd, int public_dir_fd, const struct source *s, struct key_facts *keys, unsigned *count,
			   struct err *err)
{
	struct key_facts k = { .name = s->name, .state = "current", .place = place_of(keys_dir_fd, s) };
	bool bare = s->public && strcmp(s->public, "log.pub") == 0;
	AUTO_BUF pem = { 0 };
	enum pli_status status = PLI_ABSENT;
	BIO *bio;

	if (s->public)
		status = keyfile_read(public_dir_fd, s->public, &pem, err);
	else if (strcmp(s->name, "mail") == 0)
		status = keyfile_read(keys_dir_fd, "mail.pem", &pem, err);
	if (status == PLI_IO)
		return status;
	bio = BIO_new_mem_buf(pem.n ? pem.p : "", (int)pem.n);
	if (!public_next(bio, bare, &k) && strcmp(k.place, "absent") == 0) {
		BIO_free(bio);
		return PLI_OK;
	}
	do {
		keys[(*count)++] = k;
		k = (struct key_facts){ .name = s->name, .state = "former", .place = "destroyed" };
	} while (*count < KEY_FACTS_MAX && s->public && public_next(bio, bare, &k));
	BIO_free(bio);
	return PLI_OK;
}

enum pli_status key_facts(int keys_dir_fd, int public_dir_fd, struct key_facts *keys_r, unsigned *count_r, struct err *err)
{
	enum pli_status status = PLI_OK;

	*count_r = 0;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]) && status == PLI_OK && *count_r < KEY_FACTS_MAX; i++)
		status = add(keys_dir_fd, public_dir_fd, &sources[i], keys_r, count_r, err);
	return status;
}
