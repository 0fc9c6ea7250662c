/* Writing and verifying the paper code; see paper.h. */
#include <inttypes.h>
#include <string.h>

#include <openssl/sha.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "uuid.h"
#include "zip.h"
#include "canon.h"
#include "checkpoint.h"
#include "paper_codes.h"
#include "paper_pack.h"
#include "pem_list.h"
#include "tree.h"

#include "paper.h"

#define VERSION 1
#define ENTRIES_MAX 2	/* the event, and before it the recipient's `consigned` */
#define HASHES_MAX 255
#define SHORT_MAX 65535
/* A longer list of documents stands in the attached proof only. */
#define CONTENT_MAX 900
/* manifest.json sheet.json sheet.salt, then withheld.json withheld.salt or withheld.sha256 */
#define PAPER_FILES 5
#define KEYS_MAX 16		/* of the log, today's and earlier ones */

/* ---- writing ---- */

struct writing {
	struct pool *pool;
	const struct bundle_facts *f;
	struct buf hashes;
	unsigned hash_count;
};

static enum pli_status too_large(struct err *err)
{
	return err_set(err, PLI_LIMIT, "paper: this proof does not fit on paper");
}

/* Number of the hash, put there when it is new; -1: no room. */
static int hash_number(struct writing *w, const uint8_t hash[32])
{
	for (unsigned i = 0; i < w->hash_count; i++)
		if (memcmp(w->hashes.p + 32 * (size_t)i, hash, 32) == 0)
			return (int)i;
	if (w->hash_count == HASHES_MAX)
		return -1;
	buf_add(&w->hashes, hash, 32);
	return (int)w->hash_count++;
}

static void short_form(const char *text, size_t n, struct buf *out)
{
	AUTO_BUF packed = { 0 };

	paper_pack(text, n, &packed);
	buf_u16(out, (uint16_t)packed.n);
	buf_add(out, packed.p, packed.n);
}

/* The path stands in the bundle as text: after the second line, up to the empty one. */
static enum pli_status path_write(struct writing *w, unsigned entry, struct buf *out, struct err *err)
{
	const struct zip_file *proof = facts_file(w->f, pool_fmt(w->pool, "journal/%03u.tlog-proof", entry + 1));
	const char *p = (const char *)proof->p, *end = p + proof->n, *eol;
	uint8_t numbers[TREE_PATH_MAX], hash[33];
	unsigned count = 0;

	for (int line = 0; (eol = memchr(p, '\n', (size_t)(end - p))) && eol > p; p = eol + 1, line++) {
		size_t n;
		int number;

		if (line < 2)
			continue;
		if (count == TREE_PATH_MAX || eol - p != 44 || !base64_decode(hash, &n, p, 44) || n != 32)
			return err_set(err, PLI_CONFLICT, "paper: the proof of an entry cannot be read");
		number = hash_number(w, hash);
		if (number < 0)
			return too_large(err);
		numbers[count++] = (uint8_t)number;
	}
	buf_u8(out, (uint8_t)count);
	buf_add(out, numbers, count);
	return PLI_OK;
}

static enum pli_status entry_write_short(struct writing *w, const struct facts_entry *e, struct buf *out, struct err *err)
{
	unsigned i = (unsigned)(e - w->f->entries);
	const struct zip_file *json = facts_file(w->f, pool_fmt(w->pool, "journal/%03u.json", i + 1));

	short_form((const char *)json->p, json->n, out);
	return path_write(w, i, out, err);
}

/* The entry that binds the only recipient's sheet; NULL when the proof is about several. */
static const struct facts_entry *consigned(const struct bundle_facts *f)
{
	for (unsigned i = 0; f->sheet_count == 1 && i < f->entry_count; i++)
		if (str_eq(f->entries[i].v.e.ev, "consigned"))
			return &f->entries[i];
	return NULL;
}

/* The log's own signature among the lines of checkpoint.txt. */
static enum pli_status signature_find(const struct bundle_facts *f, struct pool *pool, uint8_t signature_r[64], struct err *err)
{
	const struct zip_file *note = facts_file(f, "checkpoint.txt"), *pub = facts_file(f, "log.pub");
	const char *text = pool_strn(pool, (const char *)note->p, note->n), *start = pool_fmt(pool, "\n— %s ", f->origin);
	uint8_t key[32], id[4], bytes[72];
	enum pli_status status = checkpoint_public_key((const char *)pub->p, pub->n, key, err);

	if (status != PLI_OK)
		return status;
	checkpoint_key_id(f->origin, key, id);
	for (const char *p = text; (p = strstr(p, start)); p++) {
		const char *b64 = p + strlen(start);
		size_t n;

		if (strcspn(b64, "\n") == 92 && base64_decode(bytes, &n, b64, 92) && n == 68 && memcmp(bytes, id, 4) == 0) {
			memcpy(signature_r, bytes + 4, 64);
			return PLI_OK;
		}
	}
	return err_set(err, PLI_CONFLICT, "paper: the checkpoint has no signature of the log");
}

static void salted_write(const struct bundle_facts *f, const char *stem, struct buf *out)
{
	const struct zip_file *salt = facts_file(f, pool_fmt(f->pool, "%s.salt", stem)), *json = facts_file(f, pool_fmt(f->pool, "%s.json", stem));
	uint8_t bytes[32];

	(void)hex_decode(bytes, 32, (const char *)salt->p, salt->n);	/* checked with the sheets */
	buf_add(out, bytes, 32);
	short_form((const char *)json->p, json->n, out);
}

static void people_write(const struct bundle_facts *f, bool one, struct buf *out)
{
	buf_u8(out, one ? 1 + (uint8_t)f->naming : 0);
	if (!one)
		return;
	salted_write(f, f->sender ? "sheet-001" : "sheet", out);
	if (f->naming == FACTS_OPENED)
		salted_write(f, "withheld", out);
}

static void content_write(const struct bundle_facts *f, struct buf *out)
{
	const struct zip_file *manifest;
	AUTO_BUF packed = { 0 };

	if (f->naming == FACTS_WITHHELD) {
		buf_u8(out, 0);
		return;
	}
	manifest = facts_file(f, "manifest.json");
	paper_pack((const char *)manifest->p, manifest->n, &packed);
	buf_u8(out, packed.n <= CONTENT_MAX);
	if (packed.n > CONTENT_MAX)
		return;
	buf_u16(out, (uint16_t)packed.n);
	buf_add(out, packed.p, packed.n);
}

static enum pli_status whole_write(struct writing *w, const struct facts_entry *event, struct buf *whole, struct err *err)
{
	const struct bundle_facts *f = w->f;
	const struct facts_entry *first = consigned(f);
	AUTO_BUF entries = { 0 };
	uint8_t signature[64];
	enum pli_status status = signature_find(f, w->pool, signature, err);
	bool two = first && first != event;

	if (status == PLI_OK && two)
		status = entry_write_short(w, first, &entries, err);
	if (status == PLI_OK)
		status = entry_write_short(w, event, &entries, err);
	if (status != PLI_OK)
		return status;
	buf_u8(whole, VERSION);
	buf_u64(whole, f->tree_size);
	buf_add(whole, f->tree_root, 32);
	buf_add(whole, signature, 64);
	buf_u8(whole, (uint8_t)w->hash_count);
	buf_add(whole, w->hashes.p, w->hashes.n);
	buf_u8(whole, two ? 2 : 1);
	buf_add(whole, entries.p, entries.n);
	people_write(f, first != NULL, whole);
	content_write(f, whole);
	return whole->n <= PAPER_WHOLE_MAX ? PLI_OK : too_large(err);
}

enum pli_status paper_write(struct pool *pool, const struct bundle_facts *facts, const struct facts_entry *event, const char *base_url,
			    struct paper_codes *codes_r, struct err *err)
{
	struct writing w = { .pool = pool, .f = facts };
	AUTO_BUF whole = { 0 };
	enum pli_status status = whole_write(&w, event, &whole, err);

	if (status == PLI_OK)
		paper_codes_write(pool, &whole, base_url, codes_r);
	buf_free(&w.hashes);
	return status;
}

/* ---- reading ---- */

struct reading {
	struct pool *pool;
	struct paper_facts *paper;
	struct cursor c;
	const uint8_t *signature, *hashes;
	unsigned hash_count;
	struct facts_entry entries[ENTRIES_MAX];
	unsigned entry_count;
};

static enum pli_status malformed(struct err *err)
{
	return err_set(err, PLI_INPUT, "paper: the code is malformed");
}

static enum pli_status long_form(struct reading *r, size_t max, const char **text_r, size_t *n_r, struct err *err)
{
	size_t n = cursor_u16(&r->c);
	const uint8_t *p = cursor_bytes(&r->c, n);
	AUTO_BUF text = { 0 };
	enum pli_status status = p ? paper_unpack(p, n, max, &text, err) : malformed(err);

	if (status != PLI_OK)
		return status;
	*text_r = pool_strn(r->pool, text.p ? text.p : "", text.n);
	*n_r = text.n;
	return PLI_OK;
}

static enum pli_status entry_read(struct reading *r, struct err *err)
{
	struct bundle_facts *f = &r->paper->facts;
	struct facts_entry *e = &r->entries[r->entry_count];
	uint8_t path[TREE_PATH_MAX][32];
	unsigned count;
	const char *json;
	size_t n;
	enum pli_status status = long_form(r, ENTRY_MAX_BYTES, &json, &n, err);

	if (status != PLI_OK)
		return status;
	count = cursor_u8(&r->c);
	if (count > TREE_PATH_MAX)
		return malformed(err);
	for (unsigned i = 0; i < count; i++) {
		unsigned number = cursor_u8(&r->c);

		if (number >= r->hash_count)
			return malformed(err);
		memcpy(path[i], r->hashes + 32 * (size_t)number, 32);
	}
	if (r->c.bad)
		return malformed(err);
	status = entry_parse(r->pool, json, n, &e->v, err);
	if (status != PLI_OK)
		return facts_failed(err, "paper", "entry");
	entry_leaf(json, n, e->leaf);
	if (!tree_inclusion_holds(e->leaf, e->v.e.seq, f->tree_size, path[0], count, f->tree_root))
		return err_set(err, PLI_CONFLICT, "paper: entry %" PRIu64 " is not in the tree of the signed head", e->v.e.seq + 1);
	r->entry_count++;
	return PLI_OK;
}

static enum pli_status head_read(struct reading *r, struct err *err)
{
	struct bundle_facts *f = &r->paper->facts;
	const uint8_t *root;

	if (cursor_u8(&r->c) != VERSION)
		return err_set(err, PLI_INPUT, "paper: a code of another version");
	f->tree_size = cursor_u64(&r->c);
	root = cursor_bytes(&r->c, 32);
	r->signature = cursor_bytes(&r->c, 64);
	r->hash_count = cursor_u8(&r->c);
	r->hashes = cursor_bytes(&r->c, 32 * (size_t)r->hash_count);
	if (!root || !r->signature || !r->hashes || !f->tree_size)
		return malformed(err);
	memcpy(f->tree_root, root, 32);
	return PLI_OK;
}

static enum pli_status entries_read(struct reading *r, struct err *err)
{
	struct bundle_facts *f = &r->paper->facts;
	unsigned count = cursor_u8(&r->c);
	const struct uuid *recipient = NULL;
	enum pli_status status = count && count <= ENTRIES_MAX ? PLI_OK : malformed(err);

	while (status == PLI_OK && r->entry_count < count)
		status = entry_read(r, err);
	if (status != PLI_OK)
		return status;
	f->entries = pool_dup(r->pool, r->entries, sizeof(r->entries));
	f->entry_count = r->entry_count;
	for (unsigned i = 0; i < f->entry_count; i++) {
		struct entry_view *v = &f->entries[i].v, *first = &f->entries[0].v;

		/* The parsed entry points into its own view, which has moved. */
		v->e.letter = v->e.letter ? &v->letter : NULL;
		v->e.entity = v->e.entity ? &v->entity : NULL;
		v->e.recipient = v->e.recipient ? &v->recipient : NULL;
		v->e.subject = v->e.subject ? &v->subject : NULL;
		if (!v->e.letter || !uuid_same(v->e.letter, first->e.letter) || !str_eq(v->e.log, first->e.log))
			return err_set(err, PLI_CONFLICT, "paper: its entries are not of one letter");
		/* The deposit names none: whoever stands behind it must still be one and the same. */
		if (v->e.recipient && recipient && !uuid_same(v->e.recipient, recipient))
			return err_set(err, PLI_CONFLICT, "paper: its entries are not of one recipient");
		recipient = v->e.recipient ? v->e.recipient : recipient;
		if (i && !str_eq(first->e.ev, "consigned"))
			return err_set(err, PLI_CONFLICT, "paper: its event stands behind an entry that binds nobody");
		if (i && v->e.t_us < f->entries[i - 1].v.e.t_us && v->e.seq > f->entries[i - 1].v.e.seq)
			return err_set(err, PLI_CONFLICT, "paper: its entries are not in the order of their times");
	}
	f->origin = f->entries[0].v.e.log;
	f->deposit = &f->entries[0];
	r->paper->event = &f->entries[f->entry_count - 1];
	return PLI_OK;
}

static enum pli_status signature_check(struct reading *r, const char *log_pub_pem, struct err *err)
{
	struct bundle_facts *f = &r->paper->facts;
	uint8_t keys[KEYS_MAX][32], line[68];
	unsigned count = pem_list_publics(r->pool, log_pub_pem, keys, KEYS_MAX);
	char root[45], signature[93];

	if (!count)
		return err_set(err, PLI_CONFLICT, "paper: the log's key cannot be read");
	base64_encode(root, f->tree_root, 32);
	for (unsigned i = 0; i < count; i++) {
		struct checkpoint c;
		AUTO_BUF note = { 0 };

		checkpoint_key_id(f->origin, keys[i], line);
		memcpy(line + 4, r->signature, 64);
		buf_fmt(&note, "%s\n%" PRIu64 "\n%s\n\n— %s %s\n", f->origin, f->tree_size, root, f->origin,
			base64_encode(signature, line, sizeof(line)));
		if (checkpoint_verify(note.p, note.n, f->origin, keys[i], &c, NULL) == PLI_OK)
			return PLI_OK;
	}
	return err_set(err, PLI_CONFLICT, "paper: the head of the journal is not signed by this key");
}

/* A salt and the text that it is digested with, as the files NAME.json and NAME.salt. */
static enum pli_status salted_read(struct reading *r, const char *name, struct zip_file files[2], struct err *err)
{
	const uint8_t *salt = cursor_bytes(&r->c, 32);
	const char *text;
	char hex[65];
	size_t n;
	enum pli_status status = salt ? long_form(r, SHORT_MAX, &text, &n, err) : malformed(err);

	if (status != PLI_OK)
		return status;
	files[0] = (struct zip_file){ .name = pool_fmt(r->pool, "%s.json", name), .p = (const uint8_t *)text, .n = n };
	files[1] = (struct zip_file){ .name = pool_fmt(r->pool, "%s.salt", name), .p = pool_dup(r->pool, hex_encode(hex, salt, 32), 64), .n = 64 };
	return PLI_OK;
}

/* What a sheet that withholds binds is in the sheet itself. */
static struct zip_file digest_file(struct pool *pool, const struct zip_file *sheet)
{
	const char *value;
	size_t n;

	if (!canon_member((const char *)sheet->p, sheet->n, "withheld", &value, &n) || n != 66)
		return (struct zip_file){ .name = "withheld.sha256", .p = (const uint8_t *)"", .n = 0 };
	return (struct zip_file){ .name = "withheld.sha256", .p = pool_dup(pool, value + 1, 64), .n = 64 };
}

static enum pli_status people_read(struct reading *r, struct zip_file files[PAPER_FILES], struct err *err)
{
	unsigned form = cursor_u8(&r->c);
	enum pli_status status = form <= 1 + FACTS_WITHHELD ? PLI_OK : malformed(err);

	r->paper->sheet = form > 0;
	if (status != PLI_OK || !form)
		return status;
	r->paper->facts.naming = form - 1;
	status = salted_read(r, "sheet", &files[1], err);
	if (status == PLI_OK && form == 1 + FACTS_OPENED)
		status = salted_read(r, "withheld", &files[3], err);
	if (status == PLI_OK && form == 1 + FACTS_WITHHELD)
		files[3] = digest_file(r->pool, &files[1]);
	return status;
}

/* Sheet and list of contents, each with what the entries bind. */
static enum pli_status bound_read(struct reading *r, struct err *err)
{
	struct paper_facts *paper = r->paper;
	struct bundle_facts *f = &paper->facts;
	struct zip_file *files = POOL_ARRAY(r->pool, struct zip_file, PAPER_FILES);
	const struct facts_entry *binds = &f->entries[0];
	const char *text, *value;
	size_t n;
	enum pli_status status = people_read(r, files, err);

	if (status != PLI_OK)
		return status;
	for (unsigned i = 0; i < f->entry_count; i++)
		if (str_eq(f->entries[i].v.e.ev, "consigned"))
			binds = &f->entries[i];
	paper->content = cursor_u8(&r->c) == 1;
	if (paper->content) {
		status = long_form(r, SHORT_MAX, &text, &n, err);
		if (status != PLI_OK)
			return status;
		files[0] = (struct zip_file){ .name = "manifest.json", .p = (const uint8_t *)text, .n = n };
	}
	if (r->c.bad || r->c.n)
		return malformed(err);
	f->files = POOL_ARRAY(r->pool, const struct zip_file *, PAPER_FILES);
	for (int i = 0; i < PAPER_FILES; i++)	/* by name */
		if (files[i].name)
			f->files[f->file_count++] = &files[i];
	if (paper->content && f->naming == FACTS_WITHHELD)
		return malformed(err);
	if (paper->content)
		status = facts_content(f, err);
	if (status != PLI_OK)
		return status;
	if (!binds->v.e.h_json || !canon_member(binds->v.e.h_json, strlen(binds->v.e.h_json), "manifest", &value, &n) || n != 66) {
		if (paper->content || paper->sheet)
			return err_set(err, PLI_CONFLICT, "paper: no entry binds what it shows");
		return PLI_OK;
	}
	{
		uint8_t manifest[32];

		if (!hex_decode(manifest, 32, value + 1, 64) || (paper->content && memcmp(manifest, f->manifest, 32) != 0))
			return err_set(err, PLI_CONFLICT, "paper: the entry binds another list of contents");
		memcpy(f->manifest, manifest, 32);
	}
	if (!paper->sheet)
		return PLI_OK;
	f->sheet_count = 1;
	f->sheets = POOL_NEW(r->pool, struct facts_sheet);
	status = facts_sheets(f, err);
	if (status == PLI_OK)
		status = facts_bindings(f, err);
	if (status == PLI_OK && !f->sheets[0].bound)
		status = err_set(err, PLI_CONFLICT, "paper: no entry binds the people that it names");
	return status;
}

enum pli_status paper_verify(struct pool *pool, const char *text, size_t n, const char *log_pub_pem, struct paper_facts *paper_r,
			     struct err *err)
{
	AUTO_BUF whole = { 0 };
	struct reading r = { .pool = pool, .paper = paper_r };
	enum pli_status status;

	memset(paper_r, 0, sizeof(*paper_r));
	paper_r->facts.pool = pool;
	status = paper_codes_read(text, n, &whole, err);
	if (status != PLI_OK)
		return status;
	cursor_init(&r.c, pool_dup(pool, whole.p, whole.n), whole.n);
	paper_r->stage = PAPER_ENTRIES;
	status = head_read(&r, err);
	if (status == PLI_OK)
		status = entries_read(&r, err);
	if (status != PLI_OK)
		return status;
	paper_r->stage = PAPER_HEAD;
	status = signature_check(&r, log_pub_pem, err);
	if (status != PLI_OK)
		return status;
	paper_r->stage = PAPER_BOUND;
	status = bound_read(&r, err);
	if (status == PLI_OK)
		paper_r->stage = PAPER_HOLDS;
	return status;
}
