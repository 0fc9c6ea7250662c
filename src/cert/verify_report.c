/* A verifier's report as JSON. */
#include "buf.h"
#include "jsonw.h"
#include "uuid.h"
#include "bundle_facts.h"
#include "certificate.h"

#include "verify_report.h"

static void person(struct jsonw *w, const char *key, const char *name, const char *address, const char *kind)
{
	jsonw_object(w, key);
	jsonw_str(w, "kind", kind);
	jsonw_str(w, "name", name);
	jsonw_str(w, "address", address);
	jsonw_object_end(w);
}

static void parts_write(struct jsonw *w, const struct bundle_facts *f)
{
	jsonw_object(w, "message");
	jsonw_int(w, "size", (int64_t)f->message_size);
	jsonw_hex(w, "sha256", f->message_sha256, 32);
	jsonw_object_end(w);
	jsonw_array(w, "parts");
	for (unsigned i = 0; i < f->part_count; i++) {
		jsonw_object(w, NULL);
		jsonw_int(w, "n", f->parts[i].n);
		jsonw_str(w, "name", f->parts[i].name);
		jsonw_str(w, "type", f->parts[i].type);
		jsonw_int(w, "size", (int64_t)f->parts[i].size);
		jsonw_hex(w, "sha256", f->parts[i].sha256, 32);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void entries_write(struct jsonw *w, const struct bundle_facts *f)
{
	jsonw_array(w, "entries");
	for (unsigned i = 0; i < f->entry_count; i++) {
		const struct facts_entry *e = &f->entries[i];

		jsonw_object(w, NULL);
		jsonw_int(w, "number", (int64_t)e->v.e.seq + 1);
		jsonw_str(w, "event", e->v.e.ev);
		jsonw_time(w, "date", e->v.e.t_us);
		jsonw_time(w, "timestamp", e->stamp_us);
		jsonw_hex(w, "leaf", e->leaf, 32);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void letter_write(struct jsonw *w, const struct bundle_facts *f)
{
	const struct bundle_sheet *s = &f->sheets[0].s;
	char id[37];

	jsonw_str(w, "kind", f->sender ? "sender" : "recipient");
	jsonw_int(w, "number", (int64_t)f->deposit->v.e.seq + 1);
	jsonw_str(w, "letter", uuid_format(id, f->deposit->v.e.letter));
	jsonw_str(w, "origin", f->origin);
	jsonw_time(w, "date", f->deposit->v.e.t_us);
	jsonw_time(w, "timestamp", f->deposit->stamp_us);
	if (f->naming == FACTS_WITHHELD) {
		jsonw_hex(w, "withheld", f->withheld, 32);
	} else {
		jsonw_str(w, "subject", s->subject);
		person(w, "sender", s->sender_name, s->sender_address, NULL);
	}
	jsonw_array(w, "recipients");
	for (unsigned i = 0; i < f->sheet_count; i++)
		person(w, NULL, f->sheets[i].s.recipient_name, f->sheets[i].s.recipient_address, f->sheets[i].s.recipient_kind);
	jsonw_array_end(w);
	if (f->naming == FACTS_WITHHELD)
		jsonw_hex(w, "content", f->manifest, 32);
	else
		parts_write(w, f);
	entries_write(w, f);
	if (f->external) {
		jsonw_object(w, "external");
		jsonw_time(w, "time", f->external_us);
		jsonw_str(w, "root", f->external_root);
		jsonw_object_end(w);
	}
	jsonw_object(w, "checkpoint");
	jsonw_int(w, "size", (int64_t)f->tree_size);
	jsonw_hex(w, "root", f->tree_root, 32);
	jsonw_object_end(w);
}

static void certificate_json(struct jsonw *w, const struct certificate *c)
{
	jsonw_object(w, "certificate");
	jsonw_str(w, "origin", c->origin);
	jsonw_time(w, "as_of", c->as_of_us);
	if (c->deadline_us)
		jsonw_time(w, "deadline", c->deadline_us);
	jsonw_int(w, "proofs", c->count);
	jsonw_int(w, "available", c->available);
	jsonw_int(w, "notified", c->notified);
	jsonw_int(w, "opened", c->opened);
	jsonw_int(w, "opened_as_of", c->opened_as_of);
	jsonw_object_end(w);
}

void verify_report_json(const struct verify_report *r, struct buf *out)
{
	static const char *const results[] = { "holds", "fails", "unreached" };
	struct jsonw w;

	jsonw_init(&w, out, false);
	jsonw_object(&w, NULL);
	jsonw_bool(&w, "verified", r->verified);
	jsonw_array(&w, "checks");
	for (unsigned i = 0; i < r->count; i++) {
		const struct verify_check *c = &r->checks[i];

		jsonw_object(&w, NULL);
		jsonw_str(&w, "id", c->id);
		jsonw_str(&w, "result", results[c->result]);
		jsonw_str(&w, c->result == VERIFY_UNREACHED ? "rests_on" : "text", c->text);
		jsonw_str(&w, "command", c->command);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_str(&w, "root", r->root[0] ? r->root : NULL);
	jsonw_bool(&w, "root_given", r->root_given);
	jsonw_str(&w, "log_key", r->log_key[0] ? r->log_key : NULL);
	jsonw_bool(&w, "log_key_given", r->log_key_given);
	jsonw_array(&w, "renewals");
	for (unsigned i = 0; i < r->renewal_count; i++)
		jsonw_str(&w, NULL, r->renewal_roots[i]);
	jsonw_array_end(&w);
	if (r->token_us)
		jsonw_time(&w, "time", r->token_us);
	if (r->facts && r->facts->witness_count) {
		jsonw_array(&w, "witnesses");
		for (unsigned i = 0; i < r->facts->witness_count; i++) {
			jsonw_object(&w, NULL);
			jsonw_str(&w, "name", r->facts->witnesses[i].key.name);
			jsonw_str(&w, "key", r->facts->witnesses[i].text);
			jsonw_time(&w, "time", r->facts->witnesses[i].time_us);
			jsonw_object_end(&w);
		}
		jsonw_array_end(&w);
	}
	if (r->facts)
		letter_write(&w, r->facts);
	if (r->certificate)
		certificate_json(&w, r->certificate);
	jsonw_object_end(&w);
}
