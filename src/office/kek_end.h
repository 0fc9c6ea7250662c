/* The end of a letter KEK that no row names any more: asked of the keeper, and written into the journal. */
#ifndef PLI_KEK_END_H
#define PLI_KEK_END_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct directory_kek_over;
struct office;

/* Once its month is over, the KEK is destroyed and `key.destroyed` written: *due_us_r is 0.  Before (early), and when it was made under a wrapping
 * key of before, letters have moved to the one in use of its month: `key.moved` is written, once, and shown to the keeper, which destroys it
 * some days later when it is asked again (keeper.h); *due_us_r: not before.  Fills in kek->moved and kek->next.  Blocks.
 * PLI_CONFLICT: a row names it, and then nothing was done, or the keeper does not accept the entry: the next call writes another; PLI_DENIED: it
 * is in use at the keeper; PLI_AGAIN (early): the machine's clock is not believed (deadline.h), nothing was said or asked. */
MUST enum pli_status kek_end(struct office *office, struct directory_kek_over *kek, bool early, int64_t now_us, int64_t *due_us_r, struct err *err);

#endif
