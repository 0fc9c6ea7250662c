/* What the machine gives at most, measured in the same run as the server. */
#ifndef PLI_BENCH_REFERENCE_H
#define PLI_BENCH_REFERENCE_H

#include <stdint.h>

void reference_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
int64_t reference_now_us(void);
int64_t reference_cpu_us(void);		/* of this process */

/* reference_rows.c: the rows of a deposit into a database of their own at `to`, made like the one at `model`, which holds
 * at least one letter; `group` deposits a transaction, for so many seconds.  Prints the two figures. */
void reference_rows(const char *model, const char *to, unsigned group, double seconds, const char *name);

#endif
