/* receipt.txt (receipt.h has the format).  verify.sh writes the same text; change both together. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "text.h"
#include "uuid.h"

#include "bundle_facts.h"
#include "receipt.h"

#define TIME_BYTES 24

static const char *const limits[] = {
	"Not-Established: who held the sender's or the recipient's account or mailbox, beyond the stated level;"
	" level 1 means access to a secret link or token, by whoever had it",
	"Not-Established: that a letter was read or understood; handover means that it was opened by the link of"
	" that address",
	"Not-Established: the content itself, which is not in this file; whoever shows it must show bytes with the"
	" stated digests",
	"Not-Established: the time by an outside clock; dates and stamps are those of the service, and the token"
	" shows that the entries were there at Checkpoint-Time at the latest",
	"Not-Established: a qualified registered delivery service (Regulation (EU) 910/2014, article 44)",
	"Non-etabli: qui tenait le compte ou la boîte de l'expéditeur ou du destinataire, au-delà du niveau indiqué ;"
	" niveau 1 : accès à un lien ou jeton secret, par quiconque l'avait",
	"Non-etabli: qu'une lettre a été lue ou comprise ; handover : ouverte par le lien de cette adresse",
	"Non-etabli: le contenu, absent de ce fichier ; qui le produit doit produire des octets ayant les empreintes"
	" indiquées",
	"Non-etabli: l'heure d'une horloge extérieure ; dates et horodatages sont ceux du service, et le jeton montre"
	" que les entrées existaient au plus tard à Checkpoint-Time",
	"Non-etabli: un service d'envoi recommandé électronique qualifié (règlement (UE) 910/2014, article 44)",
};

/* What is said of clocks where an authority outside has stamped the checkpoint. */
static const struct {
	const char *start, *text;
} outside[] = {
	{ "Not-Established: the time by", "Not-Established: the time of an event by an outside clock; dates and stamps are those of the service, and the"
	  " outside token shows that the entries were there at External-Time at the latest" },
	{ "Non-etabli: l'heure d'une horloge", "Non-etabli: l'heure d'un fait par une horloge extérieure ; dates et horodatages sont ceux du service, et le"
	  " jeton extérieur montre que les entrées existaient au plus tard à External-Time" },
};

/* Of a proof that withholds, besides. */
static const char *const limits_withheld[] = {
	"Not-Established: who sent the letter, and what it is about: withheld until acceptance; texts that have the digest Withheld together"
	" with their salt show it",
	"Non-etabli: qui a envoyé la lettre, et son objet : tus jusqu'à l'acceptation ; un texte qui, avec son sel, a l'empreinte Withheld"
	" l'établit",
};

static void line(struct buf *out, const char *key, const char *value)
{
	buf_str(out, key);
	buf_ch(out, ':');
	if (value && *value) {
		buf_ch(out, ' ');
		buf_str(out, value);
	}
	buf_ch(out, '\n');
}

static void line_number(struct buf *out, const char *key, uint64_t value)
{
	buf_fmt(out, "%s: %" PRIu64 "\n", key, value);
}

static void line_time(struct buf *out, const char *key, int64_t t_us)
{
	char text[25];

	line(out, key, clock_rfc3339(text, t_us));
}

static void head_lines(const struct bundle_facts *f, struct buf *out)
{
	const struct bundle_sheet *s = &f->sheets[0].s;
	char id[37], hex[65];

	line(out, "Pli-Receipt", "1");
	line(out, "Kind", f->sender ? "sender" : "recipient");
	line_number(out, "Number", f->deposit->v.e.seq + 1);
	line(out, "Letter", uuid_format(id, f->deposit->v.e.letter));
	line(out, "Origin", f->origin);
	line_time(out, "Date", f->deposit->v.e.t_us);
	line_time(out, "Horodatage", f->deposit->stamp_us);
	if (f->naming == FACTS_WITHHELD) {
		buf_fmt(out, "Withheld: sha256 %s\n", hex_encode(hex, f->withheld, 32));
	} else {
		line(out, "Sender-Name", s->sender_name);
		line(out, "Sender-Address", s->sender_address);
		line(out, "Sender-Entity", s->entity_name);
		line(out, "Sender-SIREN", s->siren);
		line(out, "Sender-Method", s->sender_method);
		line_number(out, "Sender-Level", (uint64_t)s->sender_level);
	}
	for (unsigned i = 0; i < f->sheet_count; i++) {
		s = &f->sheets[i].s;
		buf_fmt(out, "Recipient: %s, %s%s%s\n", s->recipient_kind, s->recipient_address,
			s->recipient_name ? ", " : "", s->recipient_name ? s->recipient_name : "");
	}
}

static void content_lines(const struct bundle_facts *f, struct buf *out)
{
	const struct bundle_sheet *s = &f->sheets[0].s;
	char hex[65];

	if (f->naming != FACTS_WITHHELD)
		line(out, "Subject", s->subject);
	line(out, "Class", s->class_);
	line(out, "Mode", s->mode);
	line(out, "Password", s->password);
	if (f->naming == FACTS_WITHHELD) {
		buf_fmt(out, "Content: sha256 %s\n", hex_encode(hex, f->manifest, 32));
		return;
	}
	buf_fmt(out, "Message: %" PRIu64 " bytes, sha256 %s\n", f->message_size,
		hex_encode(hex, f->message_sha256, 32));
	for (unsigned i = 0; i < f->part_count; i++) {
		const struct bundle_part *p = &f->parts[i];

		buf_fmt(out, "Part: %u, %" PRIu64 " bytes, sha256 %s, %s, %s\n", p->n, p->size,
			hex_encode(hex, p->sha256, 32), p->type, p->name);
	}
}

static void journal_lines(const struct bundle_facts *f, struct buf *out)
{
	char hex[65], date[25], stamp[25];

	for (unsigned i = 0; i < f->entry_count; i++) {
		const struct facts_entry *e = &f->entries[i];

		buf_fmt(out, "Entry: %" PRIu64 ", sha256 %s, %s, %s, stamped %s\n", e->v.e.seq + 1,
			hex_encode(hex, e->leaf, 32), e->v.e.ev, clock_rfc3339(date, e->v.e.t_us),
			clock_rfc3339(stamp, e->stamp_us));
	}
	line_number(out, "Checkpoint-Size", f->tree_size);
	line(out, "Checkpoint-Root", hex_encode(hex, f->tree_root, 32));
	line_time(out, "Checkpoint-Time", f->token_us);
	if (f->external)
		line_time(out, "External-Time", f->external_us);
}

static void lines(struct buf *out, const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buf_str(out, texts[i]);
		buf_ch(out, '\n');
	}
}

static void limits_write(const struct bundle_facts *f, struct buf *out)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const char *text = limits[i];

		for (size_t k = 0; f->external && k < sizeof(outside) / sizeof(outside[0]); k++)
			if (str_starts(text, outside[k].start))
				text = outside[k].text;
		lines(out, &text, 1);
	}
}

void receipt_write(const struct bundle_facts *facts, struct buf *out)
{
	assert(facts->deposit && facts->sheet_count > 0);
	head_lines(facts, out);
	content_lines(facts, out);
	journal_lines(facts, out);
	if (facts->naming == FACTS_WITHHELD)
		lines(out, limits_withheld, sizeof(limits_withheld) / sizeof(limits_withheld[0]));
	limits_write(facts, out);
}

enum pli_status receipt_stamps(struct bundle_facts *facts, const char *text, size_t n, struct err *err)
{
	static const char start[] = "Entry: ";
	const char *end = text + n;
	unsigned found = 0;

	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		char stamp[TIME_BYTES + 1];
		size_t len;

		if (!eol)
			return err_set(err, PLI_CONFLICT, "receipt: the last line is cut");
		len = (size_t)(eol - text);
		if (len >= sizeof(start) - 1 && memcmp(text, start, sizeof(start) - 1) == 0) {
			if (found == facts->entry_count || len < TIME_BYTES)
				return err_set(err, PLI_CONFLICT, "receipt: more Entry lines than entries");
			memcpy(stamp, eol - TIME_BYTES, TIME_BYTES);
			stamp[TIME_BYTES] = '\0';
			if (!clock_parse(stamp, &facts->entries[found].stamp_us))
				return err_set(err, PLI_CONFLICT, "receipt: Entry line %u has no stamp", found + 1);
			found++;
		}
		text = eol + 1;
	}
	if (found != facts->entry_count)
		return err_set(err, PLI_CONFLICT, "receipt: %u Entry lines for %u entries", found, facts->entry_count);
	return PLI_OK;
}
