/* Forgeries of a proof, see attack.h.  Each begins with the files as they are, changes something, is packed and examined like any proof. */
#include <assert.h>
#include <string.h>

#include <openssl/cms.h>
#include <openssl/err.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "zip.h"

#include "cipher.h"

#include "asic.h"
#include "attack_forger.h"
#include "bundle.h"
#include "bundle_facts.h"
#include "checkpoint.h"
#include "seal.h"
#include "token.h"
#include "verify_report.h"

#include "attack.h"

#define ADDED_MAX 4
#define ENTRIES_TRIED 4		/* of a long proof: as many from its start */

struct work {
	struct pool *pool;
	const struct zip_file *files;	/* as they are */
	size_t count;
	struct zip_file *now;		/* of the forgery under way */
	size_t now_count;
	int64_t token_us;
	struct bundle_verify_options options;
	struct attack_forger forger;
	bool keep;
	struct attack *out;
};

/* ------------------------------------------------------------------------------------------- one forgery */

static void begin(struct work *w)
{
	memcpy(w->now, w->files, w->count * sizeof(*w->files));
	w->now_count = w->count;
}

static struct zip_file *file_of(struct work *w, const char *name)
{
	for (size_t i = 0; i < w->now_count; i++)
		if (str_eq(w->now[i].name, name))
			return &w->now[i];
	return NULL;
}

static void file_set(struct work *w, const char *name, const void *p, size_t n)
{
	struct zip_file *file = file_of(w, name);

	if (!file)
		return;
	file->p = pool_dup(w->pool, p, n);
	file->n = n;
}

static void file_drop(struct work *w, const char *name)
{
	struct zip_file *file = file_of(w, name);

	if (file)
		memmove(file, file + 1, (size_t)(w->now + --w->now_count - file) * sizeof(*file));
}

static bool listed(const char *name)
{
	return !str_eq(name, "mimetype") && !str_starts(name, "META-INF/");
}

/* The list of files, written anew over what they now are. */
static void relist(struct work *w)
{
	struct asic_reference *references = POOL_ARRAY(w->pool, struct asic_reference, w->now_count);
	struct asic_manifest m = { .references = references };
	const struct zip_file *note = file_of(w, "checkpoint.txt");
	struct checkpoint c;
	struct err err;
	AUTO_BUF text = { 0 };

	if (note && checkpoint_parse((const char *)note->p, note->n, &c, &err) == PLI_OK) {
		m.checkpoint_size = c.size;
		memcpy(m.checkpoint_root, c.root, 32);
	}
	for (size_t i = 0; i < w->now_count; i++)
		if (listed(w->now[i].name)) {
			references[m.count].name = w->now[i].name;
			cipher_sha256(w->now[i].p, w->now[i].n, references[m.count++].sha256);
		}
	asic_manifest_write(&m, &text);
	file_set(w, ASIC_MANIFEST_NAME, text.p, text.n);
}

static void examined(struct work *w, const char *act, const char *target, bool relisted, const void *zip, size_t n)
{
	struct attack_try *t = &w->out->tries[w->out->count++];
	struct verify_report r;
	AUTO_BUF words = { 0 };

	assert(w->out->count <= ATTACK_MAX);
	verify_examine(w->pool, zip, n, &w->options, &r);
	*t = (struct attack_try){ .act = act, .target = target, .relisted = relisted, .caught = !r.verified, .failed = r.failed };
	for (unsigned i = 0; i < r.count; i++)
		if (r.checks[i].result == VERIFY_FAILS) {
			t->by = t->by ? t->by : r.checks[i].id;
			buf_fmt(&words, "%s%s", words.n ? " · " : "", r.checks[i].text);
		}
	t->text = pool_strn(w->pool, words.p ? words.p : "", words.n);
	w->out->caught += t->caught;
	if (w->keep) {
		t->zip = pool_dup(w->pool, zip, n);
		t->zip_n = n;
	}
}

static void finish(struct work *w, const char *act, const char *target, bool relisted)
{
	AUTO_BUF zip = { 0 };

	if (relisted)
		relist(w);
	zip_write(&zip, w->now, w->now_count, w->token_us);
	examined(w, act, target, relisted, zip.p, zip.n);
}

/* The bytes of the archive instead of its files: every old becomes new, of the same length. */
static void finish_renamed(struct work *w, const char *act, const char *target, const char *old, const char *new_)
{
	AUTO_BUF zip = { 0 };
	size_t n = strlen(old);

	assert(n == strlen(new_));
	zip_write(&zip, w->now, w->now_count, w->token_us);
	for (char *p = zip.p; (p = memmem(p, (size_t)(zip.p + zip.n - p), old, n)); p += n)
		memcpy(p, new_, n);
	examined(w, act, target, false, zip.p, zip.n);
}

/* --------------------------------------------------------------------------------- bytes, files, their order */

static bool tried(const char *name)
{
	unsigned n = str_starts(name, "journal/") ? (unsigned)strtoul(name + 8, NULL, 10)
		     : str_starts(name, "sheet-") ? 2 * (unsigned)strtoul(name + 6, NULL, 10) : 0;

	return n <= ENTRIES_TRIED;
}

static void flip_each(struct work *w)
{
	for (size_t i = 0; i < w->count; i++) {
		const struct zip_file *was = &w->files[i];
		uint8_t *own;

		if (!was->n || !tried(was->name))
			continue;
		own = pool_dup(w->pool, was->p, was->n);
		own[was->n / 2] ^= 1;
		begin(w);
		file_set(w, was->name, own, was->n);
		finish(w, "flip", was->name, false);
	}
}

static void drop_each(struct work *w)
{
	static const char *const names[] = {
		"mimetype", "receipt.txt", "receipt.p7s", "receipt.tst", "manifest.json", "withheld.json", "withheld.salt", "withheld.sha256",
		"checkpoint.txt", "checkpoint.tst", "root.pem",
		"operator.pem", "log.pub", "VERIFY.md", "journal/001.json", "journal/001.tlog-proof", ASIC_MANIFEST_NAME, ASIC_SIGNATURE_NAME,
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		begin(w);
		if (!file_of(w, names[i]))
			continue;
		file_drop(w, names[i]);
		finish(w, "drop", names[i], false);
	}
}

/* The newest event disappears, as if it had never been; the list says so too. */
static void drop_last_entry(struct work *w)
{
	const char *last = NULL;

	for (size_t i = 0; i < w->count; i++)
		if (str_starts(w->files[i].name, "journal/") && strstr(w->files[i].name, ".json"))
			last = w->files[i].name;
	for (int again = 0; last && again < 2; again++) {
		begin(w);
		file_drop(w, last);
		file_drop(w, pool_fmt(w->pool, "%.*s.tlog-proof", (int)strlen(last) - 5, last));
		finish(w, "drop", last, again);
	}
}

static void cut_each(struct work *w)
{
	static const char *const names[] = { "receipt.txt", "checkpoint.txt", "checkpoint.tst", "receipt.p7s", "journal/001.json", ASIC_SIGNATURE_NAME };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		for (int again = 0; again < 2; again++) {
			begin(w);
			if (!file_of(w, names[i]))
				continue;
			file_of(w, names[i])->n -= file_of(w, names[i])->n > 12 ? 12 : 0;
			finish(w, "cut", names[i], again);
		}
}

static void grow_each(struct work *w)
{
	static const char *const names[] = { "receipt.txt", ASIC_SIGNATURE_NAME, ASIC_MANIFEST_NAME, "verify.sh", "root.pem" };
	AUTO_BUF zip = { 0 };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct zip_file *was;
		char *own;

		begin(w);
		was = file_of(w, names[i]);
		if (!was)
			continue;
		own = pool_alloc(w->pool, was->n + 1);
		memcpy(own, was->p, was->n);
		own[was->n] = '\n';
		file_set(w, names[i], own, was->n + 1);
		finish(w, "grow", names[i], false);
	}
	begin(w);
	zip_write(&zip, w->now, w->now_count, w->token_us);
	buf_str(&zip, "one more");
	examined(w, "grow", "ZIP", false, zip.p, zip.n);
	examined(w, "cut", "ZIP", false, zip.p, zip.n - 8 - 22);
}

static void swap_each(struct work *w)
{
	static const char *const pairs[][2] = {
		{ "journal/001.json", "journal/002.json" }, { "journal/001.tlog-proof", "journal/002.tlog-proof" },
		{ "root.pem", "seal.pem" }, { "seal.pem", "operator.pem" }, { "seal.pem", "tsa.pem" }, { "checkpoint.tst", "receipt.tst" },
		{ "receipt.p7s", ASIC_SIGNATURE_NAME }, { "sheet-001.json", "sheet-002.json" }, { "sheet-001.salt", "sheet-002.salt" },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		for (int again = 0; again < 2; again++) {
			struct zip_file *a, *b, keep;

			begin(w);
			a = file_of(w, pairs[i][0]);
			b = file_of(w, pairs[i][1]);
			if (!a || !b)
				continue;
			keep = *a;
			a->p = b->p;
			a->n = b->n;
			b->p = keep.p;
			b->n = keep.n;
			finish(w, "swap", pool_fmt(w->pool, "%s, %s", pairs[i][0], pairs[i][1]), again);
		}
}

static void add_each(struct work *w)
{
	static const char *const names[] = { "extra.txt", "journal/099.json", "META-INF/signature2.p7s", "renewal-9.sha512" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		begin(w);
		w->now[w->now_count++] = (struct zip_file){ .name = names[i], .p = (const uint8_t *)"x", .n = 1 };
		finish(w, "add", names[i], false);
	}
	begin(w);
	w->now[w->now_count++] = (struct zip_file){ .name = "receipt.txu", .p = (const uint8_t *)"Number: 1\n", .n = 10 };
	finish_renamed(w, "twice", "receipt.txt", "receipt.txu", "receipt.txt");
	begin(w);
	w->now[w->now_count++] = (struct zip_file){ .name = "xx/extra", .p = (const uint8_t *)"x", .n = 1 };
	finish_renamed(w, "escape", "../extra", "xx/extra", "../extra");
	begin(w);
	w->now[0] = w->files[1];
	w->now[1] = w->files[0];
	finish(w, "order", "mimetype", false);
}

/* ------------------------------------------------------------------------------------------- words and numbers */

static void edit_one(struct work *w, const char *name, const char *what, const char *old, const char *new_)
{
	for (int again = 0; again < 2; again++) {
		const struct zip_file *was;
		const char *text, *at;

		begin(w);
		was = file_of(w, name);
		text = was ? pool_strn(w->pool, (const char *)was->p, was->n) : "";
		at = strstr(text, old);
		if (!at)
			return;
		text = pool_fmt(w->pool, "%.*s%s%s", (int)(at - text), text, new_, at + strlen(old));
		file_set(w, name, text, strlen(text));
		finish(w, "edit", pool_fmt(w->pool, "%s: %s", name, what), again);
	}
}

static void edit_each(struct work *w)
{
	static const struct {
		const char *name, *what, *old, *new_;
	} edits[] = {
		{ "receipt.txt", "Number", "Number: ", "Number: 1" },
		{ "receipt.txt", "Date", "\nDate: 20", "\nDate: 19" },
		{ "receipt.txt", "Subject", "Subject:", "Subject: Re:" },
		{ "receipt.txt", "Recipient", "Recipient: ", "Recipient: cc, x@example.org\nRecipient: " },
		{ "receipt.txt", "handover", "handover", "consigned" },
		{ "receipt.txt", "Not-Established", "Not-Established: that", "Established: that" },
		{ "receipt.xml", "EventTime", "EventTime>20", "EventTime>19" },
		{ "manifest.json", "size", "\"size\":", "\"size\":1" },
		{ "withheld.json", "subject", "\"subject\":\"", "\"subject\":\"Re: " },
		{ "withheld.json", "address", "\"address\":\"", "\"address\":\"x" },
		{ "sheet.json", "withheld", "\"withheld\":\"", "\"withheld\":\"0" },
		{ "sheet.json", "subject", "\"subject\":\"", "\"subject\":\"Re: " },
		{ "sheet-001.json", "subject", "\"subject\":\"", "\"subject\":\"Re: " },
		{ "sheet.json", "address", "\"address\":\"", "\"address\":\"x" },
		{ "sheet-001.json", "address", "\"address\":\"", "\"address\":\"x" },
		{ "journal/001.json", "t", "\"t\":\"20", "\"t\":\"19" },
		{ "journal/002.json", "t", "\"t\":\"20", "\"t\":\"19" },
		{ "journal/001.json", "seq", "\"seq\":", "\"seq\":1" },
		{ "journal/002.json", "prev", "\"prev\":\"", "\"prev\":\"0" },
		{ "journal/001.tlog-proof", "index", "index ", "index 1" },
		{ "checkpoint.txt", "size", "\n", "\n1" },
	};

	for (size_t i = 0; i < sizeof(edits) / sizeof(*edits); i++)
		edit_one(w, edits[i].name, edits[i].what, edits[i].old, edits[i].new_);
}

/* --------------------------------------------------------------------------------------- signers and keys */

/* One of the two signers of the receipt is taken away: what is left is a valid signature by the other. */
static void signer_removed(struct work *w, int which)
{
	const struct zip_file *file;
	const uint8_t *p;
	CMS_ContentInfo *cms;
	uint8_t *der = NULL;
	int n;

	begin(w);
	file = file_of(w, "receipt.p7s");
	p = file ? file->p : NULL;
	cms = p ? d2i_CMS_ContentInfo(NULL, &p, (long)file->n) : NULL;
	if (cms && sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)) == 2) {
		CMS_SignerInfo *gone = sk_CMS_SignerInfo_delete(CMS_get0_SignerInfos(cms), which);

		n = i2d_CMS_ContentInfo(cms, &der);
		if (n > 0) {
			file_set(w, "receipt.p7s", der, (size_t)n);
			finish(w, "unsign", pool_fmt(w->pool, "receipt.p7s: %d", which + 1), true);
		}
		(void)sk_CMS_SignerInfo_insert(CMS_get0_SignerInfos(cms), gone, which);	/* freed with the rest */
	}
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
}

/* The list is written anew and sealed with a key of the forger's. */
static void reseal(struct work *w, const char *act, const char *target)
{
	const struct zip_file *list;
	AUTO_BUF p7s = { 0 };
	struct err err;

	relist(w);
	list = file_of(w, ASIC_MANIFEST_NAME);
	if (seal_make(w->forger.seal, list->p, list->n, &p7s, &err) != PLI_OK)
		return;
	file_set(w, ASIC_SIGNATURE_NAME, p7s.p, p7s.n);
	finish(w, act, target, false);
}

static void stamp(struct work *w, const char *token, const char *over)
{
	const struct zip_file *file = file_of(w, over);
	AUTO_BUF der = { 0 };
	struct err err;

	if (file && token_make(w->forger.tsa, file->p, file->n, w->token_us, &der, &err) == PLI_OK)
		file_set(w, token, der.p, der.n);
}

static void certify(struct work *w)
{
	const struct zip_file *text = file_of(w, "receipt.txt");
	AUTO_BUF p7s = { 0 };
	struct err err;

	if (seal_make_two(w->forger.seal, w->forger.operator_, text->p, text->n, &p7s, &err) == PLI_OK)
		file_set(w, "receipt.p7s", p7s.p, p7s.n);
}

static void set_text(struct work *w, const char *name, const char *text)
{
	file_set(w, name, text, strlen(text));
}

/* The head of the journal by a key of the forger's; the proofs that repeat it are not his to change without notice. */
static void head_forge(struct work *w)
{
	const struct zip_file *note = file_of(w, "checkpoint.txt");
	struct checkpoint c;
	AUTO_BUF text = { 0 };
	struct err err;

	if (checkpoint_parse((const char *)note->p, note->n, &c, &err) != PLI_OK)
		return;
	checkpoint_write(c.origin, c.size, c.root, w->forger.log_secret, &text);
	file_set(w, "checkpoint.txt", text.p, text.n);
}

static void own_keys(struct work *w)
{
	const struct attack_forger *f = &w->forger;

	begin(w);
	reseal(w, "reseal", ASIC_SIGNATURE_NAME);
	begin(w);
	set_text(w, "seal.pem", f->seal_pem);
	reseal(w, "reseal", "seal.pem");
	begin(w);
	set_text(w, "operator.pem", f->operator_pem);
	reseal(w, "reseal", "operator.pem");
	begin(w);
	set_text(w, "root.pem", f->root_pem);
	set_text(w, "seal.pem", f->seal_pem);
	set_text(w, "operator.pem", f->operator_pem);
	set_text(w, "tsa.pem", f->tsa_pem);
	certify(w);
	stamp(w, "checkpoint.tst", "checkpoint.txt");
	stamp(w, "receipt.tst", "receipt.p7s");
	reseal(w, "reseal", "root.pem");
	begin(w);
	stamp(w, "checkpoint.tst", "checkpoint.txt");
	finish(w, "stamp", "checkpoint.tst", true);
	begin(w);
	stamp(w, "receipt.tst", "receipt.p7s");
	finish(w, "stamp", "receipt.tst", true);
	begin(w);
	certify(w);
	finish(w, "certify", "receipt.p7s", true);
	begin(w);
	set_text(w, "log.pub", f->log_pub);
	finish(w, "key", "log.pub", true);
	begin(w);
	head_forge(w);
	finish(w, "head", "checkpoint.txt", true);
	begin(w);
	set_text(w, "log.pub", f->log_pub);
	head_forge(w);
	finish(w, "head", "checkpoint.txt, log.pub", true);
}

/* ------------------------------------------------------------------------------------------------- all of them */

static enum pli_status work_open(struct work *w, const void *zip, size_t n, struct err *err)
{
	struct verify_report report;
	struct zip_file *files;
	const struct bundle_facts *f;
	const struct zip_file *root, *log;

	if (n > ATTACK_MAX_BYTES)
		return err_set(err, PLI_LIMIT, "A proof of more than %u MiB is not attacked here.", ATTACK_MAX_BYTES >> 20);
	w->options.unpacked_max_bytes = 4 * ATTACK_MAX_BYTES;
	verify_examine(w->pool, zip, n, &w->options, &report);
	if (!report.verified) {
		*err = report.err;
		return report.err.status;
	}
	f = report.facts;
	w->token_us = report.token_us;
	if (zip_read_open(w->pool, zip, n, w->options.unpacked_max_bytes, &files, &w->count, err) != PLI_OK)
		return err->status;
	w->files = files;
	w->now = POOL_ARRAY(w->pool, struct zip_file, w->count + ADDED_MAX);
	/* Who is attacked knows the service's fingerprints. */
	root = facts_file(f, "root.pem");
	log = facts_file(f, "log.pub");
	w->options.root_pem = pool_strn(w->pool, (const char *)root->p, root->n);
	w->options.log_pub_pem = pool_strn(w->pool, (const char *)log->p, log->n);
	return attack_forger_make(w->pool, &w->forger, err);
}

enum pli_status attack_run(struct pool *pool, const void *zip, size_t n, bool keep, struct attack *attack_r, struct err *err)
{
	struct work w = { .pool = pool, .keep = keep, .out = attack_r };
	enum pli_status st;

	attack_r->count = attack_r->caught = 0;
	st = work_open(&w, zip, n, err);
	if (st != PLI_OK)
		return st;
	flip_each(&w);
	drop_each(&w);
	drop_last_entry(&w);
	cut_each(&w);
	grow_each(&w);
	swap_each(&w);
	add_each(&w);
	edit_each(&w);
	signer_removed(&w, 0);
	signer_removed(&w, 1);
	own_keys(&w);
	attack_forger_free(&w.forger);
	return PLI_OK;
}
