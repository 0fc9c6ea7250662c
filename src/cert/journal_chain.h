/* The newest leaf of each chain: (letter, recipient), or (letter, nobody) for the document chain.
 *
 * A group's own entries are found in `group`, recent ones in `cache`, the rest by the index.  A letter met for the first time
 * costs one look-up for all its chains.  Writer thread only. */
#ifndef PLI_JOURNAL_CHAIN_H
#define PLI_JOURNAL_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

struct db_conn;

struct chain_link {
	struct uuid letter, recipient;
	uint8_t leaf[32];
	bool used;
	bool letter_only;	/* not a chain: says that the letter was new (leaf[0] = 1) or not */
};

struct journal_chain {
	struct chain_link *cache;		/* committed; direct-mapped */
	struct chain_link *group;		/* of the group being numbered; open addressing */
	size_t group_cap, group_count;
};
void journal_chain_init(struct journal_chain *chain);
void journal_chain_fini(struct journal_chain *chain);
/* A group of at most `entries` entries begins; what an earlier one that was rolled back left is forgotten. */
void journal_chain_begin(struct journal_chain *chain, size_t entries);
/* Leaf before; *has_r false for a chain's first entry. recipient NULL: the document chain. */
MUST enum pli_status journal_chain_prev(struct journal_chain *chain, struct db_conn *conn, const struct uuid *letter,
					const struct uuid *recipient, bool *has_r, uint8_t prev_r[32], struct err *err);
void journal_chain_put(struct journal_chain *chain, const struct uuid *letter, const struct uuid *recipient, const uint8_t leaf[32]);
/* The group is committed. */
void journal_chain_commit(struct journal_chain *chain);

#endif
