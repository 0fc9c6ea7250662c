/* See kek_store.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "key.h"
#include "key_change.h"
#include "keyfile.h"
#include "keyring.h"

#include "kek_store.h"

#define KID_MAX 63
#define SLOTS 1024		/* keys kept ready; about 1.5 KiB each in use */
#define STAGE_DAYS 14		/* an upload lives 7 days, from its last change at most 7 more */
#define NONCE 12
#define TAG 16
#define FORMER "former-"
#define BATCH_US 20000		/* of re-wrapping at a time: whoever waits for a wrap hardly notices */
#define LINGER_US (INT64_C(60) * 1000000)
#define ENTITY_DIGITS 32

/* A key made ready in both directions, so that a wrap costs no key schedule. */
struct kek {
	char kid[KID_MAX + 1];
	EVP_CIPHER_CTX *seal, *open;
	int64_t until_us;		/* monotonic; 0: its file is there.  Else it opens until then, and is nowhere but here */
};

struct kek_store {
	int dir_fd;
	const struct keyring *ring;
	struct key *root;
	char root_id[KEK_ROOT_DIGITS + 1];	/* "" before its first change */
	struct key *former;		/* the root before it, while keys lie under it; else NULL */
	struct buf names;		/* those that are still to be looked at for that, each with its zero */
	size_t names_at;
	bool stuck;			/* one of them cannot be read: the former root stays */
	EVP_CIPHER *gcm;
	int64_t lapse_us;		/* monotonic: when the first of them must be forgotten that linger; 0: none */
	struct kek slots[SLOTS];	/* by hash of the kid; a newcomer takes the place */
};

/* The root in use, and the one before it if its work is not done. */
static enum pli_status open_roots(struct kek_store *s, struct err *err)
{
	char hex[65];
	enum pli_status status = key_change_current(s->ring, KEY_WRAP, hex, err);

	if (status == PLI_OK)
		snprintf(s->root_id, sizeof(s->root_id), "%.*s", KEK_ROOT_DIGITS, hex);
	if (status == PLI_OK)
		status = key_open(s->ring, KEY_WRAP, "", &s->root, err);
	if (status == PLI_OK && key_there(s->ring, KEY_WRAP, FORMER))
		status = key_open(s->ring, KEY_WRAP, FORMER, &s->former, err);
	return status;
}

enum pli_status kek_store_open(const struct keyring *ring, struct kek_store **store_r, struct err *err)
{
	struct kek_store *s = mem_alloc(sizeof(*s));
	enum pli_status status;

	s->dir_fd = -1;
	s->ring = ring;
	status = open_roots(s, err);
	if (status == PLI_OK) {
		s->dir_fd = openat(ring->dir_fd, "kek", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (s->dir_fd < 0)
			status = err_errno(err, "cannot open keys/kek");
	}
	s->gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (status == PLI_OK && !s->gcm)
		status = err_set(err, PLI_BUG, "AES-256-GCM is not available");
	if (status != PLI_OK) {
		kek_store_close(s);
		return status;
	}
	*store_r = s;
	return PLI_OK;
}

static void forget(struct kek *k)
{
	EVP_CIPHER_CTX_free(k->seal);	/* both cleanse the key schedule */
	EVP_CIPHER_CTX_free(k->open);
	memset(k, 0, sizeof(*k));
}

void kek_store_close(struct kek_store *store)
{
	if (!store)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		forget(&store->slots[i]);
	if (store->dir_fd >= 0)
		close(store->dir_fd);
	key_close(store->root);
	key_close(store->former);
	buf_free(&store->names);
	EVP_CIPHER_free(store->gcm);
	mem_wipe(store, sizeof(*store));
	mem_free(store);
}

static struct kek *slot_of(struct kek_store *s, const uint8_t *kid, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ kid[i]) * 16777619u;
	return &s->slots[h % SLOTS];
}

/* Our kids only: no separator, no dot, nothing that a path could mean. */
static bool kid_valid(const uint8_t *kid, size_t n)
{
	if (!n || n > KID_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!((kid[i] >= 'a' && kid[i] <= 'z') || (kid[i] >= '0' && kid[i] <= '9') || kid[i] == '-'))
			return false;
	return kid[0] != '-';
}

static void file_aad(const char *kid, struct buf *aad)
{
	buf_str(aad, "pli/kek/1");
	buf_u8(aad, 0);
	buf_str(aad, kid);
}

static enum pli_status make_ready(struct kek_store *s, struct kek *k, const char *kid, const uint8_t key[32], struct err *err)
{
	forget(k);
	k->seal = EVP_CIPHER_CTX_new();
	k->open = EVP_CIPHER_CTX_new();
	if (!k->seal || !k->open || EVP_EncryptInit_ex2(k->seal, s->gcm, key, NULL, NULL) != 1 ||
	    EVP_DecryptInit_ex2(k->open, s->gcm, key, NULL, NULL) != 1) {
		forget(k);
		return err_set(err, PLI_BUG, "a key-encrypting key cannot be made ready");
	}
	snprintf(k->kid, sizeof(k->kid), "%s", kid);
	return PLI_OK;
}

/* Under the root in use or, while its work goes on, the one before.  *former_r (may be NULL): which. */
static enum pli_status open_file(struct kek_store *s, const char *kid, const struct buf *file, struct buf *key, bool *former_r,
				 struct err *err)
{
	AUTO_BUF aad = { 0 };
	enum pli_status status;
	bool former = false;

	file_aad(kid, &aad);
	status = key_unseal(s->root, aad.p, aad.n, file->p, file->n, key, err);
	if (status == PLI_INPUT && s->former) {
		status = key_unseal(s->former, aad.p, aad.n, file->p, file->n, key, err);
		former = status == PLI_OK;
	}
	if (status == PLI_INPUT || (status == PLI_OK && key->n != 32))
		return err_set(err, PLI_CONFLICT, "keys/kek/%s is damaged", kid);
	if (former_r)
		*former_r = former;
	return status;
}

static enum pli_status find(struct kek_store *s, const void *kid, size_t kid_n, struct kek **kek_r, struct err *err)
{
	struct kek *k = slot_of(s, kid, kid_n);
	AUTO_BUF file = { 0 }, key = { .secret = 1 };
	char name[KID_MAX + 1];
	enum pli_status status;

	*kek_r = k;
	if (!kid_valid(kid, kid_n))
		return err_set(err, PLI_INPUT, "not a key id");
	if (k->until_us && k->until_us < clock_mono_us())
		forget(k);
	if (k->seal && strlen(k->kid) == kid_n && memcmp(k->kid, kid, kid_n) == 0)
		return PLI_OK;
	memcpy(name, kid, kid_n);
	name[kid_n] = 0;
	status = keyfile_read(s->dir_fd, name, &file, err);
	if (status == PLI_ABSENT)
		return err_set(err, PLI_ABSENT, "key %s is not there: never made, or destroyed", name);
	if (status != PLI_OK)
		return status;
	status = open_file(s, name, &file, &key, NULL, err);
	if (status != PLI_OK)
		return status;
	return make_ready(s, k, name, (const uint8_t *)key.p, err);
}

static enum pli_status name_of(const struct kek_store *s, enum kek_purpose purpose, const struct uuid *entity, int64_t period, char kid_r[64],
			       struct err *err)
{
	const char *dash = s->root_id[0] ? "-" : "", *root = s->root_id;
	struct clock_parts day;
	char hex[33];

	hex_encode(hex, entity->b, sizeof(entity->b));
	switch (purpose) {
	case KEK_STAGE:
		if (period < clock_day(clock_now_us()) - STAGE_DAYS)
			return err_set(err, PLI_GONE, "the staging keys of that day are destroyed");
		if (period < 0 || period > INT64_C(100) * 366 + 20000)
			break;
		clock_local(period * DAY_US, "UTC", &day);
		snprintf(kid_r, 64, "stage-%s-%04d%02d%02d%s%s", hex, day.year, day.month, day.day, dash, root);
		return PLI_OK;
	case KEK_LETTER:
		if (period < 1970 * 12 || period >= 9999 * 12)
			break;
		snprintf(kid_r, 64, "letter-%s-%04d%02d%s%s", hex, (int)(period / 12), (int)(period % 12 + 1), dash, root);
		return PLI_OK;
	case KEK_META:
		if (period != 0)
			break;
		snprintf(kid_r, 64, "meta-%s%s%s", hex, dash, root);
		return PLI_OK;
	}
	return err_set(err, PLI_INPUT, "no key has that purpose and period");
}

enum pli_status kek_store_make(struct kek_store *store, enum kek_purpose purpose, const struct uuid *entity, int64_t period,
			       char kid_r[64], struct err *err)
{
	enum pli_status status = name_of(store, purpose, entity, period, kid_r, err);
	AUTO_BUF aad = { 0 }, file = { 0 };
	uint8_t key[32];
	struct kek *k;

	if (status != PLI_OK)
		return status;
	status = find(store, kid_r, strlen(kid_r), &k, err);
	if (status != PLI_ABSENT)
		return status;
	mem_random(key, sizeof(key));
	file_aad(kid_r, &aad);
	status = key_seal(store->root, aad.p, aad.n, key, sizeof(key), &file, err);
	/* In one step, so that a kill leaves no half key under that name. */
	if (status == PLI_OK)
		status = keyfile_replace(store->dir_fd, kid_r, 0600, file.p, file.n, err);
	if (status == PLI_OK)
		status = make_ready(store, k, kid_r, key, err);
	mem_wipe(key, sizeof(key));
	return status;
}

static bool feed_aad(EVP_CIPHER_CTX *ctx, const void *kid, size_t kid_n, const void *aad, size_t aad_n)
{
	uint8_t length = (uint8_t)kid_n;
	int n;

	return EVP_CipherUpdate(ctx, NULL, &n, &length, 1) == 1 && EVP_CipherUpdate(ctx, NULL, &n, kid, (int)kid_n) == 1 &&
	       (!aad_n || EVP_CipherUpdate(ctx, NULL, &n, aad, (int)aad_n) == 1);
}

enum pli_status kek_store_wrap(struct kek_store *store, const void *kid, size_t kid_n, const void *aad, size_t aad_n,
			       const void *key, size_t n, uint8_t *out_r, struct err *err)
{
	struct kek *k;
	enum pli_status status = find(store, kid, kid_n, &k, err);
	int len, rest;

	if (status == PLI_OK && k->until_us)
		status = err_set(err, PLI_ABSENT, "key %s is destroyed", k->kid);
	if (status != PLI_OK)
		return status;
	mem_random(out_r, NONCE);
	if (EVP_EncryptInit_ex2(k->seal, NULL, NULL, out_r, NULL) != 1 || !feed_aad(k->seal, kid, kid_n, aad, aad_n) ||
	    EVP_EncryptUpdate(k->seal, out_r + NONCE, &len, key, (int)n) != 1 ||
	    EVP_EncryptFinal_ex(k->seal, out_r + NONCE + len, &rest) != 1 ||
	    EVP_CIPHER_CTX_ctrl(k->seal, EVP_CTRL_AEAD_GET_TAG, TAG, out_r + NONCE + n) != 1)
		return err_set(err, PLI_BUG, "a key could not be wrapped");
	return PLI_OK;
}

enum pli_status kek_store_unwrap(struct kek_store *store, const void *kid, size_t kid_n, const void *aad, size_t aad_n,
				 const void *wrapped, size_t n, uint8_t *out_r, struct err *err)
{
	const uint8_t *w = wrapped;
	size_t key_n = n - NONCE - TAG;
	enum pli_status status;
	struct kek *k;
	uint8_t tag[TAG];
	int len, rest;

	if (n < NONCE + TAG + 1)
		return err_set(err, PLI_INPUT, "wrapped key is too short");
	status = find(store, kid, kid_n, &k, err);
	if (status != PLI_OK)
		return status;
	memcpy(tag, w + NONCE + key_n, TAG);
	if (EVP_DecryptInit_ex2(k->open, NULL, NULL, w, NULL) != 1 || !feed_aad(k->open, kid, kid_n, aad, aad_n) ||
	    EVP_DecryptUpdate(k->open, out_r, &len, w + NONCE, (int)key_n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(k->open, EVP_CTRL_AEAD_SET_TAG, TAG, tag) != 1 ||
	    EVP_DecryptFinal_ex(k->open, out_r + len, &rest) != 1) {
		mem_wipe(out_r, key_n);
		return err_set(err, PLI_INPUT, "wrapped key does not open: changed, or from another place");
	}
	return PLI_OK;
}

/* Overwritten before its name goes, so that the place where it lay holds it no more than the name does (on a disk that writes where
 * it is told to). */
static enum pli_status shred(struct kek_store *s, const char *name, struct err *err)
{
	uint8_t noise[NONCE + 32 + TAG];
	int fd = openat(s->dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	bool ok;

	if (fd < 0)
		return errno == ENOENT ? PLI_OK : err_errno(err, "cannot open a key to destroy it");
	mem_random(noise, sizeof(noise));
	ok = pwrite(fd, noise, sizeof(noise), 0) == (ssize_t)sizeof(noise) && fdatasync(fd) == 0;
	close(fd);
	if (!ok || unlinkat(s->dir_fd, name, 0) != 0)
		return err_errno(err, "cannot destroy a key");
	return PLI_OK;
}

/* What stands behind purpose and entity, "letter-" and 32 digits: a date of so many digits, then perhaps the root's id, *root_r ("": none).
 * The last moment of its day (of the month's first), or -1. */
static int64_t period_of(const char *name, const char *purpose, size_t date_n, const char **root_r)
{
	size_t at = strlen(purpose) + ENTITY_DIGITS, n = strlen(name), end = at + 1 + date_n;
	char date[11];
	int64_t t_us;

	if (!str_starts(name, purpose) || (n != end && n != end + 1 + KEK_ROOT_DIGITS) || name[at] != '-' || (n > end && name[end] != '-'))
		return -1;
	name += at + 1;
	snprintf(date, sizeof(date), "%.4s-%.2s-%.2s", name, name + 4, date_n == 8 ? name + 6 : "01");
	*root_r = n > end ? name + date_n + 1 : "";
	return clock_parse(date, &t_us) ? t_us - 1 : -1;
}

static void forget_kid(struct kek_store *s, const char *name, bool lingers)
{
	struct kek *k = slot_of(s, (const uint8_t *)name, strlen(name));

	if (!str_eq(k->kid, name))
		return;
	if (!lingers)
		forget(k);
	else if (!k->until_us)
		k->until_us = clock_mono_us() + LINGER_US;
	if (k->until_us && !s->lapse_us)
		s->lapse_us = k->until_us;
}

int64_t kek_store_lapse(struct kek_store *store, int64_t now_us)
{
	if (!store->lapse_us || now_us < store->lapse_us)
		return store->lapse_us;
	store->lapse_us = 0;
	for (size_t i = 0; i < SLOTS; i++) {
		struct kek *k = &store->slots[i];

		if (k->until_us && k->until_us <= now_us)
			forget(k);
		else if (k->until_us && (!store->lapse_us || k->until_us < store->lapse_us))
			store->lapse_us = k->until_us;
	}
	return store->lapse_us;
}

enum pli_status kek_store_destroy(struct kek_store *store, const void *kid, size_t kid_n, int64_t this_month, struct err *err)
{
	char name[KID_MAX + 1] = "";
	const char *root = "";
	enum pli_status status;
	int64_t t_us;
	bool over;

	if (!kid_valid(kid, kid_n))
		return err_set(err, PLI_INPUT, "not a key id");
	memcpy(name, kid, kid_n);
	t_us = period_of(name, "letter-", 6, &root);
	over = t_us >= 0 && clock_month(t_us) < this_month;
	if (t_us < 0 || (!over && str_eq(root, store->root_id)))
		return err_set(err, PLI_DENIED, "key %s is in use, and not one of a month that is over", name);
	forget_kid(store, name, !over);
	status = shred(store, name, err);
	if (status == PLI_OK && fsync(store->dir_fd) != 0)
		status = err_errno(err, "cannot sync keys/kek");
	return status;
}

enum pli_status kek_store_sweep(struct kek_store *store, int64_t today, unsigned *count_r, struct err *err)
{
	int fd = openat(store->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	unsigned count = 0;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return err_errno(err, "cannot read keys/kek");
	}
	while ((entry = readdir(dir))) {
		const char *root;
		int64_t t_us = period_of(entry->d_name, "stage-", 8, &root);

		if (t_us < 0 || today - clock_day(t_us) <= STAGE_DAYS)
			continue;
		forget_kid(store, entry->d_name, false);
		count += shred(store, entry->d_name, err) == PLI_OK;
	}
	closedir(dir);
	if (count && fsync(store->dir_fd) != 0)
		return err_errno(err, "cannot sync keys/kek");
	*count_r = count;
	return PLI_OK;
}

/* ---- another root ---- */

enum pli_status kek_store_reroot(struct kek_store *store, struct err *err)
{
	struct kek_store s = { .ring = store->ring };
	enum pli_status status = open_roots(&s, err);

	if (status != PLI_OK) {
		key_close(s.root);
		key_close(s.former);
		return status;
	}
	key_close(store->root);
	key_close(store->former);
	store->root = s.root;
	store->former = s.former;
	memcpy(store->root_id, s.root_id, sizeof(s.root_id));
	buf_reset(&store->names);
	store->names_at = 0;
	return PLI_OK;
}

static enum pli_status list_names(struct kek_store *s, struct err *err)
{
	int fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return err_errno(err, "cannot read keys/kek");
	}
	buf_reset(&s->names);
	s->names_at = 0;
	while ((entry = readdir(dir)))
		if (kid_valid((const uint8_t *)entry->d_name, strlen(entry->d_name)))
			buf_add(&s->names, entry->d_name, strlen(entry->d_name) + 1);
	closedir(dir);
	return PLI_OK;
}

static enum pli_status rewrap_one(struct kek_store *s, const char *kid, struct err *err)
{
	AUTO_BUF file = { 0 }, key = { .secret = 1 }, aad = { 0 }, again = { 0 };
	enum pli_status status = keyfile_read(s->dir_fd, kid, &file, err);
	bool former = false;

	if (status == PLI_ABSENT)	/* destroyed meanwhile */
		return PLI_OK;
	if (status == PLI_OK)
		status = open_file(s, kid, &file, &key, &former, err);
	if (status != PLI_OK || !former)
		return status;
	file_aad(kid, &aad);
	status = key_seal(s->root, aad.p, aad.n, key.p, key.n, &again, err);
	return status == PLI_OK ? keyfile_replace(s->dir_fd, kid, 0600, again.p, again.n, err) : status;
}

bool kek_store_rerooting(const struct kek_store *store)
{
	return store->former && !store->stuck;
}

enum pli_status kek_store_reroot_step(struct kek_store *store, struct err *err)
{
	int64_t until_us = clock_mono_us() + BATCH_US;
	enum pli_status status = PLI_OK;

	if (!kek_store_rerooting(store))
		return PLI_OK;
	if (!store->names.n)
		status = list_names(store, err);
	while (status == PLI_OK && store->names_at < store->names.n && clock_mono_us() < until_us) {
		const char *kid = store->names.p + store->names_at;

		status = rewrap_one(store, kid, err);
		store->stuck = store->stuck || status == PLI_CONFLICT;
		if (status == PLI_CONFLICT)
			status = PLI_OK;
		store->names_at += strlen(kid) + 1;
	}
	if (status != PLI_OK || store->names_at < store->names.n || store->stuck)
		return status;
	/* Keys made since the list was are under the new root from the beginning. */
	key_close(store->former);
	store->former = NULL;
	return key_destroy(store->ring, KEY_WRAP, FORMER, err);
}
