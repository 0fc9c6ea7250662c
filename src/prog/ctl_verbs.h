/* The operator's verbs as front runs them (ctl.h); arg is struct front *. */
#ifndef PLI_CTL_VERBS_H
#define PLI_CTL_VERBS_H

#include "status.h"

struct ctl_call;
struct ctl_verb;
struct front;
struct journal_actor;

/* Ends with a NULL name. */
const struct ctl_verb *ctl_verbs(void);

/* For the files with verbs: the operator as he stands in the journal; a string member that must be there; PLI_OK when front serves and
 * does not only verify. */
extern const struct journal_actor ctl_operator;
MUST enum pli_status ctl_need(const struct ctl_call *call, const char *name, const char **s_r, struct err *err);
MUST enum pli_status ctl_need_office(const struct front *front, struct err *err);

#endif
