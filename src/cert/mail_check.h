/* What a mail bears that only this instance could have put there: the S/MIME signature of its notices, and a head that its log has signed. */
#ifndef PLI_MAIL_CHECK_H
#define PLI_MAIL_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct pool;

/* content: as it was signed, p7s: CMS SignedData in DER, detached, with one signer.  PLI_CONFLICT: the content is not what was signed.
 * PLI_DENIED: the signer has no certificate for mail under this root.  PLI_INPUT: no such signature at all.  Certificates that have ended
 * count: what the mail is about has a time of its own. */
MUST enum pli_status mail_check_signature(const char *root_pem, const void *content, size_t n, const void *p7s, size_t p7s_n, struct err *err);

/* Do both, CMS as above, bear the signature of one and the same certificate?  Neither signature is checked here. */
bool mail_check_same_signer(const void *a, size_t a_n, const void *b, size_t b_n);

/* A line as head_line.h has it.  log_pubs: PEM, the log's keys of today and before.  False: it bears no signature of one of them. */
bool mail_check_head(struct pool *pool, const char *line, size_t n, const char *log_pubs, uint64_t *size_r, uint8_t root_r[32]);

#endif
