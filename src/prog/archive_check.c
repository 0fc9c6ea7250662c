/* See archive_check.h. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "uuid.h"

#include "json_read.h"

#include "backup_file.h"
#include "cipher.h"
#include "digest.h"

#include "archive_list.h"
#include "bundle.h"
#include "bundle_facts.h"
#include "verify_report.h"

#include "verb_request.h"

#include "archive_check.h"

#define JSON_MAX_BYTES (16u << 20)
#define BUNDLE_MAX_BYTES (256u << 20)
#define LIST_MAX_BYTES (1u << 20)
#define PARTS_MAX 1000
#define ROWS_MAX 100000

static const char *const LIST_FILES[] = { "list.txt", "list.p7s", "list.tst", "root.pem", "seal.pem", "operator.pem", "tsa.pem" };
enum { LIST_TEXT, LIST_P7S, LIST_TOKEN, LIST_ROOT, LIST_SEAL, LIST_OPERATOR, LIST_TSA, LIST_FILE_COUNT };

/* The letter being read. */
struct present {
	struct pool *pool;
	char id[37];
	bool open;
	struct json_read *json;
	const struct archive_list_letter *listed;
	const uint8_t *list_sha256;
	const struct bundle_facts *facts;	/* of the sender's proof, once it holds */
	unsigned proofs;			/* of recipients */
	bool message;
	unsigned files;
};
struct list {
	struct list *next;
	struct archive_list l;
	uint8_t sha256[32];
	bool *seen;
};
struct checking {
	struct archive_check *c;
	struct bundle_verify_options options;
	struct pool *pool;			/* of all of it: the lists */
	struct list *lists, *last;
	unsigned list_count;
	char list_name[64];			/* folder of the list being read; "": none */
	struct buf list_file[LIST_FILE_COUNT];
	struct present now;
};

static void fault(struct checking *k, const char *name, const char *what)
{
	k->c->faults++;
	if (k->c->fault)
		k->c->fault(k->c->arg, name, what);
}

/* NULL after the first fault: nothing of the archive will be taken, and what is open of an altered file is not gone on with. */
static const struct archive_sink *sink_of(const struct checking *k)
{
	return k->c->faults ? NULL : k->c->sink;
}

static enum pli_status whole(struct backup_reader *r, size_t max, struct buf *out, struct err *err)
{
	size_t n = 1;
	enum pli_status st = r->entry.size <= max ? PLI_OK : err_set(err, PLI_INPUT, "%s is too large", r->entry.name);

	while (st == PLI_OK && n) {
		st = backup_reader_read(r, buf_reserve(out, 65536), 65536, &n, err);
		out->n += st == PLI_OK ? n : 0;
	}
	return st;
}

/* ------------------------------------------------------------------ lists */

/* Lists of all letters follow each other without a gap, down to number 1. */
static void range_check(struct checking *k, const struct list *l, const char *name)
{
	const struct archive_list *before = k->last ? &k->last->l : NULL;

	if (before && (!str_eq(before->origin, l->l.origin) || !str_eq(before->entity, l->l.entity) || !str_eq(before->scope, l->l.scope)))
		fault(k, name, "it is the list of something else than the one before");
	else if (before && l->l.to && l->l.to != before->from - 1)
		fault(k, name, "between it and the list before letters may have been left out");
}

static void list_take(struct checking *k)
{
	struct list *l = POOL_NEW(k->pool, struct list);
	struct buf *f = k->list_file;
	struct archive_list_signed s;
	struct err err = { 0 };

	for (int i = 0; i < LIST_FILE_COUNT; i++)
		buf_ch(&f[i], '\0');
	s = (struct archive_list_signed){
		.text = f[LIST_TEXT].p, .text_n = f[LIST_TEXT].n - 1, .p7s = f[LIST_P7S].p, .p7s_n = f[LIST_P7S].n - 1,
		.token = f[LIST_TOKEN].p, .token_n = f[LIST_TOKEN].n - 1, .root_pem = f[LIST_ROOT].p, .seal_pem = f[LIST_SEAL].p,
		.operator_pem = f[LIST_OPERATOR].p, .tsa_pem = f[LIST_TSA].p,
	};
	if (archive_list_verify(k->pool, &s, k->c->root_pem, &l->l, &err) != PLI_OK) {
		fault(k, k->list_name, err.text);
	} else {
		range_check(k, l, k->list_name);
		if (!k->options.root_pem)	/* then at least all of it is under one */
			k->options.root_pem = pool_str(k->pool, s.root_pem);
		cipher_sha256(s.text, s.text_n, l->sha256);
		l->seen = POOL_ARRAY(k->pool, bool, l->l.count + 1);
		if (k->last)
			k->last->next = l;
		else
			k->lists = l;
		k->last = l;
	}
	k->list_count++;
	k->list_name[0] = '\0';
	for (int i = 0; i < LIST_FILE_COUNT; i++)
		buf_reset(&f[i]);
}

/* lists/NNN/FILE, in their order. */
static enum pli_status list_member(struct checking *k, struct backup_reader *r, struct err *err)
{
	const char *name = r->entry.name, *file = name + 10;
	char folder[16];
	int i = 0;

	snprintf(folder, sizeof(folder), "lists/%03u", k->list_count + 1);
	while (i < LIST_FILE_COUNT && !str_eq(LIST_FILES[i], file))
		i++;
	if (strlen(name) < 11 || strncmp(name, folder, 9) != 0 || name[9] != '/' || i == LIST_FILE_COUNT || k->list_file[i].n)
		return err_set(err, PLI_INPUT, "the archive holds %s, which does not belong there", name);
	snprintf(k->list_name, sizeof(k->list_name), "%s/list.txt", folder);
	return whole(r, LIST_MAX_BYTES, &k->list_file[i], err);
}

static const struct archive_list_letter *listed(struct checking *k, const char *id, const uint8_t **sha256_r)
{
	struct uuid letter;

	if (!uuid_parse(&letter, id))
		return NULL;
	for (struct list *l = k->lists; l; l = l->next) {
		for (unsigned i = 0; i < l->l.count; i++) {
			if (!uuid_same(&l->l.letters[i].letter, &letter) || l->seen[i])
				continue;
			l->seen[i] = true;
			*sha256_r = l->sha256;
			return &l->l.letters[i];
		}
	}
	return NULL;
}

static void lists_end(struct checking *k)
{
	AUTO_POOL pool = pool_new();
	char id[37];

	if (!k->list_count)
		fault(k, "lists", "the archive has no list of its letters: some may have been left out");
	if (k->last && k->last->l.to && k->last->l.from != 1)
		fault(k, "lists", "the last list is missing: letters may have been left out");
	for (struct list *l = k->lists; l; l = l->next)
		for (unsigned i = 0; i < l->l.count; i++)
			if (!l->seen[i])
				fault(k, pool_fmt(pool, "letters/%s", uuid_format(id, &l->l.letters[i].letter)), "it is in the list, and not in the archive");
}

/* ------------------------------------------------------------------ letters */

/* Everything that belongs to it has come. */
static enum pli_status letter_end(struct checking *k, struct err *err)
{
	struct present *p = &k->now;
	const struct archive_sink *sink = sink_of(k);
	AUTO_POOL pool = pool_new();
	const char *name = pool_fmt(pool, "letters/%s", p->id);
	enum pli_status st = PLI_OK;

	if (!p->open)
		return PLI_OK;
	p->open = false;
	if (!p->facts)
		fault(k, name, "it has no sender's proof that holds");
	else if (p->proofs != p->facts->sheet_count)
		fault(k, name, "proofs of recipients are missing");
	else if (p->message ? p->files != p->facts->part_count : p->files)
		fault(k, name, "files are missing, or its message is");
	else if (sink && sink->letter_end)
		st = sink->letter_end(sink->arg, err);
	pool_free(p->pool);
	p->pool = NULL;
	return st;
}

static enum pli_status letter_begin(struct checking *k, struct backup_reader *r, const char *id, struct err *err)
{
	AUTO_BUF json = { 0 };
	struct present *p = &k->now;
	const char *name;
	enum pli_status st = letter_end(k, err);

	if (st != PLI_OK)
		return st;
	*p = (struct present){ .pool = pool_new(), .open = true };
	snprintf(p->id, sizeof(p->id), "%.36s", id);
	name = pool_str(p->pool, r->entry.name);
	st = whole(r, JSON_MAX_BYTES, &json, err);
	if (st == PLI_OK)
		st = json_read_open(p->pool, pool_dup(p->pool, json.p, json.n), json.n, JSON_MAX_BYTES, NULL, &p->json, err);
	if (st != PLI_OK)
		return st;
	k->c->letters++;
	p->listed = listed(k, p->id, &p->list_sha256);
	if (!p->listed && k->lists)
		fault(k, name, "no list names it");
	return PLI_OK;
}

static const struct facts_entry *entry_at(const struct bundle_facts *f, uint64_t seq)
{
	for (unsigned i = 0; i < f->entry_count; i++)
		if (f->entries[i].v.e.seq == seq)
			return &f->entries[i];
	return NULL;
}

/* What the list says of it stands in the proof: the same deposit, and everything up to the newest entry named. */
static const char *list_fault(const struct checking *k, const struct bundle_facts *f)
{
	const struct archive_list_letter *l = k->now.listed;
	const struct facts_entry *latest = l ? entry_at(f, l->latest_seq) : NULL;

	if (!l)
		return NULL;
	if (f->deposit->v.e.seq != l->seq || memcmp(f->deposit->leaf, l->leaf, 32) != 0)
		return "the list names another deposit";
	if (!latest || memcmp(latest->leaf, l->latest_leaf, 32) != 0)
		return "it is older than the list: an entry is missing";
	return str_eq(f->origin, k->lists->l.origin) ? NULL : "it is of another journal than the list";
}

static bool parts_same(const struct json_read *json, const struct bundle_facts *f)
{
	struct json_read **parts;
	size_t count = 0;

	if (json_read_objects(json, "parts", NULL, PARTS_MAX, &parts, &count, NULL) != PLI_OK || count != f->part_count)
		return false;
	for (size_t i = 0; i < count; i++) {
		char hex[65];

		if (!str_eq(verb_member(parts[i], "sha256"), hex_encode(hex, f->parts[i].sha256, 32)) ||
		    !str_eq(verb_member(parts[i], "name"), f->parts[i].name))
			return false;
	}
	return true;
}

static bool people_same(const struct json_read *json, const struct bundle_facts *f)
{
	struct json_read **people;
	size_t count = 0;

	if (json_read_objects(json, "recipients", NULL, ROWS_MAX, &people, &count, NULL) != PLI_OK || count != f->sheet_count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!str_eq(verb_member(people[i], "address"), f->sheets[i].s.recipient_address) ||
		    !str_eq(verb_member(people[i], "kind"), f->sheets[i].s.recipient_kind))
			return false;
	return true;
}

static const char *sender_fault(const struct checking *k, const struct bundle_facts *f)
{
	const struct json_read *json = k->now.json;
	char id[37];

	if (!f->deposit || !f->deposit->v.e.letter || !str_eq(uuid_format(id, f->deposit->v.e.letter), k->now.id))
		return "it is the proof of another letter";
	if (!f->sender || k->now.facts)
		return "it is not the one proof of its sender";
	if (!parts_same(json, f))
		return "letter.json names another file than it proves";
	if (!people_same(json, f) || (uint64_t)verb_member_int(json, "number") != f->deposit->v.e.seq + 1 ||
	    !str_eq(verb_member(json, "subject"), f->sheets[0].s.subject))
		return "letter.json says something else than it proves";
	return list_fault(k, f);
}

static const char *recipient_fault(const struct checking *k, const struct bundle_facts *f, unsigned n)
{
	const struct bundle_facts *sender = k->now.facts;
	char id[37];

	if (!f->deposit || !f->deposit->v.e.letter || !str_eq(uuid_format(id, f->deposit->v.e.letter), k->now.id))
		return "it is the proof of another letter";
	if (!sender || f->sender || f->sheet_count != 1 || n != k->now.proofs || n > sender->sheet_count ||
	    memcmp(f->sheets[0].digest, sender->sheets[n - 1].digest, 32) != 0)
		return "it is the proof of another recipient";
	return NULL;
}

/* n: the number of its recipient; 0: the sender's. */
static enum pli_status proof_check(struct checking *k, struct backup_reader *r, unsigned n, struct err *err)
{
	struct present *p = &k->now;
	const struct archive_sink *sink = sink_of(k);
	AUTO_POOL own = pool_new();
	struct pool *pool = n ? own : p->pool;	/* the sender's is needed until the letter's end; of recipients there may be thousands */
	struct buf *zip = POOL_NEW(pool, struct buf);
	struct verify_report *report = POOL_NEW(pool, struct verify_report);
	const char *name = pool_str(pool, r->entry.name), *wrong;
	enum pli_status st;

	buf_init(zip);
	pool_cleanup(pool, (void (*)(void *))buf_free, zip);
	st = whole(r, BUNDLE_MAX_BYTES, zip, err);
	if (st != PLI_OK)
		return st;
	verify_examine(pool, zip->p, zip->n, &k->options, report);
	k->c->proofs++;
	p->proofs += n > 0;
	wrong = !report->verified ? report->err.text : n ? recipient_fault(k, report->facts, n) : sender_fault(k, report->facts);
	if (wrong) {
		fault(k, name, wrong);
		return PLI_OK;
	}
	if (!n) {
		struct uuid id = *report->facts->deposit->v.e.letter;

		p->facts = report->facts;
		if (sink && sink->letter && p->listed)
			st = sink->letter(sink->arg, &id, p->facts, p->list_sha256, err);
	}
	if (st == PLI_OK && sink && sink->proof && p->facts && p->listed)
		st = sink->proof(sink->arg, n, zip->p, zip->n, err);
	return st;
}

/* Message (n 0) or file n: what the proof names. */
static enum pli_status content_check(struct checking *k, struct backup_reader *r, unsigned n, struct err *err)
{
	struct present *p = &k->now;
	const struct archive_sink *sink = p->facts && p->listed ? sink_of(k) : NULL;
	const char *name = pool_str(p->pool, r->entry.name);
	const uint8_t *wanted = NULL;
	uint8_t piece[16384], sha256[32];
	struct digest digest;
	size_t got = 1;
	enum pli_status st = PLI_OK;

	/* In their order, each once. */
	if (p->facts && n && p->message && p->files < p->facts->part_count && p->facts->parts[p->files].n == n)
		wanted = p->facts->parts[p->files].sha256;
	if (p->facts && !n && !p->message)
		wanted = p->facts->message_sha256;
	if (sink && sink->content && wanted)
		st = sink->content(sink->arg, n, r->entry.size, err);
	digest_init(&digest);
	while (st == PLI_OK && got) {
		st = backup_reader_read(r, piece, sizeof(piece), &got, err);
		if (st != PLI_OK)
			break;
		digest_add(&digest, piece, got);
		if (got && sink && sink->bytes && wanted)
			st = sink->bytes(sink->arg, piece, got, err);
	}
	digest_final(&digest, sha256);
	if (st != PLI_OK)
		return st;
	k->c->files += n > 0;
	p->files += n > 0;
	p->message |= n == 0;
	if (!wanted || memcmp(wanted, sha256, 32) != 0) {
		fault(k, name, n ? "it is not the file that was deposited" : "it is not the message that was deposited");
		return PLI_OK;
	}
	return sink && sink->content_end ? sink->content_end(sink->arg, err) : PLI_OK;
}

/* A decimal number from 1 on; 0: it is none. */
static unsigned number_of(const char *s, const char *end)
{
	char *stop;
	unsigned long n = *s >= '1' && *s <= '9' ? strtoul(s, &stop, 10) : 0;

	return n && n < 1000000 && str_eq(stop, end) ? (unsigned)n : 0;
}

static enum pli_status letter_member(struct checking *k, struct backup_reader *r, struct err *err)
{
	const char *name = r->entry.name, *rest;
	unsigned n;

	if (!str_starts(name, "letters/") || strlen(name) < 46 || name[44] != '/')
		return err_set(err, PLI_INPUT, "the archive holds %s, which does not belong there", name);
	rest = name + 45;
	if (str_eq(rest, "letter.json"))
		return letter_begin(k, r, name + 8, err);
	if (!k->now.open || strncmp(k->now.id, name + 8, 36) != 0)
		return err_set(err, PLI_INPUT, "%s does not follow its letter", name);
	if (str_eq(rest, "message.md"))
		return content_check(k, r, 0, err);
	if (str_eq(rest, "sender.asice"))
		return proof_check(k, r, 0, err);
	if (str_starts(rest, "files/") && (n = number_of(rest + 6, "")))
		return content_check(k, r, n, err);
	if (str_starts(rest, "recipient-") && (n = number_of(rest + 10, ".asice")))
		return proof_check(k, r, n, err);
	return err_set(err, PLI_INPUT, "the archive holds %s, which does not belong there", name);
}

static enum pli_status member_check(struct checking *k, struct backup_reader *r, struct err *err)
{
	bool of_list = str_starts(r->entry.name, "lists/");
	char folder[16];

	snprintf(folder, sizeof(folder), "lists/%03u/", k->list_count + 1);
	if (k->list_name[0] && !(of_list && str_starts(r->entry.name, folder)))
		list_take(k);
	return of_list ? list_member(k, r, err) : letter_member(k, r, err);
}

enum pli_status archive_check_run(struct archive_check *check, int fd, struct err *err)
{
	struct checking k = { .c = check, .options = { .root_pem = check->root_pem, .log_pub_pem = check->log_pub_pem }, .pool = pool_new() };
	struct backup_reader reader;
	enum pli_status st = backup_reader_begin(&reader, fd, err);

	check->letters = check->proofs = check->files = check->faults = 0;
	while (st == PLI_OK && (st = backup_reader_next(&reader, err)) == PLI_OK)
		st = member_check(&k, &reader, err);
	if (st == PLI_ABSENT) {
		if (k.list_name[0])
			list_take(&k);
		st = letter_end(&k, err);
		lists_end(&k);
	}
	pool_free(k.now.pool);
	for (int i = 0; i < LIST_FILE_COUNT; i++)
		buf_free(&k.list_file[i]);
	pool_free(k.pool);
	return st;
}
