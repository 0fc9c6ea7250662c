/* tus 1.0.0 header values, see tus.h. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "http_date.h"

#include "tus.h"

#define METADATA_BYTES_MAX 4096
#define KEY_BYTES_MAX 64

bool tus_version_known(const char *value)
{
	return value && strcmp(value, TUS_VERSION) == 0;
}

enum pli_status tus_number(const char *value, const char *field, uint64_t max, uint64_t *n_r, struct err *err)
{
	uint64_t n = 0;
	size_t len = value ? strlen(value) : 0;

	if (!len)
		return err_field(err, PLI_INPUT, NULL, field, "the header %s is missing", field);
	if (len > 19 || strspn(value, "0123456789") != len)
		return err_field(err, PLI_INPUT, NULL, field, "the header %s is not a decimal number", field);
	for (size_t i = 0; i < len; i++)
		n = n * 10 + (uint64_t)(value[i] - '0');
	if (n > max)
		return err_field(err, PLI_LIMIT, NULL, field, "%s is over the limit of %" PRIu64 " bytes",
				 field, max);
	*n_r = n;
	return PLI_OK;
}

static enum pli_status item_parse(struct pool *pool, const char *p, size_t n, struct tus_metadata *metadata,
				  struct err *err)
{
	const char *space = memchr(p, ' ', n);
	size_t key_n = space ? (size_t)(space - p) : n, encoded_n = space ? n - key_n - 1 : 0;
	struct tus_item *item = &metadata->items[metadata->count];
	char *value;

	if (metadata->count == TUS_METADATA_MAX)
		return err_set(err, PLI_INPUT, "Upload-Metadata has more than %d keys", TUS_METADATA_MAX);
	if (!key_n || key_n > KEY_BYTES_MAX)
		return err_set(err, PLI_INPUT, "Upload-Metadata has an empty or over-long key");
	for (size_t i = 0; i < key_n; i++)
		if ((unsigned char)p[i] <= ' ' || (unsigned char)p[i] >= 0x7f || p[i] == ',')
			return err_set(err, PLI_INPUT, "Upload-Metadata has a malformed key");
	item->key = pool_strn(pool, p, key_n);
	if (tus_metadata_get(metadata, item->key))
		return err_set(err, PLI_INPUT, "Upload-Metadata has a key twice");
	value = pool_alloc(pool, encoded_n + 1);
	if (encoded_n && !base64_decode(value, &item->value_n, space + 1, encoded_n))
		return err_set(err, PLI_INPUT, "Upload-Metadata has a value that is not base64");
	value[item->value_n] = '\0';
	item->value = value;
	metadata->count++;
	return PLI_OK;
}

enum pli_status tus_metadata_parse(struct pool *pool, const char *value, struct tus_metadata *metadata_r,
				   struct err *err)
{
	struct tus_metadata metadata = { 0 };
	const char *p = value ? value : "";

	if (strlen(p) > METADATA_BYTES_MAX)
		return err_set(err, PLI_INPUT, "Upload-Metadata is over %d bytes", METADATA_BYTES_MAX);
	while (*p) {
		size_t n = strcspn(p, ","), lead = strspn(p, " \t");
		enum pli_status status;

		if (lead > n)
			lead = n;
		status = item_parse(pool, p + lead, n - lead, &metadata, err);
		if (status != PLI_OK)
			return status;
		p += n;
		if (*p == ',' && !*++p)
			return err_set(err, PLI_INPUT, "Upload-Metadata ends with a comma");
	}
	*metadata_r = metadata;
	return PLI_OK;
}

const struct tus_item *tus_metadata_get(const struct tus_metadata *metadata, const char *key)
{
	for (int i = 0; i < metadata->count; i++)
		if (strcmp(metadata->items[i].key, key) == 0)
			return &metadata->items[i];
	return NULL;
}

enum pli_status tus_checksum_parse(const char *value, uint8_t digest_r[32], struct err *err)
{
	uint8_t raw[33];
	size_t n;

	if (!value || strncasecmp(value, "sha256 ", 7) != 0)
		return err_set(err, PLI_INPUT, "Upload-Checksum must be \"sha256\" and the digest in base64");
	value += 7;
	if (strlen(value) != 44 || !base64_decode(raw, &n, value, 44) || n != 32)
		return err_set(err, PLI_INPUT, "Upload-Checksum is not a SHA-256 digest in base64");
	memcpy(digest_r, raw, 32);
	return PLI_OK;
}

void tus_date(struct buf *out, int64_t t_us)
{
	char date[HTTP_DATE_BYTES];

	buf_str(out, http_date_format(date, t_us));
}
