/* Who is told when something is wrong with the evidence: administrators of the instance unless they said no, other administrators who
 * said yes.  Everything here blocks. */
#ifndef PLI_SECURITY_ADMIN_H
#define PLI_SECURITY_ADMIN_H

#include <stdbool.h>

#include "directory.h"
#include "status.h"

/* Each of them whose account and entity are active. */
MUST enum pli_status security_admin_each(struct directory *directory, directory_account_fn *fn, void *arg, struct err *err);
/* Whether this administrator is told; and his own choice from now on. */
MUST enum pli_status security_admin_told(struct directory *directory, const struct principal *who, bool *told_r, struct err *err);
MUST enum pli_status security_admin_choose(struct directory *directory, const struct principal *who, bool told, struct err *err);

#endif
