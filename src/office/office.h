/* The product: letters deposited, delivered and journaled.  One struct office per front process; every call blocks (database, keeper,
 * disk) and runs on a worker thread. */
#ifndef PLI_OFFICE_H
#define PLI_OFFICE_H

#include <stdint.h>

#include "status.h"

struct db;
struct directory;
struct journal;
struct keeper;
struct object_store;
struct office;
struct settings;

struct office_parts {
	struct db *db;
	struct keeper *keeper;
	struct directory *directory;
	struct journal *journal;
	struct object_store *objects;
	const struct settings *settings;
	const char *base_url;		/* "https://HOST[:PORT]", no slash at the end */
	const char *boot;		/* name of this start of the machine; NULL: unknown */
	const char *root_pem, *seal_pem, *operator_pem, *tsa_pem, *log_pub;	/* trust anchors, texts */
};
/* Everything in parts is borrowed for the office's life. */
MUST enum pli_status office_new(const struct office_parts *parts, struct office **office_r, struct err *err);
void office_free(struct office *office);

/* Other keys are in use: certificates and public log keys, the one in use first (pem_list.h).  Borrowed; what was before must stay. */
void office_use_anchors(struct office *office, const char *seal_pem, const char *operator_pem, const char *tsa_pem, const char *log_pub);

/* The two-step disk reserve: PLI_FULL below it. */
enum office_reserve { OFFICE_RESERVE_DEPOSIT, OFFICE_RESERVE_READ };
MUST enum pli_status office_room(struct office *office, enum office_reserve step, struct err *err);
/* PLI_OK only when a deposit would succeed now (database, keeper, space).  Waits at most 2 s for the keeper, not at all
 * for one that is known not to answer. */
MUST enum pli_status office_ready(struct office *office, struct err *err);

/* Housekeeping, called by front's timer thread once a minute (and at start): visits of closed hours become entries, expired letters, sweep of
 * staged objects, uploads, sessions, idempotency rows. */
MUST enum pli_status office_housekeeping(struct office *office, int64_t now_us, struct err *err);

#endif
