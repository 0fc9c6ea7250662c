/* The second factor in the settings: adding (QR code, proof by a first code), recovery codes shown once, removing. */
#include <string.h>

#include "buf.h"
#include "locale.h"
#include "pool.h"
#include "settings.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "form.h"
#include "http.h"

#include "factor.h"
#include "session.h"

#include "answer.h"
#include "door.h"
#include "door_form.h"
#include "portal.h"
#include "qr.h"
#include "settings_own.h"

#include "handlers.h"

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

enum pli_status page_factor(struct door_call *c, struct err *err)
{
	const struct principal *p = &c->principal;
	struct view *v = view_new(c->pool);
	struct factor_state state;
	enum pli_status st = factor_state(c->doors->directory, &p->entity, &p->account, &state, err);

	if (st != PLI_OK)
		return st;
	view_bool(v, "there", state.there);
	view_bool(v, "needed", !state.there && str_eq(c->doors->settings->signin_policy, "strong"));
	view_bool(v, "weak_session", state.there && !c->session->strong);
	view_bool(v, "few", state.there && state.recovery_left < 3);
	view_fmt(v, "left", "%u", state.recovery_left);
	answer_date(c, v, "since", "since_iso", state.since_us);
	settings_page(c, 200, &tpl_pages_settings_factor_html, v, "factor");
	return PLI_OK;
}

/* In fours, to be read aloud. */
static const char *grouped(struct pool *pool, const char *secret)
{
	AUTO_BUF out = { .secret = 1 };

	for (size_t i = 0; secret[i]; i++) {
		if (i && i % 4 == 0)
			buf_ch(&out, ' ');
		buf_ch(&out, secret[i]);
	}
	return pool_strn(pool, out.p, out.n);
}

static enum pli_status answer_offer(struct door_call *c, int code, const struct factor_offer *offer, const char *fault, struct err *err)
{
	struct view *v = view_new(c->pool);
	struct buf *svg = POOL_NEW(c->pool, struct buf);
	enum pli_status st;

	buf_init_secret(svg);
	pool_cleanup(c->pool, (void (*)(void *))buf_free, svg);
	st = qr_svg(svg, offer->uri, locale_text(c->locale, "factor.qr_alt"), err);
	if (st != PLI_OK)
		return st;
	view_html(v, "qr", (struct html_safe){ svg->p, svg->n });
	view_str(v, "secret", grouped(c->pool, offer->secret));
	view_str(v, "offer", offer->sealed);
	view_str(v, "uri", offer->uri);
	view_str(v, "fault", fault);
	settings_page(c, code, &tpl_pages_settings_factor_add_html, v, "factor");
	return PLI_OK;
}

enum pli_status page_factor_add(struct door_call *c, struct err *err)
{
	struct factor_offer offer;
	enum pli_status st = factor_offer(c->doors->directory, c->pool, c->session, c->doors->settings->host, &offer, err);

	return st == PLI_OK ? answer_offer(c, 200, &offer, NULL, err) : st;
}

static enum pli_status answer_codes(struct door_call *c, char codes[FACTOR_RECOVERY_CODES][FACTOR_RECOVERY_CHARS + 1], bool fresh_factor)
{
	struct view *v = view_new(c->pool);

	for (int i = 0; i < FACTOR_RECOVERY_CODES; i++)
		view_str(view_item(v, "codes"), "code", codes[i]);
	mem_wipe(codes, sizeof(codes[0]) * FACTOR_RECOVERY_CODES);
	view_bool(v, "fresh_factor", fresh_factor);
	settings_page(c, 200, &tpl_pages_settings_factor_codes_html, v, "factor");
	return PLI_OK;
}

enum pli_status page_factor_add_post(struct door_call *c, struct err *err)
{
	struct directory *d = c->doors->directory;
	char codes[FACTOR_RECOVERY_CODES][FACTOR_RECOVERY_CHARS + 1];
	struct factor_offer offer;
	struct form form;
	const char *sealed;
	enum pli_status st = door_form(c, &form, err);

	if (st != PLI_OK)
		return st;
	sealed = or_empty(form_get(&form, "offer"));
	st = factor_add(d, c->pool, c->session, &c->actor, sealed, or_empty(form_get(&form, "code")), codes, err);
	if (st == PLI_DENIED) {
		st = factor_offered(d, c->pool, c->session, c->doors->settings->host, sealed, &offer, err);
		return st == PLI_OK ? answer_offer(c, 403, &offer, locale_text(c->locale, "factor.wrong"), err) : st;
	}
	if (st == PLI_OK)
		st = portal_raise(c, true, err);
	return st == PLI_OK ? answer_codes(c, codes, true) : st;
}

enum pli_status page_factor_codes(struct door_call *c, struct err *err)
{
	const struct principal *p = &c->principal;
	char codes[FACTOR_RECOVERY_CODES][FACTOR_RECOVERY_CHARS + 1];
	struct form form;
	enum pli_status st = door_form(c, &form, err);

	if (st == PLI_OK && !c->session->has_factor)
		st = err_set(err, PLI_ABSENT, "There is no second factor.");
	if (st == PLI_OK)
		st = factor_recovery_renew(c->doors->directory, &p->entity, &p->account, codes, err);
	return st == PLI_OK ? answer_codes(c, codes, false) : st;
}

enum pli_status page_factor_remove(struct door_call *c, struct err *err)
{
	const struct principal *p = &c->principal;
	struct form form;
	enum pli_status st = door_form(c, &form, err);

	if (st == PLI_OK)
		st = factor_remove(c->doors->directory, &p->entity, &p->account, &c->actor, err);
	if (st == PLI_ABSENT)
		st = PLI_OK;
	if (st == PLI_OK)
		settings_done(c, "/settings/factor", "factor_removed");
	return st;
}
