/* Uploads on their way into a letter or a draft, for office/ only. */
#ifndef PLI_UPLOAD_OWN_H
#define PLI_UPLOAD_OWN_H

#include "status.h"
#include "uuid.h"

struct db_conn;
struct db_tx;
struct letter_part;
struct office;
struct pool;
struct principal;

/* A finished upload of who as a part without a number.  PLI_INVALID unknown-upload, upload-incomplete; PLI_CONFLICT upload-used. */
MUST enum pli_status upload_as_part(struct office *office, const struct principal *who, struct pool *pool, struct db_conn *conn,
				    const struct uuid *id, struct letter_part *part_r, struct err *err);
/* In the transaction that takes its bytes.  PLI_CONFLICT when somebody was faster. */
MUST enum pli_status upload_use_apply(struct db_tx *tx, const struct uuid *entity, const struct uuid *upload, struct err *err);

#endif
