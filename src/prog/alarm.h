/* Front's thread for alerts (office/alert.h): a round every second. */
#ifndef PLI_ALARM_H
#define PLI_ALARM_H

#include "status.h"

struct alarm;
struct office;

MUST enum pli_status alarm_start(struct office *office, struct alarm **alarm_r, struct err *err);
/* Waits for a round under way.  NULL is allowed. */
void alarm_stop(struct alarm *alarm);

#endif
