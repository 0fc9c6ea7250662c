/* See tar.h.  Fields of a header: name 100, mode 8, uid 8, gid 8, size 12, mtime 12, checksum 8, type 1, link 100, magic 6, version 2,
 * owner names 2 × 32, device 2 × 8, prefix 155. */
#include <stdio.h>
#include <string.h>

#include "tar.h"

#define AT_MODE 100
#define AT_UID 108
#define AT_GID 116
#define AT_SIZE 124
#define AT_MTIME 136
#define AT_SUM 148
#define AT_TYPE 156
#define AT_MAGIC 257
#define OCTAL_SIZE_MAX (UINT64_C(1) << 33)

bool tar_name_valid(const char *name)
{
	size_t n = strlen(name);
	char before = '/';

	if (!n || n > TAR_NAME_MAX)
		return false;
	for (const char *s = name; *s; before = *s++) {
		bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || *s == '_' || *s == '-';

		if (!plain && *s != '.' && *s != '/')
			return false;
		if (before == '/' && (*s == '/' || *s == '.'))
			return false;
	}
	return before != '/';
}

/* The sum of all bytes, its own field taken for spaces. */
static unsigned sum_of(const uint8_t block[TAR_BLOCK])
{
	unsigned sum = 0;

	for (unsigned i = 0; i < TAR_BLOCK; i++)
		sum += i >= AT_SUM && i < AT_SUM + 8 ? ' ' : block[i];
	return sum;
}

static void octal(uint8_t *field, unsigned digits, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%0*llo", (int)digits, (unsigned long long)value);
	memcpy(field, text, digits);
}

void tar_header_write(const char *name, uint64_t size, int64_t mtime_s, uint8_t block_r[TAR_BLOCK])
{
	memset(block_r, 0, TAR_BLOCK);
	memcpy(block_r, name, strlen(name));
	octal(block_r + AT_MODE, 7, 0600);
	octal(block_r + AT_UID, 7, 0);
	octal(block_r + AT_GID, 7, 0);
	if (size < OCTAL_SIZE_MAX) {
		octal(block_r + AT_SIZE, 11, size);
	} else {
		block_r[AT_SIZE] = 0x80;
		for (int i = 0; i < 8; i++)
			block_r[AT_SIZE + 4 + i] = (uint8_t)(size >> (56 - 8 * i));
	}
	octal(block_r + AT_MTIME, 11, mtime_s > 0 ? (uint64_t)mtime_s & (OCTAL_SIZE_MAX - 1) : 0);
	block_r[AT_TYPE] = '0';
	memcpy(block_r + AT_MAGIC, "ustar\00000", 8);
	octal(block_r + AT_SUM, 6, sum_of(block_r));
	block_r[AT_SUM + 7] = ' ';
}

static bool octal_read(const uint8_t *field, unsigned n, uint64_t *value_r)
{
	unsigned i = 0;

	*value_r = 0;
	for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
		*value_r = *value_r << 3 | (uint64_t)(field[i] - '0');
	if (!i)
		return false;
	for (; i < n; i++)
		if (field[i] && field[i] != ' ')
			return false;
	return true;
}

static bool size_read(const uint8_t *field, uint64_t *size_r)
{
	if (!(field[0] & 0x80))
		return octal_read(field, 12, size_r);
	*size_r = 0;
	if (field[0] != 0x80 || field[1] || field[2] || field[3] || (field[4] & 0x80))
		return false;
	for (int i = 4; i < 12; i++)
		*size_r = *size_r << 8 | field[i];
	return *size_r >= OCTAL_SIZE_MAX;
}

enum pli_status tar_header_read(const uint8_t block[TAR_BLOCK], struct tar_entry *entry_r, struct err *err)
{
	static const uint8_t zeros[TAR_BLOCK];
	uint64_t sum;

	if (memcmp(block, zeros, TAR_BLOCK) == 0)
		return err_set(err, PLI_ABSENT, "the end of the archive");
	if (!octal_read(block + AT_SUM, 8, &sum) || sum != sum_of(block))
		return err_set(err, PLI_INPUT, "a header of the archive is damaged");
	if (block[AT_TYPE] != '0' || memcmp(block + AT_MAGIC, "ustar\00000", 8) != 0 || block[345])
		return err_set(err, PLI_INPUT, "the archive holds what is no plain file");
	memcpy(entry_r->name, block, TAR_NAME_MAX);
	entry_r->name[TAR_NAME_MAX] = '\0';
	if (!tar_name_valid(entry_r->name))
		return err_set(err, PLI_INPUT, "a name in the archive is not one of ours");
	if (!size_read(block + AT_SIZE, &entry_r->size))
		return err_set(err, PLI_INPUT, "a size in the archive is damaged");
	return PLI_OK;
}
