/* Mails to account holders on the way that notices of letters take: leased, rendered, handed to the courier, settled. */
#ifndef PLI_ACCOUNT_NOTICE_H
#define PLI_ACCOUNT_NOTICE_H

#include "notice.h"
#include "status.h"

struct db_tx;

/* Up to limit of those due; jobs like those of notice_lease. */
MUST enum pli_status account_notice_lease(struct office *office, struct pool *pool, notice_render *render, void *arg, unsigned limit,
					  struct notice_job *jobs_r, unsigned *count_r, struct err *err);
/* Inside a write function, for an answer that belongs to no notice of a letter; PLI_OK also when it belongs to nobody. */
MUST enum pli_status account_notice_settle(struct db_tx *tx, const struct notice_result *result, struct err *err);

#endif
