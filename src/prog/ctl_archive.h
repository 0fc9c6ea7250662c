/* Front's part of `pli archive import` over run/ctl. */
#ifndef PLI_CTL_ARCHIVE_H
#define PLI_CTL_ARCHIVE_H

#include "ctl_server.h"

/* With a descriptor, of the archive; args: entity, retention, root and log_key (PEM) that must have signed, both the
 * instance's own when they are left out.  Rows {name, what}: faults.  Result:
 * imported, known, without, content_until. */
ctl_verb_fn ctl_archive_import;

#endif
