/* The closed list of events.  ETSI names: EN 319 522-1 clause 6, URIs of EN 319 522-3 table 2. */
#include <string.h>

#include "event.h"

#define TRACKING "ContentAccessTracking"

static const struct event events[] = {
	/* name, chain, ETSI, type, state */
	{ "draft.created", EVENT_DOCUMENT, NULL, "action", "created" },
	{ "draft.modified", EVENT_DOCUMENT, NULL, "action", "draft" },
	{ "draft.deleted", EVENT_DOCUMENT, NULL, "action", "deleted" },
	{ "deposit.accepted", EVENT_DOCUMENT, "SubmissionAcceptance", "proof", "created" },
	{ "consigned", EVENT_RECIPIENT, "ContentConsignment", "proof", "pending" },
	{ "notice.sent", EVENT_RECIPIENT, "ConsignmentNotification", "secure_mail", "sent" },
	{ "notice.resent", EVENT_RECIPIENT, "ConsignmentNotification", "secure_mail", "resent" },
	{ "notice.failed", EVENT_RECIPIENT, "ConsignmentNotificationFailure", "secure_mail", "failed" },
	{ "notice.delayed", EVENT_RECIPIENT, NULL, "secure_mail", NULL },
	{ "document.sent", EVENT_DOCUMENT, NULL, "action", "sent" },
	{ "document.failed", EVENT_DOCUMENT, NULL, "action", "failed" },
	{ "notice.opened", EVENT_RECIPIENT, "NotificationAccessTracking", "consultation", NULL },
	{ "handover", EVENT_RECIPIENT, "ContentHandover", "secure_mail", "opened" },
	{ "handover.failed", EVENT_RECIPIENT, "ContentHandoverFailure", "secure_mail", "failed" },
	{ "doc.partial", EVENT_DOCUMENT, NULL, "action", "partly_received" },
	{ "doc.complete", EVENT_DOCUMENT, NULL, "action", "received" },
	{ "access", EVENT_RECIPIENT, TRACKING, "consultation", NULL },
	{ "access.complete", EVENT_RECIPIENT, TRACKING, "consultation", NULL },
	{ "link.renewed", EVENT_RECIPIENT, NULL, "consultation", NULL },
	{ "link.unlocked", EVENT_RECIPIENT, NULL, "consultation", NULL },
	{ "state.certified", EVENT_RECIPIENT, NULL, "proof", NULL },	/* what does not stand before it in its chain had not happened */
	{ "lre.notice.sent", EVENT_RECIPIENT, "NotificationForAcceptance", "secure_mail", "sent" },
	{ "lre.notice.resent", EVENT_RECIPIENT, "NotificationForAcceptance", "secure_mail", "resent" },
	{ "lre.reminder", EVENT_RECIPIENT, "NotificationForAcceptance", "secure_mail", "resent" },
	{ "lre.notice.failed", EVENT_RECIPIENT, "NotificationForAcceptanceFailure", "secure_mail", "failed" },
	{ "lre.accepted", EVENT_RECIPIENT, "ConsignmentAcceptance", "secure_mail", "accepted" },	/* d{at, until}: the act, the window's end */
	{ "lre.refused", EVENT_RECIPIENT, "ConsignmentRejection", "secure_mail", "refused" },
	{ "lre.unclaimed", EVENT_RECIPIENT, "AcceptanceRejectionExpiry", "secure_mail", "not_received" },
	{ "doc.refused", EVENT_DOCUMENT, NULL, "action", "refused" },	/* by every recipient */
	{ "doc.expired", EVENT_DOCUMENT, NULL, "action", NULL },	/* d.state: expired, or the state that stays */
	{ "content.purged", EVENT_DOCUMENT, NULL, "action", NULL },	/* d: kid, reason */
	{ "delete.refused", EVENT_DOCUMENT, NULL, "action", NULL },	/* d: reason, until */
	{ "archive.imported", EVENT_DOCUMENT, NULL, "action", "archived" },	/* d: log, number; h: list, manifest, proof */
	{ "hold.placed", EVENT_DOCUMENT, NULL, "action", NULL },
	{ "hold.released", EVENT_DOCUMENT, NULL, "action", NULL },
	{ "purged", EVENT_NO_CHAIN, NULL, "journal", NULL },		/* d.seqs: entries erased; h.rows: what is left of them */
	{ "key.moved", EVENT_NO_CHAIN, NULL, "journal", NULL },		/* d: kid, next: letters have moved from the one to the other */
	{ "key.destroyed", EVENT_NO_CHAIN, NULL, "journal", NULL },	/* d: kid; next, if letters had moved there */
	{ "log.restored", EVENT_NO_CHAIN, NULL, "journal", NULL },	/* d: size of what was restored, signed: what had been signed */
	{ "retention.set", EVENT_NO_CHAIN, NULL, "journal", NULL },
	{ "log.opened", EVENT_NO_CHAIN, NULL, "journal", NULL },
	{ "keeper.signed", EVENT_NO_CHAIN, NULL, "journal", NULL },	/* d: sums since the instance began */
	{ "clock.jumped", EVENT_NO_CHAIN, NULL, "journal", NULL },	/* d.by_s: how far the machine's clock was set */
	{ "clock.confirmed", EVENT_NO_CHAIN, NULL, "journal", NULL },	/* d.by: operator, tsa, witness; d.by_s: how far it had been off */
	{ "witness.away", EVENT_NO_CHAIN, NULL, "journal", NULL },	/* d.witness */
	{ "witness.back", EVENT_NO_CHAIN, NULL, "journal", NULL },
	{ "alert.raised", EVENT_NO_CHAIN, NULL, "journal", NULL },	/* d: kind, subject?, at */
	{ "alert.ended", EVENT_NO_CHAIN, NULL, "journal", NULL },
	{ "selfproof.done", EVENT_NO_CHAIN, NULL, "journal", NULL },	/* d: at, fails?, holds?, undone?: names of checks; letters, size?, backup? */
	{ "key.rotated", EVENT_NO_CHAIN, NULL, "journal", NULL },	/* key_change.h */
	{ "key.taken", EVENT_NO_CHAIN, NULL, "journal", NULL },
	{ "entity.created", EVENT_NO_CHAIN, NULL, "journal", NULL },
	{ "entity.class", EVENT_NO_CHAIN, NULL, "journal", NULL },	/* d.class: of letters whose sender says none */
	{ "entity.disabled", EVENT_NO_CHAIN, NULL, "journal", NULL },
	{ "entity.enabled", EVENT_NO_CHAIN, NULL, "journal", NULL },
	{ "user.created", EVENT_NO_CHAIN, NULL, "journal", NULL },
	{ "user.disabled", EVENT_NO_CHAIN, NULL, "journal", NULL },
	{ "user.enabled", EVENT_NO_CHAIN, NULL, "journal", NULL },
	{ "user.changed", EVENT_NO_CHAIN, NULL, "journal", NULL },
	{ "token.created", EVENT_NO_CHAIN, NULL, "journal", NULL },
	{ "token.revoked", EVENT_NO_CHAIN, NULL, "journal", NULL },
	{ "session.opened", EVENT_NO_CHAIN, NULL, "connection", NULL },
	{ "session.failed", EVENT_NO_CHAIN, NULL, "connection", "failed" },	/* d.failures in one hour */
	{ "password.changed", EVENT_NO_CHAIN, NULL, "connection", NULL },
	{ "factor.added", EVENT_NO_CHAIN, NULL, "connection", NULL },
	{ "factor.removed", EVENT_NO_CHAIN, NULL, "connection", NULL },
};

const struct event *event_find(const char *name)
{
	for (size_t i = 0; name && i < sizeof(events) / sizeof(*events); i++)
		if (strcmp(events[i].name, name) == 0)
			return &events[i];
	return NULL;
}

const struct event *event_table(unsigned *count_r)
{
	*count_r = sizeof(events) / sizeof(*events);
	return events;
}
