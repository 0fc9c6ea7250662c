/* Texts of several PEM objects, one after another, the one in use first: public/seal.pem, operator.pem, tsa.pem and log.pub after a change
 * of keys.  Whoever reads the first alone has the one in use. */
#ifndef PLI_PEM_LIST_H
#define PLI_PEM_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct pool;

/* Object number i as a text of its own; NULL when there are fewer. */
const char *pem_list_get(struct pool *pool, const char *list, unsigned i);
/* The object of that fingerprint (SHA-256 of its DER, hex); NULL: it is not in the list. */
const char *pem_list_find(struct pool *pool, const char *list, const char *fingerprint_hex);
/* Appends the object, then those of the list that are others; a list with it twice has it once. */
void pem_list_put_first(struct pool *pool, const char *object, const char *list, struct buf *out);

/* Are these the same object, however their text is broken into lines? */
bool pem_list_same(const char *a, const char *b);

/* The certificate that a token names as its signer's; NULL: none of them. */
const char *pem_list_of_token(struct pool *pool, const char *list, const void *token, size_t n);
/* The first public key that has signed the checkpoint; NULL: none. */
const char *pem_list_of_checkpoint(struct pool *pool, const char *list, const char *checkpoint, size_t n);
/* Raw Ed25519 keys of the list, at most max; returns how many. */
unsigned pem_list_publics(struct pool *pool, const char *list, uint8_t (*publics_r)[32], unsigned max);

#endif
