/* The delivery: a recipient without an account opens a letter by an act of his own (A2, A8, A9, B6, B8, B9, B46).
 *
 * A GET never changes a state.  POST /open writes `handover` and opens a reading session bound to this letter and recipient. */
#ifndef PLI_DELIVERY_H
#define PLI_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

struct buf;
struct istream;
struct journal_actor;
struct letter;
struct office;
struct pool;

struct delivery_landing {
	const char *sender_name, *sender_email, *entity_name;
	int64_t sent_us, expires_us;
	bool has_password;
	bool opened_before;
	unsigned tries_left;
	const char *lang;	/* the instance's language */
	/* Of a registered letter: it is accepted or refused until until_us (the first moment too late; 0: not known yet); decided: at
	 * decided_us it was (NULL: it is still to be).  hides_sender: who sent it is not told before; the names above are "" then. */
	bool registered, hides_sender;
	const char *decision;	/* accepted | refused | unclaimed */
	int64_t until_us, decided_us;
	unsigned days;		/* of the window */
	uint64_t number;
};
/* How a link was visited: not to be counted, by whatever asked for the page, or by a browser that says that a person went there. */
enum delivery_visit { DELIVERY_NO_VISIT, DELIVERY_MACHINE, DELIVERY_PERSON };
/* Counts the visit (at most one entry per link and hour, later) without changing any state.
 * PLI_ABSENT unknown token · PLI_GONE expired or replaced link · PLI_LOCKED after ten wrong passwords (landing_r is filled for GONE and LOCKED too). */
MUST enum pli_status delivery_landing(struct office *office, struct pool *pool, const char *token, enum delivery_visit visit,
				      struct delivery_landing *landing_r, struct err *err);
/* Hidden form value for this token, valid two hours; and its check. */
void delivery_form_key(struct office *office, const char *token, int64_t now_us, char out[65]);
bool delivery_form_check(struct office *office, const char *token, const char *value, int64_t now_us);

/* The act.  cookie_r: random 256-bit session value in base 32 (52 characters), name suffix = first 8 hex of SHA-256(token).
 * PLI_DENIED wrong password (tries left in text), PLI_LOCKED, PLI_BUSY (Argon2 queue full), PLI_FULL (reading reserve gone). */
MUST enum pli_status delivery_open(struct office *office, struct pool *pool, const char *token, const char *password,
				   const struct journal_actor *actor, char cookie_r[64], struct err *err);
/* Of a registered letter the first opening is its acceptance: `lre.accepted` before `handover`.  PLI_GONE, types letter-refused and
 * letter-unclaimed, when it is refused or its time is over.
 *
 * The other act: `lre.refused`, for good; no password is asked, for refusing shows nothing.  PLI_OK also when it was refused before,
 * PLI_CONFLICT type "letter-accepted" when it was accepted, or is not registered. */
MUST enum pli_status delivery_refuse(struct office *office, struct pool *pool, const char *token, const struct journal_actor *actor,
				     struct err *err);
/* The suffix of the cookie's name for a token: 8 hex digits. */
void delivery_cookie_suffix(const char *token, char out[9]);

/* The way out of a lock: a new link mailed to the recipient's own address, three a day. PLI_RATE beyond. */
MUST enum pli_status delivery_renew(struct office *office, struct pool *pool, const char *token, const struct journal_actor *actor, struct err *err);

/* What a recipient sees.  letter_r: state recomputed over To and Cc for other viewers, recipients = To and Cc (a Bcc sees himself too), never another's Bcc.
 * PLI_UNAUTH without a valid session for this token. */
struct delivery_view {
	struct letter *letter;
	unsigned me;			/* index in letter->recipients */
	const char *message;		/* source text */
	size_t message_n;
	uint8_t session[32];		/* hash, for delivery_file */
	uint8_t letter_key[32];		/* wiped with the pool */
};
MUST enum pli_status delivery_view(struct office *office, struct pool *pool, const char *token, const char *cookie,
				   struct delivery_view *view_r, struct err *err);

/* The same for a registered letter that its recipient has refused or left unclaimed: no content, and nothing to be shown of it but his own proof.
 * The link is enough.  PLI_UNAUTH when it is not so decided; PLI_GONE for a link that was replaced. */
MUST enum pli_status delivery_decided(struct office *office, struct pool *pool, const char *token, struct delivery_view *view_r, struct err *err);

/* Bytes [offset, offset+length) of part n (1…): writes `access` once per file and reading session before the first byte.
 * delivery_sent afterwards adds the range really sent; `access.complete` once when the union is whole. */
MUST enum pli_status delivery_file(struct office *office, struct pool *pool, const struct delivery_view *view, unsigned n,
				   uint64_t offset, uint64_t length, const struct journal_actor *actor, struct istream **is_r, struct err *err);
void delivery_sent(struct office *office, const struct delivery_view *view, unsigned n, uint64_t offset, uint64_t sent_bytes,
		   const struct journal_actor *actor);
/* The recipient's own proof bundle: as of now, or (receipt) as of his first opening, made when first asked for and kept, so that it always has
 * the same bytes. */
MUST enum pli_status delivery_proof(struct office *office, struct pool *pool, const struct delivery_view *view, struct buf *out, struct err *err);
/* The acknowledgement of his opening, or the proof of his refusal or of non-collection, as a sealed PDF; kept once made.  What he may not know
 * before he accepts is withheld in it, as in the bundle. */
MUST enum pli_status delivery_receipt_pdf(struct office *office, struct pool *pool, const struct delivery_view *view, const char *lang,
					  struct buf *out, struct err *err);
MUST enum pli_status delivery_receipt(struct office *office, struct pool *pool, const struct delivery_view *view, struct buf *out, struct err *err);

#endif
