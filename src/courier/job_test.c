#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

#include "job.h"

static void round_trip(void **state)
{
	struct job jobs[2] = {
		{ .type = JOB_OUTBOX, .number = 0x0102030405060708, .name = "2026-a_b.eml",
		  .mail = (const uint8_t *)"x\r\ny", .mail_n = 4 },
		{ .type = JOB_ANSWER, .number = 9, .outcome = JOB_AGAIN, .reply = "452 4.3.1 no room" },
	}, got;
	AUTO_BUF out = { 0 };
	struct err err;
	size_t used;

	(void)state;
	assert_int_equal(job_write(&out, &jobs[0], &err), PLI_OK);
	size_t first = out.n;
	assert_int_equal(job_write(&out, &jobs[1], &err), PLI_OK);
	for (size_t n = 0; n < first; n++)
		assert_int_equal(job_read(out.p, n, &got, &used, &err), PLI_AGAIN);
	assert_int_equal(job_read(out.p, out.n, &got, &used, &err), PLI_OK);
	assert_int_equal(used, first);
	assert_true(got.number == jobs[0].number);
	assert_string_equal(got.name, jobs[0].name);
	assert_int_equal(got.mail_n, 4);
	assert_memory_equal(got.mail, "x\r\ny", 4);
	assert_int_equal(job_read(out.p + first, out.n - first, &got, &used, &err), PLI_OK);
	assert_int_equal(got.outcome, JOB_AGAIN);
	assert_string_equal(got.reply, jobs[1].reply);
}

static void refuses_to_write(void **state)
{
	static const char *const names[] = { "", ".hidden", "a/b", "..", "a b", "a\nb", "\xc3\xa9", "a.eml\\" };
	AUTO_BUF out = { 0 };
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct job job = { .type = JOB_OUTBOX, .mail = (const uint8_t *)"", .mail_n = 0 };
		snprintf(job.name, sizeof(job.name), "%s", names[i]);
		if (job_write(&out, &job, &err) != PLI_INPUT)
			fail_msg("name %zu", i);
	}
	struct job reply = { .type = JOB_ANSWER, .reply = "250 ok\r\nMAIL" };
	assert_int_equal(job_write(&out, &reply, &err), PLI_INPUT);
	struct job huge = { .type = JOB_OUTBOX, .name = "a", .mail = (const uint8_t *)"", .mail_n = JOB_FRAME_MAX };
	assert_int_equal(job_write(&out, &huge, &err), PLI_LIMIT);
	assert_int_equal(out.n, 0);
}

static void refuses_to_read(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} cases[] = {
		{ "\0\0\0\0", 4 },						/* empty */
		{ "\0\0\0\x08" "\x01" "\0\0\0\0\0\0\0", 12 },			/* shorter than any */
		{ "\xff\xff\xff\xff", 4 },					/* far too long */
		{ "\0\0\0\x09" "\x02" "\0\0\0\0\0\0\0\x01", 13 },		/* unknown type */
		{ "\0\0\0\x09" "\x01" "\0\0\0\0\0\0\0\x01", 13 },		/* no name */
		{ "\0\0\0\x12" "\x01" "\0\0\0\0\0\0\0\x01" "\0\0\0\x01/" "\0\0\0\0", 22 },
		{ "\0\0\0\x13" "\x01" "\0\0\0\0\0\0\0\x01" "\0\0\0\x01" "a" "\0\0\0\0" "x", 23 },	/* a byte too many */
		{ "\0\0\0\x0e" "\x81" "\0\0\0\0\0\0\0\x01" "\x03" "\0\0\0\0", 18 },	/* outcome 3 */
		{ "\0\0\0\x0f" "\x81" "\0\0\0\0\0\0\0\x01" "\0" "\0\0\0\x01\n", 19 },	/* a line feed */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct job job;
		struct err err;
		size_t used;
		if (job_read(cases[i].bytes, cases[i].n, &job, &used, &err) != PLI_INPUT)
			fail_msg("case %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip), cmocka_unit_test(refuses_to_write), cmocka_unit_test(refuses_to_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
