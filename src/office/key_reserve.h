/* Wrapped keys for letters: a letter key and link tokens, each wrapped by the keeper for one letter and its recipients.
 *
 * Asking the keeper costs a round trip and two changes of thread.  So, while deposits of one entity follow each other closely, keys are
 * asked for in advance, many letters in one question; a lone deposit asks for its own.  Keys belong to a letter's id, so the id comes
 * with them.  Ids of one entity are given out in ascending order, as lists show letters by it: what has been overtaken is dropped,
 * and so is what lay here for 100 ms or longer, or was wrapped by a keeper that is not there any more. */
#ifndef PLI_KEY_RESERVE_H
#define PLI_KEY_RESERVE_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

#include "link.h"

struct keeper;
struct pool;

#define RESERVED_KEY_BYTES 32
#define RESERVED_WRAPPED_BYTES 60		/* nonce 12, key 32, tag 16 */

struct reserved_token {
	uint8_t token[LINK_BYTES], wrapped[RESERVED_WRAPPED_BYTES];
};
struct reserved_keys {
	struct uuid letter;
	uint8_t key[RESERVED_KEY_BYTES], wrapped_key[RESERVED_WRAPPED_BYTES];
	struct reserved_token *tokens;	/* of recipients 1, 2, … */
};

struct key_reserve;
struct key_reserve *key_reserve_new(struct keeper *keeper);
void key_reserve_free(struct key_reserve *reserve);
/* Keys under kid for a letter of the entity with so many recipients, in pool; who takes them wipes key and tokens after use.  Blocks. */
MUST enum pli_status key_reserve_take(struct key_reserve *reserve, const struct uuid *entity, const char *kid, unsigned recipients,
				      struct pool *pool, struct reserved_keys *keys_r, struct err *err);
/* The same for a letter that has its id and key, which keys holds already: nothing comes from the reserve. */
MUST enum pli_status key_reserve_wrap(struct key_reserve *reserve, const struct uuid *entity, const char *kid, unsigned recipients,
				      struct pool *pool, struct reserved_keys *keys, struct err *err);

#endif
