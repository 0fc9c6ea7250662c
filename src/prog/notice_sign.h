/* Signatures on leased notices, by the keeper: S/MIME around the content, DKIM before the headers (B3).  Blocks. */
#ifndef PLI_NOTICE_SIGN_H
#define PLI_NOTICE_SIGN_H

#include "notice.h"
#include "status.h"

struct keeper;
struct pool;
struct settings;

/* Puts signed mails, which live in pool, in the place of jobs[0..count)'s, as [mail] sign and dkim say. */
MUST enum pli_status notice_sign(struct keeper *keeper, const struct settings *settings, struct pool *pool, struct notice_job *jobs,
				 unsigned count, struct err *err);

#endif
