/* See kek_store.h. */
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

#include "kek_left.h"
#include "key.h"
#include "key_change.h"
#include "keyfile.h"
#include "keyring.h"

#include "kek_store_own.h"

#define FORMER "former-"
#define BATCH_US 20000		/* of re-wrapping at a time: whoever waits for a wrap hardly notices */
#define NOTED_US (INT64_C(3600) * SECOND_US)	/* so often at most the use of a key that was left is written down */

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
	kek_store_delay(s, KEK_DELAY_DAYS);
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

void kek_store_delay(struct kek_store *store, unsigned days)
{
	store->delay_us = days * DAY_US;
}

void kek_forget(struct kek *k)
{
	EVP_CIPHER_CTX_free(k->seal);	/* both cleanse the key schedule */
	EVP_CIPHER_CTX_free(k->open);
	memset(k, 0, sizeof(*k));
}

void kek_store_close(struct kek_store *store)
{
	if (!store)
		return;
	for (size_t i = 0; i < KEK_SLOTS; i++)
		kek_forget(&store->slots[i]);
	if (store->dir_fd >= 0)
		close(store->dir_fd);
	key_close(store->root);
	key_close(store->former);
	buf_free(&store->names);
	EVP_CIPHER_free(store->gcm);
	mem_wipe(store, sizeof(*store));
	mem_free(store);
}

struct kek *kek_store_slot(struct kek_store *s, const uint8_t *kid, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ kid[i]) * 16777619u;
	return &s->slots[h % KEK_SLOTS];
}

bool kek_kid_valid(const uint8_t *kid, size_t n)
{
	if (!n || n > KEK_KID_MAX)
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
	kek_forget(k);
	k->seal = EVP_CIPHER_CTX_new();
	k->open = EVP_CIPHER_CTX_new();
	if (!k->seal || !k->open || EVP_EncryptInit_ex2(k->seal, s->gcm, key, NULL, NULL) != 1 ||
	    EVP_DecryptInit_ex2(k->open, s->gcm, key, NULL, NULL) != 1) {
		kek_forget(k);
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

int64_t kek_period(const char *name, const char *purpose, size_t date_n, const char **root_r)
{
	size_t at = strlen(purpose) + KEK_ENTITY_DIGITS, n = strlen(name), end = at + 1 + date_n;
	char date[11];
	int64_t t_us;

	if (!str_starts(name, purpose) || (n != end && n != end + 1 + KEK_ROOT_DIGITS) || name[at] != '-' || (n > end && name[end] != '-'))
		return -1;
	name += at + 1;
	snprintf(date, sizeof(date), "%.4s-%.2s-%.2s", name, name + 4, date_n == 8 ? name + 6 : "01");
	*root_r = n > end ? name + date_n + 1 : "";
	return clock_parse(date, &t_us) ? t_us - 1 : -1;
}

/* A mark that cannot be read is one; beside a key under the root in use it means nothing. */
void kek_store_left_load(struct kek_store *s, struct kek *k)
{
	const char *root;

	memset(&k->left, 0, sizeof(k->left));
	k->is_left = kek_period(k->kid, "letter-", 6, &root) >= 0 && !str_eq(root, s->root_id) &&
		     kek_left_read(s->dir_fd, k->kid, &k->left, NULL) != PLI_ABSENT;
}

enum pli_status kek_store_find(struct kek_store *s, const void *kid, size_t kid_n, struct kek **kek_r, struct err *err)
{
	struct kek *k = kek_store_slot(s, kid, kid_n);
	AUTO_BUF file = { 0 }, key = { .secret = 1 };
	char name[KEK_KID_MAX + 1];
	enum pli_status status;

	*kek_r = k;
	if (!kek_kid_valid(kid, kid_n))
		return err_set(err, PLI_INPUT, "not a key id");
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
	if (status == PLI_OK)
		status = make_ready(s, k, name, (const uint8_t *)key.p, err);
	if (status == PLI_OK)
		kek_store_left_load(s, k);
	return status;
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
		if (period < clock_day(clock_now_us()) - KEK_STAGE_DAYS)
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
	status = kek_store_find(store, kid_r, strlen(kid_r), &k, err);
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
	enum pli_status status = kek_store_find(store, kid, kid_n, &k, err);
	int len, rest;

	if (status == PLI_OK && k->is_left)
		status = err_set(err, PLI_ABSENT, "key %s is given up: nothing is wrapped under it", k->kid);
	if (status != PLI_OK)
		return status;
	mem_random(out_r, KEK_NONCE);
	if (EVP_EncryptInit_ex2(k->seal, NULL, NULL, out_r, NULL) != 1 || !feed_aad(k->seal, kid, kid_n, aad, aad_n) ||
	    EVP_EncryptUpdate(k->seal, out_r + KEK_NONCE, &len, key, (int)n) != 1 ||
	    EVP_EncryptFinal_ex(k->seal, out_r + KEK_NONCE + len, &rest) != 1 ||
	    EVP_CIPHER_CTX_ctrl(k->seal, EVP_CTRL_AEAD_GET_TAG, KEK_TAG, out_r + KEK_NONCE + n) != 1)
		return err_set(err, PLI_BUG, "a key could not be wrapped");
	return PLI_OK;
}

/* Whoever has use for a key that was left puts off its end.  If that cannot be written down, there is no use.  A mark that could not be
 * read is left as it is: while it cannot, the key does not go. */
static enum pli_status use_note(struct kek_store *s, struct kek *k, struct err *err)
{
	struct kek_left left;
	enum pli_status status;

	if (k->is_left && !k->left.next[0])
		kek_store_left_load(s, k);
	if (!k->is_left || !k->left.next[0])
		return PLI_OK;
	left = k->left;
	left.used_us = clock_now_us();
	if (left.used_us - k->left.used_us < NOTED_US)
		return PLI_OK;
	status = kek_left_write(s->dir_fd, k->kid, &left, err);
	if (status == PLI_OK)
		k->left = left;
	return status;
}

enum pli_status kek_store_unwrap(struct kek_store *store, const void *kid, size_t kid_n, const void *aad, size_t aad_n,
				 const void *wrapped, size_t n, uint8_t *out_r, struct err *err)
{
	const uint8_t *w = wrapped;
	size_t key_n = n - KEK_NONCE - KEK_TAG;
	enum pli_status status;
	struct kek *k;
	uint8_t tag[KEK_TAG];
	int len, rest;

	if (n < KEK_NONCE + KEK_TAG + 1)
		return err_set(err, PLI_INPUT, "wrapped key is too short");
	status = kek_store_find(store, kid, kid_n, &k, err);
	if (status != PLI_OK)
		return status;
	memcpy(tag, w + KEK_NONCE + key_n, KEK_TAG);
	if (EVP_DecryptInit_ex2(k->open, NULL, NULL, w, NULL) != 1 || !feed_aad(k->open, kid, kid_n, aad, aad_n) ||
	    EVP_DecryptUpdate(k->open, out_r, &len, w + KEK_NONCE, (int)key_n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(k->open, EVP_CTRL_AEAD_SET_TAG, KEK_TAG, tag) != 1 ||
	    EVP_DecryptFinal_ex(k->open, out_r + len, &rest) != 1) {
		mem_wipe(out_r, key_n);
		return err_set(err, PLI_INPUT, "wrapped key does not open: changed, or from another place");
	}
	status = use_note(store, k, err);
	if (status != PLI_OK)
		mem_wipe(out_r, key_n);
	return status;
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
	AUTO_BUF names = { 0 };
	enum pli_status status = keyfile_names(s->dir_fd, &names, err);

	buf_reset(&s->names);
	s->names_at = 0;
	for (const char *name = names.p; status == PLI_OK && name < names.p + names.n; name += strlen(name) + 1)
		if (kek_kid_valid((const uint8_t *)name, strlen(name)))
			buf_add(&s->names, name, strlen(name) + 1);
	return status;
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
