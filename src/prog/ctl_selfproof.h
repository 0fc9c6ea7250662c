/* Front's part of `pli selfproof` over run/ctl. */
#ifndef PLI_CTL_SELFPROOF_H
#define PLI_CTL_SELFPROOF_H

#include "ctl_server.h"

/* May come with a descriptor: a backup.  Rows: the checks; result: holds, failed, entry, ms. */
ctl_verb_fn ctl_selfproof;

#endif
