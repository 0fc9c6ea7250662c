/* The proof bundle: an ASiC-E container (ETSI EN 319 162-1), also usable as a plain folder.
 *
 * Files, in this order: mimetype (stored, first) · receipt.txt receipt.xml receipt.p7s receipt.tst · manifest.json · sheet.json sheet.salt (the
 * sender's: sheet-NNN.json and sheet-NNN.salt, one pair per recipient in To, Cc, Bcc order) · journal/001.json
 * journal/001.tlog-proof … by number, all to one checkpoint · checkpoint.txt checkpoint.tst [external.tst external.pem] [witness.txt
 * witness.pub] · root.pem seal.pem operator.pem tsa.pem log.pub · VERIFY.md verify.sh · META-INF/ASiCManifest.xml ·
 * META-INF/signature.p7s; then what later renewals added (renewal.h).
 * ASiCManifest lists every file but mimetype and META-INF/…, one reference a line; verifiers demand that it
 * equals, byte for byte, what they would write themselves, and that no unlisted file is there.
 *
 * Who wrote, and about what, is withheld from the recipient of a registered letter until he accepts.  Then his sheet holds a digest in their place, which
 * withheld.json and withheld.salt open: they stand behind manifest.json in the sender's bundle, and in the recipient's once he has accepted.
 * Before, a recipient's bundle has withheld.sha256 (the digest, in hex) instead of manifest.json, withheld.json and withheld.salt.
 *
 * Two verifiers make the same checks: bundle_verify here, web/data/verify.sh (in every bundle) with a shell and
 * openssl.  doc/proof.md is the format for third parties.
 *
 * What they expect of the journal, so what the writers of entries must keep to:
 *   consigned          first of each recipient's chain; h{manifest, sheet}: manifest = SHA-256 of manifest.json
 *                      (bundle_manifest_write), sheet = entry_sheet_digest of bundle_sheet_write
 *   deposit.accepted   exactly one on the document chain; act = who deposited, as in the sheets;
 *                      h{manifest, …} as above; d{bcc, cc, class, mode, pw, to, …}: to, cc, bcc integers
 *                      (absent = 0), class, mode and pw as in the sheets (pw absent = none) */
#ifndef PLI_BUNDLE_H
#define PLI_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;
struct keeper;
struct pool;

struct bundle_part {
	unsigned n;
	const char *name, *type;
	uint64_t size;
	uint8_t sha256[32];
};

/* What one recipient's deposit entry binds.  Canonical JSON, texts that are empty or NULL absent:
 * {"class","entity":{"name","siren"},"manifest","mode","password","recipient":{"address","kind","name"},
 *  "sender":{"address","level","method","name"},"subject","v":1}
 * With withheld: {"class","manifest","mode","password","recipient":{…},"v":2,"withheld"}; entity, sender and subject stand in withheld.json:
 * {"entity":{…},"sender":{…},"subject","v":1}, and withheld = entry_sheet_digest of its salt and text. */
struct bundle_sheet {
	const char *class_, *mode;
	const char *password;		/* grade: none | gate */
	const char *entity_name, *siren;
	const uint8_t *manifest;	/* 32 bytes: SHA-256 of what bundle_manifest_write writes */
	const char *recipient_address, *recipient_kind, *recipient_name;	/* kind: to | cc | bcc */
	const char *sender_address, *sender_method, *sender_name;
	int sender_level;
	const char *subject;
	const uint8_t *withheld;	/* 32 bytes, or NULL */
};
void bundle_sheet_write(const struct bundle_sheet *sheet, struct buf *out);
void bundle_withheld_write(const struct bundle_sheet *sheet, struct buf *out);

/* manifest.json, canonical: {"message":{"sha256","size"},"parts":[{"n","name","sha256","size","type"}],"v":1} */
void bundle_manifest_write(uint64_t message_size, const uint8_t message_sha256[32],
			   const struct bundle_part *parts, unsigned part_count, struct buf *out);

struct bundle_recipient {
	const char *name, *address, *kind;	/* kind: to cc bcc */
	uint8_t sheet_salt[32];
	const char *sheet_json;			/* canonical */
};
struct bundle_entry {
	uint64_t seq;
	int64_t stamp_us;		/* genTime of the first token covering it */
	const char *json;
	size_t json_n;
	const uint8_t *path;		/* inclusion proof hashes, 32 bytes each */
	unsigned path_count;
};
struct bundle {
	const char *kind;		/* "sender" | "recipient" */
	const char *letter;		/* id text */
	uint64_t number;	/* sender: the letter's (seq + 1 of deposit.accepted); recipient: of his own
				 * deposit entry (seq + 1 of consigned), the only one his bundle can prove */
	const char *origin;
	int64_t t_us, stamp_us;		/* of that entry */
	const char *sender_name, *sender_address, *entity_name, *siren;
	const char *sender_method;
	int sender_level;
	const char *subject, *class_, *mode, *password;	/* password grade: none | gate */
	const struct bundle_recipient *recipients;	/* a recipient's bundle: exactly one, himself */
	unsigned recipient_count;
	const char *withheld_json;	/* canonical; NULL: the sheets withhold nothing */
	uint8_t withheld_salt[32];
	bool withholds;			/* a recipient's bundle that leaves them and manifest.json out */
	uint64_t message_size;
	uint8_t message_sha256[32];
	const struct bundle_part *parts;
	unsigned part_count;
	const struct bundle_entry *entries;	/* sender: document chain and all recipients' chains by seq; recipient: his own chain */
	unsigned entry_count;
	uint64_t tree_size;
	uint8_t tree_root[32];
	const char *checkpoint;
	size_t checkpoint_n;
	const char *witness_lines, *witness_keys;	/* cosignatures of the checkpoint and, line by line, the keys; NULL or "": none */
	const void *token;
	size_t token_n;
	const void *external_token;	/* of an authority outside over the checkpoint; NULL: none */
	size_t external_token_n;
	const char *external_pem;	/* its certificates, the root last */
	/* Texts; log_pub: PEM SubjectPublicKeyInfo of the Ed25519 key, as openssl wants it. */
	const char *root_pem, *seal_pem, *operator_pem, *tsa_pem, *log_pub;
	const char *lang;		/* of VERIFY.md; receipt.txt keys are English */
	const char *base_url;		/* "https://HOST[:PORT]", for VERIFY.md; NULL: the origin's host */
};
/* Who signs: receipt.txt twice, with a token over both signatures; the manifest once. */
struct bundle_signer {
	enum pli_status (*certify)(void *arg, const void *receipt, size_t n, struct buf *p7s_out, struct buf *token_out, struct err *err);
	enum pli_status (*seal)(void *arg, const void *manifest, size_t n, struct buf *p7s_out, struct err *err);
	void *arg;
};
/* Writes the container; asks the keeper for seals and token.  Before it does, everything the receipt says is derived again
 * from the entries, sheets and checkpoint, as a verifier would, and compared with b: PLI_CONFLICT (text: what) when
 * they disagree, so that nothing is sealed that would not verify.  PLI_BUSY when an entry has no stamp yet;
 * PLI_LIMIT above 60,000 files (two per entry and per sheet). */
MUST enum pli_status bundle_write(const struct bundle *b, struct keeper *keeper, struct buf *out, struct err *err);
/* The same with signatures from elsewhere, for tests. */
MUST enum pli_status bundle_write_with(const struct bundle *b, const struct bundle_signer *signer, struct buf *out, struct err *err);

/* Offline verification, the same checks as verify.sh.  say() gets one line per check that could be made; without it
 * the first failure ends the examination.  root_pem, log_pub_pem: pinned keys or NULL
 * (then the bundle's own are used and their fingerprints are said for comparison elsewhere).  PLI_OK = verified; PLI_CONFLICT = a check failed
 * (text: the first one); PLI_INPUT: a pinned key cannot be read.  verify_report.h has the same as data. */
struct bundle_verify_options {
	const char *root_pem, *log_pub_pem;
	const char *tsa_root_pem;	/* roots of the authorities that renewed the proof, or NULL */
	int64_t now_us;			/* 0: this machine's clock */
	const char *witness_keys;	/* one a line: of these one must have signed; NULL: none need */
	void (*say)(void *arg, bool ok, const char *line);
	void *arg;
	size_t unpacked_max_bytes;	/* 0: 512 MiB */
};
MUST enum pli_status bundle_verify(const void *zip, size_t n, const struct bundle_verify_options *options, struct err *err);

#endif
