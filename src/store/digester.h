/* SHA-256 and CRC-32 of a stream of pieces, beside whatever the caller does with the same pieces.
 *
 * It begins in the caller's thread; digester_start moves it to a thread of its own, for large streams.  Pieces are
 * borrowed until digester_wait says so. */
#ifndef PLI_DIGESTER_H
#define PLI_DIGESTER_H

#include <stddef.h>
#include <stdint.h>

#include "digest.h"

#define DIGESTER_PIECES 4	/* most pieces under way */

struct digester;

struct digester *digester_new(void);
void digester_free(struct digester *d);	/* stops the thread; NULL is allowed */
/* From now on in a thread; when none can be had, all stays as it was. */
void digester_start(struct digester *d);
/* Takes the next piece; waits when DIGESTER_PIECES are under way. */
void digester_add(struct digester *d, const void *p, size_t n);
/* Waits until at most `left` of the pieces are under way: those before them may be changed again. */
void digester_wait(struct digester *d, unsigned left);
/* The running state after all pieces. */
void digester_state(struct digester *d, uint8_t stored_r[DIGEST_STORED_BYTES], uint32_t *crc32_r);
/* Continue a stored state instead of an empty one; 0 when it is not one. */
int digester_restore(struct digester *d, const uint8_t stored[DIGEST_STORED_BYTES], uint32_t crc32);
/* The result after all pieces; used up. */
void digester_final(struct digester *d, uint8_t sha256_r[32], uint32_t *crc32_r);

#endif
