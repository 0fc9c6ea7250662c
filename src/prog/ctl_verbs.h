/* The operator's verbs as front runs them (ctl.h); arg is struct front *. */
#ifndef PLI_CTL_VERBS_H
#define PLI_CTL_VERBS_H

struct ctl_verb;

/* Ends with a NULL name. */
const struct ctl_verb *ctl_verbs(void);

#endif
