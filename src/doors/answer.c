#include <stdio.h>
#include <string.h>

#include "asset.h"
#include "buf.h"
#include "clock.h"
#include "locale.h"
#include "month.h"
#include "pool.h"
#include "settings.h"
#include "template.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "filename.h"
#include "http.h"
#include "range.h"
#include "stream.h"

#include "letter.h"

#include "door.h"
#include "route.h"

#include "answer.h"

/* Room that most pages and their heads find enough, asked for once: what grows is copied and wiped each time. */
#define PAGE_BYTES ((size_t)16000)
#define HEAD_BYTES ((size_t)2000)

/* As it stands in the head: a thousand bytes that every answer carries. */
static const char SECURITY_LINES[] =
	"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; "
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'\r\n"
	"X-Content-Type-Options: nosniff\r\n"
	"Referrer-Policy: no-referrer\r\n"
	"Cross-Origin-Opener-Policy: same-origin\r\n"
	"Cross-Origin-Embedder-Policy: require-corp\r\n"
	"Cross-Origin-Resource-Policy: same-origin\r\n"
	"Permissions-Policy: accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), "
	"gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), usb=(), "
	"screen-wake-lock=(), xr-spatial-tracking=()\r\n";

void answer_security(const struct doors *doors, struct http_response *res, enum answer_cache cache)
{
	static const char *const words[] = {
		[ANSWER_NO_STORE] = "no-store",
		[ANSWER_FOREVER] = "public, max-age=31536000, immutable",
		[ANSWER_MOMENT] = "public, max-age=2",
	};

	buf_add(&res->head, SECURITY_LINES, sizeof(SECURITY_LINES) - 1);
	if (doors->hsts)
		http_header(res, "Strict-Transport-Security", "max-age=63072000; includeSubDomains");
	http_header(res, "Cache-Control", words[cache]);
}

void answer_json(struct door_call *c, int code)
{
	c->x->res.status = code;
	http_header(&c->x->res, "Content-Type", "application/json");
}

void answer_download(struct door_call *c, const char *type, const char *name)
{
	AUTO_BUF disposition = { 0 };

	filename_disposition(&disposition, name);
	http_header(&c->x->res, "Content-Type", type);
	http_header(&c->x->res, "Content-Disposition", disposition.p);
}

void answer_text(struct door_call *c, const char *type, const char *text)
{
	c->x->res.status = 200;
	buf_reset(&c->x->res.body);
	buf_str(&c->x->res.body, text);
	http_header(&c->x->res, "Content-Type", type);
}

void answer_see_other(struct door_call *c, const char *location)
{
	c->x->res.status = 303;
	http_header(&c->x->res, "Location", location);
}

void answer_empty(struct door_call *c, int code)
{
	c->x->res.status = code;
	buf_reset(&c->x->res.body);
}

const char *answer_lang_query(const struct door_call *c)
{
	if (!c->lang_chosen)
		return "";
	return str_eq(c->lang, "fr") ? "?lang=fr" : "?lang=en";
}

void answer_frame(const struct doors *doors, struct view *v, const char *lang, const char *path, const char *title)
{
	const struct locale *l = locale_get(lang);
	const char *other = str_eq(lang, "fr") ? "en" : "fr";

	view_str(v, "title", title);
	view_str(v, "instance", doors->settings->host);
	view_str(v, "host", doors->host);
	view_bool(v, "demo", doors->settings->demo);
	view_str(v, "other_lang", other);
	view_str(v, "other_lang_name", locale_text(l, "lang.other"));
	if (path)
		view_fmt(v, "other_lang_href", "%s?lang=%s", path, other);
}

/* Where the same page is found in the other language: what a letter's form led to begins again at the link.  An address that is not
 * ours, or does not look like one of ours, is not repeated. */
static const char *page_path(const struct door_call *c)
{
	bool get = c->x->req.method == HTTP_GET || c->x->req.method == HTTP_HEAD;
	const char *path = c->x->req.path;

	if (!c->route || (!get && c->route->who != ROUTE_LINK))
		return NULL;
	if (!get)
		path = pool_fmt(c->pool, "/l/%s", c->params[0]);
	return path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/.-")] ? NULL : path;
}

/* What else the address asked for goes along, but for the choice itself and for a notice that was shown once. */
static void put_other_lang(const struct door_call *c, struct view *v)
{
	const char *path = page_path(c), *q = c->x->req.query ? c->x->req.query : "";
	AUTO_BUF href = { 0 };

	if (!path)
		return;
	buf_fmt(&href, "%s?", path);
	while (*q) {
		size_t n = strcspn(q, "&");

		if (n && !str_starts(q, "lang=") && !str_starts(q, "done=")) {
			buf_add(&href, q, n);
			buf_ch(&href, '&');
		}
		q += n + (q[n] == '&');
	}
	buf_fmt(&href, "lang=%s", str_eq(c->lang, "fr") ? "en" : "fr");
	view_strn(v, "other_lang_href", href.p, href.n);
}

void answer_page(struct door_call *c, int code, const struct template *t, struct view *v, const char *title)
{
	struct http_response *res = &c->x->res;

	answer_frame(c->doors, v, c->lang, NULL, title);
	put_other_lang(c, v);
	view_bool(v, "lang_chosen", c->lang_chosen);
	buf_reset(&res->body);
	(void)buf_reserve(&res->body, PAGE_BYTES);
	(void)buf_reserve(&res->head, HEAD_BYTES);
	template_render(&res->body, t, v, c->locale);
	res->status = code;
	http_header(res, "Content-Type", "text/html; charset=utf-8");
	http_header(res, "Content-Language", c->lang);
}

const char *answer_date_text(const struct door_call *c, int64_t t_us)
{
	const char *zone = c->doors->settings->timezone;
	struct clock_parts p;

	clock_local(t_us, zone, &p);
	if (str_eq(c->lang, "fr"))
		return pool_fmt(c->pool, "%d%s %s %d à %02d:%02d (%s)", p.day, p.day == 1 ? "er" : "", month_name(c->lang, p.month),
				p.year, p.hour, p.minute, zone);
	return pool_fmt(c->pool, "%d %s %d at %02d:%02d (%s)", p.day, month_name(c->lang, p.month), p.year, p.hour, p.minute, zone);
}

const char *answer_day_text(const struct door_call *c, int64_t t_us)
{
	struct clock_parts p;

	clock_local(t_us, c->doors->settings->timezone, &p);
	if (str_eq(c->lang, "fr"))
		return pool_fmt(c->pool, "%d%s %s %d", p.day, p.day == 1 ? "er" : "", month_name(c->lang, p.month), p.year);
	return pool_fmt(c->pool, "%d %s %d", p.day, month_name(c->lang, p.month), p.year);
}

void answer_date(const struct door_call *c, struct view *v, const char *name, const char *iso_name, int64_t t_us)
{
	char iso[25];

	view_str(v, name, answer_date_text(c, t_us));
	view_str(v, iso_name, clock_rfc3339(iso, t_us));
}

const char *answer_size_text(const struct door_call *c, uint64_t bytes)
{
	static const char *const KEYS[] = { "size.bytes", "size.kib", "size.mib", "size.gib" };
	AUTO_BUF out = { 0 };
	const char *args[1];
	char number[32];
	unsigned unit = 0;
	double v = (double)bytes;

	while (v >= (unit ? 1023.5 : 1024) && unit < 3) { /* never "1024 KiB" */
		v /= 1024;
		unit++;
	}
	snprintf(number, sizeof number, unit && v < 99.95 ? "%.1f" : "%.0f", v);
	if (str_eq(c->lang, "fr"))
		for (char *p = number; *p; p++)
			if (*p == '.')
				*p = ',';
	args[0] = number;
	locale_add(&out, c->locale, KEYS[unit], args, 1);
	return pool_strn(c->pool, out.p, out.n);
}

bool answer_ranged(struct door_call *c, const char *etag, uint64_t size, struct range *range)
{
	const struct http_request *req = &c->x->req;
	struct http_response *res = &c->x->res;

	http_header(res, "ETag", etag);
	http_header(res, "Accept-Ranges", "bytes");
	if (range_none_match_hit(http_field(req, "if-none-match"), etag)) {
		answer_empty(c, 304);
		return false;
	}
	switch (range_pick(http_field(req, "range"), http_field(req, "if-range"), etag, size, range)) {
	case RANGE_UNSATISFIABLE:
		http_headerf(res, "Content-Range", "bytes */%llu", (unsigned long long)size);
		answer_empty(c, 416);
		return false;
	case RANGE_PART:
		http_headerf(res, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)range->first,
			     (unsigned long long)(range->first + range->length - 1), (unsigned long long)size);
		res->status = 206;
		break;
	case RANGE_WHOLE:
		range->first = 0;
		range->length = size;
		res->status = 200;
		break;
	}
	return true;
}

enum pli_status answer_part(struct door_call *c, const struct letter *letter, const struct letter_part **part_r, struct range *range_r,
			    struct err *err)
{
	const struct letter_part *part = NULL;
	char hex[65];

	*part_r = NULL;
	for (unsigned i = 0; i < letter->part_count; i++)
		if (str_eq(pool_fmt(c->pool, "%u", letter->parts[i].n), c->params[1]))
			part = &letter->parts[i];
	if (!part)
		return err_set(err, PLI_ABSENT, "This letter has no document of that number.");
	if (!answer_ranged(c, pool_fmt(c->pool, "\"%s\"", hex_encode(hex, part->sha256, 32)), part->size, range_r))
		return PLI_OK;
	answer_download(c, part->type, part->name);
	c->x->res.source_bytes = range_r->length;
	if (c->x->req.method == HTTP_HEAD)
		c->x->res.source = istream_memory("", 0);
	else
		*part_r = part;
	return PLI_OK;
}
