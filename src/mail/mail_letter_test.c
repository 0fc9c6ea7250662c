/* Messages as letters: which words, which files, which people; bombs are refused quickly and in little memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "buf.h"
#include "clock.h"

#include "mail_out.h"
#include "mail_read.h"
#include "mail_text.h"

/* What came out, as text: "to Name|addr", "text …", "file name|type|bytes". */
struct taken {
	struct buf people, text, files;
	size_t bytes;
};

static enum pli_status take(void *arg, const struct mail_frame *f, struct err *err)
{
	static const char *const fields[] = { "from", "to", "cc", "bcc", "subject", "id" };
	struct taken *t = arg;
	AUTO_BUF frame = { 0 };

	assert_int_equal(mail_frame_write(&frame, f, err), PLI_OK);
	if (f->type == MAIL_FIELD && f->field == MAIL_TEXT)
		buf_add(&t->text, f->value.p, f->value.n);
	else if (f->type == MAIL_FIELD)
		buf_fmt(&t->people, "%s %.*s|%.*s\n", fields[f->field], (int)f->name.n, f->name.p, (int)f->value.n, f->value.p);
	else if (f->type == MAIL_PART)
		buf_fmt(&t->files, "%.*s|%.*s|", (int)f->name.n, f->name.p, (int)f->value.n, f->value.p);
	else if (f->type == MAIL_BYTES && f->value.n < 200)
		buf_add(&t->files, f->value.p, f->value.n);
	else if (f->type == MAIL_PART_END)
		buf_ch(&t->files, '\n');
	t->bytes += f->value.n;
	return PLI_OK;
}

static void taken_free(struct taken *t)
{
	buf_free(&t->people);
	buf_free(&t->text);
	buf_free(&t->files);
}

static void is_letter(const char *message, const char *people, const char *text, const char *files)
{
	struct taken t = { 0 };
	struct err err = { 0 };

	AUTO_BUF whole = { 0 };

	/* As SMTP gives it: a message ends with a line end. */
	buf_str(&whole, message);
	buf_str(&whole, "\r\n");
	if (mail_read_letter(whole.p, whole.n, &(struct mail_out){ take, &t }, &err) != PLI_OK)
		fail_msg("%s", err.text);
	if (people)
		assert_string_equal(t.people.p ? t.people.p : "", people);
	if (text)
		assert_string_equal(t.text.p ? t.text.p : "", text);
	if (files)
		assert_string_equal(t.files.p ? t.files.p : "", files);
	taken_free(&t);
}

#define MULTI(rest) "MIME-Version: 1.0\r\nContent-Type: multipart/" rest

static void people(void **state)
{
	(void)state;
	is_letter("From: =?utf-8?Q?Ren=C3=A9?= <r@a.example>\r\nTo: \"C, D\" <c@d.example>, g: e@f.example, \"h\" <h@i.example>;, bad\r\n"
		  "Cc: j@k.example (a comment)\r\nBcc: l@m.example\r\nTo: n@o.example\r\nSubject: =?iso-8859-1?Q?D=E9j=E0?=\r\n  vu\t\x01!\r\nMessage-ID: <1@b>\r\n\r\nx",
		  "from Ren\xC3\xA9|r@a.example\nto C, D|c@d.example\nto |e@f.example\nto h|h@i.example\nto |bad\nto |n@o.example\n"
		  "cc a comment|j@k.example\nbcc |l@m.example\nsubject |D\xC3\xA9j\xC3\xA0 vu !\nid |1@b\n",
		  NULL, NULL);
	is_letter("Subject:\r\n\r\n", "subject |\n", "", "");
	is_letter("From: r\xC3\xA9@a.example\r\nSubject: \xE9t\xE9 brut\r\n\r\n", "from |r\xC3\xA9@a.example\nsubject |\xC3\xA9t\xC3\xA9 brut\n", "", "");
}

static void words(void **state)
{
	(void)state;
	is_letter("Subject: s\r\n\r\nHello,\r\n\r\nline\r\nline  \r\n\r\n", NULL, "Hello,\n\nline\nline", "");
	is_letter("Content-Type: text/plain; charset=windows-1252\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=80 =E9 a=\r\nb\r\n", NULL,
		  "\xE2\x82\xAC \xC3\xA9 ab", "");
	is_letter("Content-Type: text/plain; charset=x-nobody-knows\r\n\r\n\xE9", NULL, "\xC3\xA9", "");
	is_letter("Content-Type: text/plain; charset=utf-8\r\n\r\na\xFFz", NULL, "a\xEF\xBF\xBDz", "");
	is_letter("Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n\x1b$B$3$s\x1b(B", NULL, "\xE3\x81\x93\xE3\x82\x93", "");
	is_letter("Content-Type: text/plain; charset=utf-7\r\n\r\n+AGEAYg-\r\n", NULL, "ab", "");
	is_letter("Content-Type: text/plain; format=flowed\r\n\r\none \r\ntwo\r\n> q \r\n> r\r\n> s\r\n-- \r\nMe\r\n", NULL, "one two\n\\> q r\n\\> s\n\\--\nMe", "");
	is_letter("Content-Type: text/plain; format=flowed; delsp=yes\r\n\r\n\xE6\x97\xA5 \r\n\xE6\x9C\xAC\r\n", NULL, "\xE6\x97\xA5\xE6\x9C\xAC", "");
	is_letter("Content-Type: text/html\r\n\r\n<title>t</title><p>a &lt;b&gt; &eacute;<br>c<p>d<ul><li>e<li><a href='https://x.example/'>f</a></ul>", NULL,
		  "a \\<b> \xC3\xA9\nc\n\nd\n\n\\- e\n\\- f (https://x.example/)", "");
}

static void shown_as_typed(void **state)
{
	(void)state;
	is_letter("Subject: s\r\n\r\n# h\r\n* a *b* _c_ snake_case_name\r\n1. one\r\n2) two\r\n2026 is a year\r\n+ p\r\n- m\r\n---\r\n===\r\n~~~\r\n> q\r\n", NULL,
		  "\\# h\n\\* a \\*b\\* \\_c\\_ snake_case_name\n1\\. one\n2\\) two\n2026 is a year\n\\+ p\n\\- m\n\\---\n\\===\n\\~~~\n\\> q", "");
	is_letter("Subject: s\r\n\r\n    code\r\n\ttab\r\n", NULL, "\xC2\xA0\xC2\xA0\xC2\xA0\xC2\xA0" "code\n\xC2\xA0\xC2\xA0\xC2\xA0\xC2\xA0tab", "");
	is_letter("Subject: s\r\n\r\n[a](b) <i> `c` &amp; AT&T & \\ \\* end\\\r\nx", NULL, "\\[a\\](b) \\<i> \\`c\\` \\&amp; AT\\&T & \\ \\\\\\* end\\\\\nx", "");
}

static void files(void **state)
{
	(void)state;
	is_letter(MULTI("mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n\r\nfirst\r\n--b\r\nContent-Type: application/pdf; name=\"=?utf-8?Q?=C3=A9.pdf?=\"\r\n"
			"Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b\r\n\r\nsecond\r\n--b--\r\nepilogue"),
		  NULL, "first\n\nsecond", "\xC3\xA9.pdf|application/pdf|hello\n");
	is_letter(MULTI("alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>h\r\n--b\r\nContent-Type: text/plain\r\n\r\np\r\n--b\r\n"
			"Content-Type: text/calendar\r\n\r\nBEGIN\r\n--b--"), NULL, "p", "invitation.ics|text/calendar|BEGIN\n");
	is_letter(MULTI("alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/enriched\r\n\r\ne\r\n--b\r\nContent-Type: multipart/related; boundary=r\r\n\r\n"
			"--r\r\nContent-Type: text/html\r\n\r\n<p>h\r\n--r\r\nContent-Type: image/png\r\n\r\npng\r\n--r--\r\n--b--"), NULL, "h", "image.png|image/png|png\n");
	is_letter(MULTI("mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\nX: y\r\n\r\n<b>body</b>\r\n--b--"), NULL, "",
		  "message.eml|message/rfc822|Subject: in\r\nX: y\r\n\r\n<b>body</b>\n");
	is_letter(MULTI("mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment; filename*0*=utf-8''..%2F%C3%A9; filename*1=\".txt\"\r\n\r\nx\r\n--b--"),
		  NULL, "", "../\xC3\xA9.txt|text/plain|x\n");
	is_letter(MULTI("mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html; name=page.html\r\n\r\n<b>\r\n--b--"), NULL, "", "page.html|text/html|<b>\n");
	is_letter(MULTI("signed; boundary=b; protocol=\"application/pgp-signature\"\r\n\r\n--b\r\n\r\nwords\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nsig\r\n--b--"),
		  NULL, "words", "signature.asc|application/pgp-signature|sig\n");
	is_letter(MULTI("mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/x-empty; name=e\r\n\r\n--b--"), NULL, "", "e|application/x-empty|\n");
	is_letter(MULTI("mixed\r\n\r\nno boundary at all"), NULL, NULL, NULL);
}

/* ---- bombs ---- */

/* Of this process alone, however busy the machine is. */
static int64_t cpu_us(const struct rusage *u)
{
	return (u->ru_utime.tv_sec + u->ru_stime.tv_sec) * SECOND_US + u->ru_utime.tv_usec + u->ru_stime.tv_usec;
}

/* words_of NULL: it may be taken, but quickly. */
static void refused(const struct buf *message, const char *words_of)
{
	struct taken t = { 0 };
	struct rusage before, after;
	struct err err = { 0 };
	enum pli_status st;

	getrusage(RUSAGE_SELF, &before);
	st = mail_read_letter(message->p, message->n, &(struct mail_out){ take, &t }, &err);
	getrusage(RUSAGE_SELF, &after);
	if (words_of && st != PLI_INVALID && st != PLI_LIMIT)
		fail_msg("taken: %s", words_of);
	if (words_of && !strstr(err.text, words_of))
		fail_msg("%s", err.text);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_true(cpu_us(&after) - cpu_us(&before) < 2 * SECOND_US);
	assert_true(after.ru_maxrss - before.ru_maxrss < 128 * 1024);
#endif
	taken_free(&t);
}

static void repeat(struct buf *out, const char *what, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		buf_str(out, what);
}

static void bombs(void **state)
{
	AUTO_BUF m = { 0 };

	(void)state;
	buf_str(&m, MULTI("mixed; boundary=b\r\n\r\n"));
	repeat(&m, "--b\n\n", 2000000);
	refused(&m, "parts");
	buf_reset(&m);	/* the boundary in two pieces, out of order and encoded */
	buf_str(&m, MULTI("mixed; boundary*1*=%62; boundary*0=b\r\n\r\n"));
	repeat(&m, "--bb\n\n", 1000000);
	refused(&m, "parts");
	buf_reset(&m);
	buf_str(&m, MULTI("mixed; boundary=(c)b\r\n\r\n"));
	repeat(&m, "--b\n\n", 1000000);
	refused(&m, "parts");
	buf_reset(&m);
	repeat(&m, "X: y\r\n", 1000000);
	refused(&m, "header lines");
	buf_reset(&m);	/* headers of forwarded messages within forwarded messages */
	repeat(&m, "Content-Type: message/rfc822\r\n\r\n", 30000);
	refused(&m, "header lines");
	buf_reset(&m);
	buf_str(&m, MULTI("mixed; boundary=b\r\n\r\n"));
	for (unsigned i = 0; i < 900; i++) {
		buf_str(&m, "--b\r\n");
		repeat(&m, "A:\r\n", 900);
		buf_str(&m, "\r\n");
	}
	refused(&m, "header lines");
	buf_reset(&m);
	for (unsigned i = 0; i < 5000; i++)
		buf_fmt(&m, "Content-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n", i, i);
	refused(&m, "parts");
	buf_reset(&m);
	for (unsigned i = 0; i < 50; i++)
		buf_fmt(&m, "Content-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n", i, i);
	refused(&m, "parts within parts");
	buf_reset(&m);
	buf_str(&m, "To: ");
	repeat(&m, "a@b.example,\r\n ", 12000);
	refused(&m, "");
	buf_reset(&m);
	buf_str(&m, "Subject: s\r\n\r\n");
	repeat(&m, "A line of words that goes on and on.\r\n", 40000);
	refused(&m, "1 MiB");
	buf_reset(&m);	/* tags that never end */
	buf_str(&m, "Content-Type: text/html\r\n\r\n");
	repeat(&m, "<a '", 1500000);
	refused(&m, NULL);
	buf_reset(&m);
	buf_str(&m, "Content-Type: text/html\r\n\r\n");
	repeat(&m, "<a '>&<!", 900000);
	refused(&m, NULL);
}

static void odd_but_taken(void **state)
{
	AUTO_BUF m = { 0 };
	struct taken t = { 0 };
	struct err err = { 0 };
	int64_t begun = clock_mono_us();

	(void)state;
	/* One large attachment goes through in pieces. */
	buf_str(&m, MULTI("mixed; boundary=b\r\n\r\n--b\r\n\r\nwords\r\n--b\r\nContent-Type: application/x; name=f\r\nContent-Transfer-Encoding: base64\r\n\r\n"));
	repeat(&m, "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAx\r\n", 200000);
	buf_str(&m, "--b--\r\n");
	assert_int_equal(mail_read_letter(m.p, m.n, &(struct mail_out){ take, &t }, &err), PLI_OK);
	assert_true(t.bytes > 200000 * 54);
	taken_free(&t);
	/* Dashes at line starts of words are no parts. */
	buf_reset(&m);
	buf_str(&m, MULTI("mixed; boundary=b\r\n\r\n--b\r\n\r\n"));
	repeat(&m, "--- a patch\r\n-- a comment of SQL\r\n", 5000);
	buf_str(&m, "--b--\r\n");
	t = (struct taken){ 0 };
	assert_int_equal(mail_read_letter(m.p, m.n, &(struct mail_out){ take, &t }, &err), PLI_OK);
	taken_free(&t);
	assert_true(clock_mono_us() > begun);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(people),	cmocka_unit_test(words), cmocka_unit_test(shown_as_typed),
		cmocka_unit_test(files),	cmocka_unit_test(bombs), cmocka_unit_test(odd_but_taken),
	};

	struct mail_sets sets;
	int r;

	mail_read_prepare(&sets);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	mail_sets_close(&sets);
	return r;
}
