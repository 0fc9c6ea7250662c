/* Markdown: what comes out holds no tag and no attribute but ours, whatever goes in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <cmark.h>
#include <cmocka.h>

#include "buf.h"
#include "clock.h"
#include "markdown.h"
#include "markdown_prose.h"

#define REL "\" rel=\"noopener noreferrer nofollow\">"

/* Length of the tag at p when it is one that we write, else 0. */
static size_t tag_known(const char *p)
{
	static const char *const tags[] = {
		"<p>",    "</p>",         "<br />",        "<h3>",   "</h3>",   "<h4>",
		"</h4>",  "<h5>",         "</h5>",         "<h6>",   "</h6>",   "<em>",
		"</em>",  "<strong>",     "</strong>",     "<code>", "</code>", "<pre>",
		"</pre>", "<blockquote>", "</blockquote>", "<ul>",   "</ul>",   "<ol>",
		"</ol>",  "<li>",         "</li>",         "<hr />", "</a>",
	};
	static const char *const schemes[] = { "http://", "https://", "mailto:" };

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (strncmp(p, tags[i], strlen(tags[i])) == 0)
			return strlen(tags[i]);
	if (strncmp(p, "<ol start=\"", 11) == 0) {
		size_t n = 11 + strspn(p + 11, "0123456789");

		return strncmp(p + n, "\">", 2) == 0 ? n + 2 : 0;
	}
	for (size_t i = 0; i < 3; i++) {
		size_t n;

		if (strncmp(p, "<a href=\"", 9) != 0 ||
		    strncasecmp(p + 9, schemes[i], strlen(schemes[i])) != 0)
			continue;
		n = 9 + strcspn(p + 9, "\"<>");
		return strncmp(p + n, REL, strlen(REL)) == 0 ? n + strlen(REL) : 0;
	}
	return 0;
}

static void assert_harmless(const struct buf *html)
{
	for (const char *p = html->p; *p;) {
		size_t n = 1;

		if (*p == '<')
			n = tag_known(p);
		if (!n)
			fail_msg("%s\nfrom: %.60s", html->p, p);
		p += n;
	}
}

static const char *const attacks[] = {
	"<script>alert(1)</script>",
	"<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
	"<img src=x onerror=alert(1)>",
	"<svg onload=alert(1)>",
	"<svg><animate onbegin=alert(1)>",
	"<iframe src=javascript:alert(1)>",
	"<a href=\"javascript:alert(1)\">x</a>",
	"<body onload=alert(1)>",
	"<style>@import '//evil.example'</style>",
	"<link rel=stylesheet href=//evil.example>",
	"<meta http-equiv=refresh content=\"0;url=//evil.example\">",
	"<base href=//evil.example/>",
	"<form action=/l/x/open><button>",
	"<input autofocus onfocus=alert(1)>",
	"<details open ontoggle=alert(1)>",
	"<math><mtext><table><mglyph><style><img src onerror=alert(1)>",
	"<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
	"<!--><script>alert(1)</script>-->",
	"<!-- --!><script>alert(1)</script>",
	"<![CDATA[<script>alert(1)</script>]]>",
	"<?xml version=1?><script>",
	"<!DOCTYPE html><script>alert(1)</script>",
	"<scr<script>ipt>alert(1)</script>",
	"<script",
	"</p><script>alert(1)",
	"[x](javascript:alert(1))",
	"[x](JaVaScRiPt:alert(1))",
	"[x](java\tscript:alert(1))",
	"[x](java&Tab;script:alert(1))",
	"[x](java&#10;script:alert(1))",
	"[x](&#106;avascript:alert(1))",
	"[x](&#x6A;avascript:alert(1))",
	"[x](\\javascript:alert(1))",
	"[x]( javascript:alert(1))",
	"[x](<javascript:alert(1)>)",
	"[x](\x01javascript:alert(1))",
	"[x](data:text/html,<script>alert(1)</script>)",
	"[x](data:text/html;base64,PHNjcmlwdD4=)",
	"[x](vbscript:x)",
	"[x](file:///etc/passwd)",
	"[x](//evil.example)",
	"[x](/l/token/open)",
	"[x](#frag)",
	"[x](?q)",
	"[x](blob:x)",
	"[x](view-source:https://a.example)",
	"[x](https://bank.example@evil.example/)",
	"[x](https:evil.example)",
	"[x](https:\\\\evil.example)",
	"[x](http://)",
	"[x](https://evil.example\\@bank.example)",
	"[x][1]\n\n[1]: javascript:alert(1)",
	"[x](https://a.example \"t\" onmouseover=\"alert(1))",
	"[x](https://a.example \"\\\"onmouseover=alert(1)//\")",
	"[x](https://a.example/\"onmouseover=\"alert(1))",
	"[x](<https://a.example/\"><script>alert(1)</script>>)",
	"[x](https://a.example/'><img src=x>)",
	"<https://a.example/\"onclick=\"alert(1)>",
	"<javascript:alert(1)>",
	"<data:text/html,x>",
	"<x@y.example\"onclick=alert(1)>",
	"![x](https://evil.example/pixel.gif)",
	"![x](data:image/svg+xml,<svg/onload=alert(1)>)",
	"![<script>alert(1)</script>](x)",
	"![x\"onerror=\"alert(1)](x)",
	"[![x](https://evil.example/p.gif)](javascript:alert(1))",
	"[![x](y)](https://a.example)",
	"![![a](b)](c)",
	"![a]\n\n[a]: https://evil.example/p.gif",
	"```\"><script>alert(1)</script>\nx\n```",
	"```js onload=alert(1)\n</code></pre><script>\n```",
	"~~~ x\" onmouseover=\"alert(1)\nx\n~~~",
	"    </pre><script>alert(1)</script>",
	"`</code><script>alert(1)</script>`",
	"&lt;script&gt;alert(1)&lt;/script&gt;",
	"&#60;script&#62;alert(1)",
	"&#x3c;img src=x onerror=alert(1)&#x3e;",
	"&colon;&lpar;",
	"1\" onclick=\"x) a",
	"# <script>alert(1)</script>",
	"> <script>alert(1)</script>",
	"* <script>alert(1)</script>\n* b",
	"a\n===\n<script>alert(1)</script>",
	"**<img src=x onerror=alert(1)>**",
	"_[x](javascript:alert(1))_",
	"[](javascript:alert(1))",
	"[]()",
	"![]()",
	"[x](<>)",
	"[a](b)[c](d)![e](f)",
	"\xff<script>\xfe",
	"<scr\xffipt>",
	"[x](https://\xff\xfe/)",
	"\xEF\xBB\xBF<script>",
	"[x](https://a.example/\xE2\x80\xAEgpj.exe)",
	"<a@b.example>",
	"<mailto:x?subject=\"><script>>",
	"[x](mailto:)",
	"<!ELEMENT x>",
	"1. a\n   1. b\n      - <u onclick=x>c</u>",
	"\\<script\\>alert(1)\\</script\\>",
	"<a href='x' onclick='alert(1)'>x</a\n>",
};

static void test_attacks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		AUTO_BUF html = { 0 };

		markdown_html(&html, attacks[i], strlen(attacks[i]));
		assert_harmless(&html);
	}
	/* pairs, so that one may open what the other closes */
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		for (size_t j = 0; j < sizeof(attacks) / sizeof(attacks[0]); j++) {
			AUTO_BUF text = { 0 };
			AUTO_BUF html = { 0 };

			buf_fmt(&text, "%s%s%s", attacks[i], (i + j) % 2 ? "\n" : "", attacks[j]);
			markdown_html(&html, text.p, text.n);
			assert_harmless(&html);
		}
	}
}

static void test_exact(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "a *b* **c** `d`", "<p>a <em>b</em> <strong>c</strong> <code>d</code></p>\n" },
		{ "a\nb", "<p>a<br />\nb</p>\n" },
		{ "# t", "<h3>t</h3>\n" },
		{ "###### t", "<h6>t</h6>\n" },
		{ "- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n" },
		{ "3. a", "<ol start=\"3\">\n<li>a</li>\n</ol>\n" },
		{ "> a", "<blockquote>\n<p>a</p>\n</blockquote>\n" },
		{ "---", "<hr />\n" },
		{ "```js\na<b\n```", "<pre><code>a&lt;b\n</code></pre>\n" },
		{ "[t](https://a.example/?a=1&b='2')",
		  "<p><a href=\"https://a.example/?a=1&amp;b=&#39;2&#39;" REL "t</a></p>\n" },
		{ "[t](https://\xC3\xA9.fr/ \"title\")",
		  "<p><a href=\"https://%C3%A9.fr/" REL "t</a></p>\n" },
		{ "<a@b.fr>", "<p><a href=\"mailto:a@b.fr" REL "a@b.fr</a></p>\n" },
		{ "[*t*](ftp://a)", "<p><em>t</em></p>\n" },
		{ "![alt *text*](https://evil.example/p.gif)", "<p>alt <em>text</em></p>\n" },
		{ "[![alt](x)](https://a.fr)", "<p><a href=\"https://a.fr" REL "alt</a></p>\n" },
		{ "a <b>c</b>", "<p>a &lt;b&gt;c&lt;/b&gt;</p>\n" },
		{ "<div>\nx\n</div>", "<pre><code>&lt;div&gt;\nx\n&lt;/div&gt;\n</code></pre>\n" },
		{ "", "" },
		{ "a\xff"
		  "b",
		  "<p>a\xEF\xBF\xBD"
		  "b</p>\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_BUF html = { 0 };

		markdown_html(&html, rows[i].text, strlen(rows[i].text));
		if (strcmp(html.n ? html.p : "", rows[i].want) != 0)
			fail_msg("row %zu: %s", i, html.p);
	}
}

/* What is too deep or too much is shown as typed. */
static void test_plain(void **state)
{
	AUTO_BUF text = { 0 };
	AUTO_BUF html = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++)
		buf_str(&text, ">");
	buf_str(&text, " a\xff<b>");
	markdown_html(&html, text.p, text.n);
	assert_memory_equal(html.p, "<pre>\n&gt;", 10);
	assert_non_null(strstr(html.p, "a\xEF\xBF\xBD&lt;b&gt;</pre>"));
	assert_harmless(&html);
}

/* Of this thread alone, however busy the machine is. */
static int64_t thread_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * SECOND_US + t.tv_nsec / 1000;
}

static void cost_one(const char *unit, size_t times)
{
	AUTO_BUF text = { 0 };
	AUTO_BUF html = { 0 };
	int64_t begin_us, used_us;

	while (times-- && text.n < MARKDOWN_MAX_BYTES)
		buf_str(&text, unit);
	if (text.n > MARKDOWN_MAX_BYTES)
		text.n = MARKDOWN_MAX_BYTES;
	begin_us = thread_us();
	markdown_html(&html, text.p, text.n);
	used_us = thread_us() - begin_us;
	if (used_us > 5 * SECOND_US)
		fail_msg("\"%s\": %d ms", unit, (int)(used_us / 1000));
	buf_str(&html, "");
	assert_harmless(&html);
}

/* Texts that make parsers slow, of the largest size and of the largest count that is still
 * parsed.  The slowest needs some 300 ms; the limit leaves room for sanitizers and a busy machine,
 * not for squares. */
static void test_cost(void **state)
{
	static const char *const units[] = {
		"ordinary words, and *some* of them [linked](https://a.fr)\n",
		">",
		"> ",
		"[",
		"[a](",
		"![",
		"*a **a ",
		"_a __b ",
		"`",
		"``a`",
		"<",
		"<a ",
		"<!--",
		"<?",
		"<!A ",
		"<![CDATA[",
		"&",
		"&#1",
		"\\",
		"- ",
		"-\n",
		"1) ",
		"* a\n  ",
		"[a]: b\n",
		"[a]\n",
		"***",
		"~~~\n",
		"    a\n",
		"\t",
		"a\n\n",
		"\n",
		"]",
		"[]",
		"[a](<b",
		"](",
		"#",
		"<x@y.z>",
		"*",
		"_ ",
		"| ",
		"a**b",
		"[ (](",
		"<a b=\"",
		"<a b='",
		"_a*b",
		"[a](https://a.fr) ",
		"![a](b)",
		"<http://a.b>",
		"a *b _c ",
		"1. a\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		cost_one(units[i], SIZE_MAX);
		cost_one(units[i], 9990);
		cost_one(units[i], 19990);
	}
}

/* True when text was taken for prose; then what came out is what the parser makes of it. */
static bool prose_as_parsed(const char *text, size_t n)
{
	AUTO_BUF html = { 0 };
	char *parsed;
	bool taken;

	buf_str(&html, "before");
	taken = markdown_prose(&html, text, n);
	if (!taken) {
		assert_string_equal(html.p, "before");
		return false;
	}
	parsed = cmark_markdown_to_html(text, n, CMARK_OPT_SAFE | CMARK_OPT_HARDBREAKS | CMARK_OPT_VALIDATE_UTF8);
	if (strcmp(html.p + 6, parsed) != 0)
		fail_msg("from: %.*s\nours: %s\nparsed: %s", (int)n, text, html.p + 6, parsed);
	free(parsed);
	return true;
}

static void test_prose(void **state)
{
	static const char *const taken[] = {
		"", "\n", "  \n\n", "Bonjour,\n\nVeuillez trouver ci-joint l’arrêté.\n", "a  \nb \n\nc", "a\r\nb\r\n\r\nc\r\n",
		"12 rue de la Paix, à 10:30 (tél. 01 02)", "Durand & Fils: 3 > 2, \"oui\" = non - non + oui ~ x # 4", "!a", "& b", "a &",
		"\"oui\"", "\xC2\xA0x", "https://a.example/b?c=1", "a@b.example", "a\n\n\n\nb", "a   ", "(a) 1. b", "a|b\n", "1", "1234567890",
	};
	static const char *const left[] = {
		"*a*", "_a_", "`a`", "[a](b)", "<b>", "\\a", "# a", "> a", "- a", "+ a", "1. a", "1) a", "    a", " a", "\ta", "a\tb", "a\rb",
		"a\n===", "a\n---", "~~~\na", "&amp;", "&#60;", "a&b", "\xEF\xBB\xBF" "a", "\xff", "a\x01", "a\n b", "12. a", "a]", "\x7f",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (!prose_as_parsed(taken[i], strlen(taken[i])))
			fail_msg("not taken: %s", taken[i]);
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		if (prose_as_parsed(left[i], strlen(left[i])))
			fail_msg("taken: %s", left[i]);
	assert_false(prose_as_parsed("a\0b", 3));
}

/* Units put together at random, mostly harmless ones, so that many wholes are. */
static void test_prose_as_parsed(void **state)
{
	static const char *const units[] = {
		"a", "mot", "é", "\xF0\x9F\x93\xA8", " ", "  ", "\n", "\n\n", "\r\n", " \n", "  \n", ".", ",", "1", "12", ")", "(", ":", "'",
		"\"", ">", "& ", "&", ";", "!", "=", "-", "+", "#", "~", "|", "/", "?", "@", "%", "$", "^", "{", "}", "\xC2\xA0", "\xE2\x80\xA8",
		"\xC2\x85", "\xEF\xBF\xBF", "===", "---", "~~~", "www.a.example", "http://a.example", "amp;", "*", "_", "\r", "\t", "\xC3",
	};
	uint32_t seed = 1;
	unsigned count = 0;

	(void)state;
	for (int round = 0; round < 60000; round++) {
		AUTO_BUF text = { 0 };

		for (int i = 0; i < 1 + round % 12; i++) {
			size_t most = sizeof(units) / sizeof(units[0]) - (round % 3 ? 7 : 0);

			seed = seed * 1664525 + 1013904223;
			buf_str(&text, units[(seed >> 8) % most]);
		}
		count += prose_as_parsed(text.p, text.n);
	}
	assert_true(count > 10000);	/* the comparison was one */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_attacks), cmocka_unit_test(test_exact),
					    cmocka_unit_test(test_plain), cmocka_unit_test(test_cost),
					    cmocka_unit_test(test_prose), cmocka_unit_test(test_prose_as_parsed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
