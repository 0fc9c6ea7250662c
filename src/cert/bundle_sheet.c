/* sheet.json and manifest.json: the two canonical texts that deposit entries bind (bundle.h has the forms). */
#include "buf.h"
#include "jsonw.h"

#include "bundle.h"

static void text(struct jsonw *w, const char *key, const char *s)
{
	if (s && *s)
		jsonw_str(w, key, s);
}

void bundle_sheet_write(const struct bundle_sheet *sheet, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out, true);
	jsonw_object(&w, NULL);
	text(&w, "class", sheet->class_);
	jsonw_object(&w, "entity");
	text(&w, "name", sheet->entity_name);
	text(&w, "siren", sheet->siren);
	jsonw_object_end(&w);
	jsonw_hex(&w, "manifest", sheet->manifest, 32);
	text(&w, "mode", sheet->mode);
	text(&w, "password", sheet->password);
	jsonw_object(&w, "recipient");
	text(&w, "address", sheet->recipient_address);
	text(&w, "kind", sheet->recipient_kind);
	text(&w, "name", sheet->recipient_name);
	jsonw_object_end(&w);
	jsonw_object(&w, "sender");
	text(&w, "address", sheet->sender_address);
	jsonw_int(&w, "level", sheet->sender_level);
	text(&w, "method", sheet->sender_method);
	text(&w, "name", sheet->sender_name);
	jsonw_object_end(&w);
	text(&w, "subject", sheet->subject);
	jsonw_int(&w, "v", 1);
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
