/* Keys of session tickets: random, in memory only, a new one every two hours, the one before still understood.  What is
 * older cannot be decrypted by anybody, so that tickets do not undo forward secrecy (RFC 9325 section 3.4; the key name,
 * encrypt-then-MAC form is that of RFC 5077 section 4).  One set serves every context of a server, so that tickets
 * survive a change of certificate.  Thread-safe. */
#ifndef PLI_TLS_TICKETS_H
#define PLI_TLS_TICKETS_H

#include <stdint.h>

struct ssl_ctx_st;
struct tls_tickets;

struct tls_tickets *tls_tickets_new(void);
/* After the last context that uses it.  Wipes.  NULL is allowed. */
void tls_tickets_free(struct tls_tickets *t);
/* Tickets of ctx are made and read with these keys. */
void tls_tickets_use(struct tls_tickets *t, struct ssl_ctx_st *ctx);
/* Makes a new key if the current one is too old at now_us (monotonic).  Called before each use; for tests too. */
void tls_tickets_rotate(struct tls_tickets *t, int64_t now_us);

#endif
