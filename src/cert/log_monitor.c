/* See log_monitor.h.  From the state's right edge on, every leaf is read and the root recomputed; of what lies before, the edge itself
 * is compared with the tiles, which no rewritten history can match; then each upper tile with what the tiles below it give. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "pool.h"
#include "text.h"

#include "tiles.h"

#include "log_monitor.h"

#define STATE_HEAD "pli-log-state@v1\n"
#define LEAVES_AT_ONCE 4096

/* ---- claims ---- */

static int by_size(const void *a, const void *b)
{
	const struct log_claim *x = a, *y = b;

	return x->size < y->size ? -1 : x->size > y->size;
}

/* Those that speak of the tree as it is now; *at: the first that does not speak of a smaller one. */
static enum pli_status claims_at(struct log_claim *claims, unsigned count, unsigned *at, const struct tree *tree, struct err *err)
{
	uint8_t root[32];

	for (; *at < count && claims[*at].size == tree->size; (*at)++) {
		struct log_claim *c = &claims[*at];

		tree_root(tree, root);
		if (memcmp(root, c->root, 32) != 0)
			return err_set(err, PLI_CONFLICT, "%.120s: the log was rewritten: its first %" PRIu64
				       " entries are not those of which this mail bears witness",
				       c->source, c->size);
		c->checked = true;
	}
	return PLI_OK;
}

static enum pli_status claims_left(const struct log_claim *claims, unsigned count, unsigned at, uint64_t size, struct err *err)
{
	if (at == count)
		return PLI_OK;
	return err_set(err, PLI_CONFLICT, "%.120s: the log was set back: it has %" PRIu64 " entries, this mail bears witness of %" PRIu64,
		       claims[at].source, size, claims[at].size);
}

enum pli_status log_claims_check(struct log_claim *claims, unsigned count, log_leaves_fn *next, void *arg, struct tree *tree_r, struct err *err)
{
	uint8_t (*leaves)[32] = mem_alloc(LEAVES_AT_ONCE * 32);
	enum pli_status status;
	size_t got = 0;
	unsigned at = 0;

	qsort(claims, count, sizeof(*claims), by_size);
	tree_init(tree_r);
	status = claims_at(claims, count, &at, tree_r, err);
	do {
		if (status == PLI_OK)
			status = next(arg, tree_r->size, LEAVES_AT_ONCE, leaves, &got, err);
		for (size_t i = 0; status == PLI_OK && i < got; i++) {
			tree_add(tree_r, leaves[i]);
			status = claims_at(claims, count, &at, tree_r, err);
		}
	} while (status == PLI_OK && got);
	mem_free(leaves);
	return status == PLI_OK ? claims_left(claims, count, at, tree_r->size, err) : status;
}

/* ---- state ---- */

void log_state_write(const struct log_state *state, struct buf *out)
{
	char base64[48];

	buf_str(out, STATE_HEAD);
	for (unsigned level = 0; level < 64; level++)
		if (state->tree.size >> level & 1)
			buf_fmt(out, "%u %s\n", level, base64_encode(base64, state->tree.edge[level], 32));
	buf_ch(out, '\n');
	buf_add(out, state->note.p, state->note.n);
}

/* "LEVEL HASH", levels rising. */
static bool edge_parse(const char *s, size_t n, int *last, struct tree *tree)
{
	unsigned level = 0;
	size_t i = 0, got;
	uint8_t hash[36];

	for (; i < n && s[i] >= '0' && s[i] <= '9' && level < 100; i++)
		level = level * 10 + (unsigned)(s[i] - '0');
	if (!i || level > 60 || (int)level <= *last || n - i != 1 + 44 || s[i] != ' ' || !base64_decode(hash, &got, s + i + 1, 44) || got != 32)
		return false;
	*last = (int)level;
	memcpy(tree->edge[level], hash, 32);
	tree->size |= UINT64_C(1) << level;
	return true;
}

enum pli_status log_state_parse(const char *text, size_t n, struct log_state *state_r, struct err *err)
{
	const char *p = text + strlen(STATE_HEAD), *end = text + n, *eol;
	struct log_state state = { 0 };
	struct checkpoint c;
	uint8_t root[32];
	int last = -1;

	if (n < strlen(STATE_HEAD) || memcmp(text, STATE_HEAD, strlen(STATE_HEAD)) != 0)
		return err_set(err, PLI_INPUT, "this is no state of a log");
	for (; (eol = memchr(p, '\n', (size_t)(end - p))) && eol > p; p = eol + 1)
		if (!edge_parse(p, (size_t)(eol - p), &last, &state.tree))
			return err_set(err, PLI_INPUT, "the state of the log is damaged");
	if (!eol || checkpoint_parse(eol + 1, (size_t)(end - eol - 1), &c, NULL) != PLI_OK || c.size != state.tree.size)
		return err_set(err, PLI_INPUT, "the state of the log is damaged");
	tree_root(&state.tree, root);
	if (memcmp(root, c.root, 32) != 0)
		return err_set(err, PLI_INPUT, "the state of the log is damaged: its hashes do not give its checkpoint");
	buf_add(&state.note, eol + 1, (size_t)(end - eol - 1));
	*state_r = state;
	return PLI_OK;
}

/* ---- tiles ---- */

struct run {
	const struct log_monitor *m;
	const struct log_state *was;
	uint64_t from;			/* leaves before it were seen and are known by the edge */
	struct checkpoint head;
	struct tree tree;
	unsigned claim_at;
};

static enum pli_status tile_fetch(const struct run *r, unsigned level, uint64_t n, unsigned width, uint8_t (*hashes_r)[32], char path[80],
				  struct err *err)
{
	AUTO_BUF bytes = { 0 };
	enum pli_status status;
	size_t at;

	tiles_path(path, level, n);
	at = strlen(path);
	if (width < TILE_HASHES)
		snprintf(path + at, 80 - at, ".p/%u", width);
	status = r->m->fetch(r->m->arg, path, TILE_BYTES, &bytes, err);
	if (status == PLI_ABSENT && width < TILE_HASHES) {
		/* It may have become full meanwhile. */
		path[at] = '\0';
		buf_reset(&bytes);
		status = r->m->fetch(r->m->arg, path, TILE_BYTES, &bytes, err);
	}
	if (status == PLI_ABSENT)
		return err_set(err, PLI_CONFLICT, "%s is not served, though the head covers it", path);
	if (status != PLI_OK)
		return status;
	if (bytes.n != (size_t)width * 32 && bytes.n != TILE_BYTES)
		return err_set(err, PLI_CONFLICT, "%s has %zu bytes", path, bytes.n);
	memcpy(hashes_r, bytes.p, (size_t)width * 32);
	return PLI_OK;
}

static unsigned width_of(uint64_t count, uint64_t n)
{
	return count - n * TILE_HASHES < TILE_HASHES ? (unsigned)(count - n * TILE_HASHES) : TILE_HASHES;
}

/* The first `known` hashes of a tile of that level are under the edge that was seen. */
static bool edge_matches(const struct tree *was, unsigned level, const uint8_t (*hashes)[32], unsigned known)
{
	unsigned at = 0;

	for (int bit = 7; bit >= 0; bit--) {
		struct tree t;
		uint8_t root[32];

		if (!(known >> bit & 1))
			continue;
		tree_init(&t);
		for (unsigned i = 0; i < 1u << bit; i++)
			tree_add(&t, hashes[at + i]);
		tree_root(&t, root);
		if (memcmp(root, was->edge[8 * level + (unsigned)bit], 32) != 0)
			return false;
		at += 1u << bit;
	}
	return true;
}

/* The tiles that hold the right edge of the tree seen give that edge. */
static enum pli_status edges_check(const struct run *r, struct err *err)
{
	uint8_t hashes[TILE_HASHES][32];
	char path[80];

	for (unsigned level = 0; level < TILE_LEVELS && r->from >> 8 * level; level++) {
		uint64_t known = r->from >> 8 * level, count = r->head.size >> 8 * level, n = known / TILE_HASHES;
		unsigned part = (unsigned)(known % TILE_HASHES);
		enum pli_status status;

		if (!part)
			continue;
		status = tile_fetch(r, level, n, width_of(count, n), hashes, path, err);
		if (status != PLI_OK)
			return status;
		if (!edge_matches(&r->was->tree, level, (const uint8_t (*)[32])hashes, part))
			return err_set(err, PLI_CONFLICT, "the log was rewritten: %s is not what was seen when the log had %" PRIu64 " entries", path, r->from);
	}
	return PLI_OK;
}

/* After each leaf: is this a tree of which something is known? */
static enum pli_status passed(struct run *r, struct err *err)
{
	uint8_t root[32], seen[32];

	if (r->tree.size == r->was->tree.size && r->from < r->tree.size) {
		tree_root(&r->tree, root);
		tree_root(&r->was->tree, seen);
		if (memcmp(root, seen, 32) != 0)
			return err_set(err, PLI_CONFLICT, "the log was rewritten: its first %" PRIu64
				       " entries are not those that were seen before", r->tree.size);
	}
	return claims_at(r->m->claims, r->m->claim_count, &r->claim_at, &r->tree, err);
}

/* Leaves from r->from on; roots_r: the root of each tile from from / 256 on that is full. */
static enum pli_status leaves_read(struct run *r, uint8_t (*roots_r)[32], struct err *err)
{
	uint8_t hashes[TILE_HASHES][32], root[32];
	uint64_t first = r->from / TILE_HASHES;
	enum pli_status status = claims_at(r->m->claims, r->m->claim_count, &r->claim_at, &r->tree, err);
	char path[80];

	for (uint64_t n = first; n * TILE_HASHES < r->head.size && status == PLI_OK; n++) {
		unsigned width = width_of(r->head.size, n);

		if (n * TILE_HASHES + width <= r->tree.size)
			continue;
		status = tile_fetch(r, 0, n, width, hashes, path, err);
		for (unsigned i = (unsigned)(r->tree.size - n * TILE_HASHES); status == PLI_OK && i < width; i++) {
			tree_add(&r->tree, hashes[i]);
			status = passed(r, err);
		}
		if (width == TILE_HASHES)
			tiles_root((const uint8_t (*)[32])hashes, roots_r[n - first]);
	}
	if (status != PLI_OK)
		return status;
	tree_root(&r->tree, root);
	if (memcmp(root, r->head.root, 32) != 0)
		return err_set(err, PLI_CONFLICT, "the tiles do not give the root of the head: %s",
			       r->from ? "the log was rewritten since it was seen, or a tile differs" : "a tile differs");
	return claims_left(r->m->claims, r->m->claim_count, r->claim_at, r->head.size, err);
}

/* Tiles above level 0, from the first that may hold something new; hashes: what the level below gives from number first on. */
static enum pli_status upper_check(struct run *r, uint8_t (*hashes)[32], struct err *err)
{
	uint8_t tile[TILE_HASHES][32];
	char path[80];

	for (unsigned level = 1; level < TILE_LEVELS && r->head.size >> 8 * level; level++) {
		uint64_t first = r->from >> 8 * level, count = r->head.size >> 8 * level, start = first / TILE_HASHES;

		for (uint64_t n = start; n * TILE_HASHES < count; n++) {
			unsigned width = width_of(count, n), i = n == start ? (unsigned)(first - n * TILE_HASHES) : 0;
			enum pli_status status = tile_fetch(r, level, n, width, tile, path, err);

			if (status != PLI_OK)
				return status;
			if (memcmp(tile[i], hashes[n * TILE_HASHES + i - first], (size_t)(width - i) * 32) != 0)
				return err_set(err, PLI_CONFLICT, "%s differs from what the tiles below it give", path);
			/* Written over what was read already. */
			if (width == TILE_HASHES)
				tiles_root((const uint8_t (*)[32])tile, hashes[n - start]);
		}
	}
	return PLI_OK;
}

/* ---- the head ---- */

static enum pli_status witnesses_check(const struct run *r, const struct buf *note, struct err *err)
{
	unsigned good = 0;

	for (unsigned i = 0; i < r->m->witness_count; i++) {
		const struct note_key *w = &r->m->witnesses[i];
		uint64_t time_s;
		char line[400], t[25];
		enum pli_status status = checkpoint_signed_by(note->p, note->n, w, &time_s, err);

		if (status == PLI_ABSENT)
			continue;
		if (status != PLI_OK)
			return status;
		good++;
		snprintf(line, sizeof(line), "witness: %s has seen this head on %s", w->name, clock_rfc3339(t, (int64_t)time_s * SECOND_US));
		r->m->say(r->m->arg, line);
	}
	if (r->m->witness_count && !good)
		return err_set(err, PLI_CONFLICT, "none of the witnesses given has signed the head");
	return PLI_OK;
}

static enum pli_status head_read(struct run *r, struct buf *note, struct err *err)
{
	enum pli_status status = r->m->fetch(r->m->arg, "checkpoint", CHECKPOINT_MAX_BYTES, note, err);
	const struct log_state *was = r->was;
	struct checkpoint seen;
	uint8_t root[32];
	char line[400];

	if (status == PLI_OK)
		status = checkpoint_verify(note->p ? note->p : "", note->n, r->m->key->name, r->m->key->public_key, &r->head, err);
	if (status == PLI_INPUT)
		return err_set(err, PLI_CONFLICT, "what is served as the head is no checkpoint");
	if (status != PLI_OK)
		return status;
	if (was->tree.size && checkpoint_parse(was->note.p, was->note.n, &seen, NULL) == PLI_OK && !str_eq(seen.origin, r->head.origin))
		return err_set(err, PLI_CONFLICT, "what was seen is of the log '%.80s', not of '%.80s'", seen.origin, r->head.origin);
	snprintf(line, sizeof(line), "head: %" PRIu64 " entries, signed by %s", r->head.size, r->head.origin);
	r->m->say(r->m->arg, line);
	if (r->head.size < was->tree.size)
		return err_set(err, PLI_CONFLICT, "the log was set back: it has %" PRIu64 " entries, and had %" PRIu64 " when it was last seen", r->head.size,
			       was->tree.size);
	tree_root(&was->tree, root);
	if (was->tree.size && r->head.size == was->tree.size && memcmp(root, r->head.root, 32) != 0)
		return err_set(err, PLI_CONFLICT, "the log is forked: it has signed two trees of %" PRIu64 " entries", r->head.size);
	return witnesses_check(r, note, err);
}

enum pli_status log_monitor_run(const struct log_monitor *m, struct log_state *state, struct err *err)
{
	struct run r = { .m = m, .was = state };
	AUTO_BUF note = { 0 };
	uint8_t (*hashes)[32];
	enum pli_status status = head_read(&r, &note, err);
	char line[200];

	if (status != PLI_OK)
		return status;
	if (!m->claim_count)
		r.from = state->tree.size;
	if (r.from)
		r.tree = state->tree;
	else
		tree_init(&r.tree);
	if (m->claim_count)
		qsort(m->claims, m->claim_count, sizeof(*m->claims), by_size);
	hashes = mem_alloc(((size_t)(r.head.size / TILE_HASHES - r.from / TILE_HASHES) + 1) * 32);
	status = edges_check(&r, err);
	if (status == PLI_OK)
		status = leaves_read(&r, hashes, err);
	if (status == PLI_OK)
		status = upper_check(&r, hashes, err);
	mem_free(hashes);
	if (status != PLI_OK)
		return status;
	snprintf(line, sizeof(line), "tiles: %" PRIu64 " entries read give the head's root", r.head.size - r.from);
	m->say(m->arg, line);
	if (r.from) {
		snprintf(line, sizeof(line), "history: the first %" PRIu64 " entries are those that were seen before", r.from);
		m->say(m->arg, line);
	}
	state->tree = r.tree;
	buf_reset(&state->note);
	buf_add(&state->note, note.p, note.n);
	return PLI_OK;
}
