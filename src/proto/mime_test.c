/* Mail: read back by a small reader of its own, folding, encoding, and no way to begin a header
 * line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "mime.h"

#define TATOE "\xE4\xBE\x8B\xE3\x81\x88\xE4\xBE\x8B\xE3\x81\x88"
#define LONG_TATOE TATOE TATOE TATOE TATOE "\xF0\x9F\x98\x80\xF0\x9F\x98\x80"

static struct mime_mail sample(void)
{
	return (struct mime_mail){
		.from = { "Mairie de Lyon", "no-reply@pli.example" },
		.to = { NULL, "marie@example.org" },
		.subject = "A registered letter",
		.date_us = INT64_C(1795293275) * 1000000,
		.offset_min = 60,
		.message_id = "0193.1@pli.example",
		.text = "Hello\n",
	};
}

/* ---- a reader ---- */

/* Value of a header (unfolded) in the head of p; how often it stands there in *count. */
static void header_get(const char *p, const char *name, struct buf *out, int *count)
{
	size_t name_n = strlen(name);

	*count = 0;
	buf_reset(out);
	buf_str(out, "");
	while (*p && strncmp(p, "\r\n", 2) != 0) {
		const char *end = strstr(p, "\r\n");
		bool mine = strncmp(p, name, name_n) == 0 && p[name_n] == ':';

		if (mine) {
			(*count)++;
			p += name_n + 1;
		}
		for (;;) {
			if (mine)
				buf_add(out, p, (size_t)(end - p));
			p = end + 2;
			if (*p != ' ' && *p != '\t')
				break;
			end = strstr(p, "\r\n");
		}
	}
}

static int headers_count(const char *p)
{
	int count = 0;

	while (*p && strncmp(p, "\r\n", 2) != 0) {
		count += *p != ' ' && *p != '\t';
		p = strstr(p, "\r\n") + 2;
	}
	return count;
}

static unsigned hex_value(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* Quoted-printable, and Q of encoded words. */
static void quoted_decode(const char *p, size_t n, bool word, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '=' && p[i + 1] == '\r')
			i += 2;
		else if (p[i] == '=')
			buf_ch(out, (char)(hex_value(p[i + 1]) << 4 | hex_value(p[i + 2]))), i += 2;
		else
			buf_ch(out, word && p[i] == '_' ? ' ' : p[i]);
	}
}

/* Encoded words to UTF-8; white space between two of them goes away. */
static void words_decode(const char *p, struct buf *out)
{
	bool after_word = false;

	while (*p) {
		const char *next = p;

		while (after_word && *next == ' ')
			next++;
		if (strncmp(next, "=?UTF-8?Q?", 10) == 0) {
			const char *end = strstr(next + 10, "?=");

			assert_non_null(end);
			assert_true(end + 2 - next <= 75);
			quoted_decode(next + 10, (size_t)(end - next) - 10, true, out);
			p = end + 2;
			after_word = true;
		} else {
			after_word = false;
			buf_ch(out, *p++);
		}
	}
}

static void assert_lines(const struct buf *mail, size_t max)
{
	const char *p = mail->p;

	while (*p) {
		const char *end = strstr(p, "\r\n");

		assert_non_null(end);
		assert_null(memchr(p, '\n', (size_t)(end - p)));
		assert_null(memchr(p, '\r', (size_t)(end - p)));
		/* a link alone on its line stays whole */
		if ((size_t)(end - p) > (strncmp(p, "https://", 8) == 0 ? 120 : max))
			fail_msg("line of %d: %.*s", (int)(end - p), (int)(end - p), p);
		for (; p < end; p++)
			assert_true((*p >= ' ' && *p <= '~') || *p == '\t');
		p = end + 2;
	}
}

/* ---- tests ---- */

static void test_exact(void **state)
{
	struct mime_mail mail = sample();
	struct mime_header headers[] = { { "Auto-Submitted", "auto-generated" } };
	AUTO_BUF out = { 0 };

	(void)state;
	mail.headers = headers;
	mail.header_count = 1;
	assert_int_equal(mime_build(&out, &mail, NULL), PLI_OK);
	assert_string_equal(out.p, "From: Mairie de Lyon <no-reply@pli.example>\r\n"
				   "To: marie@example.org\r\n"
				   "Subject: A registered letter\r\n"
				   "Date: Sat, 21 Nov 2026 21:34:35 +0100\r\n"
				   "Message-ID: <0193.1@pli.example>\r\n"
				   "Auto-Submitted: auto-generated\r\n"
				   "MIME-Version: 1.0\r\n"
				   "Content-Type: text/plain; charset=utf-8\r\n"
				   "Content-Transfer-Encoding: 7bit\r\n"
				   "\r\n"
				   "Hello\r\n");
}

static void test_subjects(void **state)
{
	static const char *const subjects[] = {
		"x",
		"Vous avez re\xC3\xA7u un courrier recommand\xC3\xA9 de la Mairie de Saint-\xC3\x89tienne, \xC3\xA0 ouvrir avant le 31",
		LONG_TATOE,
		"=?UTF-8?Q?fake?=",
		"two  spaces",
		" lead",
		"trail ",
		"a\"b\\c <d@e> (f), ;:",
		"many plain words that go on and on until the line is full and has to be folded at one of its spaces, twice",
		"anextremelylongwordanextremelylongwordanextremelylongwordanextremelylongwordanextremelylongword",
		"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
		struct mime_mail mail = sample();
		AUTO_BUF out = { 0 };
		AUTO_BUF raw = { 0 };
		AUTO_BUF text = { 0 };
		int count;

		mail.subject = subjects[i];
		mail.from.name = subjects[i];
		assert_int_equal(mime_build(&out, &mail, NULL), PLI_OK);
		assert_lines(&out, 76);
		assert_int_equal(headers_count(out.p), 8);
		header_get(out.p, "Subject", &raw, &count);
		assert_int_equal(count, 1);
		words_decode(raw.p, &text);
		assert_string_equal(text.p + 1, subjects[i]);
	}
}

static void test_injection(void **state)
{
	static const char *const evil[] = {
		"x\r\nBcc: v@example.org",
		"x\nBcc: v@example.org",
		"x\rBcc: v@example.org",
		"x\r\n\r\nbody",
		"x\x01",
		"x\x7f",
		"x\xC2\x85y",
		"x\xE2\x80\xA8y",
		"x\xE2\x80\xAEy",
		"x\xff",
		"\xED\xA0\x80",
		"\t",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(evil) / sizeof(evil[0]); i++) {
		for (int place = 0; place < 8; place++) {
			struct mime_mail mail = sample();
			struct mime_header headers[] = { { "X-A", "b" } };
			AUTO_BUF out = { 0 };
			struct err err = { 0 };

			mail.headers = headers;
			mail.header_count = 1;
			switch (place) {
			case 0: mail.subject = evil[i]; break;
			case 1: mail.from.name = evil[i]; break;
			case 2: mail.from.addr = evil[i]; break;
			case 3: mail.to.name = evil[i]; break;
			case 4: mail.to.addr = evil[i]; break;
			case 5: mail.message_id = evil[i]; break;
			case 6: headers[0].name = evil[i]; break;
			default: headers[0].value = evil[i];
			}
			buf_str(&out, "before");
			assert_int_equal(mime_build(&out, &mail, &err), PLI_INVALID);
			assert_string_equal(out.p, "before");
			assert_true(err.text[0]);
		}
	}
}

static void test_refused(void **state)
{
	static const char *const addresses[] = { "",
						 "a",
						 "@b",
						 "a@",
						 "a@b@c",
						 "a b@c.fr",
						 "<a@b.fr>",
						 "a@b.fr>",
						 "\xC3\xA9@b.fr",
						 "a@\xC3\xA9.fr",
						 ".a@b.fr",
						 "a,b@c.fr",
						 "\"a\"@b.fr",
						 NULL };
	static const char *const names[] = {
		"",          "Subject",      "subject", "BCC", "Cc",         "Content-Type", "content-x",
		"Resent-To", "MIME-Version", "X A",     "X:",  "X-\xC3\xA9", "Message-Id",   NULL
	};
	static const char *const ids[] = { "",     "a",     "a@",    "@a",          "a@b@c",
					   "a@b>", "<a@b>", "a b@c", "a@b\r\nX: y", NULL };
	struct mime_header header = { "X-A", "b" }, twice[] = { { "X-A", "b" }, { "x-a", "c" } };
	struct mime_mail mail;
	AUTO_BUF out = { 0 };

	(void)state;
	for (size_t i = 0; addresses[i]; i++) {
		mail = sample();
		mail.to.addr = addresses[i];
		assert_int_equal(mime_build(&out, &mail, NULL), PLI_INVALID);
	}
	for (size_t i = 0; names[i]; i++) {
		mail = sample();
		header.name = names[i];
		mail.headers = &header;
		mail.header_count = 1;
		assert_int_equal(mime_build(&out, &mail, NULL), PLI_INVALID);
	}
	for (size_t i = 0; ids[i]; i++) {
		mail = sample();
		mail.message_id = ids[i];
		assert_int_equal(mime_build(&out, &mail, NULL), PLI_INVALID);
	}
	mail = sample();
	mail.headers = twice;
	mail.header_count = 2;
	assert_int_equal(mime_build(&out, &mail, NULL), PLI_INVALID);
	mail = sample();
	mail.text = "\xff";
	assert_int_equal(mime_build(&out, &mail, NULL), PLI_INVALID);
	assert_int_equal(out.n, 0);
}

static const char *const bodies[] = {
	"plain\n",
	"no end",
	"",
	"\n\n\n",
	"a\r\nb\rc\n",
	"\xC3\xA9t\xC3\xA9\n",
	".\n..\n.x\n",
	"From me\nFrom: x\n",
	"trailing \nand\t\n",
	"=3D is =\n",
	"--=_x\n--\n",
	"https://localhost:8443/l/abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz2345\n",
	LONG_TATOE TATOE "\n",
	"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee.eeeeeeeeee.\xC3\xA9\n",
	"7777777777777777777777777777777777777777777777777777777777777777777777777777\n",
	"88888888888888888888888888888888888888888888888888888888888888888888888888888 \n",
	"\x01\x02\x7f\n",
};

/* Line ends become CRLF and the last line gets one. */
static void normal(const char *s, struct buf *out)
{
	buf_str(out, "");
	for (; *s; s++) {
		if (*s == '\r' && s[1] == '\n')
			continue;
		buf_str(out, *s == '\r' || *s == '\n' ? "\r\n" : (char[]){ *s, '\0' });
	}
	if (out->n && out->p[out->n - 1] != '\n')
		buf_str(out, "\r\n");
}

/* Checks the entity that begins at p and ends before `end`. */
static void assert_body(const char *p, const char *end, const char *want)
{
	AUTO_BUF encoding = { 0 };
	AUTO_BUF decoded = { 0 };
	AUTO_BUF expected = { 0 };
	const char *body = strstr(p, "\r\n\r\n") + 4;
	int count;

	header_get(p, "Content-Transfer-Encoding", &encoding, &count);
	assert_int_equal(count, 1);
	normal(want, &expected);
	buf_str(&decoded, "");
	if (strcmp(encoding.p, " 7bit") == 0)
		buf_add(&decoded, body, (size_t)(end - body));
	else
		quoted_decode(body, (size_t)(end - body), false, &decoded);
	assert_string_equal(decoded.p, expected.p);
	for (const char *line = body; line < end; line = strstr(line, "\r\n") + 2) {
		assert_true(*line != '.');
		assert_int_not_equal(strncmp(line, "From ", 5), 0);
	}
}

static void test_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct mime_mail mail = sample();
		AUTO_BUF out = { 0 };

		mail.text = bodies[i];
		assert_int_equal(mime_build(&out, &mail, NULL), PLI_OK);
		assert_lines(&out, 76);
		assert_body(strstr(out.p, "MIME-Version"), out.p + out.n, bodies[i]);
	}
}

static void test_alternative(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct mime_mail mail = sample();
		AUTO_BUF out = { 0 };
		AUTO_BUF again = { 0 };
		AUTO_BUF type = { 0 };
		AUTO_BUF mark = { 0 };
		const char *first, *second, *last;
		int count;

		mail.text = bodies[i];
		mail.html = "<p>\xC3\xA9</p>\n";
		assert_int_equal(mime_build(&out, &mail, NULL), PLI_OK);
		assert_int_equal(mime_build(&again, &mail, NULL), PLI_OK);
		assert_string_equal(out.p, again.p);
		assert_lines(&out, 76);
		header_get(out.p, "Content-Type", &type, &count);
		assert_int_equal(count, 1);
		assert_memory_equal(type.p, " multipart/alternative; boundary=\"", 34);
		buf_str(&mark, "\r\n--");
		buf_add(&mark, type.p + 34, type.n - 35);
		first = strstr(out.p, mark.p);
		second = strstr(first + 4, mark.p);
		last = strstr(second + 4, mark.p);
		assert_string_equal(last + mark.n, "--\r\n");
		assert_body(first + mark.n + 2, second, bodies[i]);
		assert_body(second + mark.n + 2, last, mail.html);
	}
}

static void test_parts_of_build(void **state)
{
	struct mime_mail mail = sample();
	AUTO_BUF whole = { 0 };
	AUTO_BUF parts = { 0 };

	(void)state;
	mail.html = "<p>x</p>";
	assert_int_equal(mime_build(&whole, &mail, NULL), PLI_OK);
	assert_int_equal(mime_head(&parts, &mail, NULL), PLI_OK);
	buf_str(&parts, "MIME-Version: 1.0\r\n");
	assert_int_equal(mime_content(&parts, &mail, NULL), PLI_OK);
	assert_string_equal(whole.p, parts.p);
}

static void test_date(void **state)
{
	AUTO_BUF out = { 0 };

	(void)state;
	mime_date(&out, 0, -210);
	assert_string_equal(out.p, "Wed, 31 Dec 1969 20:30:00 -0330");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact),          cmocka_unit_test(test_subjects),
		cmocka_unit_test(test_injection),      cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bodies),         cmocka_unit_test(test_alternative),
		cmocka_unit_test(test_parts_of_build), cmocka_unit_test(test_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
