/* Bearer tokens as text: "pli_" ‖ 43 characters base64url of 32 random bytes ‖ 6 characters base64url of their CRC-32
 * (big-endian).  The checksum lets a scanner recognise a leaked token and lets us refuse noise without a look-up. */
#ifndef PLI_BEARER_H
#define PLI_BEARER_H

#include <stdbool.h>
#include <stdint.h>

#define BEARER_BYTES 32
#define BEARER_CHARS 53

void bearer_text(char out[BEARER_CHARS + 1], const uint8_t random_bytes[BEARER_BYTES]);
/* The right form with the right checksum. */
bool bearer_wellformed(const char *token);

#endif
