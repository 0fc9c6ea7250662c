/* Certificates: of HTTPS, and of the evidence. */
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "pool.h"
#include "text.h"

#include "qualified.h"

#include "instance.h"

#include "check.h"

#define PEM_MAX_BYTES 262144

static X509 *next_certificate(BIO *bio)
{
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, (void *)"");

	ERR_clear_error();
	return x;
}

static X509 *first_certificate(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *x = next_certificate(bio);

	BIO_free(bio);
	return x;
}

static int64_t time_us(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) * SECOND_US : 0;
}

/* False when it is not valid now; days: how soon is too soon. */
static bool dates(struct check *c, const X509 *x, const char *name, int days, const char *hint)
{
	int64_t now = clock_now_us(), from = time_us(X509_get0_notBefore(x)), to = time_us(X509_get0_notAfter(x));
	char day[25];

	clock_rfc3339(day, to);
	if (to <= now)
		check_say(c, CHECK_WRONG, hint, "%s is no longer valid since %.10s", name, day);
	else if (from > now)
		check_say(c, CHECK_WRONG, "Is the clock right?", "%s is not valid yet", name);
	else if (to - now < days * DAY_US)
		check_say(c, CHECK_WEAK, hint, "%s is valid for %" PRId64 " days only, until %.10s", name, (to - now) / DAY_US, day);
	else
		check_say(c, CHECK_GOOD, NULL, "%s is valid until %.10s", name, day);
	return from <= now && now < to;
}

static void names(struct check *c, X509 *x)
{
	const char *host = c->instance->settings.host;

	if (X509_check_host(x, host, 0, 0, NULL) == 1 || X509_check_ip_asc(x, host, 0) == 1)
		check_say(c, CHECK_GOOD, NULL, "it is for %s", host);
	else
		check_say(c, CHECK_WRONG, "Clients will refuse it: get one for that name, or correct [server] host.", "tls/cert.pem is not for %s", host);
}

static void key_belongs(struct check *c, X509 *x)
{
	char *text;
	size_t n;
	struct err err = { 0 };
	EVP_PKEY *key = NULL;
	BIO *bio;

	if (instance_read(c->pool, c->instance->folder_fd[FOLDER_TLS], "key.pem", PEM_MAX_BYTES, &text, &n, &err) != PLI_OK) {
		check_say(c, CHECK_WRONG, err.hint, "tls/%s", err.text);
		return;
	}
	bio = BIO_new_mem_buf(text, (int)n);
	key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");
	BIO_free(bio);
	mem_wipe(text, n);
	if (!key)
		check_say(c, CHECK_WRONG, "Put the PEM key that belongs to tls/cert.pem, without a pass phrase, into tls/key.pem.",
			  "tls/key.pem is no key that can be read");
	else if (X509_check_private_key(x, key) != 1)
		check_say(c, CHECK_WRONG, "Put the PEM key that belongs to tls/cert.pem, without a pass phrase, into tls/key.pem.",
			  "tls/key.pem is not the key of tls/cert.pem");
	EVP_PKEY_free(key);
	ERR_clear_error();
}

/* Does each certificate of the file sign the one before it? */
static void chain(struct check *c, const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *x = next_certificate(bio), *issuer;
	unsigned count = 0;
	bool good = true;

	while (x && (issuer = next_certificate(bio))) {
		count++;
		good = good && X509_check_issued(issuer, x) == X509_V_OK;
		X509_free(x);
		x = issuer;
	}
	if (!good)
		check_say(c, CHECK_WRONG, "Put the server's certificate first, then each intermediate behind the one that it signed.",
			  "the certificates in tls/cert.pem do not follow each other");
	else if (x && count == 0 && X509_check_issued(x, x) != X509_V_OK && !instance_has(c->instance, FOLDER_TLS, "ca.pem"))
		check_say(c, CHECK_WEAK, "Most authorities sign by an intermediate, which belongs into tls/cert.pem too.",
			  "tls/cert.pem holds no intermediate");
	X509_free(x);
	BIO_free(bio);
}

void check_certificate(struct check *c)
{
	static const char hint[] = "Put a new pair into tls/ and type pli reload.";
	char *text;
	size_t n;
	struct err err = { 0 };
	X509 *x;

	if (instance_read(c->pool, c->instance->folder_fd[FOLDER_TLS], "cert.pem", PEM_MAX_BYTES, &text, &n, &err) != PLI_OK) {
		check_say(c, CHECK_WRONG, "Put the server's certificate, then its intermediates, as PEM into tls/cert.pem.", "tls/%s", err.text);
		return;
	}
	x = first_certificate(text);
	if (!x) {
		check_say(c, CHECK_WRONG, "Put the server's certificate, then its intermediates, as PEM into tls/cert.pem.",
			  "tls/cert.pem holds no certificate that can be read");
		return;
	}
	dates(c, x, "tls/cert.pem", 21, hint);
	names(c, x);
	key_belongs(c, x);
	chain(c, text);
	X509_free(x);
}

/* What the operator declares must be borne out by the certificates. */
static void declared(struct check *c)
{
	static const char *const files[] = { "seal.pem", "tsa.pem" };

	for (size_t i = 0; c->instance->settings.evidence_qualified && i < sizeof(files) / sizeof(files[0]); i++) {
		char *text;
		size_t n;

		if (instance_read(c->pool, c->instance->folder_fd[FOLDER_PUBLIC], files[i], PEM_MAX_BYTES, &text, &n, NULL) != PLI_OK ||
		    !qualified_certificate(text, i ? QUALIFIED_TIME : QUALIFIED_SEAL))
			check_say(c, CHECK_WRONG, "Set it to no, or get a qualified certificate first; the server does not start like this.",
				  "[evidence] qualified = yes, but public/%s is not a qualified certificate", files[i]);
	}
}

void check_evidence(struct check *c)
{
	static const char *const files[] = { "root.pem", "seal.pem", "operator.pem", "tsa.pem" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *text;
		size_t n;
		struct err err = { 0 };
		X509 *x = NULL;
		if (instance_read(c->pool, c->instance->folder_fd[FOLDER_PUBLIC], files[i], PEM_MAX_BYTES, &text, &n, &err) == PLI_OK)
			x = first_certificate(text);
		if (!x)
			check_say(c, CHECK_WRONG, "It is in your copies; whoever verifies a proof needs it.",
				  "public/%s is missing or cannot be read", files[i]);
		else
			dates(c, x, pool_fmt(c->pool, "public/%s", files[i]), 180, "Proofs made so far stay good; new ones need a new certificate.");
		X509_free(x);
	}
	declared(c);
}
