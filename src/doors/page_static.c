/* What everybody may see: what this is, trust anchors, health, assets. */
#include <string.h>

#include "asset.h"
#include "buf.h"
#include "clock.h"
#include "locale.h"
#include "pool.h"
#include "settings.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "http.h"
#include "range.h"

#include "office.h"
#include "selfproof.h"

#include "answer.h"
#include "door.h"

#include "handlers.h"

enum pli_status page_about(struct door_call *c, struct err *err)
{
	struct view *v = view_new(c->pool);
	char log_fingerprint[65];

	(void)err;
	view_str(v, "root_fingerprint", c->doors->root_fingerprint);
	doors_fingerprint(c->doors->log_pub, false, log_fingerprint);
	view_str(v, "log_fingerprint", pool_str(c->pool, log_fingerprint));
	answer_page(c, 200, &tpl_pages_about_html, v, locale_text(c->locale, "home.title"));
	return PLI_OK;
}

enum pli_status page_asset(struct door_call *c, struct err *err)
{
	const struct asset *a = asset_find(c->params[0]);
	const char *accept = http_field(&c->x->req, "accept-encoding");
	struct http_response *res = &c->x->res;
	bool gz = a && a->gz && accept && strstr(accept, "gzip");

	if (!a)
		return err_set(err, PLI_ABSENT, "There is no such file.");
	c->cache = ANSWER_FOREVER;
	http_header(res, "ETag", gz ? a->etag_gz : a->etag);
	http_header(res, "Vary", "Accept-Encoding");
	if (range_none_match_hit(http_field(&c->x->req, "if-none-match"), gz ? a->etag_gz : a->etag)) {
		answer_empty(c, 304);
		return PLI_OK;
	}
	if (gz)
		http_header(res, "Content-Encoding", "gzip");
	http_header(res, "Content-Type", a->type);
	buf_add(&res->body, gz ? a->gz : a->bytes, gz ? a->gz_n : a->n);
	res->status = 200;
	return PLI_OK;
}

/* Both mean: a deposit would succeed now. */
enum pli_status page_ready(struct door_call *c, struct err *err)
{
	enum pli_status st = office_ready(c->doors->office, err);

	if (st == PLI_OK)
		answer_text(c, "text/plain; charset=utf-8", "ok\n");
	else
		st = err_set(err, PLI_BUSY, "not ready");
	return st;
}

enum pli_status page_health(struct door_call *c, struct err *err)
{
	return page_ready(c, err);
}

enum pli_status page_ca(struct door_call *c, struct err *err)
{
	if (!c->doors->ca_pem)
		return err_set(err, PLI_ABSENT, "This server uses a certificate of a public authority.");
	answer_text(c, "application/x-pem-file", c->doors->ca_pem);
	return PLI_OK;
}

enum pli_status page_robots(struct door_call *c, struct err *err)
{
	(void)err;
	answer_text(c, "text/plain; charset=utf-8", "User-agent: *\nDisallow: /\n");
	return PLI_OK;
}

/* RFC 9116: Expires is made less than a year ahead, at the start of a month, so that the text is stable. */
enum pli_status page_security_txt(struct door_call *c, struct err *err)
{
	struct clock_parts now;
	int month;

	(void)err;
	clock_local(clock_now_us(), "UTC", &now);
	month = now.month - 1 + 6;
	answer_text(c, "text/plain; charset=utf-8",
		    pool_fmt(c->pool,
			     "Contact: mailto:security@%s\nExpires: %04d-%02d-01T00:00:00Z\nPreferred-Languages: fr, en\n"
			     "Canonical: %s/.well-known/security.txt\n",
			     c->doors->settings->host, now.year + month / 12, month % 12 + 1, c->doors->base_url));
	return PLI_OK;
}

/* The newest proof of itself: an entry, and what proves that it is one. */
static enum pli_status selfproof_page(struct door_call *c, struct err *err)
{
	AUTO_BUF text = { 0 };
	enum pli_status st = selfproof_published(c->doors->office, c->pool, &text, err);

	if (st == PLI_OK)
		answer_text(c, "text/plain; charset=utf-8", text.p);
	return st;
}

enum pli_status page_anchor(struct door_call *c, struct err *err)
{
	const char *name = c->params[0];
	const char *text = str_eq(name, "root.pem")  ? c->doors->root_pem
			   : str_eq(name, "log.pub") ? c->doors->log_pub
			   : str_eq(name, "tsa.pem") ? c->doors->tsa_pem
						     : NULL;

	if (str_eq(name, "selfproof"))
		return selfproof_page(c, err);
	if (!text)
		return err_set(err, PLI_ABSENT, "There is no such trust anchor; try root.pem, log.pub or tsa.pem.");
	answer_text(c, "application/x-pem-file", text);
	return PLI_OK;
}
