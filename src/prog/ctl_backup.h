/* Front's part of `pli backup` and `pli scrub` over run/ctl. */
#ifndef PLI_CTL_BACKUP_H
#define PLI_CTL_BACKUP_H

#include "ctl_server.h"

/* What front writes of a backup lies here, in data/, while it is made. */
#define BACKUP_COPY "backup.db"

/* With a descriptor; args: state of the writer so far.  Adds database, signed heads and blobs; result: state, head, letters, blobs. */
ctl_verb_fn ctl_backup;
ctl_verb_fn ctl_scrub;

#endif
