/* A registered letter at its recipient's door: two acts of equal weight, each final, and what is said once one is done or time is over. */
#include "clock.h"
#include "locale.h"
#include "pool.h"
#include "settings.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "form.h"
#include "http.h"

#include "delivery.h"

#include "answer.h"
#include "door.h"
#include "landing.h"

#include "handlers.h"

const char *registered_kind(const struct settings *settings, const struct locale *locale)
{
	return locale_text(locale, settings->evidence_qualified ? "registered.kind_qualified" : "registered.kind_value");
}

enum pli_status landing_registered(struct door_call *c, const struct delivery_landing *landing, int code, const char *fault)
{
	struct view *v = view_new(c->pool);

	view_str(v, "token", c->params[0]);
	view_bool(v, "hides_sender", landing->hides_sender);
	view_str(v, "registered_kind", registered_kind(c->doors->settings, c->locale));
	view_str(v, "sender_name", landing->sender_name);
	view_str(v, "sender_entity", str_eq(landing->sender_name, landing->entity_name) ? "" : landing->entity_name);
	view_fmt(v, "number", "%llu", (unsigned long long)landing->number);
	answer_date(c, v, "sent", "sent_iso", landing->sent_us);
	if (landing->until_us) {
		char iso[25];

		view_str(v, "until", answer_day_text(c, landing->until_us - SECOND_US));
		view_str(v, "until_iso", clock_rfc3339(iso, landing->until_us));
	}
	view_fmt(v, "days", "%u", landing->days);
	view_bool(v, "has_password", landing->has_password);
	view_str(v, "password_help", locale_text(c->locale, "registered.password_help"));
	view_str(v, "fault", fault);
	landing_key_put(c, v);
	answer_page(c, code, &tpl_pages_landing_registered_html, v, locale_text(c->locale, "registered.title"));
	return PLI_OK;
}

void landing_decided_put(struct door_call *c, struct view *v, const struct delivery_landing *landing, bool refused)
{
	int64_t t_us = refused ? landing->decided_us : landing->until_us - SECOND_US;

	view_str(v, "heading", locale_text(c->locale, refused ? "registered.refused_title" : "registered.unclaimed_title"));
	view_str(v, "lead", landing_say(c, refused ? "registered.refused_lead" : "registered.unclaimed_lead",
					refused ? answer_date_text(c, t_us) : answer_day_text(c, t_us)));
	view_str(v, "help", locale_text(c->locale, refused ? "registered.refused_help" : "registered.unclaimed_help"));
	/* Time may be over before its end is entered: then there is nothing to prove yet. */
	view_bool(v, "has_proof", landing->decision != NULL);
}

static enum pli_status answer_confirm(struct door_call *c, const struct delivery_landing *landing)
{
	struct view *v = landing_message(c, landing);
	const char *heading = locale_text(c->locale, "confirm.title");

	view_str(v, "heading", heading);
	view_str(v, "lead", locale_text(c->locale, "registered.confirm_refuse"));
	view_str(v, "act", "refuse");
	view_str(v, "act_label", locale_text(c->locale, "registered.refuse"));
	view_str(v, "act_consequence", locale_text(c->locale, "registered.refuse_text"));
	view_bool(v, "confirmed", true);
	landing_key_put(c, v);
	answer_page(c, 200, &tpl_pages_message_html, v, heading);
	return PLI_OK;
}

static void back_to_link(struct door_call *c)
{
	answer_see_other(c, pool_fmt(c->pool, "/l/%s%s", c->params[0], answer_lang_query(c)));
}

enum pli_status page_refuse(struct door_call *c, struct err *err)
{
	struct delivery_landing landing = { 0 };
	struct form form;
	enum pli_status st = landing_form(c, &form, err);

	if (st != PLI_OK)
		return st;
	st = delivery_landing(c->doors->office, c->pool, c->params[0], DELIVERY_NO_VISIT, &landing, err);
	if (st != PLI_OK && !(st == PLI_LOCKED && landing.registered))
		return landing_shut(c, &landing, st, err);
	if (!landing.registered || landing.decision) {	/* the link's own page says how it stands */
		back_to_link(c);
		return PLI_OK;
	}
	if (!delivery_form_check(c->doors->office, c->params[0], form_get(&form, "form"), clock_now_us()))
		return landing_registered(c, &landing, 403, locale_text(c->locale, "landing.form_old"));
	if (landing_wants_confirmation(c, &form))
		return answer_confirm(c, &landing);
	c->actor.method = "link";
	c->actor.act = landing_act(c, &form);
	st = delivery_refuse(c->doors->office, c->pool, c->params[0], &c->actor, err);
	if (st == PLI_OK || st == PLI_CONFLICT) {
		back_to_link(c);
		return PLI_OK;
	}
	return landing_shut(c, &landing, st, err);
}
