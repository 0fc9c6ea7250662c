/* Reading what is to be sealed or certified; see certify.h. */
#include <stdbool.h>
#include <string.h>

#include "clock.h"
#include "pool.h"
#include "text.h"

#include "archive_list.h"
#include "asic.h"

#include "certify.h"

#define ENTRIES_MAX 200000u

/* The lines of a receipt, in their order. */
enum often { ONCE, MAYBE, MANY };	/* MANY: any number of them, none included */
struct rule {
	const char *key;
	enum often often;
};
static const struct rule receipt_rules[] = {
	{ "Pli-Receipt", ONCE }, { "Kind", ONCE }, { "Number", ONCE }, { "Letter", ONCE }, { "Origin", ONCE }, { "Date", ONCE },
	{ "Horodatage", ONCE }, { "Sender-Name", ONCE }, { "Sender-Address", ONCE }, { "Sender-Entity", ONCE },
	{ "Sender-SIREN", ONCE }, { "Sender-Method", ONCE }, { "Sender-Level", ONCE }, { "Recipient", MANY }, { "Subject", ONCE },
	{ "Class", ONCE }, { "Mode", ONCE }, { "Password", ONCE }, { "Message", ONCE }, { "Part", MANY }, { "Entry", MANY },
	{ "Checkpoint-Size", ONCE }, { "Checkpoint-Root", ONCE }, { "Checkpoint-Time", ONCE }, { "External-Time", MAYBE }, { "Not-Established", MANY },
	{ "Non-etabli", MANY }, { NULL, ONCE },
};
/* … that withholds who wrote and about what. */
static const struct rule withheld_rules[] = {
	{ "Pli-Receipt", ONCE }, { "Kind", ONCE }, { "Number", ONCE }, { "Letter", ONCE }, { "Origin", ONCE }, { "Date", ONCE },
	{ "Horodatage", ONCE }, { "Withheld", ONCE }, { "Recipient", MANY }, { "Class", ONCE }, { "Mode", ONCE }, { "Password", ONCE },
	{ "Content", ONCE }, { "Entry", MANY }, { "Checkpoint-Size", ONCE }, { "Checkpoint-Root", ONCE }, { "Checkpoint-Time", ONCE },
	{ "External-Time", MAYBE }, { "Not-Established", MANY }, { "Non-etabli", MANY }, { "Not-Established", MANY }, { "Non-etabli", MANY }, { NULL, ONCE },
};
static const struct rule pdf_rules[] = {
	{ "Pli-Pdf", ONCE }, { "Digest", ONCE }, { "Entry", MANY }, { "Checkpoint-Size", ONCE }, { "Checkpoint-Root", ONCE },
	{ NULL, ONCE },
};

struct reading {
	struct certify_text *text;
	struct certify_entry *entries;
	size_t cap;
	unsigned line;
};

/* Decimal without leading zero, at most 2^53; what follows it. */
static const char *number_read(const char *p, const char *end, uint64_t *n_r)
{
	const char *start = p;
	uint64_t n = 0;

	while (p < end && *p >= '0' && *p <= '9' && p - start < 16)
		n = n * 10 + (uint64_t)(*p++ - '0');
	if (p == start || (*start == '0' && p - start > 1) || n > UINT64_C(1) << 53)
		return NULL;
	*n_r = n;
	return p;
}

/* NUMBER, sha256 HEX, … */
static bool entry_line(struct reading *r, const char *p, const char *end)
{
	static const char between[] = ", sha256 ";
	struct certify_text *t = r->text;
	struct certify_entry e;
	uint64_t number = 0;

	p = number_read(p, end, &number);
	if (!p || !number || (size_t)(end - p) < sizeof(between) - 1 + 64 + 2 || memcmp(p, between, sizeof(between) - 1) != 0)
		return false;
	p += sizeof(between) - 1;
	if (!hex_decode(e.leaf, 32, p, 64) || memcmp(p + 64, ", ", 2) != 0)
		return false;
	e.seq = number - 1;
	if (t->entry_count == r->cap || (t->entry_count && r->entries[t->entry_count - 1].seq >= e.seq))
		return false;
	r->entries[t->entry_count++] = e;
	return true;
}

/* sha256 HEX */
static bool digest_line(const char *p, const char *end)
{
	static const char before[] = "sha256 ";
	uint8_t digest[32];

	return (size_t)(end - p) == sizeof(before) - 1 + 64 && memcmp(p, before, sizeof(before) - 1) == 0 &&
	       hex_decode(digest, 32, p + sizeof(before) - 1, 64);
}

/* As dates are written. */
static bool time_line(const char *p, const char *end)
{
	char text[25];
	int64_t t_us;

	if (end - p != sizeof(text) - 1)
		return false;
	memcpy(text, p, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	return clock_parse(text, &t_us);
}

static bool value_read(struct reading *r, const char *key, const char *p, const char *end)
{
	struct certify_text *t = r->text;

	if (str_eq(key, "Digest"))
		return end - p == 64 && hex_decode(t->digest, 32, p, 64);
	if (str_eq(key, "Withheld") || str_eq(key, "Content"))
		return digest_line(p, end);
	if (str_eq(key, "Pli-Receipt") || str_eq(key, "Pli-Pdf"))
		return end - p == 1 && *p == '1';
	if (str_eq(key, "Entry"))
		return entry_line(r, p, end);
	if (str_eq(key, "Checkpoint-Size"))
		return number_read(p, end, &t->tree_size) == end && t->tree_size > 0;
	if (str_eq(key, "External-Time"))
		return time_line(p, end);
	if (str_eq(key, "Checkpoint-Root"))
		return end - p == 64 && hex_decode(t->tree_root, 32, p, 64);
	return true;
}

static bool key_is(const char *p, const char *eol, const char *key)
{
	size_t n = strlen(key);

	return (size_t)(eol - p) > n && memcmp(p, key, n) == 0 && p[n] == ':';
}

static enum pli_status line_read(struct reading *r, const struct rule **rule, const char *p, const char *eol, struct err *err)
{
	const char *value;

	while ((*rule)->often != ONCE && !key_is(p, eol, (*rule)->key))
		++*rule;
	if (!(*rule)->key || !key_is(p, eol, (*rule)->key))
		return err_set(err, PLI_INPUT, "receipt: line %u is not one of a receipt", r->line);
	value = p + strlen((*rule)->key) + 1;
	value += value < eol;	/* the space */
	if (!text_is_line(p, (size_t)(eol - p)) || !value_read(r, (*rule)->key, value, eol))
		return err_set(err, PLI_INPUT, "receipt: line %u cannot be certified", r->line);
	if ((*rule)->often != MANY)
		++*rule;
	return PLI_OK;
}

static enum pli_status lines_read(struct pool *pool, const struct rule *rule, const char *p, size_t n, struct certify_text *t, struct err *err)
{
	const char *end = p + n, *eol;
	struct reading r = { .text = t };

	for (const char *at = p; (at = memmem(at, (size_t)(end - at), "\nEntry: ", 8)); at++)
		r.cap++;
	if (!r.cap || r.cap > ENTRIES_MAX)
		return err_set(err, PLI_INPUT, "receipt: %zu entries", r.cap);
	r.entries = POOL_ARRAY(pool, struct certify_entry, r.cap);
	t->entries = r.entries;
	for (; p < end; p = eol + 1) {
		enum pli_status status;

		eol = memchr(p, '\n', (size_t)(end - p));
		r.line++;
		if (!eol)
			return err_set(err, PLI_INPUT, "receipt: the last line is cut");
		status = line_read(&r, &rule, p, eol, err);
		if (status != PLI_OK)
			return status;
	}
	while (rule->often != ONCE)
		rule++;
	if (rule->key)
		return err_set(err, PLI_INPUT, "receipt: no line %s", rule->key);
	if (t->entries[t->entry_count - 1].seq >= t->tree_size)
		return err_set(err, PLI_INPUT, "receipt: an entry lies outside its checkpoint");
	return PLI_OK;
}

static enum pli_status list_read(struct pool *pool, const void *p, size_t n, struct certify_text *t, struct err *err)
{
	struct archive_list list;
	struct certify_entry *entries;
	enum pli_status status = archive_list_parse(pool, p, n, &list, err);

	if (status != PLI_OK)
		return status;
	entries = POOL_ARRAY(pool, struct certify_entry, 2 * list.count + 1);
	for (unsigned i = 0; i < list.count; i++) {
		const struct archive_list_letter *l = &list.letters[i];

		entries[t->entry_count].seq = l->seq;
		memcpy(entries[t->entry_count++].leaf, l->leaf, 32);
		entries[t->entry_count].seq = l->latest_seq;
		memcpy(entries[t->entry_count++].leaf, l->latest_leaf, 32);
	}
	t->entries = entries;
	t->tree_size = list.tree_size;
	memcpy(t->tree_root, list.tree_root, 32);
	return PLI_OK;
}

enum pli_status certify_parse(struct pool *pool, const void *p, size_t n, struct certify_text *text_r, struct err *err)
{
	static const char receipt[] = "Pli-Receipt:", pdf[] = "Pli-Pdf:", list[] = "Pli-Archive:";
	struct certify_text t = { .kind = CERTIFY_MANIFEST };
	enum pli_status status;

	if (n > sizeof(receipt) && memcmp(p, receipt, sizeof(receipt) - 1) == 0) {
		t.kind = CERTIFY_RECEIPT;
		status = lines_read(pool, memmem(p, n, "\nWithheld: ", 11) ? withheld_rules : receipt_rules, p, n, &t, err);
	} else if (n > sizeof(pdf) && memcmp(p, pdf, sizeof(pdf) - 1) == 0) {
		t.kind = CERTIFY_PDF;
		status = lines_read(pool, pdf_rules, p, n, &t, err);
	} else if (n > sizeof(list) && memcmp(p, list, sizeof(list) - 1) == 0) {
		t.kind = CERTIFY_LIST;
		status = list_read(pool, p, n, &t, err);
	} else {
		struct asic_manifest manifest;

		status = asic_manifest_parse(pool, p, n, &manifest, err);
		if (status == PLI_OK) {
			t.tree_size = manifest.checkpoint_size;
			memcpy(t.tree_root, manifest.checkpoint_root, 32);
		}
	}
	if (status == PLI_OK)
		*text_r = t;
	return status;
}
