/* See key_change.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "cipher.h"

#include "canon.h"
#include "checkpoint.h"
#include "entry.h"
#include "keyfile.h"
#include "keygen.h"
#include "keyring.h"
#include "pem_list.h"

#include "key_change.h"

#define NEXT "next-"
#define NEW "new-"		/* being made */
#define FORMER "former-"
#define UNTIL "until-"
#define LOG_FORMER "log-former.pub"
#define LOG_UNTIL "log.until"	/* seconds, text: how long the log key that goes signs on */
#define SIGNATURE_MAX 256

static const char *const marks[KEY_NAMES] = { "seal.pem", "operator.pem", "tsa.pem", "log.pub", "root.id" };
static const char *const next_marks[KEY_NAMES] = { NEXT "seal.pem", NEXT "operator.pem", NEXT "tsa.pem", NEXT "log.pub", NEXT "root.id" };

void key_change_free(struct key_change *change)
{
	buf_free(&change->public);
	buf_free(&change->d);
}

static bool there(const struct keyring *ring, const char *file)
{
	return faccessat(ring->dir_fd, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum pli_status sync_keys(const struct keyring *ring, struct err *err)
{
	return fsync(ring->dir_fd) == 0 ? PLI_OK : err_errno(err, "cannot sync keys/");
}

static enum pli_status drop_file(const struct keyring *ring, const char *file, struct err *err)
{
	if (unlinkat(ring->dir_fd, file, 0) != 0 && errno != ENOENT)
		return err_errno(err, file);
	return sync_keys(ring, err);
}

bool key_change_pending(const struct keyring *ring, enum key_name name)
{
	return there(ring, next_marks[name]) && key_there(ring, name, NEXT);
}

bool key_change_has(int keys_dir_fd, enum key_name name)
{
	struct keyring ring = { .dir_fd = keys_dir_fd };

	return there(&ring, marks[name]) && (key_there(&ring, name, "") || key_there(&ring, name, NEXT));
}

/* ---- fingerprints ---- */

static enum pli_status public_pem(struct key *key, struct buf *out, struct err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n = bio && PEM_write_bio_PUBKEY(bio, key_pkey(key)) ? BIO_get_mem_data(bio, &text) : 0;

	if (n > 0)
		buf_add(out, text, (size_t)n);
	BIO_free(bio);
	ERR_clear_error();
	return n > 0 ? PLI_OK : err_set(err, PLI_BUG, "a public key cannot be written");
}

/* What the mark says: certificate or public key as PEM, or the random id of a wrapping key. */
static enum pli_status mark_read(const struct keyring *ring, enum key_name name, bool next, struct buf *out, struct err *err)
{
	enum pli_status status = keyfile_read(ring->dir_fd, (next ? next_marks : marks)[name], out, err);
	struct key *key;

	/* Made before there were changes. */
	if (status == PLI_ABSENT && !next && name == KEY_LOG) {
		status = key_open(ring, name, "", &key, err);
		if (status != PLI_OK)
			return status;
		status = public_pem(key, out, err);
		key_close(key);
	}
	return status;
}

static enum pli_status mark_fingerprint(enum key_name name, const struct buf *mark, char hex_r[65], struct err *err)
{
	uint8_t digest[32];

	if (name == KEY_WRAP) {
		if (mark->n != 65 || !hex_decode(digest, 32, mark->p, 64))
			return err_set(err, PLI_CONFLICT, "keys/root.id is damaged");
	} else if (keygen_fingerprint(mark->p, digest, err) != PLI_OK) {
		return err_set(err, PLI_CONFLICT, "keys/%s is damaged", marks[name]);
	}
	hex_encode(hex_r, digest, sizeof(digest));
	return PLI_OK;
}

static enum pli_status fingerprint(const struct keyring *ring, enum key_name name, bool next, char hex_r[65], struct err *err)
{
	AUTO_BUF mark = { 0 };
	enum pli_status status = mark_read(ring, name, next, &mark, err);

	hex_r[0] = 0;
	if (status == PLI_ABSENT && name == KEY_WRAP && !next)
		return PLI_OK;
	return status == PLI_OK ? mark_fingerprint(name, &mark, hex_r, err) : status;
}

enum pli_status key_change_current(const struct keyring *ring, enum key_name name, char hex_r[65], struct err *err)
{
	return fingerprint(ring, name, false, hex_r, err);
}

/* ---- prepare ---- */

static enum pli_status certify(const struct keyring *ring, enum key_name name, const char *origin, const char *root_pem, struct key *key,
			       struct buf *mark, struct err *err)
{
	AUTO_BUF root_key = { .secret = 1 };
	enum pli_status status = keyring_read(ring, "root.key", &root_key, err);

	if (status == PLI_ABSENT) {
		(void)err_set(err, PLI_ABSENT, "keys/root.key is not there, and it has to sign the new certificate");
		return err_hint(err, "Put the evidence root's key back for the change, and take it away again afterwards.");
	}
	return status == PLI_OK ? keygen_certificate(root_pem, root_key.p, key_name(name), origin, key_pkey(key), mark, err) : status;
}

static enum pli_status mark_make(const struct keyring *ring, enum key_name name, const char *origin, const char *root_pem, struct key *key,
				 struct buf *mark, struct err *err)
{
	uint8_t id[32];
	char hex[65];

	switch (name) {
	case KEY_SEAL:
	case KEY_OPERATOR:
	case KEY_TSA:
		return certify(ring, name, origin, root_pem, key, mark, err);
	case KEY_LOG:
		return public_pem(key, mark, err);
	default:
		mem_random(id, sizeof(id));
		buf_fmt(mark, "%s\n", hex_encode(hex, id, sizeof(id)));
		return PLI_OK;
	}
}

static enum pli_status make_next(const struct keyring *ring, enum key_name name, const char *origin, const char *root_pem, struct err *err)
{
	AUTO_BUF mark = { 0 };
	struct key *key;
	enum pli_status status = drop_file(ring, next_marks[name], err);

	if (status == PLI_OK)
		status = key_destroy(ring, name, NEXT, err);
	if (status == PLI_OK)
		status = key_make(ring, name, NEW, &key, err);
	if (status != PLI_OK)
		return status;
	status = mark_make(ring, name, origin, root_pem, key, &mark, err);
	key_close(key);
	if (status == PLI_OK)
		status = keyfile_replace(ring->dir_fd, next_marks[name], 0600, mark.p, mark.n, err);
	if (status == PLI_OK)
		status = key_rename(ring, name, NEW, NEXT, err);
	/* What led nowhere leaves nothing behind. */
	if (status != PLI_OK && key_destroy(ring, name, NEW, NULL) != PLI_OK)
		(void)err_hint(err, "keys/ now holds a key of ours that nothing uses, beginning with " NEW);
	return status;
}

static void statement(struct buf *out, const char *origin, enum key_name name, const char *old, const char *new)
{
	buf_fmt(out, "pli key change 1\n%s\n%s\n%s\n%s\n", origin, key_name(name), old, new);
}

static enum pli_status testify(const struct keyring *ring, enum key_name name, const char *prefix, const struct buf *text,
			       char base64_r[SIGNATURE_MAX * 2], struct err *err)
{
	AUTO_BUF signature = { 0 };
	struct key *key;
	enum pli_status status = key_open(ring, name, prefix, &key, err);

	if (status != PLI_OK)
		return status;
	status = key_testify(key, text->p, text->n, &signature, err);
	key_close(key);
	if (status == PLI_OK && signature.n > SIGNATURE_MAX)
		status = err_set(err, PLI_BUG, "a signature is too long");
	if (status == PLI_OK)
		base64_encode(base64_r, signature.p, signature.n);
	return status;
}

static enum pli_status describe(const struct keyring *ring, const char *origin, enum key_name name, uint32_t overlap_s,
				struct key_change *c, struct err *err)
{
	static const char *const algorithms[KEY_NAMES] = {
		[KEY_SEAL] = "ecdsa-p256-sha256", [KEY_OPERATOR] = "ecdsa-p256-sha256", [KEY_TSA] = "ecdsa-p256-sha256",
		[KEY_LOG] = "ed25519", [KEY_WRAP] = "aes-256-gcm",
	};
	char old_signature[SIGNATURE_MAX * 2], new_signature[SIGNATURE_MAX * 2], file[KEY_FILE_MAX];
	AUTO_BUF text = { 0 };
	struct jsonw w;
	enum pli_status status;

	statement(&text, origin, name, c->old, c->new);
	status = testify(ring, name, "", &text, old_signature, err);
	if (status == PLI_OK)
		status = testify(ring, name, NEXT, &text, new_signature, err);
	if (status != PLI_OK)
		return status;
	jsonw_init(&w, &c->d, true);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "alg", algorithms[name]);
	jsonw_str(&w, "key", key_name(name));
	jsonw_str(&w, "new", c->new);
	jsonw_str(&w, "new_sig", new_signature);
	jsonw_str(&w, "old", c->old);
	jsonw_str(&w, "old_sig", old_signature);
	jsonw_int(&w, "overlap_s", name == KEY_LOG ? overlap_s : 0);
	jsonw_str(&w, "place", there(ring, key_token_file(file, name, NEXT)) ? "token" : "file");
	jsonw_object_end(&w);
	return PLI_OK;
}

/* A key of the kind that is wanted now: in the token or in a file. */
static bool next_fits(const struct keyring *ring, enum key_name name)
{
	char file[KEY_FILE_MAX];

	return key_change_pending(ring, name) &&
	       there(ring, key_token_file(file, name, NEXT)) == (ring->hsm && ring->token_uri[name]);
}

enum pli_status key_change_prepare(const struct keyring *ring, const char *origin, enum key_name name, const char *root_pem,
				   uint32_t overlap_s, struct key_change *change_r, struct err *err)
{
	struct key_change c = { 0 };
	AUTO_BUF mark = { 0 };
	enum pli_status status = PLI_OK;

	if (name == KEY_WRAP && key_there(ring, name, FORMER))
		return err_set(err, PLI_BUSY, "keys are still being put under the wrapping key of the last change");
	if (overlap_s > KEY_OVERLAP_MAX_S)
		return err_set(err, PLI_INVALID, "a key signs on for at most a year");
	if (!next_fits(ring, name))
		status = make_next(ring, name, origin, root_pem, err);
	if (status == PLI_OK)
		status = fingerprint(ring, name, false, c.old, err);
	if (status == PLI_OK)
		status = mark_read(ring, name, true, &mark, err);
	if (status == PLI_OK)
		status = mark_fingerprint(name, &mark, c.new, err);
	if (status == PLI_OK)
		status = describe(ring, origin, name, overlap_s, &c, err);
	if (status == PLI_OK && name != KEY_WRAP)
		buf_add(&c.public, mark.p, mark.n);
	if (status != PLI_OK) {
		key_change_free(&c);
		return status;
	}
	*change_r = c;
	return PLI_OK;
}

/* ---- commit ---- */

static enum pli_status testimony_check(const struct keyring *ring, enum key_name name, const char *prefix, const struct buf *text,
				       const char *base64, struct err *err)
{
	uint8_t signature[SIGNATURE_MAX + 3];
	struct key *key;
	enum pli_status status;
	size_t n;

	if (!base64 || strlen(base64) > SIGNATURE_MAX / 3 * 4 || !base64_decode(signature, &n, base64, strlen(base64)))
		return err_set(err, PLI_CONFLICT, "the entry holds no signature of the %s key", key_name(name));
	status = key_open(ring, name, prefix, &key, err);
	if (status != PLI_OK)
		return status;
	status = key_testimony_check(key, text->p, text->n, signature, n, err);
	key_close(key);
	return status;
}

enum pli_status key_change_check(const struct keyring *ring, const char *origin, enum key_name name, const void *entry, size_t n,
				 uint32_t *overlap_s_r, struct err *err)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF text = { 0 };
	struct entry_view view;
	char old[65], new[65];
	const char *d, *value;
	int64_t overlap_s = 0;
	size_t value_n;
	enum pli_status status = entry_parse(pool, entry, n, &view, err);

	if (status != PLI_OK)
		return status;
	d = view.e.d_json ? view.e.d_json : "{}";
	if (!str_eq(view.e.ev, "key.rotated") || !str_eq(view.e.log, origin) ||
	    !str_eq(canon_member_str(pool, d, strlen(d), "key"), key_name(name)))
		return err_set(err, PLI_CONFLICT, "the entry is not about a change of the %s key", key_name(name));
	if (!key_change_pending(ring, name))
		return err_set(err, PLI_CONFLICT, "no change of the %s key is prepared", key_name(name));
	status = fingerprint(ring, name, false, old, err);
	if (status == PLI_OK)
		status = fingerprint(ring, name, true, new, err);
	if (status != PLI_OK)
		return status;
	if (!str_eq(canon_member_str(pool, d, strlen(d), "old"), old) || !str_eq(canon_member_str(pool, d, strlen(d), "new"), new))
		return err_set(err, PLI_CONFLICT, "the entry is about another change of the %s key", key_name(name));
	if (canon_member(d, strlen(d), "overlap_s", &value, &value_n) &&
	    (!canon_integer(value, value_n, &overlap_s) || overlap_s < 0 || overlap_s > KEY_OVERLAP_MAX_S))
		return err_set(err, PLI_CONFLICT, "the entry says no time that the key may sign on");
	statement(&text, origin, name, old, new);
	status = testimony_check(ring, name, "", &text, canon_member_str(pool, d, strlen(d), "old_sig"), err);
	if (status == PLI_OK)
		status = testimony_check(ring, name, NEXT, &text, canon_member_str(pool, d, strlen(d), "new_sig"), err);
	if (status == PLI_OK)
		*overlap_s_r = (uint32_t)overlap_s;
	return status;
}

/* The public key that goes, beside those before it. */
static enum pli_status keep_public(const struct keyring *ring, struct err *err)
{
	AUTO_BUF all = { 0 }, old = { 0 };
	enum pli_status status = mark_read(ring, KEY_LOG, false, &old, err);

	if (status == PLI_OK)
		status = keyfile_read(ring->dir_fd, LOG_FORMER, &all, err);
	if (status == PLI_ABSENT)
		status = PLI_OK;
	if (status != PLI_OK || (all.n && strstr(all.p, old.p)))
		return status;
	buf_add(&all, old.p, old.n);
	return keyfile_replace(ring->dir_fd, LOG_FORMER, 0600, all.p, all.n, err);
}

static enum pli_status say_until(const struct keyring *ring, uint32_t overlap_s, int64_t now_us, struct err *err)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%" PRId64 "\n", now_us / SECOND_US + overlap_s);

	if (!overlap_s)
		return drop_file(ring, LOG_UNTIL, err);
	return keyfile_replace(ring->dir_fd, LOG_UNTIL, 0600, text, (size_t)n, err);
}

static enum pli_status settle_one(const struct keyring *ring, enum key_name name, struct err *err);

enum pli_status key_change_commit(const struct keyring *ring, enum key_name name, uint32_t overlap_s, int64_t now_us, struct err *err)
{
	enum pli_status status = PLI_OK;

	if (name == KEY_LOG)
		status = keep_public(ring, err);
	if (status == PLI_OK && name == KEY_LOG)
		status = say_until(ring, overlap_s, now_us, err);
	if (status != PLI_OK)
		return status;
	/* Here it happens. */
	if (renameat(ring->dir_fd, next_marks[name], ring->dir_fd, marks[name]) != 0 || fsync(ring->dir_fd) != 0)
		return err_errno(err, "cannot put the new key in place");
	return settle_one(ring, name, err);
}

/* ---- settling ---- */

static bool seconds_read(const char *text, int64_t *seconds_r)
{
	char *end;

	*seconds_r = strtoll(text, &end, 10);
	return end > text && *seconds_r > 0 && *seconds_r < INT64_C(1) << 40;
}

/* The log key that goes signs on for a while, under a name that says until when. */
static enum pli_status settle_log(const struct keyring *ring, struct err *err)
{
	AUTO_BUF text = { 0 };
	char prefix[32];
	int64_t until_s;
	enum pli_status status = keyfile_read(ring->dir_fd, LOG_UNTIL, &text, err);

	if (status == PLI_ABSENT)
		return key_destroy(ring, KEY_LOG, "", err);
	if (status != PLI_OK || !key_there(ring, KEY_LOG, ""))
		return status;
	if (!seconds_read(text.p, &until_s))
		return err_set(err, PLI_CONFLICT, "keys/" LOG_UNTIL " is damaged");
	snprintf(prefix, sizeof(prefix), UNTIL "%" PRId64 "-", until_s);
	return key_rename(ring, KEY_LOG, "", prefix, err);
}

static enum pli_status settle_one(const struct keyring *ring, enum key_name name, struct err *err)
{
	enum pli_status status = PLI_OK;

	if (!key_there(ring, name, NEXT) || there(ring, next_marks[name]))
		return PLI_OK;
	if (name == KEY_LOG)
		status = settle_log(ring, err);
	else if (name != KEY_WRAP)
		status = key_destroy(ring, name, "", err);
	else if (key_there(ring, name, ""))
		status = key_rename(ring, name, "", FORMER, err);
	if (status == PLI_OK)
		status = key_rename(ring, name, NEXT, "", err);
	return status == PLI_OK && name == KEY_LOG ? drop_file(ring, LOG_UNTIL, err) : status;
}

enum pli_status key_change_former_logs(const struct keyring *ring, uint8_t (*publics_r)[32], unsigned max, unsigned *count_r,
				       struct err *err)
{
	static const char END[] = "-----END PUBLIC KEY-----\n";
	AUTO_BUF all = { 0 };
	enum pli_status status = keyfile_read(ring->dir_fd, LOG_FORMER, &all, err);

	*count_r = 0;
	if (status == PLI_ABSENT)
		return PLI_OK;
	for (const char *p = all.p, *end; status == PLI_OK && *count_r < max && (end = strstr(p, END)); p = end + strlen(END))
		status = checkpoint_public_key(p, (size_t)(end - p) + strlen(END), publics_r[(*count_r)++], err);
	return status;
}

/* "until-1766000000-log.key" or .token; its prefix ends behind the second hyphen. */
static bool until_parse(const char *file, char prefix_r[32], int64_t *until_us_r)
{
	const char *rest = str_starts(file, UNTIL) ? strchr(file + strlen(UNTIL), '-') : NULL;
	int64_t seconds;

	if (!rest || (!str_eq(rest, "-log.key") && !str_eq(rest, "-log.token")) || (size_t)(rest - file) + 2 > 32 ||
	    !seconds_read(file + strlen(UNTIL), &seconds))
		return false;
	snprintf(prefix_r, 32, "%.*s-", (int)(rest - file), file);
	*until_us_r = seconds * SECOND_US;
	return true;
}

enum pli_status key_change_settle(const struct keyring *ring, int64_t now_us, struct err *err)
{
	AUTO_BUF names = { 0 };
	enum pli_status status = PLI_OK;
	char prefix[32];
	int64_t until_us;

	for (int i = 0; i < KEY_NAMES && status == PLI_OK; i++)
		status = settle_one(ring, (enum key_name)i, err);
	if (status == PLI_OK)
		status = keyfile_names(ring->dir_fd, &names, err);
	for (const char *file = names.p; status == PLI_OK && file < names.p + names.n; file += strlen(file) + 1)
		if (until_parse(file, prefix, &until_us) && until_us <= now_us)
			status = key_destroy(ring, KEY_LOG, prefix, err);
	return status;
}

enum pli_status key_change_overlaps(const struct keyring *ring, int64_t now_us, struct key *keys_r[KEY_OVERLAPS_MAX],
				    int64_t until_us_r[KEY_OVERLAPS_MAX], unsigned *count_r, struct err *err)
{
	AUTO_BUF names = { 0 };
	enum pli_status status = keyfile_names(ring->dir_fd, &names, err);
	char prefix[32];
	int64_t until_us;

	*count_r = 0;
	for (const char *file = names.p; status == PLI_OK && file < names.p + names.n; file += strlen(file) + 1) {
		if (!until_parse(file, prefix, &until_us) || until_us <= now_us || *count_r == KEY_OVERLAPS_MAX)
			continue;
		status = key_open(ring, KEY_LOG, prefix, &keys_r[*count_r], err);
		if (status == PLI_OK)
			until_us_r[(*count_r)++] = until_us;
	}
	return status;
}

/* ---- for others ---- */

static EVP_PKEY *public_of(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	EVP_PKEY *key = cert ? X509_get_pubkey(cert) : NULL;

	BIO_free(bio);
	bio = BIO_new_mem_buf(pem, -1);
	if (!key)
		key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	BIO_free(bio);
	X509_free(cert);
	return key;
}

static bool signed_by(const char *pem, const struct buf *text, const char *base64)
{
	uint8_t signature[SIGNATURE_MAX + 3];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY *key = public_of(pem);
	size_t n = 0;
	bool ok = ctx && key && strlen(base64) <= SIGNATURE_MAX / 3 * 4 && base64_decode(signature, &n, base64, strlen(base64)) &&
		  EVP_DigestVerifyInit(ctx, NULL, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256(), NULL, key) == 1 &&
		  EVP_DigestVerify(ctx, signature, n, (const uint8_t *)text->p, text->n) == 1;

	EVP_PKEY_free(key);
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

enum pli_status key_change_verify(struct pool *pool, const char *origin, const char *d, size_t n, const char *const lists[KEY_NAMES],
				  struct err *err)
{
	static const char *const parts[2][2] = { { "old", "old_sig" }, { "new", "new_sig" } };
	const char *key = canon_member_str(pool, d, n, "key"), *hex[2], *signature[2];
	AUTO_BUF text = { 0 };
	enum key_name name;

	if (!key || !key_name_parse(key, &name))
		return err_set(err, PLI_CONFLICT, "it names no key");
	for (int i = 0; i < 2; i++) {
		hex[i] = canon_member_str(pool, d, n, parts[i][0]);
		signature[i] = canon_member_str(pool, d, n, parts[i][1]);
		if (!hex[i] || !signature[i])
			return err_set(err, PLI_CONFLICT, "it is no change of a key");
	}
	if (name == KEY_WRAP || !lists[name])
		return PLI_OK;
	statement(&text, origin, name, hex[0], hex[1]);
	for (int i = 0; i < 2; i++) {
		const char *pem = pem_list_find(pool, lists[name], hex[i]);

		if (!pem)
			return err_set(err, PLI_CONFLICT, "public/ does not hold the %s %s key", i ? "new" : "old", key);
		if (!signed_by(pem, &text, signature[i]))
			return err_set(err, PLI_CONFLICT, "the %s %s key has not signed it", i ? "new" : "old", key);
	}
	return PLI_OK;
}
