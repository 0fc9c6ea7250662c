/* What the files of the token share. */
#ifndef PLI_HSM_OWN_H
#define PLI_HSM_OWN_H

#include <stdbool.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <p11-kit/pkcs11.h>

#include "hsm_uri.h"
#include "status.h"

#include "hsm.h"

struct hsm {
	void *library;
	CK_FUNCTION_LIST *f;
	const char *pin;
	EC_KEY_METHOD *method;		/* signatures made by the token */
};

struct hsm_key {
	struct hsm *hsm;
	struct hsm_uri uri;
	enum hsm_kind kind;
	CK_BYTE id[HSM_ID_MAX];
	CK_ULONG id_n;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE object;	/* private or secret */
	bool open;			/* session and object hold */
	uint8_t public_key[32];		/* HSM_ED25519 */
	EVP_PKEY *pkey;			/* HSM_P256 */
};

/* What the token answered, in words, with the status that fits. */
enum pli_status hsm_failed(struct err *err, const char *what, CK_RV rv);
/* Session, login and object, if they are not there (any more). */
MUST enum pli_status hsm_key_ready(struct hsm_key *key, struct err *err);
/* After a failure: true when the session is lost (the token was reset, taken out and put back) and a new one may do. */
bool hsm_key_lost(struct hsm_key *key, CK_RV rv);
/* key->pkey: a P-256 key with this point, whose signatures the token makes. */
MUST enum pli_status hsm_key_bind(struct hsm_key *key, const uint8_t point[65], struct err *err);
EC_KEY_METHOD *hsm_ec_method(void);

#endif
