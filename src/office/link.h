/* Link tokens: 32 bytes, shown as 52 characters of base 32 in any case.  The first five are a place in time, that of the letter, the
 * other 27 random.  A row is found by its key: the place and a digest of the whole token, so that links made one after the other lie
 * on the same pages of the index, however many there are.  The bytes themselves are kept wrapped by the keeper, to be mailed again. */
#ifndef PLI_LINK_H
#define PLI_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_BYTES 32
#define LINK_CHARS 52
#define LINK_PLACE_BYTES 5
#define LINK_PLACE_US 4000
#define LINK_PLACE_MAX ((UINT64_C(1) << (8 * LINK_PLACE_BYTES)) - 1)

void link_text(char out[LINK_CHARS + 1], const uint8_t token[LINK_BYTES]);
/* False when s is not a token at all. */
bool link_parse(const char *s, uint8_t token_r[LINK_BYTES]);
/* A fresh one.  place: what link_place() says, or more. */
void link_make(uint64_t place, uint8_t token_r[LINK_BYTES]);
/* Of a time since 1970.  In 2109 they begin anew, which costs a few pages. */
uint64_t link_place(int64_t t_us);
uint64_t link_place_of(const uint8_t token[LINK_BYTES]);
void link_key(const uint8_t token[LINK_BYTES], uint8_t key_r[32]);
/* SHA-256: what is made of a token elsewhere, and the key of links from before they had a place. */
void link_hash(const uint8_t token[LINK_BYTES], uint8_t hash_r[32]);

#endif
