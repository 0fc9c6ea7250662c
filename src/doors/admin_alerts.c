/* Administration: alerts about the evidence, what each means and what to do; and the banner that leads there. */
#include "locale.h"
#include "pool.h"
#include "view.h"
#include "web.h"

#include "alert.h"
#include "selfproof.h"

#include "admin.h"
#include "answer.h"
#include "door.h"
#include "portal.h"

#include "handlers.h"

#define SHOWN_MAX 50

void admin_alerts_banner(struct door_call *c, struct view *v)
{
	for (int i = 0; i < ALERT_KINDS; i++)
		if (alert_count(c->doors->office, (enum alert_kind)i))
			view_str(view_item(v, "alert_banner"), "label",
				 locale_text(c->locale, pool_fmt(c->pool, "alert.kind.%s", alert_kind_name((enum alert_kind)i))));
}

/* Checks of our own have words; witnesses have names. */
static const char *subject_text(struct door_call *c, const char *subject)
{
	const char *known = locale_known(c->locale, pool_fmt(c->pool, "alert.subject.%s", subject));

	return known ? known : subject;
}

static void alert_put(struct door_call *c, struct view *item, const struct alert *a)
{
	const char *kind = alert_kind_name(a->kind);

	view_str(item, "kind", locale_text(c->locale, pool_fmt(c->pool, "alert.kind.%s", kind)));
	view_str(item, "means", locale_text(c->locale, pool_fmt(c->pool, "alert.means.%s", kind)));
	view_str(item, "act", locale_text(c->locale, pool_fmt(c->pool, "alert.act.%s", kind)));
	view_str(item, "subject", subject_text(c, a->subject));
	view_str(item, "detail", a->detail);
	answer_date(c, item, "since", "since_iso", a->since_us);
	if (a->ended_us)
		answer_date(c, item, "ended", "ended_iso", a->ended_us);
	if (a->told > 0)
		view_int(item, "told", a->told);
	view_bool(item, "told_none", a->told == 0);
	view_bool(item, "entered", a->entry == 0);
	if (a->entry > 0)
		view_int(item, "entry", a->entry);
}

static void selfproof_put(struct door_call *c, struct view *v, const struct selfproof *run)
{
	static const char *const CLASSES[] = { [SELFPROOF_HOLDS] = "good", [SELFPROOF_FAILS] = "bad", [SELFPROOF_UNDONE] = "wait" };

	view_bool(v, "proved", true);
	view_bool(v, "proof_holds", selfproof_holds(run));
	view_bool(v, "proof_fails", selfproof_failed(run));
	answer_date(c, v, "proved_at", "proved_iso", run->at_us);
	if (run->entry)
		view_int(v, "proof_entry", (int64_t)run->entry);
	for (unsigned i = 0; i < run->count; i++) {
		const struct selfproof_check *check = &run->checks[i];
		struct view *item = view_item(v, "checks");

		view_str(item, "name", locale_text(c->locale, pool_fmt(c->pool, "selfproof.check.%s", check->name)));
		view_str(item, "outcome", locale_text(c->locale, pool_fmt(c->pool, "selfproof.%s", selfproof_outcome_name(check->outcome))));
		view_str(item, "class", CLASSES[check->outcome]);
		if (check->outcome != SELFPROOF_HOLDS)
			view_str(item, "text", check->text);
	}
}

enum pli_status admin_alerts(struct door_call *c, struct err *err)
{
	struct view *v = view_new(c->pool);
	struct alert *list;
	struct selfproof run;
	unsigned count = 0;
	enum pli_status st = admin_enter(c, err);

	if (st == PLI_OK)
		st = alert_list(c->doors->office, c->pool, SHOWN_MAX, &list, &count, err);
	if (st != PLI_OK)
		return st;
	for (unsigned i = 0; i < count; i++)
		alert_put(c, view_item(v, list[i].ended_us ? "past" : "on"), &list[i]);
	st = selfproof_newest(c->doors->office, &run, err);
	if (st == PLI_OK)
		selfproof_put(c, v, &run);
	else if (st != PLI_ABSENT)
		return st;
	admin_page(c, 200, &tpl_pages_admin_alerts_html, v, locale_text(c->locale, "admin.alerts"), "alerts");
	return PLI_OK;
}
