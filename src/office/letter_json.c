/* A letter as JSON: the API's answer, the sheet of a recipient, the manifest. */
#include <string.h>

#include "buf.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "cipher.h"

#include "bundle.h"
#include "entry.h"

#include "letter_own.h"
#include "reading.h"

static void recipients_json(const struct letter *letter, struct jsonw *w)
{
	jsonw_array(w, "recipients");
	for (unsigned i = 0; i < letter->recipient_count; i++) {
		const struct letter_recipient *r = &letter->recipients[i];
		jsonw_object(w, NULL);
		jsonw_str(w, "address", r->address);
		jsonw_str(w, "kind", r->kind);
		jsonw_str(w, "state", r->state);
		jsonw_time(w, "first_sent", r->first_sent_us);
		jsonw_time(w, "last_sent", r->last_sent_us);
		jsonw_int(w, "sends", r->sends);
		jsonw_bool(w, "read", r->read_us != 0);
		jsonw_time(w, "read_at", r->read_us);
		if (str_eq(letter->class_, "registered")) {
			jsonw_time(w, "accept_until", r->window_us);
			if (r->decision)
				jsonw_str(w, "decision", r->decision);
			else
				jsonw_null(w, "decision");
			jsonw_time(w, "decided_at", r->decided_us);
		}
		jsonw_str(w, "reply", r->reply);
		jsonw_str(w, "peer", r->peer);
		jsonw_str(w, "tls", r->tls);
		if (r->reading)
			reading_json(r->reading, w);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

void letter_parts_json(const struct letter *letter, struct jsonw *w)
{
	jsonw_array(w, "parts");
	for (unsigned i = 0; i < letter->part_count; i++) {
		const struct letter_part *p = &letter->parts[i];
		jsonw_object(w, NULL);
		jsonw_int(w, "n", p->n);
		jsonw_str(w, "name", p->name);
		jsonw_str(w, "type", p->type);
		jsonw_int(w, "size", (int64_t)p->size);
		jsonw_hex(w, "sha256", p->sha256, 32);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

void letter_json(const struct letter *letter, struct buf *out)
{
	struct jsonw w;
	char id[37], link[80];

	uuid_format(id, &letter->letter);
	jsonw_init(&w, out, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "id", id);
	jsonw_int(&w, "number", (int64_t)letter->number);
	jsonw_str(&w, "entity", letter->entity_name);
	jsonw_array(&w, "entities");
	jsonw_object(&w, NULL);
	jsonw_str(&w, "name", letter->entity_name);
	jsonw_str(&w, "siren", letter->siren);
	jsonw_str(&w, "role", "editor");
	jsonw_object_end(&w);
	jsonw_array_end(&w);
	jsonw_str(&w, "subject", letter->subject);
	jsonw_str(&w, "state", letter->state);
	jsonw_time(&w, "created", letter->created_us);
	jsonw_time(&w, "sent", letter->sent_us);
	jsonw_time(&w, "expires", letter->expires_us);
	jsonw_bool(&w, "has_password", !str_eq(letter->password, "none"));
	jsonw_str(&w, "mode", letter->mode);
	jsonw_str(&w, "class", letter->class_);
	jsonw_str(&w, "profile", letter->profile);
	jsonw_object(&w, "retention");
	jsonw_str(&w, "name", letter->retention);
	jsonw_time(&w, "content_until", letter->content_until_us);
	jsonw_time(&w, "evidence_until", letter->evidence_until_us);
	jsonw_time(&w, "held", letter->held_us);
	jsonw_time(&w, "purged", letter->purged_us);
	jsonw_object_end(&w);
	if (letter->archived_us) {
		jsonw_object(&w, "archive");
		jsonw_time(&w, "imported", letter->archived_us);
		jsonw_str(&w, "log", letter->origin_log);
		jsonw_int(&w, "number", (int64_t)letter->origin_number);
		jsonw_str(&w, "state", letter->origin_state);
		jsonw_object_end(&w);
	}
	recipients_json(letter, &w);
	letter_parts_json(letter, &w);
	jsonw_object(&w, "links");
	snprintf(link, sizeof(link), "/api/v1/letters/%s", id);
	jsonw_str(&w, "self", link);
	snprintf(link, sizeof(link), "/api/v1/letters/%s/proof", id);
	jsonw_str(&w, "proof", link);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
}

void letter_manifest(const struct letter *letter, uint8_t digest_r[32])
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF json;
	struct bundle_part *parts = POOL_ARRAY(pool, struct bundle_part, letter->part_count + 1);

	for (unsigned i = 0; i < letter->part_count; i++) {
		const struct letter_part *p = &letter->parts[i];
		parts[i] = (struct bundle_part){ .n = p->n, .name = p->name, .type = p->type, .size = p->size };
		memcpy(parts[i].sha256, p->sha256, 32);
	}
	buf_init(&json);
	bundle_manifest_write(letter->message_size, letter->message_sha256, parts, letter->part_count, &json);
	cipher_sha256(json.p, json.n, digest_r);
}

void letter_sheet_write(struct pool *pool, const struct letter *letter, const struct letter_recipient *recipient, struct letter_sheet *sheet)
{
	AUTO_BUF json = { 0 }, apart = { 0 };
	uint8_t digest[32];
	struct bundle_sheet facts = {
		.class_ = letter->class_, .mode = letter->mode, .password = letter->password,
		.entity_name = letter->entity_name, .siren = letter->siren, .manifest = letter->manifest,
		.recipient_address = recipient->address, .recipient_kind = recipient->kind, .recipient_name = recipient->name,
		.sender_address = letter->sender_email, .sender_method = letter->sender_method,
		.sender_name = letter->sender_name, .sender_level = letter->sender_level, .subject = letter->subject,
	};

	if (sheet->withheld) {
		bundle_withheld_write(&facts, &apart);
		sheet->withheld = pool_strn(pool, apart.p, apart.n);
		entry_sheet_digest(sheet->withheld_salt, apart.p, apart.n, digest);
		facts.withheld = digest;
	}
	bundle_sheet_write(&facts, &json);
	sheet->json = pool_strn(pool, json.p, json.n);
}

const char *letter_shown(struct pool *pool, const struct letter *letter, const char *user)
{
	AUTO_BUF json;
	struct jsonw w;

	buf_init(&json);
	jsonw_init(&w, &json, true);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "document", letter->subject);
	jsonw_str(&w, "entity", letter->entity_name);
	jsonw_str(&w, "siren", *letter->siren ? letter->siren : NULL);
	jsonw_str(&w, "user", user && *user ? user : NULL);
	jsonw_object_end(&w);
	return pool_strn(pool, json.p, json.n);
}
