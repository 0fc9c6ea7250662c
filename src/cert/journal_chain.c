/* See journal_chain.h. */
#include <assert.h>
#include <string.h>

#include "pool.h"

#include "db.h"

#include "journal_chain.h"

#define CACHE_SLOTS 65536	/* two a letter: so that notices that make way in a rush still meet their chains here */

static const char LETTER_KNOWN[] = "SELECT 1 FROM journal WHERE letter = $1 LIMIT 1";
static const char PREV_RECIPIENT[] =
	"SELECT leaf FROM journal WHERE letter = $1 AND recipient = $2 ORDER BY seq DESC LIMIT 1";
static const char PREV_DOCUMENT[] =
	"SELECT leaf FROM journal WHERE letter = $1 AND recipient IS NULL ORDER BY seq DESC LIMIT 1";

static const struct uuid nobody;

void journal_chain_init(struct journal_chain *chain)
{
	memset(chain, 0, sizeof(*chain));
	chain->cache = mem_alloc(CACHE_SLOTS * sizeof(*chain->cache));
}

void journal_chain_fini(struct journal_chain *chain)
{
	mem_free(chain->cache);
	mem_free(chain->group);
}

void journal_chain_begin(struct journal_chain *chain, size_t entries)
{
	/* Each entry may bring a chain and a letter; kept half empty. */
	size_t cap = 64;

	while (cap < entries * 4)
		cap *= 2;
	if (cap != chain->group_cap) {
		mem_free(chain->group);
		chain->group = mem_alloc(cap * sizeof(*chain->group));
		chain->group_cap = cap;
	} else if (chain->group_count) {
		memset(chain->group, 0, cap * sizeof(*chain->group));
	}
	chain->group_count = 0;
}

static uint64_t hash(const struct uuid *letter, const struct uuid *recipient, bool letter_only)
{
	uint64_t a, b, c;

	/* The random halves of both ids. */
	memcpy(&a, letter->b + 8, 8);
	memcpy(&b, recipient->b + 8, 8);
	memcpy(&c, recipient->b, 8);
	a = (a ^ (b * UINT64_C(0x9e3779b97f4a7c15)) ^ c) * UINT64_C(0xff51afd7ed558ccd) + letter_only;
	return a ^ a >> 32;
}

static bool same(const struct chain_link *l, const struct uuid *letter, const struct uuid *recipient, bool letter_only)
{
	return l->used && l->letter_only == letter_only && uuid_same(&l->letter, letter) && uuid_same(&l->recipient, recipient);
}

/* The link, or the free place where it would stand. */
static struct chain_link *group_find(struct journal_chain *chain, const struct uuid *letter, const struct uuid *recipient, bool letter_only)
{
	size_t at = hash(letter, recipient, letter_only) & (chain->group_cap - 1);

	while (chain->group[at].used && !same(&chain->group[at], letter, recipient, letter_only))
		at = (at + 1) & (chain->group_cap - 1);
	return &chain->group[at];
}

static struct chain_link *group_put(struct journal_chain *chain, const struct uuid *letter, const struct uuid *recipient, bool letter_only)
{
	struct chain_link *l = group_find(chain, letter, recipient, letter_only);

	if (!l->used) {
		assert(chain->group_count < chain->group_cap - 1);
		chain->group_count++;
		*l = (struct chain_link){ .letter = *letter, .recipient = *recipient, .used = true, .letter_only = letter_only };
	}
	return l;
}

static enum pli_status letter_is_new(struct journal_chain *chain, struct db_conn *conn, const struct uuid *letter, bool *new_r,
				     struct err *err)
{
	struct chain_link *l = group_find(chain, letter, &nobody, true);
	AUTO_ROWS rows = { 0 };
	enum pli_status status;

	if (!l->used) {
		status = db_query(conn, &rows, err, LETTER_KNOWN, "u", letter);
		if (status == PLI_OK)
			status = db_next(&rows, err);
		if (status != PLI_OK && status != PLI_ABSENT)
			return status;
		l = group_put(chain, letter, &nobody, true);
		l->leaf[0] = status == PLI_ABSENT;
	}
	*new_r = l->leaf[0];
	return PLI_OK;
}

enum pli_status journal_chain_prev(struct journal_chain *chain, struct db_conn *conn, const struct uuid *letter,
				   const struct uuid *recipient, bool *has_r, uint8_t prev_r[32], struct err *err)
{
	const struct uuid *who = recipient ? recipient : &nobody;
	const struct chain_link *l = group_find(chain, letter, who, false);
	const struct chain_link *c = &chain->cache[hash(letter, who, false) % CACHE_SLOTS];
	AUTO_ROWS rows = { 0 };
	enum pli_status status;
	const void *leaf;
	bool fresh;
	size_t n;

	if (!l->used)
		l = same(c, letter, who, false) ? c : NULL;
	if (l) {
		memcpy(prev_r, l->leaf, 32);
		*has_r = true;
		return PLI_OK;
	}
	status = letter_is_new(chain, conn, letter, &fresh, err);
	*has_r = false;
	if (status != PLI_OK || fresh)
		return status;
	if (recipient)
		status = db_query(conn, &rows, err, PREV_RECIPIENT, "uu", letter, recipient);
	else
		status = db_query(conn, &rows, err, PREV_DOCUMENT, "u", letter);
	if (status == PLI_OK)
		status = db_next(&rows, err);
	if (status == PLI_ABSENT)
		return PLI_OK;
	if (status != PLI_OK)
		return status;
	leaf = db_blob(&rows, 0, &n);
	if (!leaf || n != 32)
		return err_set(err, PLI_IO, "a leaf in the journal table is damaged");
	memcpy(prev_r, leaf, 32);
	*has_r = true;
	return PLI_OK;
}

void journal_chain_put(struct journal_chain *chain, const struct uuid *letter, const struct uuid *recipient, const uint8_t leaf[32])
{
	memcpy(group_put(chain, letter, recipient ? recipient : &nobody, false)->leaf, leaf, 32);
}

void journal_chain_commit(struct journal_chain *chain)
{
	for (size_t i = 0; i < chain->group_cap && chain->group_count; i++) {
		const struct chain_link *l = &chain->group[i];

		if (l->used && !l->letter_only)
			chain->cache[hash(&l->letter, &l->recipient, false) % CACHE_SLOTS] = *l;
	}
	/* What a large group took is not kept. */
	if (chain->group_cap > 4096) {
		mem_free(chain->group);
		chain->group = NULL;
		chain->group_cap = 0;
		chain->group_count = 0;
	}
}
