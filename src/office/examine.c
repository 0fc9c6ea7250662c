/* Proofs that strangers show us, see examine.h. */
#include <string.h>

#include "pool.h"
#include "text.h"
#include "uuid.h"

#include "attack.h"
#include "bundle.h"
#include "bundle_facts.h"
#include "certificate.h"
#include "keygen.h"
#include "pem_list.h"
#include "verify_report.h"

#include "examine_own.h"
#include "office_own.h"

#include "examine.h"

static bool has_words(const void *p, size_t n, const char *words)
{
	return memmem(p, n, words, strlen(words)) != NULL;
}

/* A sealed document or a container with a seal: whoever hands in anything else is told so, and not that it was forged. */
static bool looks_sealed(const void *p, size_t n)
{
	if (n > 5 && memcmp(p, "PK\3\4", 4) == 0)
		return has_words(p, n, "META-INF/");
	return n > 5 && memcmp(p, "%PDF-", 5) == 0 && has_words(p, n, "/ByteRange");
}

static bool turn_take(struct office *office)
{
	bool taken;

	pthread_mutex_lock(&office->lock);
	taken = office->examining < EXAMINE_AT_ONCE;
	office->examining += taken;
	pthread_mutex_unlock(&office->lock);
	return taken;
}

static void turn_give(struct office *office)
{
	pthread_mutex_lock(&office->lock);
	office->examining--;
	pthread_mutex_unlock(&office->lock);
}

static bool is_key(const char *pem, const char *hex)
{
	uint8_t digest[32];
	char own[65];
	struct err err;

	return pem && keygen_fingerprint(pem, digest, &err) == PLI_OK && str_eq(hex_encode(own, digest, 32), hex);
}

static void checks_take(struct pool *pool, const struct verify_report *report, struct examine *r)
{
	static const enum examine_result results[] = {
		[VERIFY_HOLDS] = EXAMINE_HOLDS, [VERIFY_FAILS] = EXAMINE_FAILS, [VERIFY_UNREACHED] = EXAMINE_UNREACHED,
	};
	struct examine_check *checks = POOL_ARRAY(pool, struct examine_check, report->count);

	for (unsigned i = 0; i < report->count; i++)
		checks[i] = (struct examine_check){ .id = report->checks[i].id, .result = results[report->checks[i].result],
						    .text = report->checks[i].text, .command = report->checks[i].command };
	r->checks = checks;
	r->count = report->count;
	r->failed = report->failed;
}

void examine_people(struct pool *pool, const struct bundle_facts *f, struct examine *r)
{
	struct examine_person *people = POOL_ARRAY(pool, struct examine_person, f->sheet_count);
	const struct bundle_sheet *s = &f->sheets[0].s;

	r->withheld = f->naming == FACTS_WITHHELD;
	r->sender = (struct examine_person){ .name = s->sender_name, .address = s->sender_address };
	r->entity = s->entity_name;
	r->subject = s->subject;
	for (unsigned i = 0; i < f->sheet_count; i++) {
		s = &f->sheets[i].s;
		people[i] = (struct examine_person){ .name = s->recipient_name, .address = s->recipient_address, .kind = s->recipient_kind };
	}
	r->has_people = true;
	r->recipients = people;
	r->recipient_count = f->sheet_count;
}

void examine_content(struct pool *pool, const struct bundle_facts *f, struct examine *r)
{
	struct examine_part *parts = POOL_ARRAY(pool, struct examine_part, f->part_count + 1);

	for (unsigned i = 0; i < f->part_count; i++) {
		parts[i] = (struct examine_part){ .n = f->parts[i].n, .name = f->parts[i].name, .size = f->parts[i].size };
		hex_encode(parts[i].sha256, f->parts[i].sha256, 32);
	}
	r->has_content = true;
	r->parts = parts;
	r->part_count = f->part_count;
	r->message_size = f->message_size;
	hex_encode(r->message_sha256, f->message_sha256, 32);
}

void examine_journal(struct pool *pool, const struct bundle_facts *f, struct examine *r)
{
	struct examine_entry *entries = POOL_ARRAY(pool, struct examine_entry, f->entry_count);

	for (unsigned i = 0; i < f->entry_count; i++) {
		const struct entry *e = &f->entries[i].v.e;

		entries[i] = (struct examine_entry){ .number = e->seq + 1, .event = e->ev, .t_us = e->t_us,
						      .stamp_us = f->entries[i].stamp_us };
	}
	r->entries = entries;
	r->entry_count = f->entry_count;
	r->tree_size = f->tree_size;
	r->of_sender = f->sender;
	r->number = f->deposit->v.e.seq + 1;
	r->letter = uuid_format(pool_alloc(pool, 37), f->deposit->v.e.letter);
	r->origin = f->origin;
	r->t_us = f->deposit->v.e.t_us;
	r->stamp_us = f->deposit->stamp_us;
}

static void certificate_take(struct pool *pool, const struct certificate *c, struct examine *r)
{
	struct examine_certificate *e = POOL_NEW(pool, struct examine_certificate);
	struct examine_certified *items = POOL_ARRAY(pool, struct examine_certified, c->count);

	for (unsigned i = 0; i < c->count; i++)
		items[i] = (struct examine_certified){ .number = c->items[i].number, .letter = c->items[i].letter, .who = c->items[i].who,
						       .available_us = c->items[i].available_us, .opened_us = c->items[i].opened_us,
						       .as_of_us = c->items[i].as_of_us };
	*e = (struct examine_certificate){ .by_us = c->by_us, .as_of_us = c->as_of_us, .has_deadline = c->deadline_us != 0, .count = c->count,
					   .available = c->available, .notified = c->notified, .opened = c->opened,
					   .opened_as_of = c->opened_as_of, .items = items };
	r->certificate = e;
	r->origin = c->origin;
}

unsigned examine_proof_count(const void *p, size_t n)
{
	return certificate_is(p, n) ? certificate_proof_count(p, n) : 1;
}

enum pli_status examine_proof(struct office *office, struct pool *pool, const void *p, size_t n, struct examine *r, struct err *err)
{
	const struct bundle_verify_options options = { .unpacked_max_bytes = EXAMINE_UNPACKED_BYTES };
	struct verify_report report;

	if (!turn_take(office))
		return err_set(err, PLI_BUSY, "Other proofs are being examined; try again in a moment.");
	*r = (struct examine){ .is_proof = looks_sealed(p, n) };
	verify_examine(pool, p, n, &options, &report);
	checks_take(pool, &report, r);
	r->verified = report.verified;
	r->token_us = report.token_us;
	r->external_us = report.facts ? report.facts->external_us : 0;
	memcpy(r->root, report.root, sizeof(r->root));
	memcpy(r->log_key, report.log_key, sizeof(r->log_key));
	/* By the log's key, or one that it had before. */
	r->ours = is_key(office->parts.root_pem, r->root) && pem_list_find(pool, office->parts.log_pub, r->log_key);
	if (report.certificate)
		certificate_take(pool, report.certificate, r);
	if (report.facts) {
		examine_people(pool, report.facts, r);
		examine_content(pool, report.facts, r);
		examine_journal(pool, report.facts, r);
	}
	turn_give(office);
	return PLI_OK;
}

/* Those of one act beside each other, in the order in which the acts were first made. */
static unsigned gather_acts(const struct attack *a, struct examine_forgery *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < a->count; i++) {
		bool before = false;

		for (unsigned k = 0; k < i && !before; k++)
			before = str_eq(a->tries[k].act, a->tries[i].act);
		for (unsigned k = i; !before && k < a->count; k++) {
			const struct attack_try *t = &a->tries[k];

			if (str_eq(t->act, a->tries[i].act))
				out[n++] = (struct examine_forgery){ t->act, t->target, t->relisted, t->caught, t->by, t->text };
		}
	}
	return n;
}

enum pli_status examine_attack(struct office *office, struct pool *pool, const void *p, size_t n, struct examine_attack *r,
			       struct err *err)
{
	struct attack *attack = POOL_NEW(pool, struct attack);
	struct examine_forgery *forgeries;
	enum pli_status st;

	if (!turn_take(office))
		return err_set(err, PLI_BUSY, "Other proofs are being examined; try again in a moment.");
	st = attack_run(pool, p, n, false, attack, err);
	turn_give(office);
	if (st != PLI_OK)
		return st;
	forgeries = POOL_ARRAY(pool, struct examine_forgery, attack->count + 1);
	r->count = gather_acts(attack, forgeries);
	r->forgeries = forgeries;
	r->caught = attack->caught;
	return PLI_OK;
}
