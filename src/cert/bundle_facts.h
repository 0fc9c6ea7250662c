/* What the files of a proof bundle say, read and checked against each other in stages.  The writer runs the same
 * stages over what it is about to seal, so that a receipt can only say what the other files bear out.
 *
 * Stages, in the order they must be called; each returns PLI_OK or PLI_CONFLICT, text "STAGE: what is wrong". */
#ifndef PLI_BUNDLE_FACTS_H
#define PLI_BUNDLE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "uuid.h"

#include "bundle.h"
#include "entry.h"
#include "note_key.h"

struct buf;
struct json_read;
struct pool;
struct zip_file;

/* A clock may be set back; more than this between an entry and the token over it is an error. */
#define BUNDLE_CLOCK_SLACK_US INT64_C(300000000)

struct facts_entry {
	struct entry_view v;
	uint8_t leaf[32];
	int64_t stamp_us;	/* as the receipt states it */
};
struct facts_sheet {
	struct bundle_sheet s;
	uint8_t manifest[32];
	uint8_t digest[32];
	bool bound;		/* by a deposit entry */
	const struct uuid *recipient;	/* whose, as that entry says */
};
struct facts_witness {
	struct note_key key;
	const char *text;	/* of the key, as in witness.pub */
	int64_t time_us;	/* when it signed, as it says */
};
/* The message or a part itself, put beside the proof by whoever holds it. */
struct facts_document {
	const struct zip_file *file;
	unsigned n;		/* of the part; 0: the message */
};
struct bundle_facts {
	struct pool *pool;
	const struct zip_file **files;	/* sorted by name */
	size_t file_count;
	bool sender;
	unsigned renewal_count;	/* renewal-1.… to renewal-N.…, three files each (renewal.h) */
	bool external;		/* external.tst and external.pem are there */
	bool witnessed;		/* witness.txt and witness.pub are there */
	struct facts_document *documents;	/* documents/…, by name; not listed, and bound by manifest.json alone */
	unsigned document_count;
	/* Who wrote and about what: in the sheets, or opened by withheld.json, or left out with manifest.json (then the sheets' sender, entity
	 * and subject are NULL, and of the content only `manifest` is known). */
	enum { FACTS_NAMED, FACTS_OPENED, FACTS_WITHHELD } naming;
	uint8_t withheld[32];	/* the digest that the sheets hold, unless named */
	/* checkpoint */
	const char *origin;
	uint64_t tree_size;
	uint8_t tree_root[32];
	int64_t token_us;
	/* after facts_external: its token's time, SHA-256 of its authority's root in hex */
	int64_t external_us;
	char external_root[65];
	/* after facts_witnesses */
	struct facts_witness *witnesses;
	unsigned witness_count;
	/* content */
	uint64_t message_size;
	uint8_t message_sha256[32];
	struct bundle_part *parts;
	unsigned part_count;
	uint8_t manifest[32];
	/* sheets and entries; a recipient's bundle has one sheet */
	struct facts_sheet *sheets;
	unsigned sheet_count;
	struct facts_entry *entries;
	unsigned entry_count;
	const struct facts_entry *deposit;	/* the entry that Number and Date speak of */
};

/* The set of names is exactly that of a bundle; gives kind and counts.  files are borrowed. */
MUST enum pli_status facts_files(struct pool *pool, const struct zip_file *files, size_t count,
				 struct bundle_facts *facts_r, struct err *err);
/* A file that must be there (asserted). */
const struct zip_file *facts_file(const struct bundle_facts *facts, const char *name);
/* Name of the i-th listed file in the order of the manifest, or NULL after the last; lives in the pool. */
const char *facts_listed(const struct bundle_facts *facts, size_t i);

/* Puts the stage (and file, unless NULL) before the text a lower function wrote; returns PLI_CONFLICT.  err is not NULL,
 * here and in all that follows. */
enum pli_status facts_failed(struct err *err, const char *stage, const char *file);

/* manifest.json, and documents/… against it. */
MUST enum pli_status facts_content(struct bundle_facts *facts, struct err *err);
/* sheet*.json, sheet*.salt; with each other and with manifest.json. */
MUST enum pli_status facts_sheets(struct bundle_facts *facts, struct err *err);
/* First step of facts_sheets: withheld.json and .salt, or withheld.sha256, if there are any; who_r gets sender, entity and subject. */
MUST enum pli_status facts_withheld(struct bundle_facts *facts, struct bundle_sheet *who_r, struct err *err);
/* Sender, entity and subject, from a text's members. */
MUST enum pli_status facts_sender_read(const struct json_read *o, struct bundle_sheet *sheet, struct err *err);
/* Text of checkpoint.txt (not its signature). */
MUST enum pli_status facts_checkpoint(struct bundle_facts *facts, struct err *err);
/* external.tst and external.pem, when they are there: a token over checkpoint.txt that held when it was made. */
MUST enum pli_status facts_external(struct bundle_facts *facts, struct err *err);
/* witness.txt and witness.pub, when they are there: every line a cosignature of the checkpoint by the key of the same line. */
MUST enum pli_status facts_witnesses(struct bundle_facts *facts, struct err *err);
/* Is its key one of those (one a line, words behind it do not matter)? */
bool facts_witness_given(const struct facts_witness *witness, const char *keys);
/* journal/NNN.json and .tlog-proof: form, log, letter, number, inclusion in the checkpoint's tree. */
MUST enum pli_status facts_entries(struct bundle_facts *facts, struct err *err);
/* prev chains from their first entry on, and what each kind of bundle must hold. */
MUST enum pli_status facts_chains(struct bundle_facts *facts, struct err *err);
/* META-INF/ASiCManifest.xml as these files demand it. */
void bundle_manifest_of(const struct bundle_facts *facts, struct buf *out);

/* documents/…: they may be there as long as the proof says what they must be, each once; then each against manifest.json (PLI_CONFLICT). */
void facts_documents_find(struct bundle_facts *facts);
MUST enum pli_status facts_documents_check(const struct bundle_facts *facts, struct err *err);

/* Deposit entries against sheets and content. */
MUST enum pli_status facts_bindings(struct bundle_facts *facts, struct err *err);
/* Entries, stamps and token (facts->token_us) are in order. */
MUST enum pli_status facts_times(const struct bundle_facts *facts, struct err *err);

#endif
