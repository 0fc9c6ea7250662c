/* Mails and proofs that somebody has kept, as witnesses of a journal's heads: files, and folders with all below them (Maildir, .eml, .pdf, .asice). */
#ifndef PLI_MAIL_FOLDER_H
#define PLI_MAIL_FOLDER_H

#include <stdint.h>

#include "log_monitor.h"
#include "status.h"

struct pool;

struct mail_folder {
	struct pool *pool;
	const char *origin;		/* of the log: mails and proofs of others are passed over */
	const uint8_t (*keys)[32];	/* its keys of now and before: each has signed while it was in use */
	unsigned key_count;
	struct log_claim *claims;	/* in pool */
	unsigned count, cap;
	unsigned mails, others;		/* files read as mails; of them without a head of this log */
	unsigned proofs;		/* of this log, in PDF or as containers; not among the mails */
	unsigned signed_heads;		/* claims with the log's own signature */
};
/* Reads one path; may be called several times.  PLI_CONFLICT: a mail or proof holds a head with a signature that is not the log's. */
MUST enum pli_status mail_folder_read(struct mail_folder *folder, const char *path, struct err *err);

#endif
