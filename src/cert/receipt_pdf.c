/* A proof for people; see receipt_pdf.h.  Texts: receipt.* in the locale files. */
#include <inttypes.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <qrencode.h>

#include "buf.h"
#include "clock.h"
#include "locale.h"
#include "month.h"
#include "pool.h"
#include "text.h"
#include "uuid.h"
#include "head_line.h"
#include "pdf.h"
#include "zip.h"
#include "asic.h"
#include "bundle_facts.h"
#include "keygen.h"
#include "paper.h"
#include "receipt.h"
#include "receipt_kind.h"
#include "receipt_sheet.h"
#include "token.h"

#include "receipt_pdf.h"

#define BUNDLE_MAX_BYTES ((size_t)512 << 20)
#define LIMITS 5
#define LIMIT_CLOCK 4	/* of them: another where an authority outside has stamped the head */
/* 72 mm: a module of the largest code is at least four points of a 150 dpi scan. */
#define CODE_SIDE 206.0

struct proof {
	const struct receipt_pdf *what;
	struct pool *pool;
	const struct locale *locale;
	struct bundle_facts facts;
	const struct facts_entry *event;
	const struct bundle_sheet *who;		/* the recipient it is about; NULL: all */
	struct sheet sheet;
	const char *host;
};

/* ---- reading the bundle ---- */

static enum pli_status stages(struct bundle_facts *f, struct err *err)
{
	enum pli_status (*const all[])(struct bundle_facts *facts, struct err *err) = {
		facts_content, facts_sheets, facts_checkpoint, facts_external, facts_entries, facts_chains, facts_bindings,
	};
	const struct zip_file *receipt = facts_file(f, "receipt.txt"), *token = facts_file(f, "checkpoint.tst");
	struct token_info info;
	enum pli_status status = PLI_OK;

	for (size_t i = 0; status == PLI_OK && i < sizeof(all) / sizeof(all[0]); i++)
		status = all[i](f, err);
	if (status == PLI_OK)
		status = token_parse(token->p, token->n, &info, err);
	if (status != PLI_OK)
		return status;
	f->token_us = info.gen_time_us;
	return receipt_stamps(f, (const char *)receipt->p, receipt->n, err);
}

static enum pli_status read_bundle(struct proof *p, struct err *err)
{
	struct bundle_facts *f = &p->facts;
	struct zip_file *files;
	size_t count;
	enum pli_status status = zip_read_open(p->pool, p->what->bundle, p->what->bundle_n, BUNDLE_MAX_BYTES, &files, &count, err);

	if (status == PLI_OK)
		status = facts_files(p->pool, files, count, f, err);
	if (status == PLI_OK)
		status = stages(f, err);
	if (status != PLI_OK)
		return status;
	for (unsigned i = 0; i < f->entry_count && !p->event; i++)
		if (receipt_kind_is(p->what->kind, f->sender, f->entries[i].v.e.ev))
			p->event = &f->entries[i];
	if (!p->event)
		return err_set(err, PLI_ABSENT, "This has not happened, so there is no proof of it.");
	p->who = f->sender ? NULL : &f->sheets[0].s;
	p->host = pool_strn(p->pool, f->origin, strcspn(f->origin, "/"));
	return PLI_OK;
}

/* ---- words ---- */

static const char *say(struct proof *p, const char *key, const char *a, const char *b, const char *c, const char *d)
{
	const char *args[] = { a, b, c, d };
	AUTO_BUF out = { 0 };

	locale_add(&out, p->locale, key, args, 4);
	return out.n ? pool_strn(p->pool, out.p, out.n) : "";
}

static const char *word(struct proof *p, const char *key)
{
	return locale_text(p->locale, key);
}

/* "21 novembre 2026 à 14:47:33" where the service is. */
static const char *local_time(struct proof *p, int64_t t_us)
{
	const char *lang = locale_lang(p->locale);
	struct clock_parts c;

	clock_local(t_us, p->what->timezone, &c);
	if (str_eq(lang, "fr"))
		return pool_fmt(p->pool, "%d%s %s %d à %02d:%02d:%02d", c.day, c.day == 1 ? "er" : "", month_name(lang, c.month), c.year, c.hour,
				c.minute, c.second);
	return pool_fmt(p->pool, "%d %s %d at %02d:%02d:%02d", c.day, month_name(lang, c.month), c.year, c.hour, c.minute, c.second);
}

static const char *exact_time(struct proof *p, int64_t t_us)
{
	char text[25];

	return pool_str(p->pool, clock_rfc3339(text, t_us));
}

static const char *hex(struct proof *p, const uint8_t digest[32])
{
	char text[65];

	return pool_str(p->pool, hex_encode(text, digest, 32));
}

/* Exact, in groups of three. */
static const char *bytes(struct proof *p, uint64_t n)
{
	char digits[24], text[64];
	size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, n), at = 0;

	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "\u202f");
		text[at++] = digits[i];
	}
	text[at] = '\0';
	return say(p, "receipt.bytes", text, NULL, NULL, NULL);
}

static const char *method(struct proof *p, const char *name, int level)
{
	char key[64], number[12];
	size_t n = (size_t)snprintf(key, sizeof(key), "receipt.method.%.40s", name ? name : "");

	for (size_t i = 0; i < n && i < sizeof(key); i++)
		if (key[i] == '+' || key[i] == '-')
			key[i] = '_';
	snprintf(number, sizeof(number), "%d", level);
	return say(p, "receipt.identified", locale_has(p->locale, key) ? word(p, key) : name, number, NULL, NULL);
}

static const char *person(struct proof *p, const char *name, const char *address)
{
	return name && *name && !str_eq(name, address) ? pool_fmt(p->pool, "%s <%s>", name, address) : address;
}

static const char *recipients_short(struct proof *p)
{
	const struct bundle_facts *f = &p->facts;

	if (p->who)
		return p->who->recipient_address;
	if (f->sheet_count == 1)
		return f->sheets[0].s.recipient_address;
	return say(p, "receipt.people", pool_fmt(p->pool, "%u", f->sheet_count), NULL, NULL, NULL);
}

/* What an entry says, without the details that stand in the bundle. */
static const char *entry_words(struct proof *p, const struct facts_entry *e)
{
	const char *own = pool_fmt(p->pool, "receipt.event.%s", e->v.e.ev), *general = pool_fmt(p->pool, "event.%s", e->v.e.ev);
	const char *address = "";

	for (unsigned i = 0; e->v.e.recipient && i < p->facts.sheet_count; i++)
		if (uuid_same(p->facts.sheets[i].recipient, e->v.e.recipient))
			address = p->facts.sheets[i].s.recipient_address;
	if (!e->v.e.recipient)
		address = pool_fmt(p->pool, "%" PRIu64, e->v.e.seq + 1);
	if (locale_has(p->locale, own))
		return say(p, own, address, NULL, NULL, NULL);
	return locale_has(p->locale, general) ? say(p, general, address, NULL, NULL, NULL) : e->v.e.ev;
}

/* ---- the page ---- */

static const char ENVELOPE[] = "M 8 5 L 124 5 C 126.8 5 129 7.2 129 10 L 129 82 C 129 84.8 126.8 87 124 87 L 8 87 C 5.2 87 3 84.8 3 82 L 3 10 "
			       "C 3 7.2 5.2 5 8 5 Z M 4.5 8 L 61 54 C 64.3 56.7 67.7 56.7 71 54 L 127.5 8 M 4 84 L 52 44 M 128 84 L 80 44";
static const char WAX[] = "M 66 31 C 72.5 29.4 76.8 33.3 79.9 37.3 C 83.8 41.6 84.5 46.5 82.8 51.3 C 81.8 56.9 77.9 60.1 72.7 61.6 "
			  "C 67.9 63.9 62.8 63.2 58.5 60.6 C 53.3 58.2 50.5 53.9 50.2 48.6 C 48.9 43.4 51 38.7 54.8 35.3 C 57.8 31.9 61.6 30.8 66 31 Z";
static const char MARK[] = "M 61.5 57 L 61.5 38.5 L 67.8 38.5 C 75.2 38.5 75.2 49 67.8 49 L 61.5 49";

static bool withheld(const struct proof *p)
{
	return p->facts.naming == FACTS_WITHHELD;
}

static void masthead(struct proof *p)
{
	struct sheet *s = &p->sheet;
	const struct pdf_style name = { PDF_BOLD, 11, SHEET_INK }, quiet = { PDF_REGULAR, 8.8, SHEET_QUIET }, title = { PDF_BOLD, 25, SHEET_INK };
	const struct pdf_style lead = { PDF_REGULAR, 12.4, SHEET_INK };
	const char *number = say(p, "receipt.number", pool_fmt(p->pool, "%" PRIu64, p->event->v.e.seq + 1), NULL, NULL, NULL);
	const char *service = word(p, "receipt.service"), *heading = word(p, pool_fmt(p->pool, "receipt.title.%s", p->what->kind->name));
	const struct bundle_sheet *first = &p->facts.sheets[0].s;
	const char *sender = withheld(p) ? ""
			     : first->sender_name && *first->sender_name ? first->sender_name : first->sender_address;

	pdf_shape(s->pdf, SHEET_LEFT, 44, 0.34, ENVELOPE, SHEET_QUIET, 0.7);
	pdf_shape(s->pdf, SHEET_LEFT, 44, 0.34, WAX, SHEET_WAX, 0);
	pdf_shape(s->pdf, SHEET_LEFT, 44, 0.34, MARK, 0xffffff, 0.9);
	pdf_text(s->pdf, &name, SHEET_LEFT + 56, 58, p->host, strlen(p->host));
	pdf_text(s->pdf, &quiet, SHEET_LEFT + 56, 70.5, service, strlen(service));
	pdf_text(s->pdf, &quiet, SHEET_RIGHT - pdf_text_width(s->pdf, &quiet, number, strlen(number)), 58, number, strlen(number));
	s->y = 122;
	pdf_text(s->pdf, &title, SHEET_LEFT, s->y, heading, strlen(heading));
	pdf_box(s->pdf, SHEET_LEFT, s->y + 12, 38, 2.2, SHEET_WAX);
	s->y += 20;
	sheet_lines(s, &lead, SHEET_LEFT, SHEET_RIGHT - SHEET_LEFT, 17,
		    say(p, pool_fmt(p->pool, withheld(p) ? "receipt.says_withheld.%s" : "receipt.says.%s", p->what->kind->name),
			p->host, sender, local_time(p, p->event->v.e.t_us), recipients_short(p)));
}

static void when(struct proof *p)
{
	struct sheet *s = &p->sheet;

	s->y += 10;
	sheet_fact(s, word(p, "receipt.date"), pool_fmt(p->pool, "%s (%s)", local_time(p, p->event->v.e.t_us), p->what->timezone),
		   exact_time(p, p->event->v.e.t_us));
	sheet_fact(s, word(p, "receipt.stamp"), exact_time(p, p->event->stamp_us), word(p, "receipt.stamp_what"));
	if (p->who)
		sheet_fact(s, word(p, "receipt.how"), method(p, p->event->v.e.method, p->event->v.e.level), NULL);
}

static void people(struct proof *p)
{
	const struct bundle_facts *f = &p->facts;
	const struct bundle_sheet *a = &f->sheets[0].s;
	struct sheet *s = &p->sheet;
	const char *entity = a->entity_name;

	if (a->siren && *a->siren)
		entity = pool_fmt(p->pool, "%s (SIREN %s)", entity ? entity : "", a->siren);
	sheet_heading(s, word(p, "receipt.people_title"), 28);
	if (withheld(p))
		sheet_fact(s, word(p, "receipt.sender"), word(p, "receipt.withheld"), pool_fmt(p->pool, "SHA-256 %s", hex(p, f->withheld)));
	else
		sheet_fact(s, word(p, "receipt.sender"), person(p, a->sender_name, a->sender_address),
			   entity ? pool_fmt(p->pool, "%s – %s", entity, method(p, a->sender_method, a->sender_level))
				  : method(p, a->sender_method, a->sender_level));
	for (unsigned i = 0; i < f->sheet_count; i++) {
		const struct bundle_sheet *r = &f->sheets[i].s;

		sheet_fact(s, word(p, pool_fmt(p->pool, "receipt.%s", r->recipient_kind)),
			   person(p, r->recipient_name, r->recipient_address), NULL);
	}
}

static void letter(struct proof *p)
{
	const struct bundle_facts *f = &p->facts;
	const struct bundle_sheet *a = &f->sheets[0].s;
	struct sheet *s = &p->sheet;
	char id[37];

	sheet_heading(s, word(p, "receipt.letter_title"), 28);
	if (withheld(p)) {
		sheet_fact(s, word(p, "receipt.content"), word(p, "receipt.withheld"), pool_fmt(p->pool, "SHA-256 %s", hex(p, f->manifest)));
		sheet_fact(s, word(p, "receipt.letter_number"), uuid_format(id, f->deposit->v.e.letter), NULL);
		return;
	}
	sheet_fact(s, word(p, "receipt.subject"), a->subject, say(p, "receipt.letter_id", uuid_format(id, f->deposit->v.e.letter), NULL, NULL, NULL));
	sheet_fact(s, word(p, "receipt.message"), bytes(p, f->message_size), pool_fmt(p->pool, "SHA-256 %s", hex(p, f->message_sha256)));
	for (unsigned i = 0; i < f->part_count; i++) {
		const struct bundle_part *part = &f->parts[i];

		sheet_fact(s, say(p, "receipt.document", pool_fmt(p->pool, "%u", part->n), NULL, NULL, NULL),
			   pool_fmt(p->pool, "%s – %s", part->name, bytes(p, part->size)), pool_fmt(p->pool, "SHA-256 %s", hex(p, part->sha256)));
	}
}

#define CLOCK_WIDTH 102.0

/* One line for each entry: number, both clocks, words. */
static void journal(struct proof *p)
{
	const struct bundle_facts *f = &p->facts;
	const struct pdf_style quiet = { PDF_REGULAR, 8.2, SHEET_QUIET }, words = { PDF_REGULAR, 9.4, SHEET_INK }, bold = { PDF_BOLD, 9.4, SHEET_INK };
	const double clocks = SHEET_LEFT + 40, column = clocks + 2 * CLOCK_WIDTH;
	const char *const heads[] = { word(p, "receipt.date"), word(p, "receipt.stamp") };
	struct sheet *s = &p->sheet;

	sheet_heading(s, word(p, "receipt.journal_title"), 42);
	s->y += 14;
	for (int i = 0; i < 2; i++)
		pdf_text(s->pdf, &quiet, clocks + i * CLOCK_WIDTH, s->y, heads[i], strlen(heads[i]));
	for (unsigned i = 0; i < f->entry_count; i++) {
		const struct facts_entry *e = &f->entries[i];
		const char *number = pool_fmt(p->pool, "%" PRIu64, e->v.e.seq + 1);
		const char *const times[] = { exact_time(p, e->v.e.t_us), exact_time(p, e->stamp_us) };

		sheet_room(s, 14);
		s->y += 1.5;
		pdf_text(s->pdf, &quiet, SHEET_LEFT + 32 - pdf_text_width(s->pdf, &quiet, number, strlen(number)), s->y + 12.6, number, strlen(number));
		for (int k = 0; k < 2; k++)
			pdf_text(s->pdf, &quiet, clocks + k * CLOCK_WIDTH, s->y + 12.6, times[k], strlen(times[k]));
		sheet_lines(s, e == p->event ? &bold : &words, column, SHEET_RIGHT - column, 12.6, entry_words(p, e));
	}
}

static void limits(struct proof *p)
{
	sheet_heading(&p->sheet, word(p, "receipt.not_title"), 28);
	if (withheld(p))
		sheet_point(&p->sheet, word(p, "receipt.not.withheld"));
	for (int i = 1; i <= LIMITS; i++)
		sheet_point(&p->sheet, word(p, i == LIMIT_CLOCK && p->facts.external ? "receipt.not.outside" : pool_fmt(p->pool, "receipt.not.%d", i)));
}

static const char *fingerprint(struct proof *p, const char *name)
{
	const struct zip_file *file = facts_file(&p->facts, name);
	uint8_t digest[32];

	return keygen_fingerprint(pool_strn(p->pool, (const char *)file->p, file->n), digest, NULL) == PLI_OK ? hex(p, digest) : "";
}

/* A code; what is around it stays white. */
static void code_draw(struct proof *p, const QRcode *qr, double x, double y, double side)
{
	uint8_t *modules = pool_alloc(p->pool, (size_t)qr->width * (size_t)qr->width);

	for (int i = 0; i < qr->width * qr->width; i++)
		modules[i] = qr->data[i] & 1;
	pdf_modules(p->sheet.pdf, x, y, side, modules, (unsigned)qr->width);
}

/* As at the foot of every notice: origin, size and root, so that any two documents show a journal that was rewritten between them. */
static const char *head_line(struct proof *p)
{
	struct head_line line = { .size = p->facts.tree_size };
	AUTO_BUF out = { 0 };

	if (strlen(p->facts.origin) > HEAD_LINE_ORIGIN_MAX)
		return "";
	snprintf(line.origin, sizeof(line.origin), "%s", p->facts.origin);
	memcpy(line.root, p->facts.tree_root, sizeof(line.root));
	head_line_write(&line, false, &out);
	return pool_strn(p->pool, out.p, out.n);
}

static void verify(struct proof *p)
{
	const struct pdf_style words = { PDF_REGULAR, 9.4, SHEET_INK }, quiet = { PDF_REGULAR, 8.2, SHEET_QUIET };
	const char *url = pool_fmt(p->pool, "%s/verify", p->what->base_url);
	QRcode *qr = QRcode_encodeString8bit(url, 0, QR_ECLEVEL_M);
	struct sheet *s = &p->sheet;
	double top, x = SHEET_LEFT + 92, width = SHEET_RIGHT - x;

	sheet_heading(s, word(p, "receipt.verify_title"), 100);
	s->y += 4;
	top = s->y + 4;
	if (qr)
		code_draw(p, qr, SHEET_LEFT, top, 76);
	QRcode_free(qr);
	sheet_lines(s, &words, x, width, 12.4, say(p, "receipt.verify", url, p->host, NULL, NULL));
	s->y += 3;
	sheet_lines(s, &quiet, x, width, 10.8, say(p, "receipt.sealed", exact_time(p, p->facts.token_us),
						     pool_fmt(p->pool, "%" PRIu64, p->facts.tree_size), NULL, NULL));
	if (p->facts.external)
		sheet_lines(s, &quiet, x, width, 10.8, say(p, "receipt.external", exact_time(p, p->facts.external_us), NULL, NULL, NULL));
	s->y += 3;
	sheet_lines(s, &quiet, x, width, 10.8, pool_fmt(p->pool, "%s %s", word(p, "receipt.head"), head_line(p)));
	sheet_lines(s, &quiet, x, width, 10.8, pool_fmt(p->pool, "%s %s", word(p, "receipt.root_key"), fingerprint(p, "root.pem")));
	sheet_lines(s, &quiet, x, width, 10.8, pool_fmt(p->pool, "%s %s", word(p, "receipt.log_key"), fingerprint(p, "log.pub")));
	if (s->y < top + 76)
		s->y = top + 76;
}

/* What a photocopy needs: two codes a row. */
static enum pli_status paper(struct proof *p, struct err *err)
{
	const struct pdf_style words = { PDF_REGULAR, 9.4, SHEET_INK }, quiet = { PDF_REGULAR, 8.2, SHEET_QUIET };
	struct sheet *s = &p->sheet;
	struct paper_codes codes = { .count = 0 };
	enum pli_status status = paper_write(p->pool, &p->facts, p->event, p->what->base_url, &codes, err);

	if (status == PLI_LIMIT)	/* the attached proof shows it all the same */
		return PLI_OK;
	if (status != PLI_OK)
		return status;
	sheet_heading(s, word(p, "receipt.paper_title"), CODE_SIDE + 60);
	s->y += 4;
	sheet_lines(s, &words, SHEET_LEFT, SHEET_RIGHT - SHEET_LEFT, 12.4,
		    say(p, codes.count == 1 ? "receipt.paper_one" : "receipt.paper_many", pool_fmt(p->pool, "%u", codes.count), NULL, NULL, NULL));
	for (unsigned i = 0; i < codes.count; i++) {
		QRcode *qr = QRcode_encodeString(codes.texts[i], 0, QR_ECLEVEL_M, QR_MODE_8, 1);
		const char *number = say(p, "receipt.paper_part", pool_fmt(p->pool, "%u", i + 1), pool_fmt(p->pool, "%u", codes.count), NULL, NULL);
		double x = i % 2 ? SHEET_RIGHT - CODE_SIDE : SHEET_LEFT;

		if (!qr)
			return err_set(err, PLI_BUG, "a part of the paper code does not fit");
		if (i % 2 == 0)
			sheet_room(s, CODE_SIDE + 34);
		code_draw(p, qr, x, s->y + 18, CODE_SIDE);
		QRcode_free(qr);
		pdf_text(s->pdf, &quiet, x, s->y + CODE_SIDE + 30, number, strlen(number));
		if (i % 2 || i + 1 == codes.count)
			s->y += CODE_SIDE + 34;
	}
	return PLI_OK;
}

static void feet(struct proof *p)
{
	const struct pdf_style small = { PDF_REGULAR, 8, SHEET_QUIET };
	struct pdf *pdf = p->sheet.pdf;
	unsigned count = pdf_page_count(pdf);

	for (unsigned i = 0; i < count; i++) {
		const char *page = say(p, "receipt.page", pool_fmt(p->pool, "%u", i + 1), pool_fmt(p->pool, "%u", count), NULL, NULL);
		const char *left = say(p, "receipt.foot", p->facts.origin, pool_fmt(p->pool, "%" PRIu64, p->event->v.e.seq + 1), NULL, NULL);

		pdf_page_turn(pdf, i);
		pdf_box(pdf, SHEET_LEFT, PDF_HEIGHT - 50, SHEET_RIGHT - SHEET_LEFT, 0.6, SHEET_RULE);
		pdf_text(pdf, &small, SHEET_LEFT, PDF_HEIGHT - 38, left, strlen(left));
		pdf_text(pdf, &small, SHEET_RIGHT - pdf_text_width(pdf, &small, page, strlen(page)), PDF_HEIGHT - 38, page, strlen(page));
	}
}

/* ---- sealing ---- */

static enum pli_status seal_it(struct proof *p,
			       enum pli_status (*seal)(void *arg, const void *text, size_t n, struct buf *der_out, struct err *err), void *arg,
			       const struct pdf_ranges *ranges, struct buf *out, struct err *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	AUTO_BUF text = { 0 }, der = { 0 };
	uint8_t digest[32];
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
	enum pli_status status;

	for (int i = 0; ok && i < 2; i++)
		ok = EVP_DigestUpdate(ctx, out->p + ranges->over[i][0], ranges->over[i][1]) == 1;
	ok = ok && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return err_set(err, PLI_BUG, "a digest could not be made");
	buf_fmt(&text, "Pli-Pdf: 1\nDigest: %s\nEntry: %" PRIu64 ", sha256 %s, %s\n", hex(p, digest), p->event->v.e.seq + 1,
		hex(p, p->event->leaf), p->event->v.e.ev);
	buf_fmt(&text, "Checkpoint-Size: %" PRIu64 "\nCheckpoint-Root: %s\n", p->facts.tree_size, hex(p, p->facts.tree_root));
	status = seal(arg, text.p, text.n, &der, err);
	if (status == PLI_OK && der.n > PDF_SIGNATURE_MAX)
		status = err_set(err, PLI_BUG, "the signature has no room in the PDF");
	if (status == PLI_OK)
		pdf_sign(out, ranges, der.p, der.n);
	return status;
}

enum pli_status receipt_pdf_write(const struct receipt_pdf *what,
				  enum pli_status (*seal)(void *arg, const void *text, size_t n, struct buf *der_out, struct err *err),
				  void *arg, struct buf *out, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct proof p = { .what = what, .pool = pool, .locale = locale_get(what->lang) };
	struct pdf_info info = { .lang = locale_lang(p.locale), .t_us = clock_now_us() };
	uint8_t id[SHA256_DIGEST_LENGTH];
	struct pdf_ranges ranges;
	enum pli_status status = read_bundle(&p, err);

	if (status != PLI_OK)
		return status;
	info.title = word(&p, pool_fmt(pool, "receipt.title.%s", what->kind->name));
	if (!withheld(&p))
		info.title = pool_fmt(pool, "%s – %s", info.title, p.facts.sheets[0].s.subject);
	info.author = p.host;
	SHA256(what->bundle, what->bundle_n, id);
	memcpy(info.id, id, sizeof(info.id));
	p.sheet = (struct sheet){ .pdf = pdf_new(pool, &info), .pool = pool, .running = info.title };
	sheet_page(&p.sheet);
	masthead(&p);
	when(&p);
	people(&p);
	letter(&p);
	journal(&p);
	limits(&p);
	verify(&p);
	status = paper(&p, err);
	if (status != PLI_OK)
		return status;
	feet(&p);
	pdf_attach(p.sheet.pdf, "proof.asice", ASIC_MIMETYPE, word(&p, "receipt.attached"), what->bundle, what->bundle_n);
	pdf_write(p.sheet.pdf, info.title, out, &ranges);
	return seal_it(&p, seal, arg, &ranges, out, err);
}
