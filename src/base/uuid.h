/* UUIDv7 (RFC 9562 section 5.7): 16 bytes, ordered by time; made by us, never by a database. */
#ifndef PLI_UUID_H
#define PLI_UUID_H

#include <stdbool.h>
#include <stdint.h>

struct uuid {
	uint8_t b[16];
};

void uuid_make(struct uuid *id_r);
/* 36 characters and a NUL; returns out. */
char *uuid_format(char out[37], const struct uuid *id);
bool uuid_parse(struct uuid *id_r, const char *s);
bool uuid_same(const struct uuid *a, const struct uuid *b);
bool uuid_is_nil(const struct uuid *id);

#endif
