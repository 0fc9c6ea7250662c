/* A backup restored to scratch, in data/, and held against the journal of today. */
#ifndef PLI_SELFPROOF_BACKUP_H
#define PLI_SELFPROOF_BACKUP_H

#include <stdint.h>

#include "status.h"

struct front;

/* Reads all of it (every member's digest), opens its database, checks it, verifies every entry of its journal against the signed heads that
 * came along, counts its files, and shows that its newest head is one of which today's journal is a continuation.  *size_r: entries of the
 * backup.  PLI_FULL: no room for it; whatever else is not PLI_OK: it is not a backup that one could go back to.  Nothing stays. */
MUST enum pli_status selfproof_backup(struct front *front, int fd, uint64_t *size_r, struct err *err);
/* What a crash left of it; at start. */
void selfproof_backup_clear(void);

#endif
