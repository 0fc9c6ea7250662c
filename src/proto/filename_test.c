/* Hostile file names become harmless ones, harmless ones stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "filename.h"

#define ROW(raw, want)                     \
	{                                  \
		raw, sizeof(raw) - 1, want \
	}
#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X255 X50 X50 X50 X50 X50 "xxxxx"

static const struct {
	const char *raw;
	size_t n;
	const char *want;
} rows[] = {
	ROW("a.txt", "a.txt"),
	ROW("Rapport annuel (2) - 50 % & co.pdf", "Rapport annuel (2) - 50 % & co.pdf"),
	ROW("", "document"),
	ROW(".", "document"),
	ROW("..", "document"),
	ROW("...", "document"),
	ROW("/", "document"),
	ROW("\\", "document"),
	ROW("../../etc/passwd", "passwd"),
	ROW("..\\..\\windows\\system32\\cmd.exe", "cmd.exe"),
	ROW("/etc/passwd", "passwd"),
	ROW("C:\\Users\\x\\a.doc", "a.doc"),
	ROW("C:a.doc", "C_a.doc"),
	ROW("//server/share/a", "a"),
	ROW("a/", "a"),
	ROW("a/..", "document"),
	ROW("a\\.\\", "document"),
	ROW("....//....//x", "x"),
	ROW("a.txt\0.exe", "a.txt.exe"),
	ROW("\0", "document"),
	ROW("a\nb.txt", "ab.txt"),
	ROW("a\r\nSet-Cookie: x=1\r\n", "aSet-Cookie_ x=1"),
	ROW("a\tb", "ab"),
	ROW("\x1b]0;x\x07"
	    "a",
	    "]0;xa"),
	ROW("a\x7f"
	    "b",
	    "ab"),
	ROW("a\xC2\x85"
	    "b",
	    "ab"),
	ROW("invoice\xE2\x80\xAE"
	    "fdp.exe",
	    "invoicefdp.exe"),
	ROW("\xE2\x81\xA6"
	    "a\xE2\x81\xA9.txt",
	    "a.txt"),
	ROW("a\xE2\x80\x8B.txt", "a.txt"),
	ROW("\xEF\xBB\xBF"
	    "a.txt",
	    "a.txt"),
	ROW("a\xC2\xAD"
	    "b",
	    "ab"),
	ROW("a\xE2\x80\xA8"
	    "b",
	    "ab"),
	ROW("\xF3\xA0\x81\x81"
	    "a",
	    "a"),
	ROW("\xEF\xBF\xBF"
	    "a",
	    "a"),
	ROW(" a.txt ", "a.txt"),
	ROW("a.txt.", "a.txt"),
	ROW("a.txt. . .", "a.txt"),
	ROW("a.txt::$DATA", "a.txt__$DATA"),
	ROW("\xC2\xA0"
	    "a\xC2\xA0"
	    "b\xE3\x80\x80",
	    "a b"),
	ROW(".htaccess", "htaccess"),
	ROW(". .x", "x"),
	ROW("-rf", "rf"),
	ROW("--", "document"),
	ROW("CON", "_CON"),
	ROW("con.txt", "_con.txt"),
	ROW("NUL.tar.gz", "_NUL.tar.gz"),
	ROW("nul .txt", "_nul .txt"),
	ROW("Aux", "_Aux"),
	ROW("prn.", "_prn"),
	ROW("COM1", "_COM1"),
	ROW("com9.log", "_com9.log"),
	ROW("LPT0", "_LPT0"),
	ROW("COM\xC2\xB9.x", "_COM\xC2\xB9.x"),
	ROW("CONIN$", "_CONIN$"),
	ROW("CLOCK$.x", "_CLOCK$.x"),
	ROW("/x/NUL", "_NUL"),
	ROW(".NUL", "_NUL"),
	ROW("CONSOLE", "CONSOLE"),
	ROW("COM10", "COM10"),
	ROW("com", "com"),
	ROW("a<b>c\"d|e?f*g:h", "a_b_c_d_e_f_g_h"),
	ROW("<script>alert(1)</script>", "script_"),
	ROW("\"onmouseover=\"x", "_onmouseover=_x"),
	ROW("a\xE2\x88\x95"
	    "b\xE2\x81\x84"
	    "c\xEF\xBC\x8F"
	    "d\xEF\xBC\xBC"
	    "e",
	    "a_b_c_d_e"),
	ROW("\xff\xfe", "\xEF\xBF\xBD\xEF\xBF\xBD"),
	ROW("a\xC3", "a\xEF\xBF\xBD"),
	ROW("caf\xE9.txt", "caf\xEF\xBF\xBD.txt"),
	ROW("\xC0\xAF\xC0\xAE", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"),
	ROW("\xED\xA0\x80", NULL),
	ROW("e\xCC\x81t\xC3\xA9.txt", "\xC3\xA9t\xC3\xA9.txt"),
	ROW(X255, X255),
	ROW(X255 "x", X255),
	ROW(X255 ".pdf", NULL),
	ROW("CON." X255, NULL),
	ROW("$(reboot).sh", "$(reboot).sh"),
	ROW("`id`", "`id`"),
	ROW("%2e%2e%2fx", "%2e%2e%2fx"),
	ROW("=cmd()", "=cmd()"),
	ROW("\xF0\x9F\x98\x80.png", "\xF0\x9F\x98\x80.png"),
};

static void assert_harmless(const char *name)
{
	size_t n = strlen(name);

	assert_true(n >= 1 && n <= FILENAME_MAX_BYTES);
	assert_true(text_is_line(name, n));
	assert_null(strpbrk(name, "/\\<>:\"|?*"));
	assert_true(name[0] != '.' && name[0] != ' ' && name[0] != '-');
	assert_true(name[n - 1] != '.' && name[n - 1] != ' ');
}

static void test_clean(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_POOL pool = pool_new();
		const char *name = filename_clean(pool, rows[i].raw, rows[i].n);

		assert_harmless(name);
		if (rows[i].want && strcmp(name, rows[i].want) != 0)
			fail_msg("row %zu: \"%s\" instead of \"%s\"", i, name, rows[i].want);
		assert_string_equal(filename_clean(pool, name, strlen(name)), name);
	}
}

static void test_length(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF raw = { 0 };
	const char *name;

	(void)state;
	for (int i = 0; i < 200; i++)
		buf_str(&raw, "\xE2\x82\xAC");
	buf_str(&raw, ".tar");
	name = filename_clean(pool, raw.p, raw.n);
	assert_int_equal(strlen(name), 253); /* 83 characters of three bytes and ".tar" */
	assert_string_equal(name + 249, ".tar");
	assert_harmless(name);
	name = filename_clean(pool, X255 ".pdf", 259);
	assert_int_equal(strlen(name), 255);
	assert_string_equal(name + 251, ".pdf");
	name = filename_clean(pool, "CON." X255, 259);
	assert_int_equal(strlen(name), 255);
	assert_memory_equal(name, "_CON.x", 6);
}

static void test_unique(void **state)
{
	const char *names[] = { "a.txt", "a.txt", "A.TXT",    "a (2).txt", "b",        "b",
				X255,    X255,    "\xC3\xA9", "\xC3\x89",  "x.tar.gz", "x.tar.gz" };
	static const char *const want[] = { "a.txt",    "a (2).txt",    "A (3).TXT", "a (2) (2).txt",
					    "b",        "b (2)",        X255,        NULL,
					    "\xC3\xA9", "\xC3\x89 (2)", "x.tar.gz",  "x.tar (2).gz" };
	AUTO_POOL pool = pool_new();

	(void)state;
	filename_unique(pool, names, 12);
	for (size_t i = 0; i < 12; i++) {
		assert_harmless(names[i]);
		if (want[i])
			assert_string_equal(names[i], want[i]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(names[i], names[j]);
	}
	filename_unique(pool, names, 0);
}

static void test_unique_many(void **state)
{
	static const char *names[1500];
	AUTO_POOL pool = pool_new();

	(void)state;
	for (size_t i = 0; i < 1500; i++)
		names[i] = "a.txt";
	filename_unique(pool, names, 1500);
	assert_string_equal(names[1499], "a (1500).txt");
}

static void test_disposition(void **state)
{
	AUTO_BUF out = { 0 };

	(void)state;
	filename_disposition(&out, "\xC3\xA9t\xC3\xA9 50%.pdf");
	assert_string_equal(
		out.p, "attachment; filename=\"_t_ 50_.pdf\"; filename*=UTF-8''%C3%A9t%C3%A9%2050%25.pdf");
	buf_reset(&out);
	filename_disposition(&out, "a';b.txt");
	assert_string_equal(out.p, "attachment; filename=\"a';b.txt\"; filename*=UTF-8''a%27%3Bb.txt");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),       cmocka_unit_test(test_length),
		cmocka_unit_test(test_unique),      cmocka_unit_test(test_unique_many),
		cmocka_unit_test(test_disposition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
