/* Link tokens: 32 random bytes, shown as 52 characters of base 32 in any case.  Only their SHA-256 is kept for look-up; the
 * bytes themselves are kept wrapped by the keeper, to be mailed again. */
#ifndef PLI_LINK_H
#define PLI_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_BYTES 32
#define LINK_CHARS 52

void link_text(char out[LINK_CHARS + 1], const uint8_t token[LINK_BYTES]);
/* False when s is not a token at all. */
bool link_parse(const char *s, uint8_t token_r[LINK_BYTES]);
void link_hash(const uint8_t token[LINK_BYTES], uint8_t hash_r[32]);

#endif
