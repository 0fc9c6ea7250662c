/* A photocopied proof, verified from the text of its bar codes; see proof_paper.h. */
#include <inttypes.h>
#include <stdio.h>

#include "clock.h"
#include "pool.h"
#include "text.h"
#include "uuid.h"

#include "paper.h"

#include "proof_paper.h"

static void say_person(const char *what, const char *name, const char *address)
{
	printf("%s: %s%s%s%s\n", what, name && *name ? name : "", name && *name ? " <" : "", address ? address : "", name && *name ? ">" : "");
}

static void say_people(const struct bundle_facts *f)
{
	const struct bundle_sheet *s = &f->sheets[0].s;
	char hex[65];

	if (f->naming == FACTS_WITHHELD) {
		printf("sender and subject: withheld until acceptance, sha256 %s\n", hex_encode(hex, f->withheld, 32));
		say_person(s->recipient_kind, s->recipient_name, s->recipient_address);
		return;
	}
	say_person("sender", s->sender_name, s->sender_address);
	if (s->entity_name && *s->entity_name)
		printf("entity: %s%s%s\n", s->entity_name, s->siren && *s->siren ? ", SIREN " : "", s->siren ? s->siren : "");
	say_person(s->recipient_kind, s->recipient_name, s->recipient_address);
	printf("subject: %s\n", s->subject);
}

static void say_content(const struct bundle_facts *f)
{
	char hex[65];

	printf("message: %" PRIu64 " bytes, sha256 %s\n", f->message_size, hex_encode(hex, f->message_sha256, 32));
	for (unsigned i = 0; i < f->part_count; i++)
		printf("document %u: %s, %" PRIu64 " bytes, sha256 %s\n", f->parts[i].n, f->parts[i].name, f->parts[i].size,
		       hex_encode(hex, f->parts[i].sha256, 32));
}

enum pli_status proof_paper_say(struct pool *pool, const char *text, size_t n, const char *log_pub_pem, struct err *err)
{
	struct paper_facts paper;
	enum pli_status st = paper_verify(pool, text, n, log_pub_pem, &paper, err);
	const struct bundle_facts *f = &paper.facts;
	char id[37], t[25];

	if (st != PLI_OK)
		return st;
	printf("journal: %s, %" PRIu64 " entries, head signed by the key given\n", f->origin, f->tree_size);
	printf("letter: %s\n", uuid_format(id, paper.event->v.e.letter));
	for (unsigned i = 0; i < f->entry_count; i++)
		printf("entry %" PRIu64 ": %s, %s, %s (level %d)\n", f->entries[i].v.e.seq + 1, f->entries[i].v.e.ev,
		       clock_rfc3339(t, f->entries[i].v.e.t_us), f->entries[i].v.e.method, f->entries[i].v.e.level);
	if (paper.sheet)
		say_people(f);
	if (paper.content)
		say_content(f);
	return PLI_OK;
}
