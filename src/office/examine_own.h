/* What verified files say, put into a report; for examine*.c only. */
#ifndef PLI_EXAMINE_OWN_H
#define PLI_EXAMINE_OWN_H

#include "examine.h"

struct bundle_facts;
struct pool;

/* Of sheets[], of which there is at least one. */
void examine_people(struct pool *pool, const struct bundle_facts *facts, struct examine *r);
void examine_content(struct pool *pool, const struct bundle_facts *facts, struct examine *r);
void examine_journal(struct pool *pool, const struct bundle_facts *facts, struct examine *r);

#endif
