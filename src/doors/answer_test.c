/* What every answer has in common: headers, dates and sizes in both languages, redirects, downloads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "clock.h"
#include "locale.h"
#include "pool.h"
#include "settings.h"
#include "template.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "http.h"

#include "answer.h"
#include "door.h"
#include "route.h"

#define NB "\xc2\xa0" /* a blank that does not break */

static int64_t at(const char *iso)
{
	int64_t t_us;

	if (!clock_parse(iso, &t_us))
		fail_msg("no time: %s", iso);
	return t_us;
}

static void dates(void **state)
{
	static const struct {
		const char *iso, *zone, *fr, *en;
	} CASES[] = {
		{ "2026-11-21T13:47:33Z", "Europe/Paris", "21 novembre 2026 à 14:47 (Europe/Paris)",
		  "21 November 2026 at 14:47 (Europe/Paris)" },
		{ "2026-08-01T00:05:00Z", "Europe/Paris", "1er août 2026 à 02:05 (Europe/Paris)",
		  "1 August 2026 at 02:05 (Europe/Paris)" },
		{ "2026-01-31T23:30:00Z", "Europe/Paris", "1er février 2026 à 00:30 (Europe/Paris)",
		  "1 February 2026 at 00:30 (Europe/Paris)" },
		{ "2025-12-31T23:59:59Z", "Europe/Paris", "1er janvier 2026 à 00:59 (Europe/Paris)",
		  "1 January 2026 at 00:59 (Europe/Paris)" },
		{ "2026-03-29T00:59:59Z", "Europe/Paris", "29 mars 2026 à 01:59 (Europe/Paris)",
		  "29 March 2026 at 01:59 (Europe/Paris)" },
		{ "2026-03-29T01:00:00Z", "Europe/Paris", "29 mars 2026 à 03:00 (Europe/Paris)",
		  "29 March 2026 at 03:00 (Europe/Paris)" },
		{ "2028-02-29T12:00:00Z", "UTC", "29 février 2028 à 12:00 (UTC)",
		  "29 February 2028 at 12:00 (UTC)" },
		{ "2026-07-14T22:00:00Z", "America/New_York", "14 juillet 2026 à 18:00 (America/New_York)",
		  "14 July 2026 at 18:00 (America/New_York)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct settings settings = { .timezone = CASES[i].zone };
		struct doors doors = { .settings = &settings };
		struct door_call fr = {
			.doors = &doors, .pool = pool, .lang = "fr", .locale = locale_get("fr")
		};
		struct door_call en = {
			.doors = &doors, .pool = pool, .lang = "en", .locale = locale_get("en")
		};

		assert_true(clock_zone_known(CASES[i].zone));
		assert_string_equal(answer_date_text(&fr, at(CASES[i].iso)), CASES[i].fr);
		assert_string_equal(answer_date_text(&en, at(CASES[i].iso)), CASES[i].en);
	}
}

static void every_month_has_its_name(void **state)
{
	static const char *const FR[] = {
		"janvier", "février", "mars",      "avril",   "mai",      "juin",
		"juillet", "août",    "septembre", "octobre", "novembre", "décembre"
	};
	static const char *const EN[] = { "January",   "February", "March",    "April",
					  "May",       "June",     "July",     "August",
					  "September", "October",  "November", "December" };
	AUTO_POOL pool = pool_new();
	struct settings settings = { .timezone = "UTC" };
	struct doors doors = { .settings = &settings };
	struct door_call fr = { .doors = &doors, .pool = pool, .lang = "fr", .locale = locale_get("fr") };
	struct door_call en = { .doors = &doors, .pool = pool, .lang = "en", .locale = locale_get("en") };

	(void)state;
	for (int m = 0; m < 12; m++) {
		int64_t t_us = at(pool_fmt(pool, "2026-%02d-15T08:09:00Z", m + 1));

		assert_string_equal(answer_date_text(&fr, t_us),
				    pool_fmt(pool, "15 %s 2026 à 08:09 (UTC)", FR[m]));
		assert_string_equal(answer_date_text(&en, t_us),
				    pool_fmt(pool, "15 %s 2026 at 08:09 (UTC)", EN[m]));
	}
}

/* The date that is read and the one that a program reads are the same moment. */
static void dates_in_a_view(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF out = { 0 };
	struct settings settings = { .timezone = "Europe/Paris", .host = "h" };
	struct doors doors = { .settings = &settings, .host = "h" };
	struct door_call c = { .doors = &doors, .pool = pool, .lang = "fr", .locale = locale_get("fr") };
	struct view *v = view_new(pool);

	(void)state;
	answer_date(&c, v, "sent", "sent_iso", at("2026-11-21T13:47:33.125Z"));
	answer_date(&c, v, "expires", "expires_iso", at("2026-12-21T13:47:33Z"));
	template_render(&out, &tpl_pages_landing_html, v, c.locale);
	assert_non_null(memmem(
		out.p, out.n,
		"<time datetime=\"2026-11-21T13:47:33.125Z\">21 novembre 2026 à 14:47 (Europe/Paris)</time>",
		strlen("<time datetime=\"2026-11-21T13:47:33.125Z\">21 novembre 2026 à 14:47 (Europe/Paris)</time>")));
	assert_non_null(
		memmem(out.p, out.n, "\"2026-12-21T13:47:33.000Z\"", strlen("\"2026-12-21T13:47:33.000Z\"")));
}

static void sizes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *fr, *en;
	} CASES[] = {
		{ 0, "0" NB "o", "0" NB "B" },
		{ 1, "1" NB "o", "1" NB "B" },
		{ 1023, "1023" NB "o", "1023" NB "B" },
		{ 1024, "1,0" NB "Kio", "1.0" NB "KiB" },
		{ 1536, "1,5" NB "Kio", "1.5" NB "KiB" },
		{ 102400, "100" NB "Kio", "100" NB "KiB" },
		{ 1047552, "1023" NB "Kio", "1023" NB "KiB" },
		{ 1048575, "1,0" NB "Mio", "1.0" NB "MiB" },
		{ 102399, "100" NB "Kio", "100" NB "KiB" },
		{ 1073741823, "1,0" NB "Gio", "1.0" NB "GiB" },
		{ 1048576, "1,0" NB "Mio", "1.0" NB "MiB" },
		{ 5368709120, "5,0" NB "Gio", "5.0" NB "GiB" },
		{ 1099511627776, "1024" NB "Gio", "1024" NB "GiB" },
	};
	AUTO_POOL pool = pool_new();
	struct door_call fr = { .pool = pool, .lang = "fr", .locale = locale_get("fr") };
	struct door_call en = { .pool = pool, .lang = "en", .locale = locale_get("en") };

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		assert_string_equal(answer_size_text(&fr, CASES[i].bytes), CASES[i].fr);
		assert_string_equal(answer_size_text(&en, CASES[i].bytes), CASES[i].en);
	}
}

/* ---- headers ---- */

static bool has_line(struct http_response *res, const char *line)
{
	return memmem(res->head.p, res->head.n, line, strlen(line)) != NULL;
}

static void security(void **state)
{
	static const char *const ALWAYS[] = {
		"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
		"font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'\r\n",
		"X-Content-Type-Options: nosniff\r\n",
		"Referrer-Policy: no-referrer\r\n",
		"Cross-Origin-Opener-Policy: same-origin\r\n",
		"Cross-Origin-Embedder-Policy: require-corp\r\n",
		"Cross-Origin-Resource-Policy: same-origin\r\n",
		"Permissions-Policy: accelerometer=(), ",
	};

	(void)state;
	for (int k = 0; k < 4; k++) {
		struct doors doors = { .hsts = k & 1 };
		struct http_response res = { 0 };

		answer_security(&doors, &res, k & 2 ? ANSWER_FOREVER : ANSWER_NO_STORE);
		for (size_t i = 0; i < sizeof(ALWAYS) / sizeof(ALWAYS[0]); i++)
			assert_true(has_line(&res, ALWAYS[i]));
		assert_int_equal(
			has_line(&res, "Strict-Transport-Security: max-age=63072000; includeSubDomains\r\n"),
			k & 1 ? 1 : 0);
		assert_int_equal(has_line(&res, "Cache-Control: no-store\r\n"), k & 2 ? 0 : 1);
		assert_int_equal(has_line(&res, "Cache-Control: public, max-age=31536000, immutable\r\n"),
				 k & 2 ? 1 : 0);
		assert_false(has_line(&res, "unsafe"));
		buf_free(&res.head);
	}
}

static void simple_answers(void **state)
{
	AUTO_POOL pool = pool_new();
	struct http_exchange x = { .pool = pool };
	struct door_call c = { .x = &x, .pool = pool };

	(void)state;
	answer_text(&c, "text/plain; charset=utf-8", "ok\n");
	assert_int_equal(x.res.status, 200);
	assert_memory_equal(x.res.body.p, "ok\n", 3);
	assert_true(has_line(&x.res, "Content-Type: text/plain; charset=utf-8\r\n"));
	answer_empty(&c, 204);
	assert_int_equal(x.res.status, 204);
	assert_int_equal(x.res.body.n, 0);
	answer_see_other(&c, "/l/abc/letter");
	assert_int_equal(x.res.status, 303);
	assert_true(has_line(&x.res, "Location: /l/abc/letter\r\n"));
	buf_reset(&x.res.head);
	answer_download(&c, "application/pdf", "reçu n° 1.pdf");
	assert_true(has_line(&x.res, "Content-Disposition: attachment; filename=\""));
	assert_true(has_line(&x.res, "filename*=UTF-8''re%C3%A7u%20n%C2%B0%201.pdf\r\n"));
	buf_free(&x.res.head);
	buf_free(&x.res.body);
}

static void languages(void **state)
{
	struct door_call c = { .lang = "fr" };

	(void)state;
	assert_string_equal(answer_lang_query(&c), "");
	assert_false(door_choose_lang(&c, NULL));
	assert_false(door_choose_lang(&c, "de"));
	assert_false(door_choose_lang(&c, "en\r\nX: y"));
	assert_false(c.lang_chosen);
	assert_true(door_choose_lang(&c, "en"));
	assert_string_equal(answer_lang_query(&c), "?lang=en");
	assert_ptr_equal(c.locale, locale_get("en"));
	assert_true(door_choose_lang(&c, "fr"));
	assert_string_equal(answer_lang_query(&c), "?lang=fr");
}

/* ---- the frame of a page ---- */

static const char *page(struct pool *pool, enum http_method method, int code, const char *lang,
			const struct route *route, const char *path)
{
	struct settings settings = { .host = "pli.example.org", .timezone = "Europe/Paris" };
	struct doors doors = { .settings = &settings, .host = "pli.example.org:8443" };
	struct http_exchange x = { .pool = pool, .req = { .method = method, .path = path } };
	struct door_call c = { .doors = &doors,
			       .x = &x,
			       .pool = pool,
			       .lang = lang,
			       .locale = locale_get(lang),
			       .route = route,
			       .params = { "abc" },
			       .lang_chosen = code == 404 };
	struct view *v = view_new(pool);
	const char *html;

	view_str(v, "heading", "A & B <i>");
	answer_page(&c, code, &tpl_pages_message_html, v, "Title <t>");
	assert_int_equal(x.res.status, code);
	assert_true(has_line(&x.res, pool_fmt(pool, "Content-Language: %s\r\n", lang)));
	html = pool_strn(pool, (const char *)x.res.body.p, x.res.body.n);
	buf_free(&x.res.head);
	buf_free(&x.res.body);
	return html;
}

static void frame(void **state)
{
	AUTO_POOL pool = pool_new();
	const struct route route = { .who = ROUTE_LINK }, open = { .who = ROUTE_ANYONE };
	const char *fr = page(pool, HTTP_GET, 200, "fr", &route, "/l/abc/letter");
	const char *en = page(pool, HTTP_HEAD, 404, "en", &route, "/l/abc");
	const char *posted = page(pool, HTTP_POST, 403, "fr", &route, "/l/abc/open");

	(void)state;
	assert_non_null(strstr(fr, "<html lang=\"fr\">"));
	assert_non_null(strstr(fr, "<title>Title &lt;t&gt;</title>"));
	assert_non_null(strstr(fr, "<h1>A &amp; B &lt;i&gt;</h1>"));
	assert_non_null(strstr(fr, "?lang=en\" hreflang=\"en\" lang=\"en\">English</a>"));
	assert_non_null(strstr(en, "?lang=fr\" hreflang=\"fr\" lang=\"fr\">Français</a>"));
	assert_non_null(strstr(fr, "href=\"/l/abc/letter?lang=en\""));
	assert_null(strstr(page(pool, HTTP_GET, 404, "fr", &route, "/l/a\"<b"), "hreflang"));
	assert_null(strstr(page(pool, HTTP_GET, 404, "fr", &route, "/l/javascript:x"), "hreflang"));
	assert_non_null(strstr(posted, "href=\"/l/abc?lang=en\""));
	assert_null(strstr(page(pool, HTTP_POST, 403, "fr", &open, "/x"), "hreflang"));
	/* An address that is none of ours is not repeated. */
	assert_null(strstr(page(pool, HTTP_GET, 404, "fr", NULL, "/x"), "hreflang"));
	assert_non_null(strstr(en, "href=\"/verify?lang=en\""));
	assert_non_null(strstr(fr, "href=\"/verify\""));
	/* A page without lead has no empty line for one. */
	assert_null(strstr(fr, "<p class=\"lead\"></p>"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates),           cmocka_unit_test(every_month_has_its_name),
		cmocka_unit_test(dates_in_a_view), cmocka_unit_test(sizes),
		cmocka_unit_test(security),        cmocka_unit_test(simple_answers),
		cmocka_unit_test(languages),       cmocka_unit_test(frame),
	};

	return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
