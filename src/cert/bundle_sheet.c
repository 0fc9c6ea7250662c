/* sheet.json, withheld.json and manifest.json: the canonical texts that deposit entries bind (bundle.h has the forms). */
#include "buf.h"
#include "jsonw.h"

#include "bundle.h"

static void text(struct jsonw *w, const char *key, const char *s)
{
	if (s && *s)
		jsonw_str(w, key, s);
}

static void entity(struct jsonw *w, const struct bundle_sheet *sheet)
{
	jsonw_object(w, "entity");
	text(w, "name", sheet->entity_name);
	text(w, "siren", sheet->siren);
	jsonw_object_end(w);
}

static void sender(struct jsonw *w, const struct bundle_sheet *sheet)
{
	jsonw_object(w, "sender");
	text(w, "address", sheet->sender_address);
	jsonw_int(w, "level", sheet->sender_level);
	text(w, "method", sheet->sender_method);
	text(w, "name", sheet->sender_name);
	jsonw_object_end(w);
	text(w, "subject", sheet->subject);
}

void bundle_withheld_write(const struct bundle_sheet *sheet, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out, true);
	jsonw_object(&w, NULL);
	entity(&w, sheet);
	sender(&w, sheet);
	jsonw_int(&w, "v", 1);
	jsonw_object_end(&w);
}

void bundle_sheet_write(const struct bundle_sheet *sheet, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out, true);
	jsonw_object(&w, NULL);
	text(&w, "class", sheet->class_);
	if (!sheet->withheld)
		entity(&w, sheet);
	jsonw_hex(&w, "manifest", sheet->manifest, 32);
	text(&w, "mode", sheet->mode);
	text(&w, "password", sheet->password);
	jsonw_object(&w, "recipient");
	text(&w, "address", sheet->recipient_address);
	text(&w, "kind", sheet->recipient_kind);
	text(&w, "name", sheet->recipient_name);
	jsonw_object_end(&w);
	if (!sheet->withheld)
		sender(&w, sheet);
	jsonw_int(&w, "v", sheet->withheld ? 2 : 1);
	if (sheet->withheld)
		jsonw_hex(&w, "withheld", sheet->withheld, 32);
	jsonw_object_end(&w);
}

void bundle_manifest_write(uint64_t message_size, const uint8_t message_sha256[32], const struct bundle_part *parts,
			   unsigned part_count, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out, true);
	jsonw_object(&w, NULL);
	jsonw_object(&w, "message");
	jsonw_hex(&w, "sha256", message_sha256, 32);
	jsonw_int(&w, "size", (int64_t)message_size);
	jsonw_object_end(&w);
	jsonw_array(&w, "parts");
	for (unsigned i = 0; i < part_count; i++) {
		jsonw_object(&w, NULL);
		jsonw_int(&w, "n", parts[i].n);
		jsonw_str(&w, "name", parts[i].name);
		jsonw_hex(&w, "sha256", parts[i].sha256, 32);
		jsonw_int(&w, "size", (int64_t)parts[i].size);
		jsonw_str(&w, "type", parts[i].type);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_int(&w, "v", 1);
	jsonw_object_end(&w);
}
