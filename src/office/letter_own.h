/* Letters from the inside, for office/ only: loading, keys, sheets, and what others than the sender may see. */
#ifndef PLI_LETTER_OWN_H
#define PLI_LETTER_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meta.h"

#include "letter.h"

struct db_conn;
struct jsonw;

/* Places of sealed values: under the entity's metadata key … */
#define LETTER_PLACE(e, l) (&(struct meta_place){ "letter", (e), (l), 0 })
#define RECIPIENT_PLACE(e, l, n) (&(struct meta_place){ "recipient", (e), (l), (n) })
/* salt (32) ‖ canonical sheet; behind a sheet that withholds: ‖ 0 ‖ salt (32) ‖ withheld.json */
#define SHEET_PLACE(e, l, n) (&(struct meta_place){ "sheet", (e), (l), (n) })
#define PART_PLACE(e, l, n) (&(struct meta_place){ "part", (e), (l), (n) })
#define UPLOAD_PLACE(e, u) (&(struct meta_place){ "upload", (e), (u), 0 })	/* texts as of a part */
/* … under the letter key … */
#define MESSAGE_PLACE(e, l) (&(struct meta_place){ "message", (e), (l), 0 })
#define PASSWORD_PLACE(e, l) (&(struct meta_place){ "letter-password", (e), (l), 0 })
/* … and, wrapped by the keeper under the letter's kid. */
#define LETTER_KEY_PLACE(e, l) (&(struct meta_place){ "letter-key", (e), (l), 0 })
#define LINK_PLACE(e, l, n) (&(struct meta_place){ "link-token", (e), (l), (n) })

/* Order of the sealed texts of a letter, a recipient, a part. */
enum { LETTER_SUBJECT, LETTER_SENDER_NAME, LETTER_SENDER_EMAIL, LETTER_SENDER_METHOD, LETTER_SENDER_LEVEL, LETTER_ENTITY_NAME,
       LETTER_SIREN, LETTER_TEXTS };
enum { RECIPIENT_NAME, RECIPIENT_ADDRESS, RECIPIENT_TEXTS };
enum { PART_NAME, PART_TYPE, PART_TEXTS };

/* Messages up to this size stand in the letter's row, larger ones are objects. */
#define LETTER_MESSAGE_INLINE_BYTES 16384

/* What a letter's row holds besides; in the pool of the load. */
struct letter_keys {
	const char *kid;
	const void *letter_key;		/* wrapped */
	size_t letter_key_n;
	const void *password_hash;	/* sealed under the letter key; NULL: none */
	size_t password_hash_n;
	const void *message;		/* sealed under the letter key; NULL: an object or empty */
	size_t message_n;
	bool has_object;
	struct uuid message_object;
	uint8_t proof_key[32];		/* of the proofs of a letter from an archive; wiped by who asks */
};
/* Everything of a letter in three queries on conn (a reader or a transaction's).  keys_r may be NULL.  PLI_ABSENT. */
MUST enum pli_status letter_load(struct office *office, struct db_conn *conn, struct pool *pool, const struct uuid *entity,
				 const struct uuid *id, struct letter **letter_r, struct letter_keys *keys_r, struct err *err);
/* By id text, whosever it is: for the operator.  PLI_ABSENT, type no-letter. */
MUST enum pli_status letter_anywhere(struct office *office, struct pool *pool, const char *id, struct letter **letter_r, struct err *err);
/* The parts alone, of the entity and id in l; key: the entity's metadata key. */
MUST enum pli_status letter_parts_load(struct db_conn *conn, struct pool *pool, const uint8_t *key, struct letter *l, struct err *err);
/* Member `parts` of a letter or draft. */
void letter_parts_json(const struct letter *letter, struct jsonw *w);
/* Asks the keeper.  The caller wipes key_r. */
MUST enum pli_status letter_key_unwrap(struct office *office, const struct letter *letter, const struct letter_keys *keys,
				       uint8_t key_r[32], struct err *err);
/* The message, in pool (wiped with it), with a NUL behind. */
MUST enum pli_status letter_message_read(struct office *office, struct pool *pool, const struct letter *letter, const struct letter_keys *keys,
					 const uint8_t key[32], const char **message_r, size_t *n_r, struct err *err);
/* The sheet that a recipient's deposit entry binds, and what it binds apart (bundle.h). */
struct letter_sheet {
	uint8_t salt[32];
	const char *json;
	const char *withheld;		/* withheld.json; NULL: the sheet itself names the sender */
	uint8_t withheld_salt[32];
};
/* Recipient n's; texts in pool. */
MUST enum pli_status letter_sheet(struct office *office, struct db_conn *conn, struct pool *pool, const struct uuid *entity,
				  const struct uuid *letter, unsigned n, struct letter_sheet *sheet_r, struct err *err);
/* Fills json of a sheet from the letter, and withheld of one that withholds (withheld not NULL, any text); the salts are there.  Made when the
 * letter is deposited. */
void letter_sheet_write(struct pool *pool, const struct letter *letter, const struct letter_recipient *recipient, struct letter_sheet *sheet);
/* Do the proofs of this letter's recipients say nothing of its sender, subject and content before they accept?  Of every registered one: who
 * refuses has learnt nothing by it. */
bool letter_withholds(const struct letter *letter);
bool letter_withheld_from(const struct letter *letter, const struct letter_recipient *recipient);
/* Who stands in a recipient's chain for an act of the sender's side: `actor`, or the service where the letter hides its sender (fr-lre), since the
 * recipient's proof holds these entries whole, with account, address and TLS of who acted. */
const struct journal_actor *letter_actor_told(const struct letter *letter, const struct journal_actor *actor);
/* SHA-256 of the canonical manifest of message and parts. */
void letter_manifest(const struct letter *letter, uint8_t digest_r[32]);
/* What a document-chain row shows: {document, entity, siren, user}; user NULL: nobody. */
const char *letter_shown(struct pool *pool, const struct letter *letter, const char *user);

/* As a viewer sees it who may not know of hidden copies: To and Cc only (and recipient `me`, counted from 1; 0: nobody), state and
 * time of sending recomputed over To and Cc.  Changes letter, which is the viewer's own copy. */
void letter_narrow(struct letter *letter, unsigned me);
/* Is this recipient not to know yet who wrote to him?  Of the profile fr-lre, until he has accepted. */
bool letter_hides_sender(const struct letter *letter, const struct letter_recipient *recipient);
/* The letter's state as its recipients' states have it. */
const char *letter_state_of(const struct letter *letter);
/* A password in the form that is hashed: NFC, so that keyboards do not matter.  In pool; NULL when it is not valid UTF-8. */
const char *letter_password_form(struct pool *pool, const char *password);

#endif
