/* Who sends itself letters, for office/ only. */
#ifndef PLI_SELFPROOF_OWN_H
#define PLI_SELFPROOF_OWN_H

#include "principal.h"
#include "selfproof.h"

/* Of an entity of its own, made when first asked for; its notices never leave.  Everything in pool. */
MUST enum pli_status selfproof_sender(struct office *office, struct pool *pool, struct principal *who_r, const char **address_r,
				      struct err *err);
/* At start: office->self, when there is one. */
MUST enum pli_status selfproof_load(struct office *office, struct err *err);
/* A proof as a stranger would verify it, who has our root and our journal's key from elsewhere.  PLI_CONFLICT with the first check that
 * failed; PLI_LIMIT: too large for this. */
MUST enum pli_status selfproof_verify(struct office *office, struct pool *pool, const struct uuid *entity, const struct uuid *letter,
				      unsigned n, struct err *err);

#endif
