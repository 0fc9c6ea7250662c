/* Where a mail on its way in waits until it is whole (store/spool.h): nothing of it is evidence yet. */
#ifndef PLI_MAIL_SPOOL_H
#define PLI_MAIL_SPOOL_H

#include <stdint.h>

#include "status.h"

struct istream;
struct office;
struct ostream;

/* Under the reserve for deposits: PLI_FULL.  PLI_LIMIT over limit_bytes. */
MUST enum pli_status mail_spool(struct office *office, uint64_t limit_bytes, struct ostream **os_r, struct err *err);
/* After ostream_finish; the stream must be closed before os is. */
MUST enum pli_status mail_spool_read(struct ostream *os, struct istream **is_r, uint64_t *size_r, struct err *err);

#endif
