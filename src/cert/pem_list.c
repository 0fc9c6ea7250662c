/* See pem_list.h. */
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "checkpoint.h"
#include "keygen.h"
#include "token.h"

#include "pem_list.h"

#define BEGIN "-----BEGIN "
#define END "-----END "

/* From BEGIN to the end of the line of END. */
const char *pem_list_get(struct pool *pool, const char *list, unsigned i)
{
	const char *begin = list, *end = NULL;

	for (unsigned k = 0; k <= i; k++) {
		begin = strstr(end ? end : list, BEGIN);
		end = begin ? strstr(begin, END) : NULL;
		if (!end)
			return NULL;
		end += strcspn(end, "\n");
		end += *end == '\n';
	}
	return pool_strn(pool, begin, (size_t)(end - begin));
}

const char *pem_list_find(struct pool *pool, const char *list, const char *fingerprint_hex)
{
	const char *object;
	uint8_t digest[32];
	char hex[65];

	for (unsigned i = 0; (object = pem_list_get(pool, list, i)); i++)
		if (keygen_fingerprint(object, digest, NULL) == PLI_OK && str_eq(hex_encode(hex, digest, 32), fingerprint_hex))
			return object;
	return NULL;
}

void pem_list_put_first(struct pool *pool, const char *object, const char *list, struct buf *out)
{
	const char *other;

	buf_str(out, object);
	for (unsigned i = 0; (other = pem_list_get(pool, list, i)); i++)
		if (!str_eq(other, object))
			buf_str(out, other);
}

bool pem_list_same(const char *a, const char *b)
{
	uint8_t da[32], db[32];

	return keygen_fingerprint(a, da, NULL) == PLI_OK && keygen_fingerprint(b, db, NULL) == PLI_OK && memcmp(da, db, 32) == 0;
}

const char *pem_list_of_token(struct pool *pool, const char *list, const void *token, size_t n)
{
	const char *object;

	for (unsigned i = 0; (object = pem_list_get(pool, list, i)); i++)
		if (token_is_by(token, n, object))
			return object;
	return NULL;
}

const char *pem_list_of_checkpoint(struct pool *pool, const char *list, const char *checkpoint, size_t n)
{
	struct checkpoint c;
	const char *object;
	uint8_t key[32];

	for (unsigned i = 0; (object = pem_list_get(pool, list, i)); i++)
		if (checkpoint_public_key(object, strlen(object), key, NULL) == PLI_OK &&
		    checkpoint_verify(checkpoint, n, NULL, key, &c, NULL) == PLI_OK)
			return object;
	return NULL;
}

unsigned pem_list_publics(struct pool *pool, const char *list, uint8_t (*publics_r)[32], unsigned max)
{
	const char *object;
	unsigned count = 0;

	for (unsigned i = 0; count < max && (object = pem_list_get(pool, list, i)); i++)
		count += checkpoint_public_key(object, strlen(object), publics_r[count], NULL) == PLI_OK;
	return count;
}
