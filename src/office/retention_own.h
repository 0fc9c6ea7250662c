/* Retention from the inside, for office/ only. */
#ifndef PLI_RETENTION_OWN_H
#define PLI_RETENTION_OWN_H

#include <stdint.h>

#include "status.h"
#include "uuid.h"

#include "retention.h"

struct db_tx;
struct letter;
struct letter_keys;
struct pool;

#define HOLD_PLACE(e, l) (&(struct meta_place){ "hold", (e), (l), 0 })
enum { HOLD_REASON, HOLD_BY, HOLD_TEXTS };

/* Reads all spans again. */
MUST enum pli_status retention_load(struct office *office, struct err *err);

/* purge.c: the content of the letters due (content), then the evidence of those due (evidence). */
MUST enum pli_status purge_content(struct office *office, int64_t now_us, struct err *err);
/* One letter, on request. */
MUST enum pli_status purge_letter(struct office *office, const struct journal_actor *by, const struct uuid *entity, const struct uuid *letter,
				  int64_t now_us, struct err *err);
/* purge_evidence.c */
MUST enum pli_status purge_evidence(struct office *office, int64_t now_us, struct err *err);
/* purge_keys.c: letters that outlive the month of their KEK get another; KEKs that nothing needs any more are destroyed. */
MUST enum pli_status purge_keys(struct office *office, int64_t now_us, struct err *err);
/* The first month whose KEKs are none of its business yet. */
int64_t purge_keys_month(int64_t now_us);

#endif
