/* Argon2id in two threads of the keeper's, so that neither wraps nor heads wait for a password.
 *
 * What is hashed is HMAC-SHA256(keys/pepper, password): a thief of the database alone cannot try passwords.
 * Profiles: account t=2 m=19 MiB, letter t=3 m=64 MiB.  The memory is mapped for one
 * evaluation and given back. */
#ifndef PLI_KEEPER_PASSWORD_H
#define PLI_KEEPER_PASSWORD_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct keeper_link;
struct keeper_passwords;
struct keeper_request;
struct keyring;

MUST enum pli_status keeper_passwords_new(const struct keyring *ring, struct keeper_link *link,
					  struct keeper_passwords **passwords_r, struct err *err);
void keeper_passwords_free(struct keeper_passwords *passwords);
/* PASSWORD_MAKE or PASSWORD_CHECK; copied; answered on the link.  PLI_BUSY: the queue is full. */
MUST enum pli_status keeper_passwords_push(struct keeper_passwords *passwords, uint64_t generation, const struct keeper_request *request,
					   struct err *err);

#endif
