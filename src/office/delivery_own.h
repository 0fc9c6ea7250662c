/* Inside of the delivery, for office/delivery*.c only: where a link leads. */
#ifndef PLI_DELIVERY_OWN_H
#define PLI_DELIVERY_OWN_H

#include <stdbool.h>
#include <stdint.h>

#include "letter_own.h"
#include "link.h"

#include "delivery.h"

struct db_conn;

#define DELIVERY_TRIES_MAX 10
#define DELIVERY_RENEWALS_MAX 3
#define DELIVERY_SESSION_US (INT64_C(12) * 3600 * SECOND_US)

struct delivery_place {
	struct uuid entity, letter_id, recipient;
	unsigned n;
	bool retired;
	struct letter *letter;
	struct letter_keys keys;
	const char *state;		/* of the recipient */
	unsigned tries;
	bool locked;
	unsigned renewals;
	int64_t renewal_day;
	uint8_t link_key[32];
};
/* Himself, among the letter's recipients. */
const struct letter_recipient *delivery_place_who(const struct delivery_place *place);
/* The recipient is a hidden copy. */
bool delivery_place_hidden(const struct delivery_place *place);
/* Loads all of it on conn.  PLI_ABSENT for what is no link. */
MUST enum pli_status delivery_place(struct office *office, struct db_conn *conn, struct pool *pool, const char *token,
				    struct delivery_place *place_r, struct err *err);
/* The same on a reader of its own. */
MUST enum pli_status delivery_place_read(struct office *office, struct pool *pool, const char *token,
					 struct delivery_place *place_r, struct err *err);
/* PLI_GONE (type link-replaced, letter-expired, letter-refused or letter-unclaimed), PLI_LOCKED, or PLI_OK. */
MUST enum pli_status delivery_place_open(struct office *office, const struct delivery_place *place, struct err *err);

#endif
