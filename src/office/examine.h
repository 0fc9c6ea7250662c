/* Proofs that strangers show us: what the verifier says of them, and whether they are ours.
 *
 * Nothing of what was shown is kept.  At most EXAMINE_AT_ONCE at a time, each of bounded size, so that memory and time are bounded
 * whoever asks. */
#ifndef PLI_EXAMINE_H
#define PLI_EXAMINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct office;
struct pool;

#define EXAMINE_MAX_BYTES (16u << 20)		/* of a proof as it comes */
/* How many proofs are in it: so many times the time of one goes by.  1 for whatever is no certificate. */
unsigned examine_proof_count(const void *p, size_t n);
#define EXAMINE_UNPACKED_BYTES (64u << 20)
#define EXAMINE_AT_ONCE 2
#define EXAMINE_TEXT_BYTES 65536		/* of the codes of a printed proof */

enum examine_result { EXAMINE_HOLDS, EXAMINE_FAILS, EXAMINE_UNREACHED };

struct examine_check {
	const char *id;			/* "files", "seal", …: stable */
	enum examine_result result;
	const char *text;		/* English, for who knows the format; unreached: id of the check that it rests on */
	const char *command;		/* a shell line that repeats it in the unzipped proof */
};
struct examine_person {
	const char *name, *address, *kind;	/* kind: to cc bcc; NULL: the sender */
};
struct examine_part {
	unsigned n;
	const char *name;
	uint64_t size;
	char sha256[65];
};
struct examine_entry {
	uint64_t number;
	const char *event;
	int64_t t_us, stamp_us;		/* stamp_us: of the first token over it, as the receipt states; a paper says none: 0 */
};

struct examine_certificate;
struct examine {
	bool verified;
	bool ours;			/* root and log key are this instance's */
	bool is_proof;			/* false: nothing that bears a seal */
	bool is_paper;			/* the codes of a printed proof; incomplete: they could not be read whole */
	bool incomplete;
	bool has_people, has_content;	/* a paper may be about several people, or too short for the list of documents */
	const struct examine_check *checks;
	unsigned count, failed;
	char root[65], log_key[65];	/* SHA-256, "" when the proof could not be read that far */
	int64_t external_us;			/* of a token by an authority outside; 0: none */
	int64_t token_us;
	/* What it proves; only when verified. */
	bool of_sender;
	bool withheld;			/* sender, entity, subject and content are not told before acceptance */
	uint64_t number;
	const char *letter, *origin, *subject;
	int64_t t_us, stamp_us;
	struct examine_person sender;
	const char *entity;
	const struct examine_person *recipients;
	unsigned recipient_count;
	uint64_t message_size;
	char message_sha256[65];
	const struct examine_part *parts;
	unsigned part_count;
	const struct examine_entry *entries;
	unsigned entry_count;
	uint64_t tree_size;
	/* Of a certificate over several proofs, in the place of all that; when verified, else NULL. */
	const struct examine_certificate *certificate;
};
struct examine_certified {
	uint64_t number;
	const char *letter, *who;	/* who: KIND, ADDRESS[, NAME] */
	int64_t available_us, opened_us, as_of_us;	/* 0: not by then */
};
struct examine_certificate {
	int64_t by_us, as_of_us;
	bool has_deadline;
	unsigned count, available, notified, opened, opened_as_of;
	const struct examine_certified *items;
};

/* Everything in r lives in pool; the bytes are borrowed for the call.  PLI_OK also for a proof that does not hold.
 * PLI_BUSY: too many are being examined. */
MUST enum pli_status examine_proof(struct office *office, struct pool *pool, const void *p, size_t n, struct examine *r,
				   struct err *err);

/* The same for the text of the bar codes on a printed proof, with this instance's own journal keys; check "paper_…".  Never PLI_BUSY. */
MUST enum pli_status examine_paper(struct office *office, struct pool *pool, const char *text, size_t n, struct examine *r,
				   struct err *err);

struct examine_forgery {
	const char *act, *target;	/* "flip", "receipt.txt" */
	bool relisted, caught;
	const char *by;			/* id of the check that noticed it first */
	const char *text;		/* the words of all that did */
};
struct examine_attack {
	const struct examine_forgery *forgeries;	/* those of one act follow each other */
	unsigned count, caught;
};
/* Forges a proof in every way that needs none of our keys, and examines each forgery.  PLI_CONFLICT: the proof itself does not hold;
 * PLI_LIMIT: it is too large for this; PLI_BUSY. */
MUST enum pli_status examine_attack(struct office *office, struct pool *pool, const void *p, size_t n, struct examine_attack *r,
				    struct err *err);

#endif
