/* Terms of letters and of queries, see search.h. */
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "words.h"

#include "db.h"
#include "digest.h"

#include "address_book.h"
#include "principal.h"

#include "letter_own.h"

#include "search.h"

#define TERM_BYTES 8
#define PREFIX_LETTERS 3
#define ADDRESS_MAX_BYTES 320
#define NUMBER_DIGITS_MAX 15

static const char KEY_LABEL[] = "pli/search/1";

static const char ADD[] = "INSERT INTO search (entity, number, letter, account, terms, hidden) VALUES ($1, $2, $3, $4, $5, $6) "
			  "ON CONFLICT (entity, number) DO NOTHING";

/* $1 entity $2 before $3 owner (null: any) $4 sees hidden copies of: 1 all, 0 his own ($5) $6 a letter's number (0: none) $7 limit $8 … terms.
 * instr() compares bytes. */
#define HAS(p) "AND ($" #p " IS NULL OR instr(s.terms, $" #p ") > 0 OR (($4 = 1 OR s.account = $5) AND instr(s.hidden, $" #p ") > 0))"
static const char CANDIDATES[] =
	"SELECT s.letter, s.number FROM search s WHERE s.entity = $1 AND s.number < $2 AND ($3 IS NULL OR s.account = $3) AND ((1 = 1 "
	HAS(8) HAS(9) HAS(10) HAS(11) HAS(12) HAS(13) HAS(14) HAS(15)
	") OR s.number = $6) "
	"ORDER BY s.number DESC LIMIT $7";

enum term_kind { TERM_WORD = 'w', TERM_PREFIX = 'p', TERM_ADDRESS = 'a' };

static void key_make(const uint8_t meta_key[32], struct digest_hmac *key_r)
{
	uint8_t key[32];

	digest_hmac_sha256(meta_key, KEY_LABEL, sizeof(KEY_LABEL) - 1, key);
	digest_hmac_key(key_r, key);
	mem_wipe(key, sizeof(key));
}

static void term_make(const struct digest_hmac *key, enum term_kind kind, const char *p, size_t n, uint8_t term_r[TERM_BYTES])
{
	char text[1 + ADDRESS_MAX_BYTES];
	uint8_t mac[32];

	text[0] = (char)kind;
	memcpy(text + 1, p, n);
	digest_hmac_of(key, text, 1 + n, mac);
	memcpy(term_r, mac, TERM_BYTES);
}

/* ---- of a letter ---- */

struct gather {
	const struct digest_hmac *key;
	struct buf *out;
};

static void term_add(struct gather *g, enum term_kind kind, const char *p, size_t n)
{
	term_make(g->key, kind, p, n, buf_reserve(g->out, TERM_BYTES));
	g->out->n += TERM_BYTES;
}

static void word_add(void *arg, const char *word, size_t n)
{
	struct gather *g = arg;
	size_t prefix = word_prefix(word, n, PREFIX_LETTERS);

	term_add(g, TERM_WORD, word, n);
	if (prefix)
		term_add(g, TERM_PREFIX, word, prefix);
}

static void text_add(struct gather *g, const char *text)
{
	words_each(text, strlen(text), word_add, g);
}

static size_t address_fold(const char *address, char out[ADDRESS_MAX_BYTES])
{
	size_t n = strnlen(address, ADDRESS_MAX_BYTES);

	for (size_t i = 0; i < n; i++)
		out[i] = address[i] >= 'A' && address[i] <= 'Z' ? (char)(address[i] + 32) : address[i];
	return n;
}

static void person_add(struct gather *g, const char *name, const char *address)
{
	char folded[ADDRESS_MAX_BYTES];

	text_add(g, name);
	text_add(g, address);
	term_add(g, TERM_ADDRESS, folded, address_fold(address, folded));
}

static int term_order(const void *a, const void *b)
{
	return memcmp(a, b, TERM_BYTES);
}

/* Sorted, each once: their order tells nothing. */
static const void *sorted(struct pool *pool, struct buf *terms, size_t *n_r)
{
	uint8_t *p = (uint8_t *)terms->p;
	size_t kept = 0;

	if (terms->n)
		qsort(p, terms->n / TERM_BYTES, TERM_BYTES, term_order);
	for (size_t at = 0; at < terms->n; at += TERM_BYTES) {
		if (kept && memcmp(p + kept - TERM_BYTES, p + at, TERM_BYTES) == 0)
			continue;
		memmove(p + kept, p + at, TERM_BYTES);
		kept += TERM_BYTES;
	}
	*n_r = kept;
	return pool_dup(pool, p, kept);
}

void search_terms(struct pool *pool, const uint8_t meta_key[32], const struct letter *letter, struct search_terms *terms_r)
{
	struct digest_hmac key;
	AUTO_BUF open;
	AUTO_BUF hidden;
	struct gather seen = { .key = &key, .out = &open }, unseen = { .key = &key, .out = &hidden };

	buf_init(&open);
	buf_init(&hidden);
	key_make(meta_key, &key);
	text_add(&seen, letter->subject);
	person_add(&seen, letter->sender_name, letter->sender_email);
	for (unsigned i = 0; i < letter->recipient_count; i++) {
		const struct letter_recipient *r = &letter->recipients[i];

		person_add(str_eq(r->kind, "bcc") ? &unseen : &seen, r->name, r->address);
	}
	for (unsigned i = 0; i < letter->part_count; i++)
		text_add(&seen, letter->parts[i].name);
	mem_wipe(&key, sizeof(key));
	*terms_r = (struct search_terms){ 0 };
	terms_r->open = sorted(pool, &open, &terms_r->open_n);
	if (hidden.n)
		terms_r->hidden = sorted(pool, &hidden, &terms_r->hidden_n);
}

enum pli_status search_add(struct db_tx *tx, const struct letter *letter, const struct search_terms *terms, struct err *err)
{
	return db_run(tx->conn, NULL, err, ADD, "uiuubb", &letter->entity, (int64_t)letter->number, &letter->letter, &letter->account,
		      terms->open, terms->open_n, terms->hidden, terms->hidden_n);
}

/* ---- of a query ---- */

struct search_word {
	const char *text;
	size_t n;
	bool begins, address;		/* begins: longer words that begin so are meant too */
	uint8_t term[TERM_BYTES];
};
struct search_query {
	struct search_word words[SEARCH_WORDS_MAX];
	unsigned count;
	uint64_t number;		/* the whole query is a number; 0: it is not */
};

struct parse {
	struct search_query *query;
	struct pool *pool;
	const struct digest_hmac *key;
	bool too_many;
};

static struct search_word *slot(struct parse *p)
{
	if (p->query->count == SEARCH_WORDS_MAX) {
		p->too_many = true;
		return NULL;
	}
	return &p->query->words[p->query->count++];
}

static void query_word(void *arg, const char *word, size_t n)
{
	struct parse *p = arg;
	struct search_word *w = slot(p);
	size_t prefix = word_prefix(word, n, PREFIX_LETTERS);

	if (!w)
		return;
	*w = (struct search_word){ .text = pool_strn(p->pool, word, n), .n = n, .begins = prefix != 0 };
	term_make(p->key, prefix ? TERM_PREFIX : TERM_WORD, word, prefix ? prefix : n, w->term);
}

/* Parted by spaces: an address is one thing, all else is words. */
static void query_piece(struct parse *p, const char *piece)
{
	const char *address;
	char folded[ADDRESS_MAX_BYTES];
	struct search_word *w;
	size_t n;

	if (!strchr(piece, '@') || address_book_one(p->pool, piece, "q", &address, NULL) != PLI_OK) {
		words_each(piece, strlen(piece), query_word, p);
		return;
	}
	w = slot(p);
	if (!w)
		return;
	n = address_fold(address, folded);
	*w = (struct search_word){ .text = address, .n = n, .address = true };
	term_make(p->key, TERM_ADDRESS, folded, n, w->term);
}

/* "123", "000123", "n° 123": the number of a letter. */
static uint64_t number_of(const struct search_query *q)
{
	const struct search_word *w = &q->words[q->count - 1];
	bool alone = q->count == 1 || (q->count == 2 && str_eq(q->words[0].text, "n")) || (q->count == 2 && str_eq(q->words[0].text, "no"));

	if (!alone || w->n > NUMBER_DIGITS_MAX || strspn(w->text, "0123456789") != w->n)
		return 0;
	return strtoull(w->text, NULL, 10);
}

enum pli_status search_parse(struct pool *pool, const struct principal *who, const char *text, const struct search_query **query_r,
			     struct err *err)
{
	struct search_query *q = POOL_NEW(pool, struct search_query);
	struct digest_hmac key;
	struct parse p = { .query = q, .pool = pool, .key = &key };
	char *copy, *rest, *piece;

	*query_r = NULL;
	if (!text || !*text)
		return PLI_OK;
	if (strlen(text) > SEARCH_TEXT_MAX || !text_is_line(text, strlen(text)))
		return err_field(err, PLI_INVALID, "bad-search", "q", "A search is one line of at most %d bytes.", SEARCH_TEXT_MAX);
	key_make(who->meta_key, &key);
	copy = pool_dup(pool, text, strlen(text) + 1);
	for (piece = strtok_r(copy, " \t", &rest); piece; piece = strtok_r(NULL, " \t", &rest))
		query_piece(&p, piece);
	mem_wipe(&key, sizeof(key));
	if (p.too_many) {
		err_field(err, PLI_INVALID, "bad-search", "q", "A search has at most %d words.", SEARCH_WORDS_MAX);
		return err_hint(err, "Leave out the words that many letters have.");
	}
	if (!q->count)
		return PLI_OK;
	q->number = number_of(q);
	*query_r = q;
	return PLI_OK;
}

uint64_t search_number(const struct search_query *query)
{
	return query->number;
}

/* ---- comparing ---- */

struct comparison {
	const struct search_query *query;
	unsigned found;			/* a bit a word */
};

static void compare_word(void *arg, const char *word, size_t n)
{
	struct comparison *c = arg;

	for (unsigned i = 0; i < c->query->count; i++) {
		const struct search_word *w = &c->query->words[i];
		bool same = !w->address && (n == w->n || (w->begins && n > w->n)) && memcmp(word, w->text, w->n) == 0;

		c->found |= (unsigned)same << i;
	}
}

static void compare_text(struct comparison *c, const char *text)
{
	words_each(text, strlen(text), compare_word, c);
}

static void compare_person(struct comparison *c, const char *name, const char *address)
{
	compare_text(c, name);
	compare_text(c, address);
	for (unsigned i = 0; i < c->query->count; i++)
		c->found |= (unsigned)(c->query->words[i].address && str_ieq(c->query->words[i].text, address)) << i;
}

bool search_holds(const struct search_query *query, const struct letter *letter)
{
	struct comparison c = { .query = query };

	if (query->number && query->number == letter->number)
		return true;
	compare_text(&c, letter->subject);
	compare_person(&c, letter->sender_name, letter->sender_email);
	for (unsigned i = 0; i < letter->recipient_count; i++)
		compare_person(&c, letter->recipients[i].name, letter->recipients[i].address);
	for (unsigned i = 0; i < letter->part_count; i++)
		compare_text(&c, letter->parts[i].name);
	return c.found == (1u << query->count) - 1;
}

enum pli_status search_candidates(struct db_conn *conn, const struct principal *who, const struct search_query *query,
				  int64_t before, unsigned limit, struct search_found *found_r, unsigned *count_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	const struct uuid *owner = principal_sees_own_only(who) ? &who->account : NULL;
	const void *t[SEARCH_WORDS_MAX] = { NULL };
	enum pli_status st;

	*count_r = 0;
	for (unsigned i = 0; i < query->count; i++)
		t[i] = query->words[i].term;
#define T(i) t[i], (size_t)TERM_BYTES
	st = db_query(conn, &rows, err, CANDIDATES, "uiuiuiibbbbbbbb", &who->entity, before, owner, (int64_t)principal_sees_bcc(who, NULL),
		      &who->account, (int64_t)query->number, (int64_t)limit, T(0), T(1), T(2), T(3), T(4), T(5), T(6), T(7));
#undef T
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK)
		if (*count_r < limit && db_uuid(&rows, 0, &found_r[*count_r].letter))
			found_r[(*count_r)++].number = db_int(&rows, 1);
	return st == PLI_ABSENT ? PLI_OK : st;
}
