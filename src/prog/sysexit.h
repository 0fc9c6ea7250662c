/* Exit codes of sysexits.h, and which of them a status of ours becomes on the command line. */
#ifndef PLI_SYSEXIT_H
#define PLI_SYSEXIT_H

#include <sysexits.h>

#include "status.h"

int sysexit_of(enum pli_status status);
/* Prints "pli: text" and the hint, if there is one, on standard error and returns sysexit_of(err->status). */
int sysexit_say(const struct err *err);

#endif
