/* Templates, translations, assets and migrations of testdata/, with hostile values in every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "asset.h"
#include "buf.h"
#include "locale.h"
#include "migration.h"
#include "pool.h"
#include "view.h"
#include "web.h"

#include "template.h"

#define FFFD "\xEF\xBF\xBD"

static void expect_render(const struct template *t, const struct view *v, const char *lang,
			  unsigned missing, const char *wanted)
{
	AUTO_BUF out = { 0 };

	assert_int_equal(template_render(&out, t, v, locale_get(lang)), missing);
	assert_string_equal(out.p, wanted);
}

static void test_html_places(void **state)
{
	static const struct {
		const char *value, *escaped, *lines;
	} cases[] = {
		{ "plain", "plain", "plain" },
		{ "", "", "" },
		{ "<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;",
		  "&lt;script&gt;alert(1)&lt;/script&gt;" },
		{ "\" onmouseover=\"x", "&quot; onmouseover=&quot;x", "&quot; onmouseover=&quot;x" },
		{ "' onmouseover='x", "&#39; onmouseover=&#39;x", "&#39; onmouseover=&#39;x" },
		{ "</textarea></title><b>", "&lt;/textarea&gt;&lt;/title&gt;&lt;b&gt;",
		  "&lt;/textarea&gt;&lt;/title&gt;&lt;b&gt;" },
		{ "&amp;&#60;", "&amp;amp;&amp;#60;", "&amp;amp;&amp;#60;" },
		{ "{{x}}", "{{x}}", "{{x}}" },
		{ "a\nb\r\nc", "a\nb\r\nc", "a<br>\nb<br>\nc" },
		{ "\x01\x7F\xC2\x85", FFFD FFFD FFFD, FFFD FFFD FFFD },
		{ "a\xFF\xC3(b", "a" FFFD FFFD "(b", "a" FFFD FFFD "(b" },
		{ "\xC0\xBCscript", FFFD FFFD "script", FFFD FFFD "script" },
		{ "é\xF0\x9F\x93\xAE", "é\xF0\x9F\x93\xAE", "é\xF0\x9F\x93\xAE" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct view *v = view_new(pool);
		const char *e = cases[i].escaped;

		view_str(v, "x", cases[i].value);
		expect_render(&tpl_pages_text_html, v, "en", 0,
			      pool_fmt(pool, "<!doctype html>\n<html lang=\"en\">\n<title>%s</title>\n"
				       "<p title=\"%s\" class='%s'>%s</p>\n<textarea>%s</textarea>\n%s\n",
				       e, e, e, e, e, cases[i].lines));
	}
}

static void test_url_places(void **state)
{
	static const struct {
		const char *value, *whole, *part;
	} cases[] = {
		{ "https://example.org/a?b=c&d", "https://example.org/a?b=c&amp;d",
		  "https%3A%2F%2Fexample.org%2Fa%3Fb%3Dc%26d" },
		{ "HTTP://example.org", "HTTP://example.org", "HTTP%3A%2F%2Fexample.org" },
		{ "mailto:a@example.org", "mailto:a@example.org", "mailto%3Aa%40example.org" },
		{ "/letters/1", "/letters/1", "%2Fletters%2F1" },
		{ "page?x=1#y", "page?x=1#y", "page%3Fx%3D1%23y" },
		{ "javascript:alert(1)", "#", "javascript%3Aalert%281%29" },
		{ " javascript:alert(1)", "#", "%20javascript%3Aalert%281%29" },
		{ "java\nscript:alert(1)", "#", "java%0Ascript%3Aalert%281%29" },
		{ "JaVaScRiPt:x", "#", "JaVaScRiPt%3Ax" },
		{ "data:text/html,x", "#", "data%3Atext%2Fhtml%2Cx" },
		{ "vbscript:x", "#", "vbscript%3Ax" },
		{ "//evil.example", "#", "%2F%2Fevil.example" },
		{ "/\\evil.example", "#", "%2F%5Cevil.example" },
		{ "\\\\evil.example", "#", "%5C%5Cevil.example" },
		{ "http:evil", "#", "http%3Aevil" },
		{ "https:/evil", "#", "https%3A%2Fevil" },
		{ "", "#", "" },
		{ "..", "..", "" },
		{ ".", ".", "" },
		{ "\"><script>", "%22%3E%3Cscript%3E", "%22%3E%3Cscript%3E" },
		{ "'x", "&#39;x", "%27x" },
		{ "/é", "/%C3%A9", "%2F%C3%A9" },
		{ "/\xFF", "#", "%2F%FF" },
		{ "a%2Fb", "a%2Fb", "a%252Fb" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct view *v = view_new(pool);

		view_str(v, "x", cases[i].value);
		expect_render(&tpl_pages_url_html, v, "en", 0,
			      pool_fmt(pool, "<a href=\"%s\">a</a>", cases[i].whole));
		expect_render(&tpl_pages_part_html, v, "en", 0,
			      pool_fmt(pool, "<a href=\"/l/%s/open?q=%s\">a</a>", cases[i].part,
				       cases[i].part));
	}
}

static void test_mail_places(void **state)
{
	AUTO_POOL pool = pool_new();
	struct view *v = view_new(pool);

	(void)state;
	view_str(v, "x", "a\r\nBcc: b@c.d\xE2\x80\xAE\xE2\x80\xA8<z>\x1B");
	expect_render(&tpl_mail_notice_subject, v, "fr", 0, "C'est simple: a  Bcc: b@c.d  <z> ");
	expect_render(&tpl_mail_notice_txt, v, "en", 0,
		      "a  Bcc: b@c.d  <z> \na\nBcc: b@c.d  <z> \n"
		      "Hello a  Bcc: b@c.d  <z>  & \"friends\" <a  Bcc: b@c.d  <z> >\n");
	view_bool(v, "flag", true);
	view_str(v, "x", "q");
	expect_render(&tpl_mail_notice_txt, v, "en", 0, "q\nflag\nq\nHello q & \"friends\" <q>\n");
}

static void test_raw(void **state)
{
	AUTO_POOL pool = pool_new();
	struct view *v = view_new(pool);

	(void)state;
	view_html(v, "m", (struct html_safe){ "<b>x</b>", 8 });
	expect_render(&tpl_pages_raw_html, v, "en", 0, "<p><b>x</b></p>");
	/* Text never passes as markup, and the other way about. */
	view_str(v, "m", "<b>");
	expect_render(&tpl_pages_raw_html, v, "en", 1, "<p></p>");
	view_html(v, "x", (struct html_safe){ "<b>", 3 });
	expect_render(&tpl_pages_url_html, v, "en", 1, "<a href=\"#\">a</a>");
}

static void test_flow(void **state)
{
	AUTO_POOL pool = pool_new();
	struct view *v = view_new(pool), *item, *tag;

	(void)state;
	view_str(v, "owner", "O&P");
	expect_render(&tpl_pages_flow_html, v, "fr", 0,
		      "<h1>O&amp;P</h1>\nno\nnever\n<ul>\n<li>empty\n</ul>\n");
	view_bool(v, "flag", true);
	item = view_item(v, "items");
	view_str(item, "name", "<1>");
	view_str(item, "on", "a b");
	tag = view_item(item, "tags");
	view_str(tag, "tag", "t");
	tag = view_item(item, "tags");
	view_str(tag, "tag", "u");
	item = view_item(v, "items");
	view_str(item, "name", "2");
	expect_render(&tpl_pages_flow_html, v, "fr", 0,
		      "<h1>O&amp;P</h1>\nyes\n\n<ul>\n"
		      "<li class=\"a b\">1 &lt;1&gt; of O&amp;P first\n[tO&amp;P][uO&amp;P]</li>\n"
		      "<li>2 2 of O&amp;P last\n(none)</li>\n</ul>\n");
}

static void test_words(void **state)
{
	AUTO_POOL pool = pool_new();
	struct view *v = view_new(pool);

	(void)state;
	view_str(v, "x", "<%1>");
	view_str(v, "state", "sent");
	expect_render(&tpl_pages_words_html, v, "fr", 0,
		      "Bonjour &lt;%1&gt; &amp; « amis » &lt;&lt;%1&gt;&gt;|"
		      "<b title=\"Bonjour &lt;%1&gt; &amp; « amis » &lt;&lt;%1&gt;&gt;\">|"
		      "un<br>\ndeux|100 % de &lt;%1&gt;|Envoyé|C&#39;est simple");
	view_str(v, "state", "<unknown>");
	expect_render(&tpl_pages_words_html, v, "en", 1,
		      "Hello &lt;%1&gt; &amp; &quot;friends&quot; &lt;&lt;%1&gt;&gt;|"
		      "<b title=\"Hello &lt;%1&gt; &amp; &quot;friends&quot; &lt;&lt;%1&gt;&gt;\">|"
		      "one<br>\ntwo|100 % of &lt;%1&gt;|&lt;unknown&gt;|It&#39;s plain");
}

static void test_missing(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF out = { 0 };
	struct view *v = view_new(pool);
	int depth;

	(void)state;
	assert_int_equal(template_render(&out, &tpl_pages_text_html, v, locale_get("en")), 6);
	assert_int_equal(template_field_count(&tpl_pages_text_html), 1);
	assert_string_equal(template_field(&tpl_pages_text_html, 0, &depth), "x");
	assert_int_equal(depth, 0);
	assert_null(template_field(&tpl_pages_text_html, 1, &depth));
	assert_string_equal(template_name(template_find("pages/flow.html")), "pages/flow.html");
	assert_null(template_find("pages/_head.html"));
	assert_int_equal(template_count(), 9);
	for (size_t i = 1; i < template_count(); i++)
		assert_true(strcmp(template_name(template_at(i - 1)), template_name(template_at(i))) < 0);
}

static void test_locale(void **state)
{
	AUTO_BUF out = { 0 };
	const char *args[] = { "A", NULL };

	(void)state;
	assert_null(locale_find("de"));
	assert_null(locale_find(NULL));
	assert_string_equal(locale_lang(locale_get("de")), "fr");
	assert_string_equal(locale_lang(locale_get("en")), "en");
	assert_string_equal(locale_text(locale_get("en"), "plain"), "It's plain");
	assert_string_equal(locale_text(locale_get("en"), "no.such"), "no.such");
	assert_true(locale_has(locale_get("fr"), "state.read"));
	assert_false(locale_has(locale_get("fr"), "state."));
	locale_add(&out, locale_get("en"), "hello", args, 2);
	locale_add(&out, locale_get("en"), "percent", args, 1);
	assert_string_equal(out.p, "Hello A & \"friends\" <>100 % of A");
}

static void test_assets(void **state)
{
	const struct asset *a = asset_find("style.css");
	unsigned char plain[2048];
	AUTO_POOL pool = pool_new();
	z_stream z = { 0 };

	(void)state;
	assert_non_null(a);
	assert_string_equal(a->type, "text/css; charset=utf-8");
	assert_int_equal(strlen(a->etag), 34);
	assert_string_not_equal(a->etag, a->etag_gz);
	assert_true(a->gz_n < a->n);
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = (unsigned char *)(uintptr_t)a->gz;
	z.avail_in = (unsigned)a->gz_n;
	z.next_out = plain;
	z.avail_out = sizeof(plain);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, a->n);
	assert_memory_equal(plain, a->bytes, a->n);
	inflateEnd(&z);
	expect_render(&tpl_pages_asset_html, view_new(pool), "fr", 0,
		      pool_fmt(pool, "<link rel=\"stylesheet\" href=\"/assets/style.css?v=%s\">\n", a->version));
	assert_null(asset_find("tiny.svg")->gz);
	assert_string_equal(asset_find("tiny.svg")->etag_gz, "");
	assert_null(asset_find("no"));
	assert_null(asset_find("words.txt"));
	assert_string_equal((const char *)asset_data("words.txt")->bytes, "one\ntwo\n");
	assert_int_equal(asset_count(), 2);
}

static void test_migrations(void **state)
{
	size_t n;
	const struct migration *m = migration_list("sqlite", &n);

	(void)state;
	assert_int_equal(n, 2);
	assert_int_equal(m[1].number, 2);
	assert_string_equal(m[1].name, "0002-second.sql");
	assert_string_equal(m[1].sql, "CREATE TABLE c (d TEXT);\n");
	migration_list("postgres", &n);
	assert_int_equal(n, 0);
	assert_null(migration_list("oracle", &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_html_places),
		cmocka_unit_test(test_url_places),
		cmocka_unit_test(test_mail_places),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_flow),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_locale),
		cmocka_unit_test(test_assets),
		cmocka_unit_test(test_migrations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
