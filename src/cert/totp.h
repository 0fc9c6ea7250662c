/* Codes of a second factor (RFC 6238 over RFC 4226): HMAC-SHA-1, six digits, steps of 30 seconds; what every app of the kind makes. */
#ifndef PLI_TOTP_H
#define PLI_TOTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOTP_SECRET_BYTES 20
#define TOTP_STEP_S 30
#define TOTP_CODE_MAX 999999u

/* The code of one step. */
uint32_t totp_code(const uint8_t *secret, size_t n, uint64_t step);
/* True when the code is that of now, of the step before or of the one after (clocks differ); *step_r: which one.  Every step is
 * computed, whichever fits. */
bool totp_check(const uint8_t *secret, size_t n, uint32_t code, int64_t now_s, uint64_t *step_r);

#endif
