/* Front's part of `pli check`: what only the process that has the database can see.  arg: a struct front; the argument `part`
 * says which: database, journal, letters. */
#ifndef PLI_CTL_CHECK_H
#define PLI_CTL_CHECK_H

#include "ctl_server.h"

ctl_verb_fn ctl_check;

#endif
