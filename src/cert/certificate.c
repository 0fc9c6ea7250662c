/* See certificate.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "asset.h"
#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"
#include "uuid.h"
#include "zip.h"
#include "asic.h"
#include "bundle_facts.h"
#include "keeper.h"
#include "seal.h"
#include "verify_report.h"

#include "certificate.h"

#define UNPACKED_MAX_BYTES ((size_t)256 << 20)
#define TEXT_NAME "certificate.txt"
enum { OWN = 3 };	/* files behind the proofs */

static const char *const own_names[OWN] = { "VERIFY.md", "verify.sh", "proof.sh" };

struct work {
	struct pool *pool;
	const struct bundle_verify_options *options;
	const struct certificate_proof *proofs;
	struct certificate c;
	struct certificate_item *items;
	const char *root_pem, *seal_pem;	/* of the proof with the newest checkpoint */
	char root[65], log_key[65];
	bool root_given, log_key_given;
	size_t unpacked_left;		/* of what the proofs may unpack together; SIZE_MAX: each for itself */
	/* of one that is examined */
	const struct zip_file *text, *own[OWN], *manifest, *signature;
};

static const char *const limits[] = {
	"Not-Established: that there are no other letters and no other recipients than those listed",
	"Not-Established: that a notice was read; Notified means that a mail server, or the outbox of a demonstration, took it",
	"Not-Established: what happened after the time `as of` of each proof",
	"Not-Established: the time by an outside clock; dates are those of the service, and its token shows that all of this was there at "
	"Checkpoint-Time at the latest",
	"Non-etabli: qu'il n'y ait ni d'autres lettres ni d'autres destinataires que ceux de la liste",
	"Non-etabli: qu'un avis ait été lu ; Notified : un serveur de messagerie, ou la boîte d'envoi d'une démonstration, l'a pris",
	"Non-etabli: ce qui s'est passé après la date « as of » de chaque preuve",
	"Non-etabli: l'heure d'une horloge extérieure ; les dates sont celles du service, et son jeton montre que tout existait au plus tard "
	"à Checkpoint-Time",
};

/* ---- what a proof says ---- */

static int64_t first_of(const struct bundle_facts *f, unsigned end, const char *const *events)
{
	for (unsigned i = 0; i < end; i++)
		for (const char *const *ev = events; *ev; ev++)
			if (str_eq(f->entries[i].v.e.ev, *ev))
				return f->entries[i].v.e.t_us;
	return 0;
}

static void decision_take(const struct bundle_facts *f, unsigned end, struct certificate_item *item)
{
	static const char *const decisions[] = { "accepted", "refused", "unclaimed" };

	for (int i = 0; i < 3 && !item->decision; i++) {
		char event[24];

		snprintf(event, sizeof(event), "lre.%s", decisions[i]);
		item->decided_us = first_of(f, end, (const char *const[]){ event, NULL });
		if (item->decided_us)
			item->decision = decisions[i];
	}
}

/* Of the last state.certified in the chain, and what stands before it. */
static enum pli_status item_take(struct pool *pool, const struct bundle_facts *f, struct certificate_item *item, struct err *err)
{
	const struct bundle_sheet *s = &f->sheets[0].s;
	unsigned end = f->entry_count;

	while (end && !str_eq(f->entries[end - 1].v.e.ev, CERTIFICATE_EVENT))
		end--;
	if (!end)
		return err_set(err, PLI_CONFLICT, "has no entry %s", CERTIFICATE_EVENT);
	*item = (struct certificate_item){ .number = f->deposit->v.e.seq + 1, .as_of_us = f->entries[end - 1].v.e.t_us };
	uuid_format(item->letter, f->deposit->v.e.letter);
	item->available_us = first_of(f, end, (const char *const[]){ "consigned", NULL });
	item->notified_us = first_of(f, end, (const char *const[]){ "notice.sent", "lre.notice.sent", NULL });
	item->opened_us = first_of(f, end, (const char *const[]){ "handover", NULL });
	decision_take(f, end, item);
	item->who = pool_fmt(pool, "%s, %s%s%s", s->recipient_kind, s->recipient_address, s->recipient_name ? ", " : "",
			     s->recipient_name ? s->recipient_name : "");
	return PLI_OK;
}

static const char *text_of(struct pool *pool, const struct bundle_facts *f, const char *name)
{
	const struct zip_file *file = facts_file(f, name);

	return pool_strn(pool, (const char *)file->p, file->n);
}

/* They are of one service; the newest gives checkpoint and seal. */
static enum pli_status proof_join(struct work *w, const struct verify_report *report, struct err *err)
{
	const struct bundle_facts *f = report->facts;

	if (!w->c.origin) {
		w->c.origin = pool_str(w->pool, f->origin);
		memcpy(w->root, report->root, sizeof(w->root));
		w->root_given = report->root_given;
		w->log_key_given = report->log_key_given;
	}
	if (!str_eq(w->c.origin, f->origin) || !str_eq(w->root, report->root))
		return err_set(err, PLI_CONFLICT, "is of another service than those before it");
	if (f->tree_size < w->c.tree_size)
		return PLI_OK;
	w->c.tree_size = f->tree_size;
	memcpy(w->c.tree_root, f->tree_root, 32);
	w->c.token_us = report->token_us;
	memcpy(w->log_key, report->log_key, sizeof(w->log_key));
	w->root_pem = text_of(w->pool, f, "root.pem");
	w->seal_pem = text_of(w->pool, f, "seal.pem");
	return PLI_OK;
}

/* One limit for all: what one unpacks the next ones cannot. */
static enum pli_status unpacked_count(struct work *w, size_t n, struct err *err)
{
	if (w->unpacked_left == SIZE_MAX)
		return PLI_OK;
	if (n >= w->unpacked_left)
		return err_set(err, PLI_LIMIT, "and those before it are larger than is examined here");
	w->unpacked_left -= n;
	return PLI_OK;
}

static size_t unpacked_bytes(const struct bundle_facts *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->file_count; i++)
		n += f->files[i]->n;
	return n;
}

static enum pli_status proof_take(struct work *w, unsigned i, struct err *err)
{
	AUTO_POOL pool = pool_new();
	const struct certificate_proof *p = &w->proofs[i];
	struct bundle_verify_options options = *w->options;
	struct verify_report *report = POOL_NEW(pool, struct verify_report);
	enum pli_status st;

	if (p->n < 4 || memcmp(p->p, "PK\3\4", 4) != 0 || certificate_is(p->p, p->n))
		return err_set(err, PLI_CONFLICT, "is no proof");
	if (w->unpacked_left != SIZE_MAX)
		options.unpacked_max_bytes = w->unpacked_left;
	verify_examine(pool, p->p, p->n, &options, report);
	if (!report->verified) {
		*err = report->err;
		return report->err.status;
	}
	if (report->facts->sender)
		return err_set(err, PLI_CONFLICT, "is not a recipient's proof");
	st = unpacked_count(w, unpacked_bytes(report->facts), err);
	if (st == PLI_OK)
		st = item_take(w->pool, report->facts, &w->items[i], err);
	if (st == PLI_OK && i && w->items[i].number <= w->items[i - 1].number)
		st = err_set(err, PLI_CONFLICT, "stands twice, or not in the order of numbers");
	return st == PLI_OK ? proof_join(w, report, err) : st;
}

static enum pli_status proofs_take(struct work *w, struct err *err)
{
	w->items = POOL_ARRAY(w->pool, struct certificate_item, w->c.count);
	w->c.items = w->items;
	for (unsigned i = 0; i < w->c.count; i++) {
		struct err why = { 0 };
		enum pli_status st = proof_take(w, i, &why);

		if (st != PLI_OK)
			return err_set(err, st, "proofs: proofs/%04u.asice %s", i + 1, why.text);
	}
	return PLI_OK;
}

/* ---- what follows from them ---- */

static void count(struct certificate *c)
{
	c->as_of_us = INT64_MAX;
	for (unsigned i = 0; i < c->count; i++)
		if (c->items[i].as_of_us < c->as_of_us)
			c->as_of_us = c->items[i].as_of_us;
	c->by_us = c->deadline_us ? c->deadline_us : c->as_of_us;
	c->available = c->notified = c->opened = c->opened_as_of = 0;
	for (unsigned i = 0; i < c->count; i++) {
		const struct certificate_item *item = &c->items[i];

		c->available += item->available_us && item->available_us <= c->by_us;
		c->notified += item->notified_us && item->notified_us <= c->by_us;
		c->opened += item->opened_us && item->opened_us <= c->by_us;
		c->opened_as_of += item->opened_us && item->opened_us <= c->as_of_us;
	}
}

static const char *date(char text[25], int64_t t_us)
{
	if (t_us)
		return clock_rfc3339(text, t_us);
	memcpy(text, "-", 2);
	return text;
}

static void text_write(struct certificate *c, struct buf *out)
{
	char a[25], b[25], d[25], e[25], f[25], hex[65];

	count(c);
	buf_fmt(out, "Pli-Certificate: 1\nOrigin: %s\nAs-Of: %s\nDeadline:%s%s\nBy: %s\nProofs: %u\n", c->origin, date(a, c->as_of_us),
		c->deadline_us ? " " : "", c->deadline_us ? date(b, c->deadline_us) : "", date(d, c->by_us), c->count);
	buf_fmt(out, "Available: %u\nNotified: %u\nOpened: %u\nOpened-As-Of: %u\nNot-Opened: %u\n", c->available, c->notified, c->opened,
		c->opened_as_of, c->count - c->opened_as_of);
	for (unsigned i = 0; i < c->count; i++) {
		const struct certificate_item *item = &c->items[i];

		buf_fmt(out, "Proof: %04u, %" PRIu64 ", %s, available %s, notified %s, opened %s, %s %s, as of %s, %s\n", i + 1, item->number,
			item->letter, date(a, item->available_us), date(b, item->notified_us), date(d, item->opened_us),
			item->decision ? item->decision : "undecided", date(e, item->decided_us), date(f, item->as_of_us), item->who);
	}
	buf_fmt(out, "Checkpoint-Size: %" PRIu64 "\nCheckpoint-Root: %s\nCheckpoint-Time: %s\n", c->tree_size,
		hex_encode(hex, c->tree_root, 32), date(a, c->token_us));
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		buf_fmt(out, "%s\n", limits[i]);
}

static const char *proof_name(struct pool *pool, unsigned i)
{
	return pool_fmt(pool, "proofs/%04u.asice", i + 1);
}

static void manifest_write(struct work *w, struct buf *out)
{
	struct asic_reference *refs = POOL_ARRAY(w->pool, struct asic_reference, w->c.count + OWN + 1);
	struct asic_manifest m = { .checkpoint_size = w->c.tree_size, .references = refs };

	refs[m.count].name = w->text->name;
	SHA256(w->text->p, w->text->n, refs[m.count++].sha256);
	for (unsigned i = 0; i < w->c.count; i++) {
		refs[m.count].name = proof_name(w->pool, i);
		SHA256(w->proofs[i].p, w->proofs[i].n, refs[m.count++].sha256);
	}
	for (int i = 0; i < OWN; i++) {
		refs[m.count].name = own_names[i];
		SHA256(w->own[i]->p, w->own[i]->n, refs[m.count++].sha256);
	}
	memcpy(m.checkpoint_root, w->c.tree_root, 32);
	asic_manifest_write(&m, out);
}

/* ---- writing ---- */

static struct zip_file file_of(const char *name, const void *p, size_t n)
{
	return (struct zip_file){ .name = name, .p = p, .n = n };
}

static int by_number(const void *a, const void *b)
{
	const struct certificate_item *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

/* In the order of their numbers, which stand inside: the caller knows them in another. */
static enum pli_status proofs_sort(struct pool *pool, struct certificate_proof *proofs, unsigned n, struct err *err)
{
	struct numbered {
		struct certificate_item key;	/* by_number looks at its number alone */
		struct certificate_proof proof;
	} *list = POOL_ARRAY(pool, struct numbered, n);
	const struct bundle_verify_options options = { .unpacked_max_bytes = UNPACKED_MAX_BYTES };

	for (unsigned i = 0; i < n; i++) {
		AUTO_POOL own = pool_new();
		struct verify_report *report = POOL_NEW(own, struct verify_report);

		verify_examine(own, proofs[i].p, proofs[i].n, &options, report);
		if (!report->verified)
			return err_set(err, PLI_CONFLICT, "a proof for the certificate does not hold: %.200s", report->err.text);
		if (!report->facts)	/* a certificate is none */
			return err_set(err, PLI_CONFLICT, "a certificate is no proof for another");
		list[i].key = (struct certificate_item){ .number = report->facts->deposit->v.e.seq + 1 };
		list[i].proof = proofs[i];
	}
	qsort(list, n, sizeof(*list), by_number);
	for (unsigned i = 0; i < n; i++)
		proofs[i] = list[i].proof;
	return PLI_OK;
}

enum pli_status certificate_write(struct pool *pool, struct certificate_proof *proofs, unsigned n, int64_t deadline_us, const char *lang,
				  struct keeper *keeper, struct buf *out, struct err *err)
{
	const struct bundle_verify_options options = { .unpacked_max_bytes = UNPACKED_MAX_BYTES };
	const struct asset *own[OWN] = { asset_data(str_eq(lang, "en") ? "CERTIFICATE.en.md" : "CERTIFICATE.fr.md"), asset_data("certificate.sh"),
					 asset_data("verify.sh") };
	struct work w = { .pool = pool, .options = &options, .proofs = proofs, .unpacked_left = SIZE_MAX,
			  .c = { .count = n, .deadline_us = deadline_us - deadline_us % 1000 } };
	struct zip_file *files = POOL_ARRAY(pool, struct zip_file, n + OWN + 4);
	AUTO_BUF text = { 0 }, manifest = { 0 }, signature = { 0 };
	unsigned at = 0;
	enum pli_status st;

	if (!own[0] || !own[1] || !own[2])
		return err_set(err, PLI_BUG, "certificate.sh is not in this program");
	if (!n || n > CERTIFICATE_PROOFS_MAX)
		return err_set(err, PLI_LIMIT, "a certificate has at most %u proofs", CERTIFICATE_PROOFS_MAX);
	st = proofs_sort(pool, proofs, n, err);
	if (st == PLI_OK)
		st = proofs_take(&w, err);
	if (st != PLI_OK)
		return st;
	text_write(&w.c, &text);
	files[at++] = file_of("mimetype", ASIC_MIMETYPE, strlen(ASIC_MIMETYPE));
	w.text = &files[at];
	files[at++] = file_of(TEXT_NAME, text.p, text.n);
	for (unsigned i = 0; i < n; i++)
		files[at++] = file_of(proof_name(pool, i), proofs[i].p, proofs[i].n);
	for (int i = 0; i < OWN; i++) {
		w.own[i] = &files[at];
		files[at++] = file_of(own_names[i], own[i]->bytes, own[i]->n);
	}
	manifest_write(&w, &manifest);
	st = keeper_seal(keeper, manifest.p, manifest.n, &signature, err);
	if (st == PLI_OK && !seal_holds_certificate(signature.p, signature.n, w.seal_pem))
		st = err_set(err, PLI_BUSY, "The keys changed just now; try again.");
	if (st != PLI_OK)
		return st;
	files[at++] = file_of(ASIC_MANIFEST_NAME, manifest.p, manifest.n);
	files[at++] = file_of(ASIC_SIGNATURE_NAME, signature.p, signature.n);
	zip_write(out, files, at, w.c.token_us);
	return PLI_OK;
}

/* ---- examining ---- */

bool certificate_is(const void *zip, size_t n)
{
	static const char mimetype[] = "mimetype" ASIC_MIMETYPE, name[] = TEXT_NAME;
	const size_t second = 30 + sizeof(mimetype) - 1;
	const uint8_t *p = zip;

	return n > second + 30 + sizeof(name) && memcmp(p, "PK\3\4", 4) == 0 && memcmp(p + 30, mimetype, sizeof(mimetype) - 1) == 0 &&
	       memcmp(p + second, "PK\3\4", 4) == 0 && p[second + 26] == sizeof(name) - 1 && p[second + 27] == 0 &&
	       memcmp(p + second + 30, name, sizeof(name) - 1) == 0;
}

unsigned certificate_proof_count(const void *zip, size_t n)
{
	const uint8_t *end = (const uint8_t *)zip + n - 22;	/* the end of the directory, where nothing stands behind it */
	unsigned files = n >= 22 && memcmp(end, "PK\5\6", 4) == 0 ? end[10] | (unsigned)end[11] << 8 : UINT16_MAX;

	if (files > CERTIFICATE_PROOFS_MAX + OWN + 4)
		return CERTIFICATE_PROOFS_MAX;
	return files > OWN + 4 ? files - OWN - 4 : 1;
}

static enum pli_status check_files(struct work *w, const void *zip, size_t n, struct err *err)
{
	size_t most = w->options->unpacked_max_bytes ? w->options->unpacked_max_bytes : UNPACKED_MAX_BYTES, total;
	struct certificate_proof *proofs;
	struct zip_file *files;
	unsigned at = 2;
	enum pli_status st = zip_read_open(w->pool, zip, n, most, &files, &total, err);

	if (st != PLI_OK)
		return facts_failed(err, "files", NULL);
	if (total < OWN + 5 || total > CERTIFICATE_PROOFS_MAX + OWN + 4)
		return err_set(err, PLI_CONFLICT, "files: not those of a certificate");
	proofs = POOL_ARRAY(w->pool, struct certificate_proof, total);
	w->text = &files[1];
	for (; at < total - OWN - 2; at++) {
		if (!str_eq(files[at].name, proof_name(w->pool, at - 2)))
			return err_set(err, PLI_CONFLICT, "files: %.60s stands where %s must be", files[at].name, proof_name(w->pool, at - 2));
		proofs[at - 2] = (struct certificate_proof){ files[at].p, files[at].n };
	}
	for (int i = 0; i < OWN; i++, at++) {
		w->own[i] = &files[at];
		if (!str_eq(files[at].name, own_names[i]))
			return err_set(err, PLI_CONFLICT, "files: %.60s stands where %s must be", files[at].name, own_names[i]);
	}
	w->manifest = &files[at++];
	w->signature = &files[at];
	if (!str_eq(files[0].name, "mimetype") || files[0].n != strlen(ASIC_MIMETYPE) || !str_eq(w->text->name, TEXT_NAME) ||
	    !str_eq(w->manifest->name, ASIC_MANIFEST_NAME) ||
	    !str_eq(w->signature->name, ASIC_SIGNATURE_NAME))
		return err_set(err, PLI_CONFLICT, "files: not those of a certificate, in their order");
	for (size_t i = 0; i < total; i++)
		if (unpacked_count(w, files[i].n, err) != PLI_OK)
			return facts_failed(err, "files", NULL);
	w->proofs = proofs;
	w->c.count = (unsigned)(total - OWN - 4);
	return PLI_OK;
}

static enum pli_status check_manifest(struct work *w, struct err *err)
{
	AUTO_BUF wanted = { 0 };

	manifest_write(w, &wanted);
	if (w->manifest->n == wanted.n && memcmp(w->manifest->p, wanted.p, wanted.n) == 0)
		return PLI_OK;
	return err_set(err, PLI_CONFLICT, "manifest: is not what these files demand");
}

static enum pli_status check_seal(struct work *w, struct err *err)
{
	if (seal_verify(w->signature->p, w->signature->n, w->manifest->p, w->manifest->n, w->root_pem, w->seal_pem, w->c.token_us, err) == PLI_OK)
		return PLI_OK;
	return facts_failed(err, "seal", NULL);
}

/* The deadline is the one thing that is asked rather than found. */
static enum pli_status deadline_read(struct work *w, struct err *err)
{
	const char *text = pool_strn(w->pool, (const char *)w->text->p, w->text->n), *p = strstr(text, "\nDeadline:");
	const char *end = p ? strchr(p + 10, '\n') : NULL;

	w->c.deadline_us = 0;
	if (!end)
		return err_set(err, PLI_CONFLICT, "text: no line Deadline");
	if (end == p + 10)
		return PLI_OK;
	if (p[10] != ' ' || !clock_parse(pool_strn(w->pool, p + 11, (size_t)(end - p - 11)), &w->c.deadline_us) || w->c.deadline_us <= 0)
		return err_set(err, PLI_CONFLICT, "text: the deadline is no time");
	return PLI_OK;
}

static enum pli_status check_text(struct work *w, struct err *err)
{
	AUTO_BUF wanted = { 0 };
	enum pli_status st = deadline_read(w, err);
	unsigned line = 1;

	if (st != PLI_OK)
		return st;
	text_write(&w->c, &wanted);
	if (w->text->n == wanted.n && memcmp(w->text->p, wanted.p, wanted.n) == 0)
		return PLI_OK;
	for (size_t i = 0; i < w->text->n && i < wanted.n && w->text->p[i] == (uint8_t)wanted.p[i]; i++)
		line += w->text->p[i] == '\n';
	return err_set(err, PLI_CONFLICT, "text: line %u is not what follows from the proofs", line);
}

static const struct {
	const char *id, *said, *command;
	enum pli_status (*check)(struct work *w, struct err *err);
} steps[] = {
	{ "cert_files", "files: those of a certificate, none more", "find . -type f | sort", NULL },
	{ "cert_proofs", "proofs: each holds, of one service, with the entry up to which it is complete", "sh verify.sh .", proofs_take },
	{ "cert_manifest", "manifest: lists every file with its digest", "openssl dgst -sha256 -binary certificate.txt | openssl base64", check_manifest },
	{ "cert_seal", "seal: signature over the manifest by the seal of the newest proof",
	  "unzip -p \"$(ls proofs/*.asice | tail -n 1)\" root.pem > ../root.pem; openssl cms -verify -cades -binary -inform DER "
	  "-in META-INF/signature.p7s -content META-INF/ASiCManifest.xml -CAfile ../root.pem -purpose any -out /dev/null", check_seal },
	{ "cert_text", "text: certificate.txt says what follows from the proofs", "sh verify.sh . && cat certificate.txt", check_text },
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

void certificate_examine(struct pool *pool, const void *zip, size_t n, const struct bundle_verify_options *options, struct verify_report *r)
{
	struct work *w = POOL_NEW(pool, struct work);

	*w = (struct work){ .pool = pool, .options = options, .unpacked_left = options->unpacked_max_bytes ? options->unpacked_max_bytes : SIZE_MAX };
	*r = (struct verify_report){ .root_given = options->root_pem != NULL, .log_key_given = options->log_pub_pem != NULL,
				     .tsa_root_given = options->tsa_root_pem != NULL, .count = STEPS };
	for (unsigned i = 0; i < STEPS; i++) {
		struct verify_check *check = &r->checks[i];
		const char *before = i && r->checks[0].result != VERIFY_HOLDS ? steps[0].id
				   : i > 1 && r->checks[1].result != VERIFY_HOLDS ? steps[1].id : NULL;
		struct err err = { 0 };
		enum pli_status st;

		*check = (struct verify_check){ .id = steps[i].id, .result = VERIFY_UNREACHED, .text = before, .command = steps[i].command };
		if (before)
			continue;
		st = i ? steps[i].check(w, &err) : check_files(w, zip, n, &err);
		check->result = st == PLI_OK ? VERIFY_HOLDS : VERIFY_FAILS;
		check->text = st == PLI_OK ? steps[i].said : pool_str(pool, err.text);
		if (st != PLI_OK && !r->failed++) {
			r->err = err;
			r->err.status = st;
		}
	}
	memcpy(r->root, w->root, sizeof(r->root));
	memcpy(r->log_key, w->log_key, sizeof(r->log_key));
	r->token_us = w->c.token_us;
	r->verified = !r->failed;
	r->certificate = r->verified ? &w->c : NULL;
}
