/* receipt.xml (evidence.h).  verify.sh writes the same text; change both together. */
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"
#include "uuid.h"
#include "event.h"

#include "bundle_facts.h"

#include "evidence.h"

#define SHA256_URI "http://www.w3.org/2001/04/xmlenc#sha256"

/* Text of outside; sheets and parts hold no control characters, so three characters need another form. */
static void escaped(struct buf *out, const char *s)
{
	for (; *s; s++)
		switch (*s) {
		case '&':
			buf_str(out, "&amp;");
			break;
		case '<':
			buf_str(out, "&lt;");
			break;
		case '>':
			buf_str(out, "&gt;");
			break;
		default:
			buf_ch(out, *s);
		}
}

/* Nothing when there is no value. */
static void element(struct buf *out, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	buf_fmt(out, "<%s>", name);
	escaped(out, value);
	buf_fmt(out, "</%s>\n", name);
}

static void element_time(struct buf *out, const char *name, int64_t t_us)
{
	char text[25];

	element(out, name, clock_rfc3339(text, t_us));
}

/* An eIDAS attribute of a person or organisation. */
static void attribute(struct buf *out, const char *name, const char *friendly, const char *value)
{
	if (!value || !*value)
		return;
	buf_fmt(out, "<saml:Attribute Name=\"%s\" FriendlyName=\"%s\"><saml:AttributeValue>", name, friendly);
	escaped(out, value);
	buf_str(out, "</saml:AttributeValue></saml:Attribute>\n");
}

#define ATTRIBUTE_LEGAL_NAME "http://eidas.europa.eu/attributes/legalperson/LegalName", "LegalName"
#define ATTRIBUTE_SIREN "http://eidas.europa.eu/attributes/legalperson/LegalPersonIdentifier", "LegalPersonIdentifier"
#define ATTRIBUTE_NAME "urn:oid:2.16.840.1.113730.3.1.241", "displayName"

static void issuer(const struct bundle_facts *f, struct buf *out)
{
	const char *host = pool_strn(f->pool, f->origin, strcspn(f->origin, "/"));

	buf_str(out, "<erds:EvidenceIssuerDetails>\n<erds:Identity>\n");
	attribute(out, ATTRIBUTE_LEGAL_NAME, host);
	buf_str(out, "</erds:Identity>\n</erds:EvidenceIssuerDetails>\n");
}

/* A sender who is withheld has no name: what binds it stands in its place. */
static void sender(const struct bundle_facts *f, struct buf *out)
{
	const struct bundle_sheet *s = &f->sheets[0].s;
	char hex[65];

	buf_str(out, "<erds:SenderDetails>\n<erds:Identity>\n");
	if (f->naming == FACTS_WITHHELD) {
		buf_fmt(out, "</erds:Identity>\n<pli:Withheld sha256=\"%s\"/>\n</erds:SenderDetails>\n", hex_encode(hex, f->withheld, 32));
		return;
	}
	attribute(out, ATTRIBUTE_LEGAL_NAME, s->entity_name);
	attribute(out, ATTRIBUTE_SIREN, s->siren);
	attribute(out, ATTRIBUTE_NAME, s->sender_name);
	buf_str(out, "</erds:Identity>\n");
	element(out, "Identifier", s->sender_address);
	buf_fmt(out, "<pli:Authentication method=\"%s\" level=\"%d\"/>\n", s->sender_method ? s->sender_method : "", s->sender_level);
	buf_str(out, "</erds:SenderDetails>\n");
}

static void recipient(const struct bundle_sheet *s, struct buf *out)
{
	buf_str(out, "<erds:RecipientDetails>\n<erds:Identity>\n");
	attribute(out, ATTRIBUTE_NAME, s->recipient_name);
	buf_str(out, "</erds:Identity>\n");
	element(out, "Identifier", s->recipient_address);
	buf_str(out, "</erds:RecipientDetails>\n");
}

static void part(struct buf *out, const char *id, const char *type, const uint8_t sha256[32])
{
	char text[45];

	buf_str(out, "<erds:PartInfo>\n");
	element(out, "Identifier", id);
	element(out, "ContentType", type);
	buf_str(out, "<ds:DigestMethod Algorithm=\"" SHA256_URI "\"/>\n");
	element(out, "ds:DigestValue", base64_encode(text, sha256, 32));
	buf_str(out, "</erds:PartInfo>\n");
}

/* The list of parts stands whole in the evidence of the deposit, elsewhere by the digest of manifest.json; how many they are is withheld with the
 * sender. */
static void content(const struct bundle_facts *f, bool whole, struct buf *out)
{
	buf_str(out, "<erds:UserContentInfo>\n");
	if (f->naming != FACTS_WITHHELD)
		buf_fmt(out, "<ComposingParts>%u</ComposingParts>\n", f->part_count + 1);
	buf_str(out, "<erds:PartsInfo>\n");
	part(out, "manifest.json", "application/json", f->manifest);
	whole = whole && f->naming != FACTS_WITHHELD;
	if (whole)
		part(out, "0", "text/plain; charset=utf-8", f->message_sha256);
	for (unsigned i = 0; whole && i < f->part_count; i++)
		part(out, pool_fmt(f->pool, "%u", f->parts[i].n), f->parts[i].type, f->parts[i].sha256);
	buf_str(out, "</erds:PartsInfo>\n</erds:UserContentInfo>\n");
}

/* EN 319 522-2: an event that did not go well says why; here the journal's own name for it. */
static bool negative(const char *etsi)
{
	return strstr(etsi, "Failure") || strstr(etsi, "Rejection");
}

static void place(const struct bundle_facts *f, const struct facts_entry *e, struct buf *out)
{
	char leaf[65], stamp[25];

	buf_fmt(out, "<erds:TransactionLogInformation>\n<pli:Entry origin=\"%s\" number=\"%" PRIu64 "\" sha256=\"%s\" stamped=\"%s\"/>\n",
		f->origin, e->v.e.seq + 1, hex_encode(leaf, e->leaf, 32), clock_rfc3339(stamp, e->stamp_us));
	buf_str(out, "</erds:TransactionLogInformation>\n");
}

static const struct bundle_sheet *sheet_of(const struct bundle_facts *f, const struct facts_entry *e)
{
	for (unsigned i = 0; e->v.e.recipient && i < f->sheet_count; i++)
		if (uuid_same(f->sheets[i].recipient, e->v.e.recipient))
			return &f->sheets[i].s;
	return NULL;
}

static void evidence(const struct bundle_facts *f, const struct facts_entry *e, const char *etsi, struct buf *out)
{
	const struct bundle_sheet *own = sheet_of(f, e);
	char id[37];

	buf_fmt(out, "<erds:Evidence version=\"EN319522v1.2.1\">\n<erds:EvidenceIdentifier>%s#%" PRIu64 "</erds:EvidenceIdentifier>\n",
		f->origin, e->v.e.seq + 1);
	buf_fmt(out, "<erds:ERDSEventId>http://uri.etsi.org/19522/Event/%s</erds:ERDSEventId>\n", etsi);
	if (negative(etsi)) {
		buf_str(out, "<erds:EventReasons>\n<erds:EventReason>\n");
		element(out, "Details", e->v.e.ev);
		buf_str(out, "</erds:EventReason>\n</erds:EventReasons>\n");
	}
	element_time(out, "EventTime", e->v.e.t_us);
	place(f, e, out);
	issuer(f, out);
	sender(f, out);
	for (unsigned i = 0; i < f->sheet_count; i++)
		if (!own || own == &f->sheets[i].s)
			recipient(&f->sheets[i].s, out);
	element(out, "erds:MessageIdentifier", uuid_format(id, e->v.e.letter));
	element_time(out, "erds:SubmissionTime", f->deposit->v.e.t_us);
	content(f, e == f->deposit, out);
	buf_str(out, "</erds:Evidence>\n");
}

void evidence_write(const struct bundle_facts *facts, struct buf *out)
{
	buf_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		     "<pli:EvidenceSet xmlns:pli=\"urn:pli:evidence:1\" xmlns:erds=\"http://uri.etsi.org/19522/v1#\""
		     " xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">\n");
	for (unsigned i = 0; i < facts->entry_count; i++) {
		const struct event *event = event_find(facts->entries[i].v.e.ev);

		if (event && event->etsi)
			evidence(facts, &facts->entries[i], event->etsi, out);
	}
	buf_str(out, "</pli:EvidenceSet>\n");
}
