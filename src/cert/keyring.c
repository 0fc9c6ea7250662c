/* See keyring.h. */
#include <errno.h>
#include <fcntl.h>
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

#define PROTECT "protect"
#define PROTECT_MAGIC "PLIP\1"
#define FILE_MAGIC "PLIE\1"
#define MAGIC_BYTES 5
#define PROTECT_HEAD_BYTES (MAGIC_BYTES + 4 + 4 + 16)
#define PROTECT_BYTES (PROTECT_HEAD_BYTES + CIPHER_SEAL_BYTES + 32)
#define PASSES 3
#define MEMORY_KIB (64u << 10)
/* What a file may ask of us. */
#define PASSES_MAX 16
#define MEMORY_KIB_MAX (1u << 20)

static enum pli_status derive(const char *phrase, const uint8_t salt[16], unsigned passes, unsigned memory_kib, uint8_t key_r[32],
			      struct err *err)
{
	if (crypto_pwhash(key_r, 32, phrase, strlen(phrase), salt, passes, (size_t)memory_kib << 10, crypto_pwhash_ALG_ARGON2ID13) == 0)
		return PLI_OK;
	return err_set(err, PLI_BUSY, "no memory to try the pass phrase (%u MiB)", memory_kib >> 10);
}

static void head_write(struct buf *out, const uint8_t salt[16])
{
	buf_add(out, PROTECT_MAGIC, MAGIC_BYTES);
	buf_u32(out, PASSES);
	buf_u32(out, MEMORY_KIB);
	buf_add(out, salt, 16);
}

static enum pli_status protect_write(int dir_fd, const char *phrase, const uint8_t master[32], struct err *err)
{
	AUTO_BUF out = { 0 };
	uint8_t salt[16], key[32];
	enum pli_status status;

	mem_random(salt, sizeof(salt));
	head_write(&out, salt);
	status = derive(phrase, salt, PASSES, MEMORY_KIB, key, err);
	if (status == PLI_OK) {
		AUTO_BUF sealed = { 0 };

		status = cipher_seal(key, out.p, out.n, master, 32, &sealed, err);
		buf_add(&out, sealed.p, sealed.n);
	}
	mem_wipe(key, sizeof(key));
	return status == PLI_OK ? keyfile_replace(dir_fd, PROTECT, 0600, out.p, out.n, err) : status;
}

static enum pli_status protect_open(const struct buf *file, const char *phrase, uint8_t master_r[32], struct err *err)
{
	AUTO_BUF master = { .secret = 1 };
	unsigned passes, memory_kib;
	uint8_t key[32];
	struct cursor c;
	enum pli_status status;

	if (file->n != PROTECT_BYTES || memcmp(file->p, PROTECT_MAGIC, MAGIC_BYTES) != 0)
		return err_set(err, PLI_CONFLICT, "keys/protect is damaged");
	cursor_init(&c, file->p + MAGIC_BYTES, file->n - MAGIC_BYTES);
	passes = cursor_u32(&c);
	memory_kib = cursor_u32(&c);
	if (!passes || passes > PASSES_MAX || memory_kib < 8 || memory_kib > MEMORY_KIB_MAX)
		return err_set(err, PLI_CONFLICT, "keys/protect is damaged");
	status = derive(phrase, c.p, passes, memory_kib, key, err);
	if (status == PLI_OK && cipher_open(key, file->p, PROTECT_HEAD_BYTES, file->p + PROTECT_HEAD_BYTES,
					    file->n - PROTECT_HEAD_BYTES, &master, err) != PLI_OK)
		status = err_set(err, PLI_DENIED, "the pass phrase is not the one of keys/protect");
	if (status == PLI_OK)
		memcpy(master_r, master.p, 32);
	mem_wipe(key, sizeof(key));
	return status;
}

enum pli_status keyring_open(int dir_fd, const char *phrase, struct keyring *ring_r, struct err *err)
{
	struct keyring ring = { .dir_fd = dir_fd };
	AUTO_BUF file = { 0 };
	enum pli_status status = PLI_OK;

	if (phrase && sodium_init() < 0)
		return err_set(err, PLI_BUG, "the cryptographic library does not start");
	if (phrase) {
		status = keyfile_read(dir_fd, PROTECT, &file, err);
		if (status == PLI_OK)
			status = protect_open(&file, phrase, ring.master, err);
		ring.has_master = status == PLI_OK;
	}
	if (status != PLI_OK && status != PLI_ABSENT)
		return status;
	*ring_r = ring;
	mem_wipe(&ring, sizeof(ring));
	return PLI_OK;
}

enum pli_status keyring_use_token(struct keyring *ring, const struct keyring_token *token, struct err *err)
{
	enum pli_status status = PLI_OK;
	bool any = false;

	for (int i = 0; i < KEY_NAMES && status == PLI_OK; i++) {
		if (!token->uri[i])
			continue;
		any = true;
		ring->token_uri[i] = mem_alloc(sizeof(**ring->token_uri));
		ring->token_text[i] = token->uri[i];
		status = hsm_uri_parse(token->uri[i], ring->token_uri[i], err);
	}
	if (status == PLI_OK && any && !token->module)
		status = err_set(err, PLI_INVALID, "[keys] %s", "module is missing: the path of the token's PKCS#11 library");
	return status == PLI_OK && token->module ? hsm_open(token->module, token->pin, &ring->hsm, err) : status;
}

void keyring_close(struct keyring *ring)
{
	hsm_close(ring->hsm);
	ring->hsm = NULL;
	for (int i = 0; i < KEY_NAMES; i++) {
		mem_free(ring->token_uri[i]);
		ring->token_uri[i] = NULL;
	}
	mem_wipe(ring->master, sizeof(ring->master));
	ring->has_master = false;
}

/* ---- files ---- */

static bool is_protected(const struct buf *file)
{
	return file->n >= MAGIC_BYTES && memcmp(file->p, FILE_MAGIC, MAGIC_BYTES) == 0;
}

static void file_aad(const char *name, struct buf *aad)
{
	buf_str(aad, "pli/keyfile/1");
	buf_u8(aad, 0);
	buf_str(aad, name);
}

enum pli_status keyring_read(const struct keyring *ring, const char *name, struct buf *out, struct err *err)
{
	AUTO_BUF file = { .secret = 1 }, aad = { 0 };
	enum pli_status status = keyfile_read(ring->dir_fd, name, &file, err);

	if (status != PLI_OK)
		return status;
	if (!is_protected(&file)) {
		buf_add(out, file.p, file.n);
		return PLI_OK;
	}
	if (!ring->has_master) {
		(void)err_set(err, PLI_DENIED, "keys/%.100s is under a pass phrase, and none was given", name);
		return err_hint(err, "Name the file that holds it: [keys] passphrase_file in pli.conf");
	}
	file_aad(name, &aad);
	status = cipher_open(ring->master, aad.p, aad.n, file.p + MAGIC_BYTES, file.n - MAGIC_BYTES, out, err);
	return status == PLI_OK ? PLI_OK : err_set(err, PLI_CONFLICT, "keys/%.100s is damaged, or from another place", name);
}

static enum pli_status put(const struct keyring *ring, const char *name, bool new, const void *p, size_t n, struct err *err)
{
	AUTO_BUF file = { .secret = 1 }, aad = { 0 };
	enum pli_status status = PLI_OK;

	if (ring->has_master) {
		file_aad(name, &aad);
		buf_add(&file, FILE_MAGIC, MAGIC_BYTES);
		status = cipher_seal(ring->master, aad.p, aad.n, p, n, &file, err);
	} else {
		buf_add(&file, p, n);
	}
	if (status != PLI_OK)
		return status;
	return new ? keyfile_create(ring->dir_fd, name, 0600, file.p, file.n, err)
		   : keyfile_replace(ring->dir_fd, name, 0600, file.p, file.n, err);
}

enum pli_status keyring_create(const struct keyring *ring, const char *name, const void *p, size_t n, struct err *err)
{
	return put(ring, name, true, p, n, err);
}

enum pli_status keyring_replace(const struct keyring *ring, const char *name, const void *p, size_t n, struct err *err)
{
	return put(ring, name, false, p, n, err);
}

/* ---- all of them ---- */

bool keyring_is_protected(int dir_fd)
{
	return faccessat(dir_fd, PROTECT, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool ends(const char *name, const char *with)
{
	size_t n = strlen(name), m = strlen(with);

	return n > m && strcmp(name + n - m, with) == 0;
}

enum keyring_form keyring_form(int dir_fd, const char *name)
{
	AUTO_BUF file = { .secret = 1 };

	if (!ends(name, ".key") && !ends(name, ".kek") && !str_eq(name, "pepper"))
		return KEYRING_NO_SECRET;
	if (keyfile_read(dir_fd, name, &file, NULL) != PLI_OK)
		return KEYRING_NO_SECRET;
	return is_protected(&file) ? KEYRING_PROTECTED : KEYRING_PLAIN;
}

enum pli_status keyring_each(int dir_fd, keyring_file_fn *fn, void *arg, struct err *err)
{
	AUTO_BUF names = { 0 };
	enum pli_status status = keyfile_names(dir_fd, &names, err);	/* first the names: fn may change the directory */

	for (const char *name = names.p; status == PLI_OK && name < names.p + names.n; name += strlen(name) + 1) {
		enum keyring_form form = keyring_form(dir_fd, name);

		if (form != KEYRING_NO_SECRET)
			status = fn(arg, name, form, err);
	}
	return status;
}

struct change {
	struct keyring read, write;	/* the same master key; write has it when files are to be protected */
	enum keyring_form wanted;
	unsigned count;
};

static enum pli_status change_file(void *arg, const char *name, enum keyring_form form, struct err *err)
{
	struct change *c = arg;
	AUTO_BUF plain = { .secret = 1 };
	enum pli_status status;

	if (form == c->wanted)
		return PLI_OK;
	status = keyring_read(&c->read, name, &plain, err);
	if (status == PLI_OK)
		status = keyring_replace(&c->write, name, plain.p, plain.n, err);
	c->count += status == PLI_OK;
	return status;
}

static enum pli_status phrase_check(const char *phrase, struct err *err)
{
	size_t n = strlen(phrase);

	if (n >= KEYRING_PHRASE_MIN && n <= KEYRING_PHRASE_MAX)
		return PLI_OK;
	return err_set(err, PLI_INVALID, "a pass phrase has %d to %d bytes", KEYRING_PHRASE_MIN, KEYRING_PHRASE_MAX);
}

enum pli_status keyring_protect(int dir_fd, const char *phrase, unsigned *count_r, struct err *err)
{
	struct change c = { .wanted = KEYRING_PROTECTED };
	enum pli_status status = phrase_check(phrase, err);

	if (status == PLI_OK && !keyring_is_protected(dir_fd)) {
		uint8_t master[32];

		mem_random(master, sizeof(master));
		status = protect_write(dir_fd, phrase, master, err);
		mem_wipe(master, sizeof(master));
	}
	/* Read back, so that no file is put under a key that cannot be had again. */
	if (status == PLI_OK)
		status = keyring_open(dir_fd, phrase, &c.read, err);
	c.write = c.read;
	if (status == PLI_OK)
		status = keyring_each(dir_fd, change_file, &c, err);
	*count_r = c.count;
	keyring_close(&c.read);
	keyring_close(&c.write);
	return status;
}

enum pli_status keyring_unprotect(int dir_fd, const char *phrase, unsigned *count_r, struct err *err)
{
	struct change c = { .wanted = KEYRING_PLAIN, .write = { .dir_fd = dir_fd } };
	enum pli_status status = keyring_open(dir_fd, phrase, &c.read, err);

	if (status == PLI_OK)
		status = keyring_each(dir_fd, change_file, &c, err);
	if (status == PLI_OK && keyring_is_protected(dir_fd) && (unlinkat(dir_fd, PROTECT, 0) != 0 || fsync(dir_fd) != 0))
		status = err_errno(err, "cannot remove keys/protect");
	*count_r = c.count;
	keyring_close(&c.read);
	return status;
}

enum pli_status keyring_rephrase(int dir_fd, const char *phrase, const char *new_phrase, struct err *err)
{
	struct keyring ring = { 0 };
	enum pli_status status = phrase_check(new_phrase, err);

	if (status == PLI_OK)
		status = keyring_open(dir_fd, phrase, &ring, err);
	if (status == PLI_OK && !ring.has_master)
		status = err_set(err, PLI_ABSENT, "the keys are not under a pass phrase");
	if (status == PLI_OK)
		status = protect_write(dir_fd, new_phrase, ring.master, err);
	keyring_close(&ring);
	return status;
}
