/* multipart/form-data: the same events whatever the pieces; malformed bodies are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "multipart.h"

#define TYPE "multipart/form-data; boundary=XyZ"
#define PART(head, data) "--XyZ\r\nContent-Disposition: form-data; " head "\r\n\r\n" data "\r\n"
#define END "--XyZ--\r\n"

/* Events as text: "<name|filename|type>data;" */
static enum pli_status begin(void *arg, const struct multipart_part *part, struct err *err)
{
	struct buf *log = arg;

	(void)err;
	buf_fmt(log, "<%s", part->name);
	if (part->filename) {
		buf_ch(log, '|');
		buf_add(log, part->filename, part->filename_n);
		buf_fmt(log, "|%s", part->type ? part->type : "-");
	}
	buf_ch(log, '>');
	return PLI_OK;
}

static enum pli_status data(void *arg, const void *p, size_t n, struct err *err)
{
	(void)err;
	assert_true(n > 0);
	buf_add(arg, p, n);
	return PLI_OK;
}

static enum pli_status end(void *arg, struct err *err)
{
	(void)err;
	buf_ch(arg, ';');
	return PLI_OK;
}

static const struct multipart_events events = { begin, data, end };

/* Feeds body in pieces of `piece` bytes. */
static enum pli_status parse(const char *type, const struct multipart_limits *limits, const char *body,
			     size_t n, size_t piece, struct buf *log, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct multipart *mp;
	enum pli_status status = multipart_new(pool, limits, type, &events, log, &mp, err);

	for (size_t at = 0; status == PLI_OK && at < n; at += piece)
		status = multipart_feed(mp, body + at, n - at < piece ? n - at : piece, err);
	return status == PLI_OK ? multipart_finish(mp, err) : status;
}

static const struct {
	const char *body, *log;
} good[] = {
	{ PART("name=\"to\"", "a@b.fr") END, "<to>a@b.fr;" },
	{ "\r\n" PART("name=\"to\"", "a@b.fr") END, "<to>a@b.fr;" },
	{ PART("name=to", "") END, "<to>;" },
	{ PART("name=\"a\"", "1") PART("name=\"b\"", "2") "--XyZ--", "<a>1;<b>2;" },
	{ PART("name=\"m\"", "\r\n\r\n") END, "<m>\r\n\r\n;" },
	{ PART("name=\"m\"", "\r\n--XyY\r\n--X\r--XyZ\n--XyZ \r\r\n-") END,
	  "<m>\r\n--XyY\r\n--X\r--XyZ\n--XyZ \r\r\n-;" },
	{ PART("name=\"file\"; filename=\"a.txt\"\r\nContent-Type: Text/Plain; charset=iso-8859-1", "x") END,
	  "<file|a.txt|text/plain>x;" },
	{ PART("name=\"file\"; filename=\"a%22b%0D%0ac%41.txt\"", "x") END, "<file|a\"b\r\nc%41.txt|->x;" },
	{ PART("name=\"file\"; filename=\"C:\\dir\\a\\\"b.txt\"", "x") END, "<file|C:\\dir\\a\"b.txt|->x;" },
	{ PART("name=\"file\"; filename=\"\"", "") END, "<file||->;" },
	{ PART("name=\"file\"; filename=\"a\"; filename*=UTF-8''%e2%82%ac", "x") END,
	  "<file|\xE2\x82\xAC|->x;" },
	{ PART("name=\"file\"; filename=\"\xff\xfe.txt\"", "x") END, "<file|\xff\xfe.txt|->x;" },
	{ "--XyZ\r\nX-Other: 1\r\ncontent-disposition:form-data;name=\"q\"\r\nContent-Transfer-Encoding: binary\r\n\r\nx\r\n" END,
	  "<q>x;" },
	{ PART("name=\"m\"\r\nContent-Type: text/plain; charset=UTF-8", "x") END, "<m>x;" },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		size_t n = strlen(good[i].body);

		for (size_t piece = 1; piece <= n; piece++) {
			AUTO_BUF log = { 0 };
			struct err err = { 0 };
			enum pli_status status = parse(TYPE, NULL, good[i].body, n, piece, &log, &err);

			if (status != PLI_OK)
				fail_msg("%zu, pieces of %zu: %s", i, piece, err.text);
			assert_string_equal(log.p, good[i].log);
		}
	}
}

static const char *const bad[] = {
	"",
	"--XyZ",
	"--XyZ--x",
	"XyZ",
	"preamble\r\n" PART("name=\"a\"", "1") END,
	"\r\n\r\n" PART("name=\"a\"", "1") END,
	PART("name=\"a\"", "1"),
	PART("name=\"a\"", "1") "--XyZ\r\n",
	PART("name=\"a\"", "1") "--XyZ-",
	PART("name=\"a\"", "1") END "x",
	PART("name=\"a\"", "1") END "\r\n",
	PART("name=\"a\"", "1") "--XyZ \r\n",
	"--XyZ\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n" END,
	"--XyZ\r\nContent-Disposition: form-data; name=\"a\"\n\r\n1\r\n" END,
	"--XyZ\r\nContent-Disposition: form-data; name=\"a\"\r\n\n1\r\n" END,
	"--XyZ\r\nContent-Disposition: form-data;\r\n name=\"a\"\r\n\r\n1\r\n" END,
	"--XyZ\r\nContent-Disposition : form-data; name=\"a\"\r\n\r\n1\r\n" END,
	"--XyZ\r\nContent-Disposition: form-data; name=\"a\rb\"\r\n\r\n1\r\n" END,
	"--XyZ\r\n\r\n1\r\n" END,
	"--XyZ\r\nContent-Type: text/plain\r\n\r\n1\r\n" END,
	"--XyZ\r\nnonsense\r\n\r\n1\r\n" END,
	PART("name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"", "1") END,
	PART("name=\"a\"\r\nContent-Type: text/plain\r\nContent-Type: text/plain", "1") END,
	PART("name=\"a\"\r\nContent-Type: text/plain; charset=iso-8859-1", "1") END,
	PART("name=\"a\"\r\nContent-Type: multipart/mixed; boundary=q", "1") END,
	PART("name=\"a\"\r\nContent-Transfer-Encoding: base64", "MQ==") END,
	PART("name=\"a\"; filename=\"x\"\r\nContent-Transfer-Encoding: quoted-printable", "1") END,
	PART("name=\"a\"; name=\"b\"", "1") END,
	PART("name=\"a b\"", "1") END,
	PART("name=\"\"", "1") END,
	PART("name=\"caf\xC3\xA9\"", "1") END,
	PART("filename=\"x\"", "1") END,
	PART("name=\"a", "1") END,
	PART("name=\"a\"; filename*=iso-8859-1''x", "1") END,
	PART("name=\"a\"; filename*=UTF-8''%4", "1") END,
	PART("name=\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "1") END,
	"--XyZ\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n1\r\n" END,
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t n = strlen(bad[i]);

		for (size_t piece = 1; piece <= n + 1; piece++) {
			AUTO_BUF log = { 0 };
			struct err err = { 0 };

			if (parse(TYPE, NULL, bad[i], n, piece, &log, &err) != PLI_INPUT)
				fail_msg("%zu, pieces of %zu: accepted", i, piece);
			assert_true(err.text[0]);
		}
	}
}

static void test_nul_in_head(void **state)
{
	static const char body[] = "--XyZ\r\nContent-Disposition: form-data; name=\"a\0b\"\r\n\r\n1\r\n" END;
	static const char other[] =
		"--XyZ\r\nX: \0\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n" END;
	AUTO_BUF log = { 0 };

	(void)state;
	assert_int_equal(parse(TYPE, NULL, body, sizeof(body) - 1, 7, &log, NULL), PLI_INPUT);
	assert_int_equal(parse(TYPE, NULL, other, sizeof(other) - 1, 7, &log, NULL), PLI_INPUT);
}

static void test_content_type(void **state)
{
	static const struct {
		const char *type;
		enum pli_status status;
	} rows[] = {
		{ NULL, PLI_TYPE },
		{ "", PLI_TYPE },
		{ "application/json", PLI_TYPE },
		{ "multipart/form-dataX; boundary=a", PLI_TYPE },
		{ "multipart/mixed; boundary=a", PLI_TYPE },
		{ "multipart/form-data", PLI_INPUT },
		{ "multipart/form-data; boundary=", PLI_INPUT },
		{ "multipart/form-data; boundary=\"\"", PLI_INPUT },
		{ "multipart/form-data; boundary=\"a\\\"\"", PLI_INPUT },
		{ "multipart/form-data; boundary=\"a \"", PLI_INPUT },
		{ "multipart/form-data; boundary=a; boundary=b", PLI_INPUT },
		{ "multipart/form-data; boundary=a b", PLI_INPUT },
		{ "multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901",
		  PLI_INPUT },
		{ "multipart/form-data; boundary=1234567890123456789012345678901234567890123456789012345678901234567890",
		  PLI_OK },
		{ "Multipart/Form-Data; charset=utf-8; BOUNDARY=\"a=b c\"", PLI_OK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct multipart *mp;

		if (multipart_new(pool, NULL, rows[i].type, &events, NULL, &mp, NULL) != rows[i].status)
			fail_msg("row %zu", i);
	}
}

static void test_limits(void **state)
{
	static const struct {
		struct multipart_limits limits;
		enum pli_status status;
	} rows[] = {
		{ { 2, 2, 10, 20 }, PLI_OK },      { { 1, 2, 10, 20 }, PLI_INVALID },
		{ { 2, 1, 10, 20 }, PLI_INVALID }, { { 2, 2, 9, 20 }, PLI_LIMIT },
		{ { 2, 2, 10, 19 }, PLI_LIMIT },
	};
	static const char body[] = PART("name=\"a\"", "0123456789")
		PART("name=\"f\"; filename=\"x\"", "012345678901234567890") PART("name=\"b\"", "0123456789")
			PART("name=\"f\"; filename=\"y\"", "01234567890") END;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t piece = 1; piece < sizeof(body); piece += 5) {
			AUTO_BUF log = { 0 };

			if (parse(TYPE, &rows[i].limits, body, sizeof(body) - 1, piece, &log, NULL) !=
			    rows[i].status)
				fail_msg("row %zu", i);
		}
	}
}

static void test_head_limit(void **state)
{
	AUTO_BUF body = { 0 };
	AUTO_BUF log = { 0 };
	struct err err = { 0 };

	(void)state;
	buf_str(&body, "--XyZ\r\nX: ");
	for (int i = 0; i < 9000; i++)
		buf_ch(&body, 'x');
	buf_str(&body, "\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n" END);
	assert_int_equal(parse(TYPE, NULL, body.p, body.n, body.n, &log, &err), PLI_INPUT);
	assert_int_equal(parse(TYPE, NULL, body.p, body.n, 3, &log, &err), PLI_INPUT);
}

/* A fault of the receiver ends the parsing and stays. */
static enum pli_status refuse(void *arg, const void *p, size_t n, struct err *err)
{
	(void)arg;
	(void)p;
	(void)n;
	return err_set(err, PLI_FULL, "no space");
}

static void test_receiver_fault(void **state)
{
	static const struct multipart_events full = { begin, refuse, end };
	static const char body[] = PART("name=\"a\"", "1") END;
	AUTO_POOL pool = pool_new();
	AUTO_BUF log = { 0 };
	struct multipart *mp;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(multipart_new(pool, NULL, TYPE, &full, &log, &mp, &err), PLI_OK);
	assert_int_equal(multipart_feed(mp, body, sizeof(body) - 1, &err), PLI_FULL);
	assert_int_equal(multipart_feed(mp, "x", 1, &err), PLI_FULL);
	err = (struct err){ 0 };
	assert_int_equal(multipart_finish(mp, &err), PLI_FULL);
	assert_string_equal(err.text, "no space");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),           cmocka_unit_test(test_bad),
		cmocka_unit_test(test_nul_in_head),    cmocka_unit_test(test_content_type),
		cmocka_unit_test(test_limits),         cmocka_unit_test(test_head_limit),
		cmocka_unit_test(test_receiver_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
