/* See kek_left.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "text.h"

#include "keyfile.h"

#include "kek_left.h"

#define SUFFIX ".left"
#define NAME_MAX_BYTES 80

static const char *name_of(char name[NAME_MAX_BYTES], const char *kid)
{
	snprintf(name, NAME_MAX_BYTES, "%.63s" SUFFIX, kid);
	return name;
}

static bool parse(const char *text, struct kek_left *left_r)
{
	unsigned long long number;
	long long seconds;
	int end = 0;

	if (sscanf(text, "%lld\n%63[a-z0-9-]\n%llu%n", &seconds, left_r->next, &number, &end) != 3 || !str_eq(text + end, "\n") || seconds < 0 ||
	    seconds >= INT64_C(1) << 40)
		return false;
	left_r->used_us = seconds * SECOND_US;
	left_r->number = number;
	return true;
}

enum pli_status kek_left_read(int dir_fd, const char *kid, struct kek_left *left_r, struct err *err)
{
	char name[NAME_MAX_BYTES];
	AUTO_BUF text = { 0 };
	enum pli_status status = keyfile_read(dir_fd, name_of(name, kid), &text, err);

	if (status == PLI_OK && (!text.n || strlen(text.p) != text.n || !parse(text.p, left_r)))
		return err_set(err, PLI_CONFLICT, "keys/kek/%s is damaged", name);
	return status;
}

enum pli_status kek_left_write(int dir_fd, const char *kid, const struct kek_left *left, struct err *err)
{
	char name[NAME_MAX_BYTES];
	AUTO_BUF text = { 0 };

	buf_fmt(&text, "%" PRId64 "\n%s\n%" PRIu64 "\n", left->used_us / SECOND_US, left->next, left->number);
	return keyfile_replace(dir_fd, name_of(name, kid), 0600, text.p, text.n, err);
}

enum pli_status kek_left_drop(int dir_fd, const char *kid, struct err *err)
{
	char name[NAME_MAX_BYTES];

	return unlinkat(dir_fd, name_of(name, kid), 0) == 0 || errno == ENOENT ? PLI_OK : err_errno(err, "cannot remove the mark of a key");
}

enum pli_status kek_left_count(int dir_fd, unsigned *count_r, int64_t *oldest_us_r, unsigned *damaged_r, struct err *err)
{
	AUTO_BUF names = { 0 };
	enum pli_status status = keyfile_names(dir_fd, &names, err);

	*count_r = 0;
	*oldest_us_r = 0;
	*damaged_r = 0;
	for (const char *name = names.p; status == PLI_OK && name < names.p + names.n; name += strlen(name) + 1) {
		size_t n = strlen(name), suffix = strlen(SUFFIX);
		struct kek_left left;
		enum pli_status read;
		char kid[64];

		if (n <= suffix || n - suffix >= sizeof(kid) || !str_eq(name + n - suffix, SUFFIX))
			continue;
		snprintf(kid, sizeof(kid), "%.*s", (int)(n - suffix), name);
		read = kek_left_read(dir_fd, kid, &left, NULL);
		*damaged_r += read != PLI_OK && read != PLI_ABSENT;	/* ended meanwhile */
		if (read != PLI_OK)
			continue;
		if (!*count_r || left.used_us < *oldest_us_r)
			*oldest_us_r = left.used_us;
		++*count_r;
	}
	return status;
}
