/* The operator's verbs about keys: what front does of `pli key rotate`. */
#ifndef PLI_CTL_KEYS_H
#define PLI_CTL_KEYS_H

#include "ctl_server.h"

/* args {key, overlap_s}.  prepare: result {old, new, public}, nothing has changed yet.  commit, with {new} too: journal entry, then the
 * keeper's change, then the new anchors, which must stand in public/ by now.  state: result {fingerprint, pending, at_work}.
 * All may be repeated after whatever broke them off. */
ctl_verb_fn ctl_key_prepare, ctl_key_commit, ctl_key_state;
/* Letters away from the month keys of before (key_move.h), for half a second.  args {begin, look}: begin retires them first, look does nothing
 * but say what is under way.  result {letters, moved, stuck, keys, destroyed, done}. */
ctl_verb_fn ctl_key_letters;

#endif
