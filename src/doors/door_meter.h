/* What goes through the doors, counted by route and code, with how long it took from the head to the last byte handed over.
 * Requests that no route was found for stand under the route "", those that the wire refused are counted apart. */
#ifndef PLI_DOOR_METER_H
#define PLI_DOOR_METER_H

#include <stdint.h>

struct door_meter;
struct openmetrics;
struct route;

struct door_meter *door_meter_new(void);
void door_meter_free(struct door_meter *meter);
/* route NULL: none.  us < 0: the duration is not known.  Any thread. */
void door_meter_add(struct door_meter *meter, const struct route *route, int code, int64_t us);
/* A request refused below the routes. */
void door_meter_fault(struct door_meter *meter, int code);
void door_meter_write(struct door_meter *meter, struct openmetrics *out);

#endif
