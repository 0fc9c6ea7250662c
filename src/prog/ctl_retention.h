/* Verbs of run/ctl about how long letters are kept. */
#ifndef PLI_CTL_RETENTION_H
#define PLI_CTL_RETENTION_H

#include "ctl_server.h"

ctl_verb_fn ctl_letter_hold, ctl_letter_release, ctl_letter_delete, ctl_entity_class, ctl_entity_set, ctl_entity_retention;

#endif
