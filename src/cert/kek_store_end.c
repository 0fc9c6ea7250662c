/* The end of keys: of months, of staging days; see kek_store.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "pool.h"
#include "text.h"

#include "keyfile.h"

#include "kek_store_own.h"

/* Overwritten before its name goes, so that the place where it lay holds it no more than the name does (on a disk that writes where
 * it is told to). */
static enum pli_status shred(struct kek_store *s, const char *name, struct err *err)
{
	uint8_t noise[KEK_NONCE + 32 + KEK_TAG];
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

static enum pli_status synced(struct kek_store *s, struct err *err)
{
	return fsync(s->dir_fd) == 0 ? PLI_OK : err_errno(err, "cannot sync keys/kek");
}

static void forget_kid(struct kek_store *s, const char *name)
{
	struct kek *k = kek_store_slot(s, (const uint8_t *)name, strlen(name));

	if (str_eq(k->kid, name))
		kek_forget(k);
}

/* A letter key's name, zero-terminated; whose month, or -1 for any other key's; under which root. */
static int64_t letter_name(const void *kid, size_t kid_n, char name_r[KEK_KID_MAX + 1], const char **root_r)
{
	if (!kek_kid_valid(kid, kid_n))
		return -1;
	memset(name_r, 0, KEK_KID_MAX + 1);
	memcpy(name_r, kid, kid_n);
	return kek_period(name_r, "letter-", 6, root_r);
}

/* Of the same entity and month, under the root in use? */
static bool succeeds(const struct kek_store *s, const char *name, const char *next)
{
	size_t same = strlen("letter-") + KEK_ENTITY_DIGITS + 1 + 6;
	const char *root;

	return kek_period(next, "letter-", 6, &root) >= 0 && strncmp(name, next, same) == 0 && str_eq(root, s->root_id);
}

enum pli_status kek_store_leave(struct kek_store *store, const void *kid, size_t kid_n, const char *next, uint64_t number, int64_t now_us,
				const struct kek_leaving *leaving, struct err *err)
{
	struct kek_left left = { .used_us = now_us, .number = number }, before;
	char name[KEK_KID_MAX + 1];
	const char *root = "";
	int64_t t_us = letter_name(kid, kid_n, name, &root);
	enum pli_status status;
	struct kek *k;

	if (t_us < 0 || str_eq(root, store->root_id))
		return err_set(err, PLI_DENIED, "that key is in use");
	/* Said before, perhaps under another wrapping key; the key itself may be noise by now, if its end was broken off. */
	if (kek_left_read(store->dir_fd, name, &before, NULL) == PLI_OK)
		return PLI_OK;
	status = kek_store_find(store, kid, kid_n, &k, err);
	if (status != PLI_OK)
		return status == PLI_ABSENT ? PLI_OK : status;
	if (!succeeds(store, name, next))
		return err_set(err, PLI_CONFLICT, "key %.63s cannot be in the place of %s", next, name);
	status = kek_store_find(store, next, strlen(next), &k, err);
	if (status != PLI_OK)
		return status == PLI_ABSENT ? err_set(err, PLI_CONFLICT, "key %.63s is not there", next) : status;
	status = kek_store_find(store, kid, kid_n, &k, err);
	if (status != PLI_OK)
		return status;
	snprintf(left.next, sizeof(left.next), "%s", next);
	if (clock_month(t_us) >= clock_month(now_us))	/* else it goes at once, as any other */
		leaving->fn(leaving->arg, name, number, now_us + store->delay_us);
	status = kek_left_write(store->dir_fd, name, &left, err);
	if (status == PLI_OK)
		kek_store_left_load(store, k);
	return status;
}

enum pli_status kek_store_left(struct kek_store *store, unsigned *count_r, int64_t *due_us_r, unsigned *damaged_r, struct err *err)
{
	enum pli_status status = kek_left_count(store->dir_fd, count_r, due_us_r, damaged_r, err);

	*due_us_r += *count_r ? store->delay_us : 0;
	return status;
}

/* When a key of a month that is not over may go; 0: it is not there any more. */
static enum pli_status due(struct kek_store *s, const char *name, const char *root, int64_t *due_us_r, struct err *err)
{
	struct kek_left left;
	enum pli_status status;

	if (!str_eq(root, s->root_id) && faccessat(s->dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT) {
		*due_us_r = 0;
		return PLI_OK;
	}
	status = str_eq(root, s->root_id) ? PLI_ABSENT : kek_left_read(s->dir_fd, name, &left, err);
	if (status == PLI_ABSENT)
		return err_set(err, PLI_DENIED, "key %s is in use, and not one of a month that is over", name);
	*due_us_r = status == PLI_OK ? left.used_us + s->delay_us : 0;
	return status;
}

enum pli_status kek_store_destroy(struct kek_store *store, const void *kid, size_t kid_n, int64_t now_us, int64_t *due_us_r, struct err *err)
{
	char name[KEK_KID_MAX + 1];
	const char *root = "";
	enum pli_status status = PLI_OK;
	int64_t t_us, due_us = 0;

	*due_us_r = 0;
	if (!kek_kid_valid(kid, kid_n))
		return err_set(err, PLI_INPUT, "not a key id");
	t_us = letter_name(kid, kid_n, name, &root);
	if (t_us < 0)
		return err_set(err, PLI_DENIED, "key %s is not one of a month", name);
	if (clock_month(t_us) >= clock_month(now_us))
		status = due(store, name, root, &due_us, err);
	if (status == PLI_OK && due_us > now_us)
		*due_us_r = due_us;
	if (status != PLI_OK || due_us > now_us)
		return status;
	forget_kid(store, name);
	status = shred(store, name, err);
	if (status == PLI_OK)
		status = synced(store, err);	/* the mark outlives the key */
	if (status == PLI_OK)
		status = kek_left_drop(store->dir_fd, name, err);
	return status == PLI_OK ? synced(store, err) : status;
}

enum pli_status kek_store_sweep(struct kek_store *store, int64_t today, unsigned *count_r, struct err *err)
{
	AUTO_BUF names = { 0 };
	enum pli_status status = keyfile_names(store->dir_fd, &names, err);
	unsigned count = 0;

	for (const char *name = names.p; status == PLI_OK && name < names.p + names.n; name += strlen(name) + 1) {
		const char *root;
		int64_t t_us = kek_period(name, "stage-", 8, &root);

		if (t_us < 0 || today - clock_day(t_us) <= KEK_STAGE_DAYS)
			continue;
		forget_kid(store, name);
		count += shred(store, name, err) == PLI_OK;
	}
	if (status == PLI_OK)
		*count_r = count;
	return count ? synced(store, err) : status;
}
