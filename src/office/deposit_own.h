/* A deposit under way, for deposit*.c only.  Everything lives in the request's pool; nothing of it outlives the call. */
#ifndef PLI_DEPOSIT_OWN_H
#define PLI_DEPOSIT_OWN_H

#include <stdbool.h>
#include <stdint.h>

#include "journal.h"

#include "address_book.h"

#include "deposit.h"
#include "letter_own.h"
#include "once.h"
#include "search.h"

struct buf;
struct db_conn;
struct db_tx;
struct object_commit;
struct office;

struct deposit_bytes {
	const void *p;
	size_t n;
};
/* What a recipient needs beside his struct letter_recipient, ready to be inserted. */
struct deposit_recipient {
	uint8_t link_key[32];
	struct letter_sheet sheet;
	struct deposit_bytes wrapped_token, sealed, sealed_sheet;
	struct uuid notice;
};

struct deposit_work {
	struct office *office;
	const struct principal *who;
	const struct journal_actor *actor;
	struct pool *pool;
	const struct deposit *deposit;

	/* 1: the envelope */
	int64_t now_us;				/* letter.created is older where it was a draft */
	struct letter letter;			/* as the 201 shows it */
	struct address_book book;
	const char *message;
	size_t message_n;
	const char *password;			/* in its hashed form; NULL: none */
	bool expires_given;
	int64_t due_us;				/* when the content goes */
	struct once once;
	const struct uuid *uploads;		/* the last upload_count of the letter's parts */
	unsigned upload_count;

	/* 4: keys and sealed values */
	char kid[64];
	uint8_t letter_key[32];
	struct deposit_bytes wrapped_key, sealed, message_sealed, password_sealed;
	bool has_message_object;
	struct uuid message_object;
	struct deposit_recipient *recipients;	/* letter.recipient_count */
	struct deposit_bytes *parts_sealed;	/* letter.part_count */
	struct object_commit *objects;		/* NULL: no objects */
	const char *accepted_d, *manifest_h, *shown;
	struct search_terms terms;
	struct journal_entry **entries;
	unsigned entry_count;

	/* 5: who does not wait for the commit */
	bool retired;				/* the KEK was, since directory_kek named it: nothing is written, the keys must be wrapped anew */
	void (*then)(void *arg);		/* NULL: he waits */
	void *then_arg;
	enum pli_status status;			/* of the commit */
	struct err err;
};

/* deposit_envelope.c: what was asked, checked without writing anything. */
MUST enum pli_status deposit_envelope(struct deposit_work *w, struct err *err);
/* What depends on the hour: asked only of a letter that is new, after its Idempotency-Key. */
MUST enum pli_status deposit_expiry(struct deposit_work *w, struct err *err);
/* All that was asked, canonical, for the fingerprint of an Idempotency-Key; holds the password. */
void deposit_content(const struct deposit_work *w, struct buf *out);

/* deposit_write.c: the journal's entries made ready, and the one transaction. */
MUST enum pli_status deposit_entries(struct deposit_work *w, struct err *err);
enum pli_status deposit_write(struct db_tx *tx, void *work, struct err *err);

#endif
