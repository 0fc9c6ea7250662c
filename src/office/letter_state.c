/* States of a letter as they follow from those of its recipients, and the view without hidden copies. */
#include <string.h>

#include "text.h"

#include "journal.h"

#include "letter_own.h"

struct tally {
	unsigned all, pending, opened, failed, not_received, refused;
};

static struct tally count(const struct letter *letter)
{
	struct tally t = { .all = letter->recipient_count };

	for (unsigned i = 0; i < letter->recipient_count; i++) {
		const char *s = letter->recipients[i].state;
		t.pending += str_eq(s, "pending");
		t.opened += str_eq(s, "opened");
		t.failed += str_eq(s, "failed");
		t.not_received += str_eq(s, "not_received");
		t.refused += str_eq(s, "refused");
	}
	return t;
}

const char *letter_state_of(const struct letter *letter)
{
	struct tally t = count(letter);

	if (t.all && t.opened == t.all)
		return "received";
	if (t.opened)
		return "partly_received";
	if (t.all && t.refused == t.all)
		return "refused";
	/* Of a registered letter each recipient's time ends by itself: the others may still accept. */
	if (str_eq(letter->class_, "registered") && t.refused + t.not_received > 0)
		return t.refused + t.not_received + t.failed == t.all ? "not_received" : t.pending ? "created" : "sent";
	if (t.not_received)
		return "expired";
	if (t.pending)
		return "created";
	return t.all && t.failed == t.all ? "failed" : "sent";
}

static bool has_accepted(const struct letter_recipient *recipient)
{
	return recipient->decision && str_eq(recipient->decision, "accepted");
}

/* The profile that tells who wrote after acceptance alone. */
static bool of_hidden_sender(const struct letter *letter)
{
	return letter->profile && str_eq(letter->profile, "fr-lre");
}

bool letter_withholds(const struct letter *letter)
{
	return str_eq(letter->class_, "registered");
}

bool letter_withheld_from(const struct letter *letter, const struct letter_recipient *recipient)
{
	return letter_withholds(letter) && !has_accepted(recipient);
}

const struct journal_actor *letter_actor_told(const struct letter *letter, const struct journal_actor *actor)
{
	static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };

	return of_hidden_sender(letter) ? &SYSTEM : actor;
}

bool letter_hides_sender(const struct letter *letter, const struct letter_recipient *recipient)
{
	return of_hidden_sender(letter) && !has_accepted(recipient);
}

int64_t letter_sent_to_us(const struct letter *letter, const struct letter_recipient *recipient)
{
	int64_t sent_us = recipient->first_sent_us;

	/* Opened before its sending was entered: nothing that he has seen changes any more. */
	return sent_us && (!recipient->read_us || sent_us <= recipient->read_us) ? sent_us : letter->created_us;
}

void letter_narrow(struct letter *letter, unsigned me)
{
	struct letter_recipient *r = letter->recipients, own = { 0 };
	unsigned kept = 0;

	letter->sent_us = 0;
	for (unsigned i = 0; i < letter->recipient_count; i++) {
		if (!str_eq(r[i].kind, "bcc"))
			r[kept++] = r[i];
		else if (me && r[i].n == me)
			own = r[i];
	}
	letter->recipient_count = kept;
	if (!letter->archived_us)
		letter->state = letter_state_of(letter);
	else
		letter->origin_state = letter_state_of(letter);
	for (unsigned i = 0; i < kept && !str_eq(letter->state, "created"); i++)
		if (r[i].first_sent_us > letter->sent_us)
			letter->sent_us = r[i].first_sent_us;
	if (own.n)		/* a hidden copy stands last, where he alone sees it */
		r[letter->recipient_count++] = own;
}
