/* The server's side of TLS: one SSL_CTX, hardened, for one certificate chain and key.
 * TLS 1.2 (ECDHE with AEAD only) and 1.3; X25519, P-256, P-384; stateless tickets; no compression, renegotiation
 * or early data; ALPN h2 (if wanted) before http/1.1, other protocols are refused.  (Mozilla "intermediate" 5.7;
 * RFC 9325; every suite of TLS 1.2 here is one that RFC 9113 section 9.2.2 allows.) */
#ifndef PLI_TLS_CONTEXT_H
#define PLI_TLS_CONTEXT_H

#include <stdbool.h>

#include <stdint.h>

#include "status.h"

/* The field of an error that one of the two texts is the cause of. */
#define TLS_CERTIFICATE "certificate"
#define TLS_KEY "key"

struct ssl_ctx_st;
struct tls_tickets;

/* cert_pem: leaf, then intermediates; key_pem: without pass phrase.  Borrowed for the call.  tickets is borrowed for as
 * long as the context and its connections live.
 * PLI_INPUT: a text does not parse or the two do not belong together, with the field; PLI_BUG: OpenSSL refuses a setting.
 * Freed with SSL_CTX_free(). */
MUST enum pli_status tls_context_new(const char *cert_pem, const char *key_pem, struct tls_tickets *tickets,
				     bool http2, struct ssl_ctx_st **ctx_r, struct err *err);

/* notAfter of the first certificate of the text, microseconds; 0 when there is none. */
int64_t tls_certificate_end_us(const char *cert_pem);

#endif
