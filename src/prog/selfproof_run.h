/* The nightly proof of itself, all of it (office/selfproof.h): a letter to itself, letters of others, the whole journal, the newest backup. */
#ifndef PLI_SELFPROOF_RUN_H
#define PLI_SELFPROOF_RUN_H

#include "status.h"

struct front;
struct selfproof;

/* backup_fd: a backup (borrowed, read at its offset); -1: the newest that [selfproof] backup names, if it does.  PLI_OK also when a check
 * failed: run_r says so.  PLI_BUSY: one is under way.  Blocks for as long as it takes, on a thread that makes way for all others. */
MUST enum pli_status selfproof_run(struct front *front, int backup_fd, struct selfproof *run_r, struct err *err);

#endif
