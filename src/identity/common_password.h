/* Passwords that attackers try first (ASVS 5.0 6.2.4), all of at least eight characters since shorter ones are refused anyway. */
#ifndef PLI_COMMON_PASSWORD_H
#define PLI_COMMON_PASSWORD_H

#include <stdbool.h>

/* Also true with other case, and for one repeated character, a run up or down ("23456789", "abcdefgh") and a listed
 * password followed by up to four digits or marks. */
bool common_password_is(const char *password);

#endif
