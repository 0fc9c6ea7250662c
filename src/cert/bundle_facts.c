/* The files of a proof bundle as data: names, content list, sheets, entries.  bundle_links.c checks them against
 * each other. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include <openssl/sha.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "json_read.h"
#include "zip.h"
#include "asic.h"
#include "checkpoint.h"
#include "external_token.h"
#include "renewal.h"
#include "renewal_token.h"
#include "tree.h"

#include "bundle_facts.h"

#define PARTS_MAX 1000
#define JSON_MAX_BYTES (1 << 20)

static const char *const fixed_start[] = { "receipt.txt", "receipt.xml", "receipt.p7s", "receipt.tst" };
static const char *const fixed_end[] = {
	"checkpoint.txt", "checkpoint.tst", "root.pem", "seal.pem", "operator.pem", "tsa.pem", "log.pub", "VERIFY.md", "verify.sh",
};
#define FIXED_HEAD 2	/* of them: the checkpoint's; what others have signed of it follows, when there is any */
static const char *const external_files[] = { "external.tst", "external.pem" };
/* Of content and sender, by facts->naming. */
#define CONTENT_MAX 3
static const char *const content_files[][CONTENT_MAX + 1] = {
	[FACTS_NAMED] = { "manifest.json", NULL },
	[FACTS_OPENED] = { "manifest.json", "withheld.json", "withheld.salt", NULL },
	[FACTS_WITHHELD] = { "withheld.sha256", NULL },
};
static const char *const witness_files[] = { "witness.txt", "witness.pub" };
static const char *const unlisted[] = { "mimetype", ASIC_MANIFEST_NAME, ASIC_SIGNATURE_NAME };
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ------------------------------------------------------------------------------------------------ names */

static int by_name(const void *a, const void *b)
{
	const struct zip_file *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static const struct zip_file *find(const struct bundle_facts *f, const char *name)
{
	struct zip_file key = { .name = name };
	const struct zip_file *key_p = &key;
	const struct zip_file **found =
		bsearch(&key_p, f->files, f->file_count, sizeof(*f->files), by_name);

	return found ? *found : NULL;
}

const struct zip_file *facts_file(const struct bundle_facts *facts, const char *name)
{
	const struct zip_file *file = find(facts, name);

	assert(file);
	return file;
}

static const char *sheet_name(const struct bundle_facts *f, size_t i, const char *ending)
{
	if (!f->sender)
		return pool_fmt(f->pool, "sheet.%s", ending);
	return pool_fmt(f->pool, "sheet-%03zu.%s", i + 1, ending);
}

static const char *entry_name(const struct bundle_facts *f, size_t i, const char *ending)
{
	return pool_fmt(f->pool, "journal/%03zu.%s", i + 1, ending);
}

const char *facts_listed(const struct bundle_facts *facts, size_t i)
{
	if (i < COUNT(fixed_start))
		return fixed_start[i];
	i -= COUNT(fixed_start);
	for (const char *const *name = content_files[facts->naming]; *name; name++)
		if (i-- == 0)
			return *name;
	if (i < 2 * (size_t)facts->sheet_count)
		return sheet_name(facts, i / 2, i % 2 ? "salt" : "json");
	i -= 2 * (size_t)facts->sheet_count;
	if (i < 2 * (size_t)facts->entry_count)
		return entry_name(facts, i / 2, i % 2 ? "tlog-proof" : "json");
	i -= 2 * (size_t)facts->entry_count;
	if (facts->external && i >= FIXED_HEAD) {
		if (i < FIXED_HEAD + COUNT(external_files))
			return external_files[i - FIXED_HEAD];
		i -= COUNT(external_files);
	}
	if (facts->witnessed && i >= FIXED_HEAD) {
		if (i < FIXED_HEAD + COUNT(witness_files))
			return witness_files[i - FIXED_HEAD];
		i -= COUNT(witness_files);
	}
	return i < COUNT(fixed_end) ? fixed_end[i] : NULL;
}

typedef const char *name_fn(const struct bundle_facts *f, size_t i, const char *ending);

static bool pair_begun(const struct bundle_facts *f, name_fn *name, size_t i, const char *ending)
{
	return find(f, name(f, i, "json")) || find(f, name(f, i, ending));
}

/* How many pairs there are, or should be: one that is missing between others, or half there, is counted, so that
 * names_check can name it. */
static unsigned count_pairs(const struct bundle_facts *f, name_fn *name, const char *ending)
{
	unsigned n = 0;

	while (pair_begun(f, name, n, ending) || pair_begun(f, name, n + 1, ending))
		n++;
	return n;
}

/* As many as begin to be there: names_check says which part of one is missing. */
static unsigned count_renewals(const struct bundle_facts *f)
{
	unsigned n = 0;

	while (n < RENEWALS_MAX && find(f, renewal_name(f->pool, n + 1, "sha512")))
		n++;
	return n;
}

static enum pli_status names_check(const struct bundle_facts *f, struct err *err)
{
	static const char *const endings[] = { "sha512", "tst", "pem" };
	const char **names = POOL_ARRAY(f->pool, const char *, f->file_count + COUNT(unlisted) + 3 * (size_t)f->renewal_count + f->document_count + 1);
	size_t n = 0, own;

	for (size_t i = 0; i < COUNT(unlisted); i++)
		names[n++] = unlisted[i];
	for (unsigned i = 0; i < 3 * f->renewal_count; i++)
		names[n++] = renewal_name(f->pool, i / 3 + 1, endings[i % 3]);
	for (unsigned i = 0; i < f->document_count; i++)
		names[n++] = f->documents[i].file->name;
	own = n;
	for (size_t i = 0; facts_listed(f, i); i++) {
		if (n > f->file_count + own)
			break;
		names[n++] = facts_listed(f, i);
	}
	for (size_t i = 0; i < n; i++)
		if (!find(f, names[i]))
			return err_set(err, PLI_CONFLICT, "files: %s is missing", names[i]);
	if (n == f->file_count)
		return PLI_OK;
	qsort(names, n, sizeof(*names), by_text);
	for (size_t i = 0; i < f->file_count; i++)
		if (!bsearch(&f->files[i]->name, names, n, sizeof(*names), by_text))
			return err_set(err, PLI_CONFLICT, "files: %.60s does not belong here", f->files[i]->name);
	return err_set(err, PLI_CONFLICT, "files: not the files of a bundle");
}

enum pli_status facts_files(struct pool *pool, const struct zip_file *files, size_t count,
			    struct bundle_facts *facts_r, struct err *err)
{
	struct bundle_facts f = { .pool = pool, .file_count = count };

	f.files = POOL_ARRAY(pool, const struct zip_file *, count + 1);
	for (size_t i = 0; i < count; i++)
		f.files[i] = &files[i];
	qsort(f.files, count, sizeof(*f.files), by_name);
	for (size_t i = 1; i < count; i++)
		if (strcmp(f.files[i - 1]->name, f.files[i]->name) == 0)
			return err_set(err, PLI_CONFLICT, "files: %.60s stands twice", f.files[i]->name);
	f.renewal_count = count_renewals(&f);
	f.sender = !find(&f, "sheet.json");
	if (!f.sender && find(&f, "withheld.sha256"))
		f.naming = FACTS_WITHHELD;
	else if (find(&f, "withheld.json") || find(&f, "withheld.salt"))
		f.naming = FACTS_OPENED;
	f.external = find(&f, "external.tst") || find(&f, "external.pem");
	f.witnessed = find(&f, "witness.txt") || find(&f, "witness.pub");
	facts_documents_find(&f);
	f.sheet_count = f.sender ? count_pairs(&f, sheet_name, "salt") : 1;
	f.entry_count = count_pairs(&f, entry_name, "tlog-proof");
	if (!f.sheet_count || !f.entry_count)
		return err_set(err, PLI_CONFLICT, "files: %s is missing",
			       f.sheet_count ? "journal/001.json" : "sheet-001.json");
	f.sheets = POOL_ARRAY(pool, struct facts_sheet, f.sheet_count);
	f.entries = POOL_ARRAY(pool, struct facts_entry, f.entry_count);
	*facts_r = f;
	return names_check(&f, err);
}

/* ---------------------------------------------------------------------------------- an authority outside */

enum pli_status facts_external(struct bundle_facts *f, struct err *err)
{
	const struct zip_file *checkpoint, *token, *chain;
	const char *pem;

	if (!f->external)
		return PLI_OK;
	checkpoint = facts_file(f, "checkpoint.txt");
	token = facts_file(f, "external.tst");
	chain = facts_file(f, "external.pem");
	pem = pool_strn(f->pool, (const char *)chain->p, chain->n);
	if (strlen(pem) != chain->n ||
	    external_token_check(token->p, token->n, checkpoint->p, checkpoint->n, pem, &f->external_us, err) != PLI_OK)
		return err_set(err, PLI_CONFLICT, "external: external.tst is not a plain token over checkpoint.txt by external.pem");
	renewal_token_root(pem, f->external_root);
	return PLI_OK;
}

/* --------------------------------------------------------------------------------------------- content */

static enum pli_status digest_read(const struct json_read *o, const char *name, uint8_t digest_r[32], struct err *err)
{
	const char *hex = "";

	if (json_read_str(o, name, &hex, err) != PLI_OK || !hex_decode(digest_r, 32, hex, strlen(hex)))
		return err_set(err, PLI_CONFLICT, "%s is not a digest", name);
	return PLI_OK;
}

static enum pli_status sized_read(const struct json_read *o, uint64_t *size_r, uint8_t digest_r[32], struct err *err)
{
	int64_t size = -1;

	if (json_read_int(o, "size", 0, (INT64_C(1) << 53) - 1, &size, err) != PLI_OK || size < 0)
		return err_set(err, PLI_CONFLICT, "size is missing");
	*size_r = (uint64_t)size;
	return digest_read(o, "sha256", digest_r, err);
}

static enum pli_status part_read(const struct json_read *o, unsigned n, struct bundle_part *part, struct err *err)
{
	int64_t number = 0;
	enum pli_status status = json_read_int(o, "n", 1, PARTS_MAX, &number, err);

	if (status == PLI_OK)
		status = json_read_str(o, "name", &part->name, err);
	if (status == PLI_OK)
		status = json_read_str(o, "type", &part->type, err);
	if (status == PLI_OK)
		status = sized_read(o, &part->size, part->sha256, err);
	part->n = (unsigned)number;
	if (status == PLI_OK && (part->n != n || !part->name || !part->type))
		return err_set(err, PLI_CONFLICT, "part %u is incomplete or out of order", n);
	return status;
}

static enum pli_status content_read(struct bundle_facts *f, const struct zip_file *file, struct err *err)
{
	static const char *const top[] = { "message", "parts", "v", NULL };
	static const char *const message[] = { "sha256", "size", NULL };
	static const char *const part[] = { "n", "name", "sha256", "size", "type", NULL };
	struct json_read *o, *m = NULL, **parts = NULL;
	size_t count = 0;
	int64_t v = 0;
	enum pli_status status = json_read_open(f->pool, file->p, file->n, JSON_MAX_BYTES, top, &o, err);

	if (status == PLI_OK)
		status = json_read_int(o, "v", 1, 1, &v, err);
	if (status == PLI_OK)
		status = json_read_object(o, "message", message, &m, err);
	if (status == PLI_OK && (v != 1 || !m))
		status = err_set(err, PLI_CONFLICT, "message or version is missing");
	if (status == PLI_OK)
		status = sized_read(m, &f->message_size, f->message_sha256, err);
	if (status == PLI_OK)
		status = json_read_objects(o, "parts", part, PARTS_MAX, &parts, &count, err);
	if (status != PLI_OK)
		return status;
	f->parts = POOL_ARRAY(f->pool, struct bundle_part, count + 1);
	f->part_count = (unsigned)count;
	for (unsigned i = 0; i < count && status == PLI_OK; i++)
		status = part_read(parts[i], i + 1, &f->parts[i], err);
	return status;
}

enum pli_status facts_failed(struct err *err, const char *stage, const char *file)
{
	char text[240];

	memcpy(text, err->text, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	return err_set(err, PLI_CONFLICT, "%s: %s%s%s", stage, file ? file : "", file ? ": " : "", text);
}

enum pli_status facts_content(struct bundle_facts *facts, struct err *err)
{
	const struct zip_file *file;
	AUTO_BUF again;

	buf_init(&again);
	if (facts->naming == FACTS_WITHHELD)	/* its digest comes from the sheet */
		return PLI_OK;
	file = facts_file(facts, "manifest.json");
	if (content_read(facts, file, err) != PLI_OK)
		return facts_failed(err, "content", file->name);
	bundle_manifest_write(facts->message_size, facts->message_sha256, facts->parts, facts->part_count, &again);
	if (again.n != file->n || memcmp(again.p, file->p, file->n) != 0)
		return err_set(err, PLI_CONFLICT, "content: manifest.json is not in canonical form");
	SHA256(file->p, file->n, facts->manifest);
	return facts_documents_check(facts, err);
}

/* ---------------------------------------------------------------------------------------------- sheets */

enum pli_status facts_sender_read(const struct json_read *o, struct bundle_sheet *s, struct err *err)
{
	static const char *const entity[] = { "name", "siren", NULL };
	static const char *const sender[] = { "address", "level", "method", "name", NULL };
	struct json_read *e = NULL, *w = NULL;
	int64_t level = -1;
	enum pli_status status = json_read_object(o, "entity", entity, &e, err);

	if (status == PLI_OK)
		status = json_read_object(o, "sender", sender, &w, err);
	if (status == PLI_OK && (!e || !w))
		return err_set(err, PLI_CONFLICT, "entity or sender is missing");
	if (status == PLI_OK)
		status = json_read_str(e, "name", &s->entity_name, err);
	if (status == PLI_OK)
		status = json_read_str(e, "siren", &s->siren, err);
	if (status == PLI_OK)
		status = json_read_str(w, "address", &s->sender_address, err);
	if (status == PLI_OK)
		status = json_read_str(w, "method", &s->sender_method, err);
	if (status == PLI_OK)
		status = json_read_str(w, "name", &s->sender_name, err);
	if (status == PLI_OK)
		status = json_read_int(w, "level", 0, 4, &level, err);
	if (status == PLI_OK)
		status = json_read_str(o, "subject", &s->subject, err);
	s->sender_level = (int)level;
	if (status == PLI_OK && (!s->subject || level < 0))
		return err_set(err, PLI_CONFLICT, "a member is missing");
	return status;
}

static enum pli_status recipient_read(const struct json_read *o, struct bundle_sheet *s, struct err *err)
{
	static const char *const recipient[] = { "address", "kind", "name", NULL };
	struct json_read *r = NULL;
	enum pli_status status = json_read_object(o, "recipient", recipient, &r, err);

	if (status == PLI_OK && !r)
		return err_set(err, PLI_CONFLICT, "recipient is missing");
	if (status == PLI_OK)
		status = json_read_str(r, "address", &s->recipient_address, err);
	if (status == PLI_OK)
		status = json_read_str(r, "kind", &s->recipient_kind, err);
	if (status == PLI_OK)
		status = json_read_str(r, "name", &s->recipient_name, err);
	return status;
}

/* Version 1 names the sender, version 2 has a digest in his place: which it must be, the names of the files say. */
static enum pli_status sheet_read(struct bundle_facts *f, const struct zip_file *file, struct facts_sheet *sheet, struct err *err)
{
	static const char *const named[] = {
		"class", "entity", "manifest", "mode", "password", "recipient", "sender", "subject", "v", NULL
	};
	static const char *const withheld[] = { "class", "manifest", "mode", "password", "recipient", "v", "withheld", NULL };
	bool names = f->naming == FACTS_NAMED;
	struct bundle_sheet *s = &sheet->s;
	struct json_read *o;
	uint8_t digest[32];
	int64_t v = 0;
	enum pli_status status = json_read_open(f->pool, file->p, file->n, JSON_MAX_BYTES, names ? named : withheld, &o, err);

	if (status == PLI_OK)
		status = json_read_int(o, "v", 1, 2, &v, err);
	if (status == PLI_OK)
		status = json_read_str(o, "class", &s->class_, err);
	if (status == PLI_OK)
		status = json_read_str(o, "mode", &s->mode, err);
	if (status == PLI_OK)
		status = json_read_str(o, "password", &s->password, err);
	if (status == PLI_OK)
		status = digest_read(o, "manifest", sheet->manifest, err);
	if (status == PLI_OK)
		status = recipient_read(o, s, err);
	if (status == PLI_OK)
		status = names ? facts_sender_read(o, s, err) : digest_read(o, "withheld", digest, err);
	s->manifest = sheet->manifest;
	if (status == PLI_OK && (v != (names ? 1 : 2) || !s->recipient_address || !s->recipient_kind))
		return err_set(err, PLI_CONFLICT, "a member is missing");
	if (status == PLI_OK && !names) {
		if (memcmp(digest, f->withheld, 32) != 0)
			return err_set(err, PLI_CONFLICT, "binds another sender than withheld.* does");
		s->withheld = f->withheld;
	}
	return status;
}

/* No control characters: they would let a value pretend to be another line of the receipt. */
static bool sheet_printable(const struct bundle_sheet *s)
{
	const char *const all[] = {
		s->class_, s->mode, s->password, s->entity_name, s->siren, s->recipient_address, s->recipient_kind,
		s->recipient_name, s->sender_address, s->sender_method, s->sender_name, s->subject,
	};

	for (size_t i = 0; i < COUNT(all); i++)
		if (all[i] && !text_is_line(all[i], strlen(all[i])))
			return false;
	return true;
}

/* Who wrote and about what, for a sheet that only binds it. */
static void sheet_open(struct bundle_sheet *s, const struct bundle_sheet *who)
{
	s->entity_name = who->entity_name;
	s->siren = who->siren;
	s->sender_address = who->sender_address;
	s->sender_method = who->sender_method;
	s->sender_name = who->sender_name;
	s->sender_level = who->sender_level;
	s->subject = who->subject;
}

static enum pli_status sheet_one(struct bundle_facts *f, unsigned i, const struct bundle_sheet *who, struct err *err)
{
	const struct zip_file *json = facts_file(f, sheet_name(f, i, "json"));
	const struct zip_file *salt = facts_file(f, sheet_name(f, i, "salt"));
	struct facts_sheet *sheet = &f->sheets[i];
	uint8_t salt32[32];
	char hex[65];
	AUTO_BUF again;

	buf_init(&again);
	if (sheet_read(f, json, sheet, err) != PLI_OK)
		return facts_failed(err, "sheet", json->name);
	bundle_sheet_write(&sheet->s, &again);
	if (again.n != json->n || memcmp(again.p, json->p, json->n) != 0)
		return err_set(err, PLI_CONFLICT, "sheet: %s is not in canonical form", json->name);
	if (f->naming == FACTS_OPENED)
		sheet_open(&sheet->s, who);
	if (f->naming == FACTS_WITHHELD)
		memcpy(f->manifest, sheet->manifest, 32);
	if (!sheet_printable(&sheet->s))
		return err_set(err, PLI_CONFLICT, "sheet: %s holds control characters", json->name);
	if (salt->n != 64 || !hex_decode(salt32, 32, (const char *)salt->p, 64) ||
	    memcmp(hex_encode(hex, salt32, 32), salt->p, 64) != 0)
		return err_set(err, PLI_CONFLICT, "sheet: %s is not 64 hexadecimal digits", salt->name);
	if (memcmp(sheet->manifest, f->manifest, 32) != 0)
		return err_set(err, PLI_CONFLICT, "sheet: %s speaks of another content than manifest.json", json->name);
	entry_sheet_digest(salt32, json->p, json->n, sheet->digest);
	return PLI_OK;
}

enum pli_status facts_sheets(struct bundle_facts *facts, struct err *err)
{
	struct bundle_sheet who = { .subject = NULL };
	enum pli_status status = facts_withheld(facts, &who, err);

	for (unsigned i = 0; status == PLI_OK && i < facts->sheet_count; i++)
		status = sheet_one(facts, i, &who, err);
	if (status != PLI_OK)
		return status;
	for (unsigned i = 0; i < facts->part_count; i++) {
		const struct bundle_part *p = &facts->parts[i];

		if (!text_is_line(p->name, strlen(p->name)) || !text_is_line(p->type, strlen(p->type)))
			return err_set(err, PLI_CONFLICT, "content: part %u has control characters in its name", p->n);
	}
	return PLI_OK;
}

/* --------------------------------------------------------------------------------- checkpoint, entries */

enum pli_status facts_checkpoint(struct bundle_facts *facts, struct err *err)
{
	const struct zip_file *file = facts_file(facts, "checkpoint.txt");
	struct checkpoint c;

	if (checkpoint_parse((const char *)file->p, file->n, &c, err) != PLI_OK)
		return facts_failed(err, "checkpoint", file->name);
	facts->origin = pool_str(facts->pool, c.origin);
	facts->tree_size = c.size;
	memcpy(facts->tree_root, c.root, 32);
	return PLI_OK;
}

/* One line of a proof; false at its end. */
static bool proof_line(const char **p, const char *end, const char **line_r, size_t *n_r)
{
	const char *eol = *p < end ? memchr(*p, '\n', (size_t)(end - *p)) : NULL;

	if (!eol)
		return false;
	*line_r = *p;
	*n_r = (size_t)(eol - *p);
	*p = eol + 1;
	return true;
}

static bool proof_head(const char **p, const char *end, uint64_t seq)
{
	static const char first[] = "c2sp.org/tlog-proof@v1";
	char index[40];
	const char *text;
	size_t n, index_n = (size_t)snprintf(index, sizeof(index), "index %" PRIu64, seq);

	return proof_line(p, end, &text, &n) && n == sizeof(first) - 1 && memcmp(text, first, n) == 0 &&
	       proof_line(p, end, &text, &n) && n == index_n && memcmp(text, index, n) == 0;
}

/* checkpoint.txt, and behind it what its witnesses have signed. */
static bool same_checkpoint(const struct bundle_facts *f, const char *p, size_t n)
{
	const struct zip_file *checkpoint = facts_file(f, "checkpoint.txt"), *lines = f->witnessed ? facts_file(f, "witness.txt") : NULL;

	return n == checkpoint->n + (lines ? lines->n : 0) && memcmp(p, checkpoint->p, checkpoint->n) == 0 &&
	       (!lines || memcmp(p + checkpoint->n, lines->p, lines->n) == 0);
}

/* C2SP tlog-proof without extra data: head line, "index N", hashes in base64, an empty line, the checkpoint. */
static enum pli_status proof_check(struct bundle_facts *f, unsigned i, struct err *err)
{
	const struct zip_file *file = facts_file(f, entry_name(f, i, "tlog-proof"));
	const struct facts_entry *e = &f->entries[i];
	uint8_t path[TREE_PATH_MAX + 1][33];
	uint8_t flat[TREE_PATH_MAX * 32];
	const char *p = (const char *)file->p, *end = p + file->n, *text;
	unsigned count = 0;
	size_t n, got;

	if (!proof_head(&p, end, e->v.e.seq))
		return err_set(err, PLI_CONFLICT, "proof: %s is not a proof for index %" PRIu64, file->name,
			       e->v.e.seq);
	for (;;) {
		if (!proof_line(&p, end, &text, &n) || count > TREE_PATH_MAX)
			return err_set(err, PLI_CONFLICT, "proof: %s is cut or too long", file->name);
		if (!n)
			break;
		if (n != 44 || !base64_decode(path[count], &got, text, n) || got != 32)
			return err_set(err, PLI_CONFLICT, "proof: %s holds something that is no hash", file->name);
		count++;
	}
	if (!same_checkpoint(f, p, (size_t)(end - p)))
		return err_set(err, PLI_CONFLICT, "proof: %s has another checkpoint than checkpoint.txt", file->name);
	for (unsigned k = 0; k < count && k < TREE_PATH_MAX; k++)
		memcpy(flat + 32 * (size_t)k, path[k], 32);
	if (count > TREE_PATH_MAX ||
	    !tree_inclusion_holds(e->leaf, e->v.e.seq, f->tree_size, flat, count, f->tree_root))
		return err_set(err, PLI_CONFLICT, "proof: journal/%03u.json is not in the tree of the checkpoint", i + 1);
	return PLI_OK;
}

static enum pli_status entry_check(struct bundle_facts *f, unsigned i, struct err *err)
{
	const struct zip_file *file = facts_file(f, entry_name(f, i, "json"));
	struct facts_entry *e = &f->entries[i];
	const struct facts_entry *before = i ? &f->entries[i - 1] : NULL;

	if (entry_parse(f->pool, file->p, file->n, &e->v, err) != PLI_OK)
		return facts_failed(err, "entry", file->name);
	if (strcmp(e->v.e.log, f->origin) != 0)
		return err_set(err, PLI_CONFLICT, "entry: %s is of another journal than checkpoint.txt", file->name);
	if (!e->v.e.letter || (before && !uuid_same(e->v.e.letter, before->v.e.letter)))
		return err_set(err, PLI_CONFLICT, "entry: %s is of another letter", file->name);
	if (before && e->v.e.seq <= before->v.e.seq)
		return err_set(err, PLI_CONFLICT, "entry: %s is out of order", file->name);
	entry_leaf(file->p, file->n, e->leaf);
	return PLI_OK;
}

enum pli_status facts_entries(struct bundle_facts *facts, struct err *err)
{
	for (unsigned i = 0; i < facts->entry_count; i++) {
		enum pli_status status = entry_check(facts, i, err);

		if (status != PLI_OK)
			return status;
	}
	for (unsigned i = 0; i < facts->entry_count; i++) {
		enum pli_status status = proof_check(facts, i, err);

		if (status != PLI_OK)
			return status;
	}
	return PLI_OK;
}
