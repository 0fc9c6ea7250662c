/* Mails that somebody has kept, as witnesses of a journal's heads: files, and folders with all below them (Maildir, .eml). */
#ifndef PLI_MAIL_FOLDER_H
#define PLI_MAIL_FOLDER_H

#include "log_monitor.h"
#include "note_key.h"
#include "status.h"

struct pool;

struct mail_folder {
	struct pool *pool;
	const struct note_key *key;	/* of the log: mails of other logs are passed over */
	struct log_claim *claims;	/* in pool */
	unsigned count, cap;
	unsigned mails, others;		/* files read as mails; of them without a head of this log */
	unsigned signed_heads;		/* claims with the log's own signature */
};
/* Reads one path; may be called several times.  PLI_CONFLICT: a mail holds a head with a signature that is not the log's. */
MUST enum pli_status mail_folder_read(struct mail_folder *folder, const char *path, struct err *err);

#endif
