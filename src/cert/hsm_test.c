/* Keys in a token, with SoftHSM: made, found again, used as OpenSSL uses its own, destroyed; PINs, places, URIs. */
#include "cert_testing.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sodium.h>

#include "clock.h"
#include "hsm.h"
#include "hsm_uri.h"
#include "seal.h"
#include "token.h"

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define PIN "271828"

#ifdef __SANITIZE_ADDRESS__
/* SoftHSM itself loses the parameters of an Ed25519 key each time it signs. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libsofthsm2.so\n";
}

/* Else the stack of such a leak ends in libcrypto, before it comes to the name above. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "fast_unwind_on_malloc=0";
}
#endif

struct fixture {
	struct testing_dir dir;
	struct hsm_uri uri;
};

static void softhsm_make(struct testing_dir *d, const char *label)
{
	assert_int_equal(TESTING_RUN(d, "softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "314159"), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char conf[200], path[96];
	struct err err = { 0 };

	testing_dir_make(&f->dir, 0);
	assert_int_equal(mkdirat(f->dir.fd, "tokens", 0700), 0);
	snprintf(conf, sizeof(conf), "directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n", f->dir.path);
	testing_put(f->dir.fd, "softhsm2.conf", conf, strlen(conf));
	snprintf(path, sizeof(path), "%s/softhsm2.conf", f->dir.path);
	setenv("SOFTHSM2_CONF", path, 1);
	softhsm_make(&f->dir, "Letters");
	assert_int_equal(hsm_uri_parse("pkcs11:token=Letters;object=pli-test", &f->uri, &err), PLI_OK);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	testing_dir_drop(&f->dir);
	free(f);
	return 0;
}

static struct hsm *open_hsm(const char *pin)
{
	struct err err = { 0 };
	struct hsm *h;

	if (hsm_open(MODULE, pin, &h, &err) != PLI_OK)
		fail_msg("%s", err.text);
	return h;
}

/* Made, forgotten, found again in a new session of the library. */
static struct hsm_key *made_and_found(struct fixture *f, struct hsm **h, enum hsm_kind kind)
{
	uint8_t id[HSM_ID_BYTES];
	struct err err = { 0 };
	struct hsm_key *k;

	*h = open_hsm(PIN);
	if (hsm_key_make(*h, &f->uri, kind, "other", id, &k, &err) != PLI_OK)
		fail_msg("%s", err.text);
	hsm_key_free(k);
	hsm_close(*h);
	*h = open_hsm(PIN);
	if (hsm_key_find(*h, &f->uri, kind, id, sizeof(id), &k, &err) != PLI_OK)
		fail_msg("%s", err.text);
	return k;
}

static void ed25519(void **state)
{
	struct fixture *f = *state;
	static const char text[] = "pli.example/j/1\n7\n";
	struct err err = { 0 };
	uint8_t signature[64];
	struct hsm *h;
	struct hsm_key *k = made_and_found(f, &h, HSM_ED25519);

	for (int turn = 0; turn < 3; turn++) {
		assert_int_equal(hsm_key_sign(k, text, sizeof(text), signature, &err), PLI_OK);
		assert_int_equal(crypto_sign_verify_detached(signature, (const uint8_t *)text, sizeof(text), hsm_key_public(k)), 0);
		assert_int_not_equal(crypto_sign_verify_detached(signature, (const uint8_t *)text, sizeof(text) - 1, hsm_key_public(k)), 0);
	}
	hsm_key_free(k);
	hsm_close(h);
}

/* A certificate by itself for the token's key, which thereby signs once. */
static char *certificate(EVP_PKEY *key, const char *usage)
{
	X509 *cert = X509_new();
	X509_EXTENSION *e = usage ? X509V3_EXT_conf(NULL, NULL, "extendedKeyUsage", usage) : NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	char *text, *pem;
	long n;

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8, (const uint8_t *)"Token", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	assert_int_equal(X509_set_pubkey(cert, key), 1);
	if (e)
		assert_int_equal(X509_add_ext(cert, e, -1), 1);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(X509_verify(cert, key), 1);
	assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
	n = BIO_get_mem_data(bio, &text);
	pem = strndup(text, (size_t)n);
	BIO_free(bio);
	X509_free(cert);
	X509_EXTENSION_free(e);
	return pem;
}

static void p256_seals_and_stamps(void **state)
{
	struct fixture *f = *state;
	static const char text[] = "what is sealed";
	AUTO_BUF p7s = { 0 }, token = { 0 };
	struct token_maker *maker;
	struct token_verifier *verifier;
	struct token_info info;
	struct sealer *sealer;
	struct err err = { 0 };
	struct hsm *h;
	struct hsm_key *k = made_and_found(f, &h, HSM_P256);
	char *seal_pem = certificate(hsm_key_pkey(k), NULL), *tsa_pem = certificate(hsm_key_pkey(k), "critical,timeStamping");

	if (sealer_new_key(seal_pem, hsm_key_pkey(k), &sealer, &err) != PLI_OK ||
	    seal_make(sealer, text, sizeof(text), &p7s, &err) != PLI_OK)
		fail_msg("%s", err.text);
	assert_int_equal(seal_verify(p7s.p, p7s.n, text, sizeof(text), seal_pem, seal_pem, 0, &err), PLI_OK);
	assert_int_equal(seal_verify(p7s.p, p7s.n, text, sizeof(text) - 1, seal_pem, seal_pem, 0, &err), PLI_CONFLICT);
	if (token_maker_new_key(tsa_pem, hsm_key_pkey(k), &maker, &err) != PLI_OK ||
	    token_verifier_new(tsa_pem, tsa_pem, &verifier, &err) != PLI_OK)
		fail_msg("%s", err.text);
	/* The first is an answer of the library's, those after it are made of it. */
	for (int turn = 0; turn < 3; turn++) {
		buf_reset(&token);
		if (token_make(maker, text, sizeof(text), clock_now_us(), &token, &err) != PLI_OK ||
		    token_verify(verifier, token.p, token.n, text, sizeof(text), &info, &err) != PLI_OK)
			fail_msg("%s", err.text);
	}
	token_maker_free(maker);
	token_verifier_free(verifier);
	sealer_free(sealer);
	free(seal_pem);
	free(tsa_pem);
	hsm_key_free(k);
	hsm_close(h);
}

static void aes_seals(void **state)
{
	struct fixture *f = *state;
	uint8_t secret[32];
	struct err err = { 0 };
	struct hsm *h;
	struct hsm_key *k = made_and_found(f, &h, HSM_AES256);
	AUTO_BUF sealed = { 0 }, again = { 0 };

	memset(secret, 7, sizeof(secret));
	assert_int_equal(hsm_key_seal(k, "place", 5, secret, sizeof(secret), &sealed, &err), PLI_OK);
	assert_int_equal(sealed.n, 60);
	if (hsm_key_unseal(k, "place", 5, sealed.p, sealed.n, &again, &err) != PLI_OK)
		fail_msg("%s", err.text);
	assert_int_equal(again.n, 32);
	assert_memory_equal(again.p, secret, 32);
	buf_reset(&again);
	assert_int_equal(hsm_key_unseal(k, "plaice", 6, sealed.p, sealed.n, &again, &err), PLI_INPUT);
	assert_int_equal(hsm_key_unseal(k, "place", 5, sealed.p, sealed.n - 1, &again, &err), PLI_INPUT);
	assert_int_equal(hsm_key_unseal(k, "place", 5, sealed.p, 27, &again, &err), PLI_INPUT);
	for (size_t i = 0; i < sealed.n; i++) {
		sealed.p[i] ^= 1;
		assert_int_equal(hsm_key_unseal(k, "place", 5, sealed.p, sealed.n, &again, &err), PLI_INPUT);
		sealed.p[i] ^= 1;
	}
	assert_int_equal(again.n, 0);
	/* A failure does not spoil what comes after. */
	assert_int_equal(hsm_key_unseal(k, "place", 5, sealed.p, sealed.n, &again, &err), PLI_OK);
	hsm_key_free(k);
	hsm_close(h);
}

static void refusals(void **state)
{
	struct fixture *f = *state;
	uint8_t id[HSM_ID_BYTES] = { 0 };
	struct hsm_uri other;
	struct hsm_key *k;
	struct err err = { 0 };
	struct hsm *h;

	assert_int_equal(hsm_open("/nonexistent.so", PIN, &h, &err), PLI_ABSENT);
	assert_int_equal(hsm_open("/lib/x86_64-linux-gnu/libz.so.1", PIN, &h, &err), PLI_ABSENT);
	h = open_hsm("111111");
	assert_int_equal(hsm_key_make(h, &f->uri, HSM_P256, "x", id, &k, &err), PLI_DENIED);
	assert_non_null(strstr(err.text, "PIN is wrong"));
	hsm_close(h);
	h = open_hsm(NULL);
	assert_int_equal(hsm_key_make(h, &f->uri, HSM_P256, "x", id, &k, &err), PLI_DENIED);
	hsm_close(h);
	h = open_hsm(PIN);
	assert_int_equal(hsm_key_find(h, &f->uri, HSM_P256, id, sizeof(id), &k, &err), PLI_ABSENT);
	assert_int_equal(hsm_uri_parse("pkcs11:token=Elsewhere", &other, &err), PLI_OK);
	assert_int_equal(hsm_key_make(h, &other, HSM_P256, "x", id, &k, &err), PLI_ABSENT);
	assert_non_null(strstr(err.text, "no token 'Elsewhere'"));
	/* Destroyed is destroyed. */
	assert_int_equal(hsm_key_make(h, &f->uri, HSM_P256, "x", id, &k, &err), PLI_OK);
	assert_int_equal(hsm_key_destroy(k, &err), PLI_OK);
	hsm_key_free(k);
	assert_int_equal(hsm_key_find(h, &f->uri, HSM_P256, id, sizeof(id), &k, &err), PLI_ABSENT);
	hsm_close(h);
	softhsm_make(&f->dir, "Letters");
	h = open_hsm(PIN);
	assert_int_equal(hsm_key_make(h, &f->uri, HSM_P256, "x", id, &k, &err), PLI_CONFLICT);
	hsm_close(h);
}

static void uris(void **state)
{
	static const char *const bad[] = {
		"", "pkcs11", "pkcs11:", "PKCS11:token=a", "pkcs11:object=a", "pkcs11:token=", "pkcs11:token=a;", "pkcs11:token=a;token=b",
		"pkcs11:token=a;x=b", "pkcs11:token=%4", "pkcs11:token=%zz", "pkcs11:token=%00", "pkcs11:token=a b", "pkcs11:token=a%0ab",
		"pkcs11:token=a?pin-value=1234", "pkcs11:token=a;type=cert", "pkcs11:token=a;id=", "pkcs11:token=123456789012345678901234567890123",
		"pkcs11:serial=12345678901234567", "pkcs11:token=a;id=%01;id=%02", "pkcs11:=a", "pkcs11:token", "pkcs11:token=a;;object=b",
	};
	struct hsm_uri u;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (hsm_uri_parse(bad[i], &u, &err) != PLI_INPUT)
			fail_msg("'%s' was taken", bad[i]);
	assert_int_equal(hsm_uri_parse("pkcs11:model=SoftHSM%20v2;manufacturer=SoftHSM%20project;serial=a1b2;token=caf%C3%A9;object=x%3By;id=%01%00%FE;"
				       "type=private", &u, &err), PLI_OK);
	assert_string_equal(u.model, "SoftHSM v2");
	assert_string_equal(u.token, "caf\xc3\xa9");
	assert_string_equal(u.object, "x;y");
	assert_int_equal(u.id_n, 3);
	assert_memory_equal(u.id, "\1\0\xfe", 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ed25519, setup, teardown),
		cmocka_unit_test_setup_teardown(p256_seals_and_stamps, setup, teardown),
		cmocka_unit_test_setup_teardown(aes_seals, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals, setup, teardown),
		cmocka_unit_test(uris),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
