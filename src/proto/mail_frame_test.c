/* Frames: what was written is read again, in any pieces; what is not as agreed is neither written nor read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "buf.h"

#include "mail_frame.h"

#define B(text) { text, sizeof(text) - 1 }

static const struct mail_frame frames[] = {
	{ .type = MAIL_OPEN, .kind = MAIL_BOUNCE, .size = 1234567 },
	{ .type = MAIL_DATA, .value = B("raw \0\xff bytes") },
	{ .type = MAIL_END },
	{ .type = MAIL_FIELD, .field = MAIL_TO, .name = B("A B"), .value = B("a@b.example") },
	{ .type = MAIL_FIELD, .field = MAIL_TEXT, .name = B(""), .value = B("two\nlines") },
	{ .type = MAIL_PART, .name = B("any\0\xff name"), .value = B("text/plain") },
	{ .type = MAIL_BYTES, .value = B("x") },
	{ .type = MAIL_PART_END },
	{ .type = MAIL_REPORT, .action = MAIL_DELAYED, .status = B("4.4.1"), .diagnostic = B("later"), .remote = B("") },
	{ .type = MAIL_DONE },
	{ .type = MAIL_REFUSED, .value = B("no") },
};

static void written_and_read(void **state)
{
	AUTO_BUF all = { 0 };
	struct mail_frame f;
	struct err err;
	size_t at = 0, used;

	(void)state;
	for (size_t i = 0; i < sizeof(frames) / sizeof(*frames); i++)
		assert_int_equal(mail_frame_write(&all, &frames[i], &err), PLI_OK);
	for (size_t i = 0; i < sizeof(frames) / sizeof(*frames); i++) {
		const struct mail_frame *w = &frames[i];
		size_t n = 0;

		/* Not whole until its last byte is there. */
		while (mail_frame_read(all.p + at, n, &f, &used, &err) == PLI_AGAIN)
			n++;
		assert_int_equal(mail_frame_read(all.p + at, n, &f, &used, &err), PLI_OK);
		assert_int_equal(used, n);
		assert_int_equal(f.type, w->type);
		assert_int_equal(f.kind, w->kind);
		assert_int_equal(f.size, w->size);
		assert_int_equal(f.field, w->field);
		assert_int_equal(f.action, w->action);
		assert_int_equal(f.value.n, w->value.n);
		assert_int_equal(f.name.n, w->name.n);
		assert_int_equal(f.status.n, w->status.n);
		if (w->value.n)
			assert_memory_equal(f.value.p, w->value.p, w->value.n);
		if (w->name.n)
			assert_memory_equal(f.name.p, w->name.p, w->name.n);
		at += used;
	}
	assert_int_equal(at, all.n);
}

static void bad_ones(void **state)
{
	static char long_text[MAIL_FRAME_BYTES_MAX + 1];
	const struct mail_frame bad[] = {
		{ .type = MAIL_OPEN, .kind = MAIL_KIND_COUNT },
		{ .type = MAIL_DATA },
		{ .type = MAIL_BYTES, .value = { long_text, sizeof(long_text) } },
		{ .type = MAIL_FIELD, .field = MAIL_FIELD_COUNT, .name = B(""), .value = B("x") },
		{ .type = MAIL_FIELD, .field = MAIL_SUBJECT, .name = B(""), .value = B("two\nlines") },
		{ .type = MAIL_FIELD, .field = MAIL_SUBJECT, .name = B(""), .value = B("\xff") },
		{ .type = MAIL_FIELD, .field = MAIL_TEXT, .name = B(""), .value = B("a\0b") },
		{ .type = MAIL_FIELD, .field = MAIL_TO, .name = { long_text, MAIL_NAME_MAX + 1 }, .value = B("x") },
		{ .type = MAIL_PART, .name = { long_text, MAIL_NAME_MAX + 1 }, .value = B("") },
		{ .type = MAIL_PART, .name = B("a"), .value = B("text/plain\r\nX: y") },
		{ .type = MAIL_REPORT, .action = MAIL_ACTION_COUNT, .status = B(""), .diagnostic = B(""), .remote = B("") },
		{ .type = MAIL_REPORT, .action = MAIL_FAILED, .status = B("5.111.222.333"), .diagnostic = B(""), .remote = B("") },
		{ .type = MAIL_REFUSED, .value = { long_text, MAIL_WORDS_MAX + 1 } },
		{ .type = (enum mail_frame_type)77 },
	};
	static const uint8_t raw[][12] = {
		{ 0, 0, 0, 0, 3 }, { 0xff, 0xff, 0xff, 0xff, 3 }, { 0, 0, 0, 2, 3, 0 }, { 0, 0, 0, 1, 4 }, { 0, 0, 0, 1, 0 },
		{ 0, 0, 0, 6, 129, 4, 0, 0, 0, 9 }, { 0, 0, 0, 1, 129 },
	};
	AUTO_BUF out = { 0 };
	struct mail_frame f;
	struct err err;
	size_t used;

	(void)state;
	memset(long_text, 'x', sizeof(long_text));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(mail_frame_write(&out, &bad[i], &err), PLI_INPUT);
	assert_int_equal(out.n, 0);
	for (size_t i = 0; i < sizeof(raw) / sizeof(*raw); i++)
		assert_int_equal(mail_frame_read(raw[i], sizeof(raw[i]), &f, &used, &err), PLI_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_and_read),
		cmocka_unit_test(bad_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
