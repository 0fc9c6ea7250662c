/* Does a certificate say of itself that it is a qualified one (Regulation (EU) 910/2014)?  By its qcStatements (RFC 3739, ETSI EN 319 412-5): it is
 * the claim of whoever issued it, which only the trusted lists of the member states bear out. */
#ifndef PLI_QUALIFIED_H
#define PLI_QUALIFIED_H

#include <stdbool.h>

enum qualified_use { QUALIFIED_SEAL, QUALIFIED_TIME };
/* pem: one certificate.  A seal: QcCompliance and QcType eseal.  Time: QcCompliance, or the statement of a qualified time-stamping unit
 * (EN 319 422). */
bool qualified_certificate(const char *pem, enum qualified_use use);

#endif
