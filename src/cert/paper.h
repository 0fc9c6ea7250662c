/* The paper code: what a photocopy of a proof needs to be verified without the service, as one to nine bar codes.
 *
 * A code's text is an address whose fragment no browser sends: BASE/verify#p=I.N.DIGITS, part I of N (1 … 9).  DIGITS: bytes in blocks of
 * seven as 17 decimal digits, the last block of 1 … 6 bytes as 3, 5, 8, 10, 13, 15 (a bar code holds three digits in ten bits).  Each part is
 * four bytes, the first of SHA-256 of the whole, and its slice of the whole:
 *
 *   u8 1 · u64 size, root 32, signature 64: the checkpoint · u8 n, n hashes of 32 bytes
 *   · u8 n entries: { u16 n, entry · u8 n, n × u8: its inclusion path, as numbers of hashes }
 *   · u8 0, or 1 … 3, salt 32, u16 n, sheet · u8 0, or 1, u16 n, manifest.json
 *
 * Behind a sheet that only binds who wrote and about what: with 2, salt 32, u16 n, withheld.json; with 3, which withholds it, nothing more.
 * Entries, sheet and manifest are those of the bundle (doc/proof.md), in the short form of paper_pack.h; big-endian.  The last entry is the
 * event that the proof is about; the one before it the recipient's `consigned`, which binds sheet and manifest.  The origin is the entries'. */
#ifndef PLI_PAPER_H
#define PLI_PAPER_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

#include "bundle_facts.h"

#define PAPER_PARTS_MAX 9
#define PAPER_TEXT_MAX 65536	/* bytes of text to read */

/* The codes' texts for a bundle's event, in pool.  PLI_LIMIT when it does not fit on paper. */
struct paper_codes {
	const char *texts[PAPER_PARTS_MAX];
	unsigned count;
};
MUST enum pli_status paper_write(struct pool *pool, const struct bundle_facts *facts, const struct facts_entry *event, const char *base_url,
				 struct paper_codes *codes_r, struct err *err);

/* What is checked, in this order. */
enum paper_stage {
	PAPER_CODES,		/* all parts of one paper, read whole */
	PAPER_ENTRIES,		/* well formed, of one letter and recipient, each in the tree of the head */
	PAPER_HEAD,		/* which the log has signed */
	PAPER_BOUND,		/* people and content are those that the entries bind */
	PAPER_HOLDS
};
/* What the paper shows, all of it bound by the signed head: entries with their times; of people and content what is there. */
struct paper_facts {
	enum paper_stage stage;			/* that does not hold */
	struct bundle_facts facts;		/* origin, tree, entries; sheets[0] and content as below */
	const struct facts_entry *event;
	bool sheet, content;
};
/* text: what a reader of bar codes gave, all parts in any order, whatever stands between them.  log_pub_pem: the journal's key, from
 * elsewhere, or several of which one must have signed.  Everything of *paper_r lives in pool; its stage is set in any case.
 * PLI_INPUT: no code, parts missing or mixed, malformed.  PLI_CONFLICT: does not hold. */
MUST enum pli_status paper_verify(struct pool *pool, const char *text, size_t n, const char *log_pub_pem, struct paper_facts *paper_r,
				  struct err *err);

#endif
