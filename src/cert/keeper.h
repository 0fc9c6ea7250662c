/* The front's side of the link to the keeper: typed, length-prefixed frames over one socketpair, at most 1 MiB and 256 items each.
 * Thread-safe; calls block until the answer, at most 10 s (PLI_BUSY when nothing was done, PLI_UNCERTAIN for an append).
 * When the keeper dies the parent gives a new socket (keeper_relink); calls under way fail with PLI_BUSY, appends are repeated. */
#ifndef PLI_KEEPER_H
#define PLI_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keywrap.h"
#include "signatures.h"
#include "status.h"

struct buf;
struct keeper;
struct pool;
struct uuid;

MUST enum pli_status keeper_new(int fd, struct keeper **keeper_r, struct err *err);	/* takes fd; starts the reader thread */
void keeper_free(struct keeper *keeper);
void keeper_relink(struct keeper *keeper, int fd);	/* takes fd */
/* There, and its last sign of life is not overdue: asked for once a second, answered within 2 s. */
bool keeper_linked(struct keeper *keeper);
/* hung is called when no sign of life came for 8 s, and every 8 s again; on the reader thread, must not block.  Who is told should
 * have the keeper killed: a new link follows. */
typedef void keeper_hung_fn(void *arg);
void keeper_watch(struct keeper *keeper, keeper_hung_fn *hung, void *arg);

/* KEK_MAKE, WRAP, UNWRAP in the shape the storage room wants. */
void keeper_keywrap(struct keeper *keeper, struct keywrap *keywrap_r);

/* The end of a letter KEK whose month is over by the keeper's own clock, and of all that it wraps, here and in copies: durable on return.  Of a
 * month that is not over it takes the entry `key.moved` (leaf number seq, its bytes), which lies under the keeper's head and says that letters
 * were moved away to another key: then that one is left, and destroyed when it has not been used for the delay since (kek_store.h); who asks
 * before is told the time, *due_us_r.  0: it is destroyed, or not there any more.  n 0: no entry.  PLI_DENIED: not left, and its month is not
 * over; PLI_CONFLICT: the entry is not such a one. */
MUST enum pli_status keeper_kek_destroy(struct keeper *keeper, const char *kid, uint64_t seq, const void *entry, size_t n, int64_t *due_us_r,
					struct err *err);

/* Argon2id at the keeper, in threads of its own (two at a time, bounded queue: PLI_BUSY with retry_after).
 * profile: "account" (t=2, 19 MiB) or "letter" (t=3, 64 MiB).  hash: the encoded string (at most 127 characters). Peppered with the keeper's own key. */
MUST enum pli_status keeper_password_make(struct keeper *keeper, const char *profile, const char *password, char hash_r[128], struct err *err);
/* *ok_r false for a wrong one. */
MUST enum pli_status keeper_password_check(struct keeper *keeper, const char *hash, const char *password, bool *ok_r, struct err *err);

/* The code of a second factor, checked by the keeper's clock: *right_r, and the step it belongs to (RFC 6238).  secret: kid, aad and in as
 * for unwrapping; its aad begins with "totp" and a zero, and what is wrapped so the keeper never unwraps for anybody. */
MUST enum pli_status keeper_totp_check(struct keeper *keeper, const struct keywrap_item *secret, uint32_t code, bool *right_r,
				       uint64_t *step_r, struct err *err);
/* How long answers took: to questions, and to appends (leaves and signed head durable).  Borrowed. */
struct meter;
void keeper_meters(struct keeper *keeper, struct meter **asked_r, struct meter **appended_r);

/* Leaves from index `first`, count of them; answered once, when leaves and signed head are durable.  done runs on the reader thread
 * (or on the caller's when the link is down) and must not block. */
struct keeper_head {
	uint64_t size;
	uint8_t root[32];
	int64_t gen_time_us;
	const char *checkpoint;		/* signed note text */
	size_t checkpoint_n;
	const void *token;		/* RFC 3161 TimeStampToken, DER; imprint SHA-256 of the checkpoint text */
	size_t token_n;
};
typedef void keeper_append_done(void *arg, enum pli_status status, const struct keeper_head *head, const struct err *err);
void keeper_append(struct keeper *keeper, uint64_t first, const uint8_t (*leaves)[32], size_t count,
		   keeper_append_done *done, void *arg);
/* The same in two steps, for leaves that are being committed: the keeper signs their head meanwhile, in memory only; it stores and answers when
 * it is told that they are committed.  Returns the append's number; done may run before that, with what went wrong.  One at a time. */
uint64_t keeper_append_ahead(struct keeper *keeper, uint64_t first, const uint8_t (*leaves)[32], size_t count,
			     keeper_append_done *done, void *arg);
/* False: that append is over (the link was lost; done has run, or is about to), the leaves must be sent again. */
bool keeper_append_committed(struct keeper *keeper, uint64_t id);
/* They were not committed: done does not run any more, unless it does so now.  0 is allowed. */
void keeper_append_forget(struct keeper *keeper, uint64_t id);
/* No done with this arg runs any more, not even now: before arg is freed.  Waits for a done that runs; not from within one. */
void keeper_append_forget_all(struct keeper *keeper, const void *arg);

/* Heads above `size`, oldest first, at most `limit`; fn is called for each. */
typedef enum pli_status keeper_head_fn(void *arg, const struct keeper_head *head, struct err *err);
MUST enum pli_status keeper_heads_since(struct keeper *keeper, uint64_t size, unsigned limit, keeper_head_fn *fn, void *arg, struct err *err);

/* CAdES-BES detached signature (DER) with the seal key over the bytes of a bundle's ASiCManifest.xml: the keeper parses what it signs
 * (its checkpoint lines must be under its own head). */
MUST enum pli_status keeper_seal(struct keeper *keeper, const void *manifest, size_t n, struct buf *p7s_out, struct err *err);
/* Certifies a receipt (receipt.txt): CAdES-BES by seal and certification operator, and a token over that.  The keeper parses it: its
 * checkpoint must be of its own tree, and each entry's leaf hash the one at that number there.  PLI_INPUT, PLI_CONFLICT. */
MUST enum pli_status keeper_certify(struct keeper *keeper, const void *receipt, size_t n, struct buf *p7s_out, struct buf *token_out,
				    struct err *err);

/* Signatures on outgoing mails, at most KEEPER_MAILS_MAX at a time; see mail_sign.h.  out: empty buffers, filled. */
#define KEEPER_MAILS_MAX 128
struct keeper_mail_item {
	int kind;			/* enum mail_sign_kind */
	const void *text;		/* together at most 900 KiB */
	size_t n;
	struct buf *out;
};
MUST enum pli_status keeper_mail_sign(struct keeper *keeper, const struct keeper_mail_item *items, unsigned count, struct err *err);

/* Timestamps for clients of the time-stamping authority, at most KEEPER_STAMPS_MAX at a time; see tsa_query.h.  reply_out: appended to. */
#define KEEPER_STAMPS_MAX 128
struct keeper_stamp_item {
	const void *query;		/* at most TSA_QUERY_MAX_BYTES */
	size_t n;
	struct buf *reply_out;
};
MUST enum pli_status keeper_stamp(struct keeper *keeper, const struct keeper_stamp_item *items, unsigned count, struct err *err);

/* Changes of the keeper's own keys; see key_change.h.  key: enum key_name.  Texts are the caller's to free. */
struct keeper_key_change {
	struct buf *old, *new;		/* fingerprints, hex */
	struct buf *public;		/* PEM of the new key's public part */
	struct buf *d;			/* of the journal's entry */
};
MUST enum pli_status keeper_key_prepare(struct keeper *keeper, unsigned key, uint32_t overlap_s, const char *root_pem,
					const struct keeper_key_change *change, struct err *err);
/* entry: the bytes of entry `seq`, which lies under the keeper's head and names this change.  PLI_CONFLICT. */
MUST enum pli_status keeper_key_commit(struct keeper *keeper, unsigned key, uint64_t seq, const void *entry, size_t n, struct err *err);
struct keeper_key_state {
	char fingerprint[65];		/* of the key in use; "" for a wrapping key that was never changed */
	bool pending;			/* a change is prepared */
	bool at_work;			/* keys are being put under the new wrapping key */
};
MUST enum pli_status keeper_key_state(struct keeper *keeper, unsigned key, struct keeper_key_state *state_r, struct err *err);

struct keeper_status {
	uint64_t size;
	uint8_t root[32];
	uint64_t counter_size;
	uint8_t counter_root[32];
	uint64_t counter_generation;
	bool refusing;			/* tree older than counter, or files damaged: signs nothing */
	char reason[256];
	uint64_t signatures[SIGNATURE_KINDS];	/* made since the instance began */
};
MUST enum pli_status keeper_status(struct keeper *keeper, struct keeper_status *status_r, struct err *err);
/* The same within 2 s, for those who would rather know than wait: PLI_BUSY. */
MUST enum pli_status keeper_status_soon(struct keeper *keeper, struct keeper_status *status_r, struct err *err);

#endif
