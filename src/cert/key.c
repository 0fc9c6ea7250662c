/* See key.h. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "cipher.h"

#include "hsm.h"
#include "hsm_uri.h"
#include "keyfile.h"
#include "keyring.h"

#include "key.h"

#define CHANGE_AAD "pli/key-change/1"

struct key {
	enum key_name name;
	EVP_PKEY *pkey;
	struct hsm_key *hsm;		/* NULL: the secret is here */
	uint8_t secret[64];		/* log: libsodium's form; wrap: 32 bytes */
	uint8_t public_key[32];		/* log */
};

static const struct {
	const char *name, *base, *extension, *label;
	enum hsm_kind kind;
} kinds[KEY_NAMES] = {
	[KEY_SEAL] = { "seal", "seal", "key", "pli-seal", HSM_P256 },
	[KEY_OPERATOR] = { "operator", "operator", "key", "pli-operator", HSM_P256 },
	[KEY_TSA] = { "tsa", "tsa", "key", "pli-tsa", HSM_P256 },
	[KEY_LOG] = { "log", "log", "key", "pli-log", HSM_ED25519 },
	[KEY_WRAP] = { "wrap", "root", "kek", "pli-wrap", HSM_AES256 },
};

const char *key_name(enum key_name name)
{
	return kinds[name].name;
}

bool key_name_parse(const char *text, enum key_name *name_r)
{
	for (int i = 0; i < KEY_NAMES; i++)
		if (str_eq(text, kinds[i].name)) {
			*name_r = (enum key_name)i;
			return true;
		}
	return false;
}

char *key_file(char file_r[KEY_FILE_MAX], enum key_name name, const char *prefix)
{
	snprintf(file_r, KEY_FILE_MAX, "%.32s%s.%s", prefix, kinds[name].base, kinds[name].extension);
	return file_r;
}

char *key_token_file(char file_r[KEY_FILE_MAX], enum key_name name, const char *prefix)
{
	snprintf(file_r, KEY_FILE_MAX, "%.32s%s.token", prefix, kinds[name].base);
	return file_r;
}

/* ---- opening ---- */

void key_close(struct key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	hsm_key_free(k->hsm);
	mem_wipe(k, sizeof(*k));
	mem_free(k);
}

static bool take_log(struct key *k)
{
	size_t n = 32, public_n = 32;

	if (!EVP_PKEY_is_a(k->pkey, "ED25519") || EVP_PKEY_get_raw_private_key(k->pkey, k->secret, &n) != 1 ||
	    EVP_PKEY_get_raw_public_key(k->pkey, k->public_key, &public_n) != 1 || n != 32 || public_n != 32)
		return false;
	memcpy(k->secret + 32, k->public_key, 32);
	return true;
}

static enum pli_status take_file(struct key *k, const char *file, const struct buf *text, struct err *err)
{
	BIO *bio;
	bool ok;

	if (k->name == KEY_WRAP) {
		if (text->n != 32)
			return err_set(err, PLI_CONFLICT, "keys/%s is damaged", file);
		memcpy(k->secret, text->p, 32);
		return PLI_OK;
	}
	bio = BIO_new_mem_buf(text->p, (int)text->n);
	k->pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	ok = k->pkey && (k->name == KEY_LOG ? take_log(k) : EVP_PKEY_is_a(k->pkey, "EC"));
	ERR_clear_error();
	return ok ? PLI_OK : err_set(err, PLI_CONFLICT, "keys/%s is not %s key", file, k->name == KEY_LOG ? "an Ed25519" : "a P-256");
}

static enum pli_status take_token(struct key *k, struct err *err)
{
	if (k->name == KEY_LOG) {
		memcpy(k->public_key, hsm_key_public(k->hsm), 32);
		k->pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, k->public_key, 32);
	} else if (k->name != KEY_WRAP) {
		k->pkey = hsm_key_pkey(k->hsm);
		EVP_PKEY_up_ref(k->pkey);
	}
	return k->pkey || k->name == KEY_WRAP ? PLI_OK : err_set(err, PLI_BUG, "a key of the token cannot be used");
}

/* The id, and where it is. */
static bool token_parse(char *text, uint8_t id_r[HSM_ID_MAX], size_t *id_n_r, struct hsm_uri *uri_r)
{
	char *uri = strchr(text, '\n'), *end = uri ? strchr(uri + 1, '\n') : NULL;
	size_t n = uri ? (size_t)(uri - text) : 0;

	if (!end || end[1] || !n || n % 2 || n > 2 * HSM_ID_MAX || !hex_decode(id_r, n / 2, text, n))
		return false;
	*id_n_r = n / 2;
	*end = 0;
	return hsm_uri_parse(uri + 1, uri_r, NULL) == PLI_OK;
}

static enum pli_status open_token(const struct keyring *ring, struct key *k, const char *file, struct buf *text, struct err *err)
{
	struct hsm_uri uri;
	uint8_t id[HSM_ID_MAX];
	enum pli_status status;
	size_t n;

	if (!text->n || strlen(text->p) != text->n || !token_parse(text->p, id, &n, &uri))
		return err_set(err, PLI_CONFLICT, "keys/%s is damaged", file);
	if (!ring->hsm) {
		(void)err_set(err, PLI_CONFLICT, "the %s key lies in a PKCS#11 token, and pli.conf names no library for it", kinds[k->name].name);
		return err_hint(err, "[keys] module and pin_file say how it is reached.");
	}
	status = hsm_key_find(ring->hsm, &uri, kinds[k->name].kind, id, n, &k->hsm, err);
	return status == PLI_OK ? take_token(k, err) : status;
}

enum pli_status key_open(const struct keyring *ring, enum key_name name, const char *prefix, struct key **key_r, struct err *err)
{
	struct key *k = mem_alloc(sizeof(*k));
	AUTO_BUF text = { .secret = 1 };
	char file[KEY_FILE_MAX];
	enum pli_status status = keyfile_read(ring->dir_fd, key_token_file(file, name, prefix), &text, err);

	k->name = name;
	if (status == PLI_OK)
		status = open_token(ring, k, file, &text, err);
	else if (status == PLI_ABSENT && (status = keyring_read(ring, key_file(file, name, prefix), &text, err)) == PLI_OK)
		status = take_file(k, file, &text, err);
	if (status != PLI_OK) {
		key_close(k);
		return status;
	}
	*key_r = k;
	return PLI_OK;
}

/* ---- making ---- */

static enum pli_status put_pem(const struct keyring *ring, const char *file, EVP_PKEY *key, struct err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	enum pli_status status;
	char *text;
	long n;

	if (!key || !bio || !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)) {
		BIO_free(bio);
		ERR_clear_error();
		return err_set(err, PLI_BUG, "a key could not be made");
	}
	n = BIO_get_mem_data(bio, &text);
	status = keyring_replace(ring, file, text, (size_t)n, err);
	mem_wipe(text, (size_t)n);
	BIO_free(bio);
	return status;
}

static enum pli_status make_file(const struct keyring *ring, enum key_name name, const char *prefix, struct err *err)
{
	char file[KEY_FILE_MAX];
	enum pli_status status;
	uint8_t secret[32];
	EVP_PKEY *key;

	key_file(file, name, prefix);
	if (name == KEY_WRAP) {
		mem_random(secret, sizeof(secret));
		status = keyring_replace(ring, file, secret, sizeof(secret), err);
		mem_wipe(secret, sizeof(secret));
		return status;
	}
	key = name == KEY_LOG ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : EVP_EC_gen("P-256");
	status = put_pem(ring, file, key, err);
	EVP_PKEY_free(key);
	return status;
}

static enum pli_status make_token(const struct keyring *ring, enum key_name name, const char *prefix, struct err *err)
{
	char file[KEY_FILE_MAX], hex[2 * HSM_ID_BYTES + 1];
	uint8_t id[HSM_ID_BYTES];
	AUTO_BUF text = { 0 };
	struct hsm_key *k;
	enum pli_status status = hsm_key_make(ring->hsm, ring->token_uri[name], kinds[name].kind, kinds[name].label, id, &k, err);

	if (status != PLI_OK)
		return status;
	buf_fmt(&text, "%s\n%s\n", hex_encode(hex, id, sizeof(id)), ring->token_text[name]);
	status = keyfile_replace(ring->dir_fd, key_token_file(file, name, prefix), 0600, text.p, text.n, err);
	/* Nobody would know of it. */
	if (status != PLI_OK && hsm_key_destroy(k, NULL) != PLI_OK)
		(void)err_hint(err, "The token now holds a key of ours that nothing names.");
	hsm_key_free(k);
	return status;
}

enum pli_status key_make(const struct keyring *ring, enum key_name name, const char *prefix, struct key **key_r, struct err *err)
{
	enum pli_status status = key_destroy(ring, name, prefix, err);

	if (status == PLI_OK)
		status = ring->hsm && ring->token_uri[name] ? make_token(ring, name, prefix, err) : make_file(ring, name, prefix, err);
	/* Read back: what cannot be had again is not used. */
	return status == PLI_OK ? key_open(ring, name, prefix, key_r, err) : status;
}

/* ---- files ---- */

static bool file_there(const struct keyring *ring, const char *file)
{
	return faccessat(ring->dir_fd, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool key_there(const struct keyring *ring, enum key_name name, const char *prefix)
{
	char file[KEY_FILE_MAX];

	return file_there(ring, key_token_file(file, name, prefix)) || file_there(ring, key_file(file, name, prefix));
}

static enum pli_status remove_file(const struct keyring *ring, const char *file, struct err *err)
{
	if (unlinkat(ring->dir_fd, file, 0) == 0)
		return fsync(ring->dir_fd) == 0 ? PLI_OK : err_errno(err, "cannot sync keys/");
	return errno == ENOENT ? PLI_OK : err_errno(err, file);
}

enum pli_status key_destroy(const struct keyring *ring, enum key_name name, const char *prefix, struct err *err)
{
	char file[KEY_FILE_MAX];
	struct key *k;
	enum pli_status status = PLI_OK;

	if (file_there(ring, key_token_file(file, name, prefix))) {
		status = key_open(ring, name, prefix, &k, err);
		if (status == PLI_OK) {
			status = hsm_key_destroy(k->hsm, err);
			key_close(k);
		}
		if (status == PLI_ABSENT)	/* it is gone already */
			status = PLI_OK;
		if (status == PLI_OK)
			status = remove_file(ring, file, err);
	}
	return status == PLI_OK ? remove_file(ring, key_file(file, name, prefix), err) : status;
}

enum pli_status key_rename(const struct keyring *ring, enum key_name name, const char *from, const char *to, struct err *err)
{
	char old[KEY_FILE_MAX], new[KEY_FILE_MAX], other[KEY_FILE_MAX];
	bool token = file_there(ring, key_token_file(old, name, from));

	if (!token)
		key_file(old, name, from);
	(token ? key_token_file : key_file)(new, name, to);
	(token ? key_file : key_token_file)(other, name, to);
	if (renameat(ring->dir_fd, old, ring->dir_fd, new) != 0)
		return err_errno(err, old);
	if (fsync(ring->dir_fd) != 0)
		return err_errno(err, "cannot sync keys/");
	/* NAME.token goes before NAME.key: none of the other kind may stay. */
	return remove_file(ring, other, err);
}

/* ---- use ---- */

EVP_PKEY *key_pkey(const struct key *key)
{
	return key->pkey;
}

const uint8_t *key_public(const struct key *key)
{
	return key->public_key;
}

enum pli_status key_sign_note(struct key *key, const void *p, size_t n, uint8_t signature_r[64], struct err *err)
{
	if (key->hsm)
		return hsm_key_sign(key->hsm, p, n, signature_r, err);
	crypto_sign_detached(signature_r, NULL, p, n, key->secret);
	return PLI_OK;
}

enum pli_status key_seal(struct key *key, const void *aad, size_t aad_n, const void *p, size_t n, struct buf *out, struct err *err)
{
	return key->hsm ? hsm_key_seal(key->hsm, aad, aad_n, p, n, out, err) : cipher_seal(key->secret, aad, aad_n, p, n, out, err);
}

enum pli_status key_unseal(struct key *key, const void *aad, size_t aad_n, const void *p, size_t n, struct buf *out, struct err *err)
{
	return key->hsm ? hsm_key_unseal(key->hsm, aad, aad_n, p, n, out, err) : cipher_open(key->secret, aad, aad_n, p, n, out, err);
}

/* ---- testimony: what a key says of another ---- */

enum pli_status key_testify(struct key *key, const void *text, size_t n, struct buf *out, struct err *err)
{
	uint8_t digest[32], signature[128];
	size_t signature_n = sizeof(signature);
	EVP_MD_CTX *ctx;
	enum pli_status status;
	bool ok;

	if (key->name == KEY_WRAP) {
		cipher_sha256(text, n, digest);
		return key_seal(key, CHANGE_AAD, strlen(CHANGE_AAD), digest, sizeof(digest), out, err);
	}
	if (key->name == KEY_LOG) {
		status = key_sign_note(key, text, n, signature, err);
		if (status == PLI_OK)
			buf_add(out, signature, 64);
		return status;
	}
	ctx = EVP_MD_CTX_new();
	ok = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
	     EVP_DigestSign(ctx, signature, &signature_n, text, n) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	if (!ok)
		return err_set(err, PLI_IO, "the %s key does not sign", kinds[key->name].name);
	buf_add(out, signature, signature_n);
	return PLI_OK;
}

enum pli_status key_testimony_check(struct key *key, const void *text, size_t n, const void *testimony, size_t testimony_n, struct err *err)
{
	AUTO_BUF opened = { 0 };
	uint8_t digest[32];
	EVP_MD_CTX *ctx;
	bool ok;

	if (key->name == KEY_WRAP) {
		cipher_sha256(text, n, digest);
		ok = key_unseal(key, CHANGE_AAD, strlen(CHANGE_AAD), testimony, testimony_n, &opened, err) == PLI_OK && opened.n == 32 &&
		     memcmp(opened.p, digest, 32) == 0;
	} else {
		ctx = EVP_MD_CTX_new();
		ok = ctx && EVP_DigestVerifyInit(ctx, NULL, key->name == KEY_LOG ? NULL : EVP_sha256(), NULL, key->pkey) == 1 &&
		     EVP_DigestVerify(ctx, testimony, testimony_n, text, n) == 1;
		EVP_MD_CTX_free(ctx);
		ERR_clear_error();
	}
	return ok ? PLI_OK : err_set(err, PLI_CONFLICT, "the %s key has not signed this", kinds[key->name].name);
}
