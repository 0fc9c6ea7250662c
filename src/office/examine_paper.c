/* The codes of a printed proof that somebody shows us, see examine.h. */
#include <string.h>

#include "pool.h"
#include "text.h"

#include "keygen.h"
#include "paper.h"
#include "pem_list.h"

#include "examine_own.h"
#include "office_own.h"

#include "examine.h"

_Static_assert(EXAMINE_TEXT_BYTES == PAPER_TEXT_MAX, "a text that the page takes is one that can be read");

/* What rests on a check that fails is not made. */
static void checks_take(struct pool *pool, const struct paper_facts *paper, const struct err *why, struct examine *r)
{
	static const char *const ids[] = { [PAPER_CODES] = "paper_codes", [PAPER_ENTRIES] = "paper_entries", [PAPER_HEAD] = "paper_head",
					   [PAPER_BOUND] = "paper_bound" };
	struct examine_check *checks = POOL_ARRAY(pool, struct examine_check, PAPER_HOLDS);

	for (unsigned i = 0; i < PAPER_HOLDS; i++) {
		checks[i] = (struct examine_check){ .id = ids[i], .result = EXAMINE_HOLDS };
		if (i == paper->stage) {
			checks[i].result = EXAMINE_FAILS;
			checks[i].text = pool_str(pool, why->text);
		} else if (i > paper->stage) {
			checks[i].result = EXAMINE_UNREACHED;
			checks[i].text = ids[paper->stage];
		}
	}
	r->checks = checks;
	r->count = PAPER_HOLDS;
	r->failed = paper->stage != PAPER_HOLDS;
}

enum pli_status examine_paper(struct office *office, struct pool *pool, const char *text, size_t n, struct examine *r, struct err *err)
{
	struct paper_facts paper;
	struct err why = { 0 };
	uint8_t digest[32];
	enum pli_status st = paper_verify(pool, text, n, office->parts.log_pub, &paper, &why);

	*r = (struct examine){ .is_paper = true, .verified = st == PLI_OK, .ours = st == PLI_OK,
			       .incomplete = paper.stage == PAPER_CODES };
	checks_take(pool, &paper, &why, r);
	if (st != PLI_OK)
		return PLI_OK;
	st = keygen_fingerprint(pem_list_get(pool, office->parts.log_pub, 0), digest, err);
	if (st != PLI_OK)
		return st;
	hex_encode(r->log_key, digest, 32);
	if (paper.sheet)
		examine_people(pool, &paper.facts, r);
	if (paper.content)
		examine_content(pool, &paper.facts, r);
	examine_journal(pool, &paper.facts, r);
	r->of_sender = str_eq(paper.facts.deposit->v.e.ev, "deposit.accepted");
	return PLI_OK;
}
