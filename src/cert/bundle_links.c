/* The links between the files of a proof bundle: chains of entries, deposit entries and sheets, times. */
#include <inttypes.h>
#include <string.h>

#include "clock.h"
#include "pool.h"
#include "text.h"
#include "canon.h"

#include "bundle_facts.h"

static bool same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* ---------------------------------------------------------------------------------------------- chains */

/* The newest entry of each chain seen so far; recipient NULL: the document's. */
struct chain {
	const struct uuid *recipient;
	const uint8_t *leaf;
};

static struct chain *chain_of(struct chain *chains, unsigned *count, const struct uuid *recipient)
{
	for (unsigned i = 0; i < *count; i++)
		if (recipient ? chains[i].recipient && uuid_same(chains[i].recipient, recipient) :
				!chains[i].recipient)
			return &chains[i];
	chains[*count].recipient = recipient;
	chains[*count].leaf = NULL;
	return &chains[(*count)++];
}

static enum pli_status chain_step(struct chain *chain, const struct facts_entry *e, unsigned i, struct err *err)
{
	bool first = !chain->leaf;

	if (first && e->v.e.has_prev)
		return err_set(err, PLI_CONFLICT, "chain: the entry before journal/%03u.json is missing", i + 1);
	if (!first && (!e->v.e.has_prev || memcmp(e->v.e.prev, chain->leaf, 32) != 0))
		return err_set(err, PLI_CONFLICT, "chain: journal/%03u.json does not follow the entry before it", i + 1);
	if (chain->recipient && first != same(e->v.e.ev, "consigned"))
		return err_set(err, PLI_CONFLICT, "chain: journal/%03u.json: a recipient's entries begin with one consigned",
			       i + 1);
	chain->leaf = e->leaf;
	return PLI_OK;
}

/* The entry that Number speaks of: deposit.accepted, or a recipient's own consigned. */
static enum pli_status deposit_find(struct bundle_facts *f, struct err *err)
{
	const char *name = f->sender ? "deposit.accepted" : "consigned";
	unsigned found = 0;

	for (unsigned i = 0; i < f->entry_count; i++)
		if (same(f->entries[i].v.e.ev, name) && !f->entries[i].v.e.recipient == f->sender) {
			f->deposit = &f->entries[i];
			found++;
		}
	if (found != 1)
		return err_set(err, PLI_CONFLICT, "chain: %u %s entries where one must be", found, name);
	return PLI_OK;
}

enum pli_status facts_chains(struct bundle_facts *facts, struct err *err)
{
	struct chain *chains = POOL_ARRAY(facts->pool, struct chain, facts->entry_count + 1);
	unsigned count = 0, want = facts->sheet_count + facts->sender;

	for (unsigned i = 0; i < facts->entry_count; i++) {
		const struct facts_entry *e = &facts->entries[i];
		enum pli_status status;

		if (!facts->sender && !e->v.e.recipient)
			return err_set(err, PLI_CONFLICT, "chain: journal/%03u.json is not the recipient's", i + 1);
		status = chain_step(chain_of(chains, &count, e->v.e.recipient), e, i, err);
		if (status != PLI_OK)
			return status;
	}
	if (count != want)
		return err_set(err, PLI_CONFLICT, "chain: %u chains of entries where %u must be", count, want);
	return deposit_find(facts, err);
}

/* -------------------------------------------------------------------------------------------- bindings */

static int kind_rank(const char *kind)
{
	static const char *const kinds[] = { "to", "cc", "bcc" };

	for (int i = 0; i < 3; i++)
		if (same(kind, kinds[i]))
			return i;
	return -1;
}

/* All sheets say the same but for the recipient; To, Cc, Bcc in this order. */
static enum pli_status sheets_agree(const struct bundle_facts *f, struct err *err)
{
	const struct bundle_sheet *a = &f->sheets[0].s;

	for (unsigned i = 0; i < f->sheet_count; i++) {
		const struct bundle_sheet *b = &f->sheets[i].s;

		if (!same(a->class_, b->class_) || !same(a->mode, b->mode) || !same(a->password, b->password) ||
		    !same(a->entity_name, b->entity_name) || !same(a->siren, b->siren) ||
		    !same(a->sender_address, b->sender_address) || !same(a->sender_method, b->sender_method) ||
		    !same(a->sender_name, b->sender_name) || a->sender_level != b->sender_level ||
		    !same(a->subject, b->subject))
			return err_set(err, PLI_CONFLICT, "binding: sheet-%03u.json contradicts the first", i + 1);
		if (kind_rank(b->recipient_kind) < 0 ||
		    (i && kind_rank(b->recipient_kind) < kind_rank(f->sheets[i - 1].s.recipient_kind)))
			return err_set(err, PLI_CONFLICT, "binding: sheet %u: not in the order to, cc, bcc", i + 1);
	}
	return PLI_OK;
}

static bool digest_member(const char *h_json, const char *name, uint8_t digest_r[32])
{
	const char *value;
	size_t n;

	return h_json && canon_member(h_json, strlen(h_json), name, &value, &n) && n == 66 && value[0] == '"' &&
	       hex_decode(digest_r, 32, value + 1, 64);
}

/* A deposit entry of one recipient: its sheet must be here, and not be another's. */
static enum pli_status consigned_bind(struct bundle_facts *f, const struct facts_entry *e, struct err *err)
{
	uint8_t sheet[32], manifest[32];
	uint64_t number = e->v.e.seq + 1;

	if (!digest_member(e->v.e.h_json, "sheet", sheet) || !digest_member(e->v.e.h_json, "manifest", manifest))
		return err_set(err, PLI_CONFLICT, "binding: entry %" PRIu64 " binds no sheet and content", number);
	if (memcmp(manifest, f->manifest, 32) != 0)
		return err_set(err, PLI_CONFLICT, "binding: entry %" PRIu64 " binds another manifest.json", number);
	for (unsigned i = 0; i < f->sheet_count; i++)
		if (!f->sheets[i].bound && memcmp(f->sheets[i].digest, sheet, 32) == 0) {
			f->sheets[i].bound = true;
			f->sheets[i].recipient = e->v.e.recipient;
			return PLI_OK;
		}
	return err_set(err, PLI_CONFLICT, "binding: entry %" PRIu64 " binds a sheet that is not here", number);
}

static int64_t count_member(const char *d_json, const char *name)
{
	const char *value;
	size_t n;
	int64_t v = 0;

	if (!canon_member(d_json, strlen(d_json), name, &value, &n))
		return 0;
	return canon_integer(value, n, &v) ? v : -1;
}

static bool text_member(struct pool *pool, const char *d_json, const char *name, const char *want)
{
	return same(canon_member_str(pool, d_json, strlen(d_json), name), want);
}

/* The sender's deposit entry: who deposited, how many recipients, which class. */
static enum pli_status deposit_bind(const struct bundle_facts *f, struct err *err)
{
	static const char *const kinds[] = { "to", "cc", "bcc" };
	const struct bundle_sheet *s = &f->sheets[0].s;
	const struct entry *e = &f->deposit->v.e;
	const char *d = e->d_json ? e->d_json : "{}";
	int64_t counts[3] = { 0 };
	uint8_t manifest[32];

	if (!digest_member(e->h_json, "manifest", manifest) || memcmp(manifest, f->manifest, 32) != 0)
		return err_set(err, PLI_CONFLICT, "binding: the deposit entry binds another manifest.json");
	for (unsigned i = 0; i < f->sheet_count; i++)
		counts[kind_rank(f->sheets[i].s.recipient_kind)]++;
	for (int k = 0; k < 3; k++)
		if (count_member(d, kinds[k]) != counts[k])
			return err_set(err, PLI_CONFLICT, "binding: the deposit entry counts other %s recipients", kinds[k]);
	if (!text_member(f->pool, d, "class", s->class_) || !text_member(f->pool, d, "mode", s->mode))
		return err_set(err, PLI_CONFLICT, "binding: the deposit entry has another class or mode than the sheets");
	if (!text_member(f->pool, d, "pw", same(s->password, "none") &&
			 !canon_member_str(f->pool, d, strlen(d), "pw") ? "" : s->password))
		return err_set(err, PLI_CONFLICT, "binding: the deposit entry has another password grade than the sheets");
	if (!same(e->method, s->sender_method) || e->level != s->sender_level)
		return err_set(err, PLI_CONFLICT, "binding: the deposit entry names another method or level than the sheets");
	return PLI_OK;
}

enum pli_status facts_bindings(struct bundle_facts *facts, struct err *err)
{
	enum pli_status status = sheets_agree(facts, err);

	for (unsigned i = 0; i < facts->entry_count && status == PLI_OK; i++)
		if (same(facts->entries[i].v.e.ev, "consigned"))
			status = consigned_bind(facts, &facts->entries[i], err);
	/* As many deposit entries as sheets (facts_chains), each binding another one: all are bound. */
	if (status == PLI_OK && facts->sender)
		status = deposit_bind(facts, err);
	return status;
}

/* ----------------------------------------------------------------------------------------------- times */

enum pli_status facts_times(const struct bundle_facts *facts, struct err *err)
{
	for (unsigned i = 0; i < facts->entry_count; i++) {
		const struct facts_entry *e = &facts->entries[i];

		if (i && e->v.e.t_us < facts->entries[i - 1].v.e.t_us)
			return err_set(err, PLI_CONFLICT, "time: journal/%03u.json is older than the entry before it", i + 1);
		if (e->stamp_us > facts->token_us + BUNDLE_CLOCK_SLACK_US)
			return err_set(err, PLI_CONFLICT, "time: journal/%03u.json is said to be stamped after the token", i + 1);
		if (e->v.e.t_us > e->stamp_us + BUNDLE_CLOCK_SLACK_US)
			return err_set(err, PLI_CONFLICT, "time: journal/%03u.json is stamped before it was written", i + 1);
	}
	return PLI_OK;
}
