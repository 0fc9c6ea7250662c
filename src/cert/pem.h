/* What stands in a PEM object, without taking it apart: a certificate decoded by the library costs more than a signature. */
#ifndef PLI_PEM_H
#define PLI_PEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* Appends the DER of the first object of that name ("CERTIFICATE", "PUBLIC KEY") in n bytes of text.  False: there is none that is one whole
 * SEQUENCE.  What lies deeper is not looked at. */
bool pem_der(const char *pem, size_t n, const char *name, struct buf *out);
/* DER of a SubjectPublicKeyInfo with an Ed25519 key (RFC 8410), which has one form only. */
bool pem_is_ed25519(const void *der, size_t n, uint8_t public_r[32]);

#endif
