/* DKIM signatures on mails that we made (RFC 6376; Ed25519: RFC 8463): relaxed/relaxed, the headers that count signed once more than they
 * are there, so that none can be added.  The key lies elsewhere: here is made what is to be signed, and the header around the signature. */
#ifndef PLI_DKIM_H
#define PLI_DKIM_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;

enum dkim_algorithm { DKIM_ED25519, DKIM_RSA };
struct dkim_signer {
	enum dkim_algorithm algorithm;
	const char *domain, *selector;	/* as they stand in the DNS */
	int64_t time_us;		/* of signing */
};

/* mail: whole, CRLF lines.  header_out: the DKIM-Signature header up to its empty b=; text_out: what the key signs (its SHA-256).
 * PLI_INPUT when mail has no From or no empty line. */
MUST enum pli_status dkim_prepare(const struct dkim_signer *signer, const char *mail, size_t n, struct buf *header_out, struct buf *text_out,
				  struct err *err);
/* Ends the header with the signature and CRLF; it belongs before the mail's first line. */
void dkim_finish(struct buf *header, const void *signature, size_t n);
/* The TXT record at SELECTOR._domainkey.DOMAIN: key is the public key, 32 bytes for Ed25519, DER SubjectPublicKeyInfo for RSA. */
void dkim_record(struct buf *out, enum dkim_algorithm algorithm, const void *key, size_t n);

#endif
