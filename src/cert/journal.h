/* The journal as written: entries queued inside write functions, numbered at the end of a commit group, their leaves announced to
 * the keeper before COMMIT and confirmed after it; db_write returns only when the keeper's durable signed head covers the group.
 *
 * seq is gapless, equal to the leaf index; number shown = seq + 1; t = max(previous t, now).  prev chains per (letter, recipient) and per
 * document.  One sequencer per instance. */
#ifndef PLI_JOURNAL_H
#define PLI_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "actor.h"
#include "status.h"
#include "uuid.h"

struct buf;
struct db;
struct db_conn;
struct db_tx;
struct keeper;
struct pool;

struct journal;

/* Installs the db hooks, checks the keeper's size and root against the database's rows and sends what the keeper lacks.
 * PLI_CONFLICT when the keeper is ahead of the database (an older copy was restored): text says how to reconcile.
 * Fetches missed heads into the head table.  origin: the log's name ("host/j/1"), borrowed for the journal's life. */
MUST enum pli_status journal_open(struct db *db, struct keeper *keeper, const char *origin,
				  struct journal **journal_r, struct err *err);
/* Answers what waits and stores what is known (at most 11 s).  No write may be under way any more; call it before db_close. */
void journal_close(struct journal *journal);
/* The zone whose days the counters have ("Europe/Paris"; borrowed; UTC without it).  Before the first write. */
void journal_use_zone(struct journal *journal, const char *zone);
/* From now on nothing is written but what is marked even_held: journal_add and journal_healthy answer what why says, whose status is not
 * PLI_OK.  NULL: writing goes on.  What is under way ends as it would.  Any thread. */
void journal_hold(struct journal *journal, const struct err *why);
/* After a keeper restart, or when a group could not be confirmed: every entry above the keeper's size is sent, waiting groups are released. */
void journal_keeper_back(struct journal *journal);

struct journal_event {
	const char *ev;			/* of the event table */
	const struct journal_actor *actor;	/* copied */
	const struct uuid *entity, *letter, *recipient;
	const char *state;		/* overrides the event's own state code when it depends (else NULL) */
	const char *d_json, *h_json;	/* canonical object texts without `sheet`, or NULL; copied */
	/* What the row shows (document chain and entries without a letter): canonical JSON {document?, entity?, siren?, user?};
	 * sealed with its own salt under meta_key, its digest joins h as `sheet`.  NULL for recipient-chain entries but `consigned`,
	 * which gives the recipient's sheet and the salt it already made. */
	const char *shown_json;
	const uint8_t *meta_key;
	const uint8_t *sheet_salt;	/* 32 bytes, with shown_json of `consigned`; else NULL: made here */
	bool shown_elsewhere;		/* consigned: only the digest goes into the entry, the sheet is kept in the recipient's row */
	/* For the counters: the letter's depositor (NULL: none), whether the entry is of a hidden copy, bytes of a deposit. */
	const struct uuid *owner;
	bool hidden;
	uint64_t bytes;
	bool even_held;			/* written although journal_hold says that nothing is */
	/* Called on the writer thread once numbered, still inside the transaction; may be NULL. */
	enum pli_status (*numbered)(struct db_tx *tx, uint64_t seq, int64_t t_us, void *arg, struct err *err);
	void *arg;
};
/* Must be called inside a write function: the entry is there iff that commits.  Asks nobody and does not wait.  PLI_LIMIT: its details are too
 * large; PLI_BUSY, PLI_FULL, PLI_CONFLICT: as journal_healthy, but an entry is taken while the keeper is only behind; what journal_hold said;
 * PLI_BUG: an unknown event, or members that do not belong to it. */
MUST enum pli_status journal_add(struct journal *journal, struct db_tx *tx, const struct journal_event *ev, struct err *err);

/* journal_add in two steps: everything that needs no transaction (checks, sheet, sealing), on any thread, and the rest.  The entry lies
 * in pool, which lives until db_write returns; it may be put again when the write function runs again. */
struct journal_entry;
MUST enum pli_status journal_prepare(struct journal *journal, struct pool *pool, const struct journal_event *ev,
				     struct journal_entry **entry_r, struct err *err);
MUST enum pli_status journal_put(struct journal *journal, struct db_tx *tx, struct journal_entry *entry, struct err *err);

/* Newest durable head. */
struct journal_head {
	uint64_t size;
	uint8_t root[32];
	int64_t gen_time_us;
};
void journal_newest_head(struct journal *journal, struct journal_head *head_r);
/* Waits at most timeout_ms until a head that covers `size` entries stands in the database; PLI_BUSY if not. */
MUST enum pli_status journal_wait(struct journal *journal, uint64_t size, unsigned timeout_ms, struct err *err);
/* PLI_OK when an entry would be confirmed now; PLI_BUSY: the keeper is away, behind, or refuses; PLI_FULL: its disk is full; PLI_CONFLICT:
 * keeper and database do not belong together. */
MUST enum pli_status journal_healthy(struct journal *journal, struct err *err);
/* Number of entries committed to the database. */
uint64_t journal_size(struct journal *journal);
/* Entries under the newest signed head. */
uint64_t journal_signed(struct journal *journal);
/* How many entries of the n-th event of event_table() were written since the start. */
#define JOURNAL_EVENTS_MAX 96
uint64_t journal_event_count(struct journal *journal, unsigned n);

/* Rows for views, newest first or oldest first; filters 0/NULL = any. Never more than limit. */
struct journal_row {
	uint64_t seq;
	int64_t t_us, stamp_us;		/* stamp: genTime of the first token covering it; 0 until covered */
	int64_t external_us;		/* the same by an authority outside; 0: none yet */
	const char *event, *type, *state;
	bool has_entity, has_letter, has_recipient, has_account;
	struct uuid entity, letter, recipient, account;
	uint8_t leaf[32];
	const char *entry;		/* canonical JSON; NULL once erased */
	size_t entry_n;
	const void *shown;		/* sealed */
	size_t shown_n;
};
struct journal_filter {
	const struct uuid *entity, *letter, *recipient, *account;
	bool document_chain_only;	/* with letter: rows without recipient */
	const char *event, *type, *state;
	int64_t from_us, to_us;		/* 0 = open */
	uint64_t before_seq;		/* cursor: rows with seq < this; 0 = from the newest */
	bool oldest_first;
	unsigned limit;
};
typedef enum pli_status journal_row_fn(void *arg, const struct journal_row *row, struct err *err);
MUST enum pli_status journal_rows(struct db_conn *conn, const struct journal_filter *filter,
				  journal_row_fn *fn, void *arg, struct err *err);
/* Opens a row's `shown` (aad bound to the entry's salt digest): {salt32, canonical sheet}. */
MUST enum pli_status journal_shown_open(struct pool *pool, const struct journal_row *row, const uint8_t meta_key[32],
					uint8_t salt_r[32], const char **sheet_json_r, struct err *err);

/* Where the keeper's hash tiles lie (DIR/journal, read-only here; borrowed, must stay open).  Without it inclusion proofs are made from
 * the database's leaves alone, which is right but slow for a long journal.  Call it once, after journal_open. */
void journal_use_tiles(struct journal *journal, int journal_dir_fd);

/* Inclusion proof of leaf `seq` in the tree of `size` leaves, by the keeper's tiles and the database's newest leaves (journal NULL: the
 * database's leaves only).  hashes_r: 32 bytes each in pool.  The proof is checked against the head of that size before it is given. */
MUST enum pli_status journal_inclusion(struct journal *journal, struct db_conn *conn, struct pool *pool, uint64_t seq, uint64_t size,
				       uint8_t **hashes_r, unsigned *count_r, struct err *err);

/* Reads everything and recomputes: gapless seq, t not decreasing, leaf = hash of entry, shown columns equal to the entry's, prev chains, sheets
 * (through open_meta), tree root against every signed head (signature and token too), heads against the keeper's file and counter.
 * On a difference: PLI_CONFLICT, *bad_number_r = first bad number (seq + 1) and text saying what; for a cut tail or an older database its last
 * row + 1, for an older tree its size + 1.
 * keeper_size and keeper_root are the counter_size and counter_root of a keeper_status asked BEFORE conn's snapshot was taken (db_snapshot), so
 * that with a running server nothing looks cut off; for rows newer than that a head is waited for, at most 10 s. */
struct journal_verify_options {
	struct db_conn *conn;		/* a snapshot */
	int journal_dir_fd;		/* heads, leaves, tiles as the keeper wrote them */
	const char *origin;
	const uint8_t *log_public_key;	/* 32 bytes each */
	unsigned log_key_count;		/* those of before too; 0: one */
	const char *const *key_lists;	/* of key_change_verify; NULL: changes of keys are not looked at */
	const char *root_pem, *tsa_pem;	/* evidence root and time-stamping certificates (pem_list.h), for the tokens */
	uint64_t keeper_size;		/* of the keeper's own counter */
	uint8_t keeper_root[32];
	/* Metadata key of an entity, for the sheets. */
	enum pli_status (*open_meta)(void *arg, const struct uuid *entity, uint8_t key_r[32], struct err *err);
	/* Checks what belongs to higher rooms for a letter's rows (recipient sheets); may be NULL. */
	enum pli_status (*check_recipient_sheet)(void *arg, const struct uuid *entity, const struct uuid *letter, const struct uuid *recipient,
						 const uint8_t sheet_digest[32], struct err *err);
	void *arg;
};
MUST enum pli_status journal_verify(const struct journal_verify_options *options, uint64_t *size_r, uint8_t root_r[32],
				    uint64_t *bad_number_r, struct err *err);

#endif
