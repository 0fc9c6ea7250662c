/* What had become of a letter, as the entries in its proof say; for letters from an archive. */
#include <string.h>

#include <jansson.h>

#include "clock.h"
#include "pool.h"
#include "text.h"

#include "bundle_facts.h"
#include "event.h"

#include "archive_own.h"

static const char *detail(const json_t *d, const char *name)
{
	const char *s = json_string_value(json_object_get(d, name));

	return s ? s : "";
}

static struct letter_recipient *recipient_of(struct letter *l, const struct uuid *id)
{
	for (unsigned i = 0; i < l->recipient_count; i++)
		if (uuid_same(&l->recipients[i].recipient, id))
			return &l->recipients[i];
	return NULL;
}

static void sent(struct letter_recipient *r, int64_t t_us)
{
	if (str_eq(r->state, "pending") || str_eq(r->state, "failed"))
		r->state = "sent";
	if (!r->first_sent_us)
		r->first_sent_us = t_us;
	r->last_sent_us = t_us;
	r->sends++;
}

static void decided(struct letter_recipient *r, const char *decision, const char *state, int64_t t_us)
{
	r->decision = decision;
	r->decided_us = t_us;
	if (state)
		r->state = state;
}

static void recipient_event(struct letter_recipient *r, const char *ev, int64_t t_us)
{
	if (str_eq(ev, "notice.sent") || str_eq(ev, "notice.resent") || str_eq(ev, "lre.notice.sent") || str_eq(ev, "lre.notice.resent") ||
	    str_eq(ev, "lre.reminder"))
		sent(r, t_us);
	else if ((str_eq(ev, "notice.failed") || str_eq(ev, "lre.notice.failed")) && !r->read_us)
		r->state = "failed";
	else if (str_eq(ev, "lre.accepted"))
		decided(r, "accepted", NULL, t_us);
	else if (str_eq(ev, "lre.refused"))
		decided(r, "refused", "refused", t_us);
	else if (str_eq(ev, "lre.unclaimed"))
		decided(r, "unclaimed", "not_received", t_us);
	if (!str_eq(ev, "handover") || r->read_us)
		return;
	r->read_us = t_us;
	r->state = "opened";
}

static void document_event(struct pool *pool, struct letter *l, const struct event *event, const json_t *d, int64_t t_us)
{
	const char *state = event->state ? event->state : detail(d, "state");

	if (str_eq(event->name, "deposit.accepted")) {
		l->created_us = t_us;
		l->profile = *detail(d, "profile") ? pool_str(pool, detail(d, "profile")) : NULL;
		if (!clock_parse(detail(d, "expires"), &l->expires_us))
			l->expires_us = t_us;
	}
	if (str_eq(event->name, "document.sent"))
		l->sent_us = t_us;
	if (str_eq(event->name, "doc.expired"))
		for (unsigned i = 0; i < l->recipient_count; i++)
			if (str_eq(l->recipients[i].state, "pending") || str_eq(l->recipients[i].state, "sent"))
				l->recipients[i].state = "not_received";
	if (*state && !str_eq(state, "draft"))
		l->origin_state = pool_str(pool, state);
}

void archive_state(struct pool *pool, const struct bundle_facts *facts, struct letter *l)
{
	for (unsigned i = 0; i < l->recipient_count; i++)
		l->recipients[i].state = "pending";
	l->origin_state = "created";
	for (unsigned i = 0; i < facts->entry_count; i++) {
		const struct entry *e = &facts->entries[i].v.e;
		const struct event *event = event_find(e->ev);
		struct letter_recipient *r = e->recipient ? recipient_of(l, e->recipient) : NULL;
		json_t *d = e->d_json ? json_loads(e->d_json, 0, NULL) : NULL;

		if (r)
			recipient_event(r, e->ev, e->t_us);
		else if (event && !e->recipient)
			document_event(pool, l, event, d, e->t_us);
		json_decref(d);
	}
}
