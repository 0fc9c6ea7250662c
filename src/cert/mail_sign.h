/* Signatures on outgoing mail: S/MIME (RFC 8551) and DKIM (RFC 6376, 8463).  Lives in the keeper: whoever holds these keys can write
 * mails in this instance's name, and the process that faces the network must not.
 *
 * keys/ mail.pem (certificate, then its intermediates) mail.key · dkim.key (Ed25519) · dkim-rsa.key
 * Each key signs one shape of text alone: S/MIME what begins as a MIME entity of ours, DKIM canonical header lines whose last is the
 * signature's own.  A key that is not there refuses what is asked of it, nothing else. */
#ifndef PLI_MAIL_SIGN_H
#define PLI_MAIL_SIGN_H

#include <stddef.h>

#include "status.h"

struct buf;
struct keyring;

enum mail_sign_kind { MAIL_SIGN_SMIME = 1, MAIL_SIGN_DKIM_ED25519, MAIL_SIGN_DKIM_RSA };

struct mail_signer;		/* one thread at a time */
/* Files that are missing or of no use are a fault of the signature that wants them, not of the start. */
struct mail_signer *mail_signer_new(const struct keyring *ring);
void mail_signer_free(struct mail_signer *signer);
/* Appends: for SMIME a detached CMS SignedData in DER (SHA-256, the certificates inside), for DKIM the bare signature over SHA-256.
 * PLI_ABSENT: no such key; PLI_INPUT: text is not what this key signs; PLI_BUG. */
MUST enum pli_status mail_sign(struct mail_signer *signer, enum mail_sign_kind kind, const void *text, size_t n, struct buf *out,
			       struct err *err);

#endif
