/* Kinds of proof; see receipt_kind.h.  Texts: receipt.title.NAME and receipt.says.NAME in the locale files. */
#include "text.h"

#include "receipt_kind.h"

static const struct receipt_kind kinds[] = {
	{ "deposit", "deposit.accepted", { "consigned" } },
	{ "available", NULL, { "consigned" } },
	{ "sending", "document.sent", { "notice.sent", "lre.notice.sent" } },
	{ "failure", "document.failed", { "notice.failed", "lre.notice.failed" } },
	{ "acceptance", NULL, { "lre.accepted" } },
	{ "refusal", NULL, { "lre.refused" } },
	{ "unclaimed", NULL, { "lre.unclaimed" } },
	{ "receipt", NULL, { "handover" } },
};

const struct receipt_kind *receipt_kind_table(size_t *count_r)
{
	*count_r = sizeof(kinds) / sizeof(kinds[0]);
	return kinds;
}

const struct receipt_kind *receipt_kind_find(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (str_eq(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

bool receipt_kind_is(const struct receipt_kind *kind, bool document, const char *event)
{
	if (document)
		return kind->document && str_eq(kind->document, event);
	for (int i = 0; i < RECEIPT_EVENTS_MAX && kind->recipient[i]; i++)
		if (str_eq(kind->recipient[i], event))
			return true;
	return false;
}
