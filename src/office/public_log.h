/* The journal's tree for everybody: signed head and hash tiles in the form of C2SP tlog-tiles.  Never an entry. */
#ifndef PLI_PUBLIC_LOG_H
#define PLI_PUBLIC_LOG_H


#include "status.h"

struct buf;
struct office;

/* The newest head as a signed note.  What was given once is a prefix of what is given later.  PLI_BUSY: there is none yet. */
MUST enum pli_status public_log_checkpoint(struct office *office, struct buf *out, struct err *err);
/* path: what stands behind "tile/", such as "0/x001/067.p/12".   PLI_ABSENT: no such tile, or no path. */
MUST enum pli_status public_log_tile(struct office *office, const char *path, struct buf *out, struct err *err);
/* The log's verifier key (NAME+ID+KEY), as witnesses and monitors are given it. */
MUST enum pli_status public_log_key(struct office *office, struct buf *out, struct err *err);

#endif
