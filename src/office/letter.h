/* Letters as their sender's side sees them: list, sheet, resend, unlock (B15, B26–B30). */
#ifndef PLI_LETTER_H
#define PLI_LETTER_H

#include <stdbool.h>
#include <stdint.h>

#include "principal.h"
#include "status.h"
#include "uuid.h"

struct buf;
struct journal_actor;
struct office;
struct pool;
struct reading;

struct letter_recipient {
	unsigned n;
	struct uuid recipient;
	const char *name, *address, *kind, *state;
	int64_t first_sent_us, last_sent_us, read_us;	/* 0 = none */
	unsigned sends;
	/* Of the newest notice, also while it is tried again: the relay's last words (no address in them), which relay, under which
	 * TLS.  NULL: none. */
	const char *reply, *peer, *tls;
	bool locked;			/* after ten wrong passwords */
	/* Of a registered letter: the first moment too late to accept or refuse (0: no notice yet), what was decided, and when (0, NULL: nothing). */
	int64_t window_us, decided_us;
	const char *decision;		/* accepted | refused | unclaimed */
	struct reading *reading;	/* once reading_load has been asked (reading.h); else NULL */
};
struct letter_part {
	unsigned n;
	const char *name, *type;
	uint64_t size;
	uint8_t sha256[32];
	uint32_t crc32;
	struct uuid object;
};
struct letter {
	struct uuid entity, letter, account;
	uint64_t number;
	const char *subject, *state, *mode, *class_, *password;	/* class: simple | registered; password: none | gate */
	const char *profile;		/* of a registered letter: fr-lre; NULL: none */
	const char *sender_name, *sender_email, *sender_method, *entity_name, *siren;
	int sender_level;
	int64_t created_us, sent_us, expires_us;
	const char *retention;		/* name of its span (retention.h) */
	int64_t content_until_us, evidence_until_us;	/* not before */
	int64_t held_us, purged_us;	/* since; 0 = not */
	/* Of a letter that came from an archive (archive_import.h): since when it is here, its log there, its number there, its state there. */
	int64_t archived_us;
	const char *origin_log, *origin_state;
	uint64_t origin_number;
	struct letter_recipient *recipients;
	unsigned recipient_count;
	struct letter_part *parts;
	unsigned part_count;
	uint64_t message_size;
	uint8_t message_sha256[32], manifest[32];
};
/* By id text.  PLI_ABSENT / PLI_DENIED as principal_may says. */
MUST enum pli_status letter_get(struct office *office, const struct principal *who, struct pool *pool, const char *id,
				struct letter **letter_r, struct err *err);
/* When it was sent to a recipient, as he is told: his first notice, not the day on which its sender began to write.  Before the notice is entered,
 * and for who opened even before that, when the letter was made. */
int64_t letter_sent_to_us(const struct letter *letter, const struct letter_recipient *recipient);
/* Days in which a registered letter is accepted or refused. */
unsigned letter_window_days(const struct office *office, const struct letter *letter);
/* Message and files as their sender, or a reader of his entity, sees them; no entry is written.  PLI_DENIED for roles without that right,
 * PLI_GONE type "letter-expired" once the content is not kept any more. */
bool letter_content_gone(const struct letter *letter, int64_t now_us);
struct letter_content {
	const struct letter *letter;
	const char *message;		/* source text */
	size_t message_n;
	uint8_t letter_key[32];		/* wiped with the pool */
};
MUST enum pli_status letter_content_get(struct office *office, const struct principal *who, struct pool *pool, const char *id,
					struct letter_content **content_r, struct err *err);
/* Bytes [offset, offset+length) of part n (1…); PLI_ABSENT. */
struct istream;
MUST enum pli_status letter_content_file(struct office *office, const struct letter_content *content, unsigned n, uint64_t offset,
					 uint64_t length, struct istream **is_r, struct err *err);
/* The API's JSON of one letter. */
void letter_json(const struct letter *letter, struct buf *out);
/* Letters one by one, newest deposit first.  states: NULL-terminated list of those wanted, NULL = any; cursor NULL = from the newest.  fn may
 * answer PLI_AGAIN to end the page with this letter.  *next_r: cursor of the next page, in pool; NULL at the end. */
struct letter_list_query {
	const char *const *states;
	const char *q;			/* words as search.h says; NULL = any */
	const char *cursor;
	unsigned limit;
};
typedef enum pli_status letter_fn(void *arg, const struct letter *letter, struct err *err);
MUST enum pli_status letter_each(struct office *office, const struct principal *who, struct pool *pool, const struct letter_list_query *query,
				 letter_fn *fn, void *arg, const char **next_r, struct err *err);
/* How one's own letters stand, all of them; a partly read one is waiting. */
struct letter_counts {
	bool any;
	unsigned waiting, failed, drafts;
};
MUST enum pli_status letter_count(struct office *office, const struct principal *who, struct letter_counts *counts_r, struct err *err);
/* {letters:[…], next} newest first; state "draft": drafts, last changed first; state NULL = any; q: words as search.h says, NULL = any;
 * cursor NULL = from the newest. */
MUST enum pli_status letter_list(struct office *office, const struct principal *who, struct pool *pool, const char *state,
				 const char *q, const char *cursor, unsigned limit, struct buf *json_out, struct err *err);
/* Notices again: to the addresses given or to all (NULL); also to those who have read; links stay valid (B28).  key: the
 * Idempotency-Key or NULL; a repeat under it sends nothing more and succeeds.  PLI_CONFLICT: expired, or the same key still running;
 * PLI_INVALID: type "idempotency-mismatch" when the key was used for other recipients. */
MUST enum pli_status letter_resend(struct office *office, const struct principal *who, const struct journal_actor *actor, struct pool *pool,
				   const char *id, const char *const *addresses, const char *key, struct err *err);
/* Operator or sender: ten new tries for a locked recipient. */
MUST enum pli_status letter_unlock(struct office *office, const struct journal_actor *actor, const char *id, const char *address, struct err *err);

/* For journal_verify: the recipient's deposit entry binds `sheet_digest`; PLI_CONFLICT when the sheet kept with the recipient is another
 * one, or no longer says what the letter's and the recipient's rows say.  Rows that are gone are other ones: when their time is
 * over, the entry's text goes with them in one transaction, and nobody asks.  conn: a reader, borrowed. */
struct db_conn;
MUST enum pli_status letter_sheet_check(struct office *office, struct db_conn *conn, const struct uuid *entity, const struct uuid *letter,
					const struct uuid *recipient, const uint8_t sheet_digest[32], struct err *err);

/* Proof bundle: the sender's (recipient NULL) or a recipient's.  Waits at most 2 s for a checkpoint over all events before the request. */
MUST enum pli_status letter_proof(struct office *office, const struct principal *who, struct pool *pool, const char *id,
				  const char *recipient_address, struct buf *out, struct err *err);

/* A proof for people: the sealed PDF of a kind (receipt_kind.h), in French or English, of the letter or of one recipient; made when first
 * asked for, then kept.  PLI_INVALID (kind; recipient needed), PLI_ABSENT when that has not happened. */
MUST enum pli_status letter_receipt(struct office *office, const struct principal *who, struct pool *pool, const char *id, const char *kind,
				    const char *recipient_address, const char *lang, struct buf *out, struct err *err);

#endif
