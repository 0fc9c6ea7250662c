/* How long a letter is kept, as its page shows it; a legal hold placed or ended by who may. */
#include <string.h>

#include "pool.h"
#include "text.h"
#include "view.h"

#include "form.h"
#include "http.h"

#include "letter.h"
#include "retention.h"

#include "answer.h"
#include "desk.h"
#include "door.h"
#include "door_form.h"

#include "handlers.h"

enum pli_status desk_retention_put(struct door_call *c, struct view *v, const struct letter *l, struct err *err)
{
	bool may_hold = principal_may(&c->principal, RIGHT_HOLD, &l->entity, &l->account, NULL) == PLI_OK;
	const char *reason = "", *by = "", *until = answer_date_text(c, l->content_until_us);
	/* The day on which its links end stands beside it; most letters' content goes on that day. */
	bool longer = l->content_until_us > l->expires_us && !str_eq(until, answer_date_text(c, l->expires_us));
	enum pli_status st = PLI_OK;

	if (l->purged_us)
		view_str(v, "purged", desk_moment(c, l->purged_us, true));
	if (longer)
		view_str(v, "content_until", until);
	view_bool(v, "content_apart", longer || l->purged_us || l->held_us);
	view_str(v, "evidence_until", answer_date_text(c, l->evidence_until_us));
	view_bool(v, "may_hold", may_hold);
	if (!l->held_us)
		return PLI_OK;
	view_str(v, "held", desk_moment(c, l->held_us, true));
	if (may_hold)
		st = retention_hold_reason(c->doors->office, c->pool, l, &reason, &by, err);
	view_str(v, "hold_reason", reason);
	view_str(v, "hold_by", by);
	return st;
}

enum pli_status desk_hold(struct door_call *c, struct err *err)
{
	struct form form;
	enum pli_status st = door_form(c, &form, err);

	if (st != PLI_OK)
		return st;
	if (form_get(&form, "release"))
		st = retention_release(c->doors->office, &c->principal, &c->actor, c->params[0], err);
	else
		st = retention_hold(c->doors->office, &c->principal, &c->actor, c->params[0], form_get(&form, "reason"), err);
	/* Pressed twice: the first press does it. */
	if (st == PLI_CONFLICT)
		st = PLI_OK;
	if (st != PLI_OK)
		return st;
	answer_see_other(c, pool_fmt(c->pool, "/letters/%s", c->params[0]));
	return PLI_OK;
}
