/* The parts of a CMS SignedData that no signature covers: versions, algorithm identifiers, the signer's name.  The library reads
 * them loosely (letters of a name in either case, an algorithm's name ignored); proofs are to have one form only. */
#ifndef PLI_SIGNED_DATA_H
#define PLI_SIGNED_DATA_H

#include <stdbool.h>

#include <openssl/pkcs7.h>
#include <openssl/x509.h>

/* The given version, one digest algorithm (SHA-256), one signer: `cert`, by ecdsa-with-SHA256, without unsigned attributes, all encoded
 * as this program encodes them.  with_cert: the certificate and nothing else is inside; otherwise none is. */
bool signed_data_exact(PKCS7 *p7, X509 *cert, long version, bool with_cert);
/* The same with two signers, each of the two certificates once, and both inside. */
bool signed_data_exact_two(PKCS7 *p7, X509 *a, X509 *b, long version);

#endif
