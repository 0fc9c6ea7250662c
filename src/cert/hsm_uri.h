/* PKCS#11 URIs (RFC 7512) as pli.conf has them: which token, and under which label our keys lie in it.
 *
 *   pkcs11:token=Letters;object=pli-seal
 *
 * Read: token manufacturer serial model object id type, percent-encoded.  Anything else is refused, and so is a query: where the
 * module and the PIN are, other settings say. */
#ifndef PLI_HSM_URI_H
#define PLI_HSM_URI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define HSM_ID_MAX 64

struct hsm_uri {
	/* "": any */
	char token[33], manufacturer[33], serial[17], model[17];
	char object[65];
	uint8_t id[HSM_ID_MAX];
	size_t id_n;			/* 0: any */
};
/* At least the token must be named, by label or serial.  PLI_INPUT. */
MUST enum pli_status hsm_uri_parse(const char *text, struct hsm_uri *uri_r, struct err *err);

#endif
