/* What a bundle withholds, or opens: who wrote and about what, where the sheets hold only its digest. */
#include <string.h>

#include "buf.h"
#include "text.h"
#include "json_read.h"
#include "zip.h"

#include "bundle_facts.h"

#define JSON_MAX_BYTES (1 << 20)

static enum pli_status opened_read(struct bundle_facts *f, const struct zip_file *json, struct bundle_sheet *who, struct err *err)
{
	static const char *const top[] = { "entity", "sender", "subject", "v", NULL };
	struct json_read *o;
	int64_t v = 0;
	enum pli_status status = json_read_open(f->pool, json->p, json->n, JSON_MAX_BYTES, top, &o, err);

	if (status == PLI_OK)
		status = json_read_int(o, "v", 1, 1, &v, err);
	if (status == PLI_OK)
		status = facts_sender_read(o, who, err);
	return status == PLI_OK && v != 1 ? err_set(err, PLI_CONFLICT, "a member is missing") : status;
}

static enum pli_status opened(struct bundle_facts *f, struct bundle_sheet *who, struct err *err)
{
	const struct zip_file *json = facts_file(f, "withheld.json"), *salt = facts_file(f, "withheld.salt");
	uint8_t salt32[32];
	char hex[65];
	AUTO_BUF again = { 0 };

	if (opened_read(f, json, who, err) != PLI_OK)
		return facts_failed(err, "sheet", json->name);
	bundle_withheld_write(who, &again);
	if (again.n != json->n || memcmp(again.p, json->p, json->n) != 0)
		return err_set(err, PLI_CONFLICT, "sheet: %s is not in canonical form", json->name);
	if (salt->n != 64 || !hex_decode(salt32, 32, (const char *)salt->p, 64) || memcmp(hex_encode(hex, salt32, 32), salt->p, 64) != 0)
		return err_set(err, PLI_CONFLICT, "sheet: %s is not 64 hexadecimal digits", salt->name);
	entry_sheet_digest(salt32, json->p, json->n, f->withheld);
	return PLI_OK;
}

enum pli_status facts_withheld(struct bundle_facts *facts, struct bundle_sheet *who_r, struct err *err)
{
	const struct zip_file *file;
	char hex[65];

	if (facts->naming == FACTS_NAMED)
		return PLI_OK;
	if (facts->naming == FACTS_OPENED)
		return opened(facts, who_r, err);
	file = facts_file(facts, "withheld.sha256");
	if (file->n != 64 || !hex_decode(facts->withheld, 32, (const char *)file->p, 64) ||
	    memcmp(hex_encode(hex, facts->withheld, 32), file->p, 64) != 0)
		return err_set(err, PLI_CONFLICT, "sheet: %s is not 64 hexadecimal digits", file->name);
	return PLI_OK;
}
