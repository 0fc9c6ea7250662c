/* Entries: known bytes, round trips, and that no other bytes are read as an entry. */
#include "cert_testing.h"

#include "pool.h"
#include "text.h"
#include "canon.h"
#include "event.h"
#include "entry.h"

static const struct uuid ids[4] = {
	{ { 1, 2, 3, 4, 5, 6, 0x70, 8, 0x80, 10, 11, 12, 13, 14, 15, 16 } },
	{ { 2, 2, 3, 4, 5, 6, 0x70, 8, 0x80, 10, 11, 12, 13, 14, 15, 16 } },
	{ { 3, 2, 3, 4, 5, 6, 0x70, 8, 0x80, 10, 11, 12, 13, 14, 15, 16 } },
	{ { 4, 2, 3, 4, 5, 6, 0x70, 8, 0x80, 10, 11, 12, 13, 14, 15, 16 } },
};

static struct entry full(void)
{
	return (struct entry){
		.log = TESTING_ORIGIN, .seq = 713, .t_us = INT64_C(1795293275123999), .ev = "handover",
		.letter = &ids[0], .entity = &ids[1], .recipient = &ids[2], .has_prev = true, .prev = { 0xab, 1 }, .salt = { 0xcd, 2 },
		.subject = &ids[3], .method = "link+password", .level = 1, .channel = "web", .ip = "192.0.2.7", .tls = "1.3",
		.d_json = "{\"a\":[1,\"\\n\xc3\xa9\",{}],\"part\":-3,\"z\":true}", .h_json = "{\"manifest\":\"00ff\"}",
	};
}

static void known_bytes(void **state)
{
	static const char want[] =
		"{\"act\":{\"lvl\":1,\"m\":\"link+password\",\"s\":\"04020304-0506-7008-800a-0b0c0d0e0f10\"},\"ch\":\"web\","
		"\"corr\":\"01020304-0506-7008-800a-0b0c0d0e0f10\",\"d\":{\"a\":[1,\"\\n\xc3\xa9\",{}],\"part\":-3,\"z\":true},"
		"\"ent\":\"02020304-0506-7008-800a-0b0c0d0e0f10\",\"etsi\":\"ContentHandover\",\"ev\":\"handover\","
		"\"h\":{\"manifest\":\"00ff\"},\"ip\":\"192.0.2.7\",\"log\":\"pli.example/j/1\","
		"\"prev\":\"ab01000000000000000000000000000000000000000000000000000000000000\","
		"\"r\":\"03020304-0506-7008-800a-0b0c0d0e0f10\",\"salt\":\"cd020000000000000000000000000000\",\"seq\":713,"
		"\"t\":\"2026-11-21T20:34:35.123Z\",\"tls\":\"1.3\",\"v\":1}";
	struct entry e = full();
	AUTO_BUF out = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(entry_write(&e, &out, &err), PLI_OK);
	assert_string_equal(out.p, want);
}

static void round_trips(void **state)
{
	AUTO_POOL pool = pool_new();
	struct entry_view view;
	unsigned count;
	const struct event *events = event_table(&count);
	struct err err;

	(void)state;
	for (unsigned i = 0; i < count; i++) {
		struct entry e = full();
		AUTO_BUF out = { 0 };

		e.ev = events[i].name;
		if (i & 1)
			e.letter = e.recipient = e.subject = NULL;
		if (i & 2)
			e.ip = e.tls = e.d_json = e.h_json = NULL;
		if (i & 4)
			e.has_prev = false;
		assert_int_equal(entry_write(&e, &out, &err), PLI_OK);
		assert_int_equal(entry_parse(pool, out.p, out.n, &view, &err), PLI_OK);
		assert_int_equal(view.e.seq, 713);
		assert_int_equal(view.e.t_us, INT64_C(1795293275123000));
		assert_string_equal(view.e.ev, e.ev);
		assert_int_equal(view.e.letter != NULL, e.letter != NULL);
		assert_true(!e.letter || uuid_same(view.e.letter, e.letter));
		assert_true(str_eq(view.e.d_json, e.d_json));
		assert_true(str_eq(view.e.tls, e.tls));
	}
}

/* Whatever is read is what was written: each change of a byte, each cut and each doubled byte is refused or another entry. */
static void no_other_bytes(void **state)
{
	struct entry e = full();
	AUTO_BUF out = { 0 }, again = { 0 };
	uint8_t leaf[32], other[32];
	struct entry_view view;
	unsigned accepted = 0;
	struct err err;

	(void)state;
	assert_int_equal(entry_write(&e, &out, &err), PLI_OK);
	entry_leaf(out.p, out.n, leaf);
	for (size_t at = 0; at < out.n; at++) {
		AUTO_POOL pool = pool_new();
		char was = out.p[at];

		assert_int_equal(entry_parse(pool, out.p, at, &view, &err), PLI_INPUT);
		for (unsigned x = 1; x < 256; x++) {
			out.p[at] = (char)(was ^ (char)x);
			if (entry_parse(pool, out.p, out.n, &view, &err) != PLI_OK)
				continue;
			accepted++;
			entry_leaf(out.p, out.n, other);
			assert_memory_not_equal(leaf, other, 32);
			buf_reset(&again);
			assert_int_equal(entry_write(&view.e, &again, &err), PLI_OK);
			assert_int_equal(again.n, out.n);
			assert_memory_equal(again.p, out.p, out.n);
		}
		out.p[at] = was;
	}
	assert_true(accepted > 100);
}

static void refused(void **state)
{
	static const char *const bad[] = {
		"", "{}", "[]", "null", "{\"v\":1}", " {\"v\":1}",
		/* a full one, to be varied: order, space, number forms, version, unknown member, unknown event, wrong etsi */
		"{\"ch\":\"api\",\"act\":{\"lvl\":0,\"m\":\"cli\"},\"ev\":\"log.opened\",\"log\":\"l\",\"salt\":\"00000000000000000000000000000000\",\"seq\":0,\"t\":\"2026-11-21T20:34:35.123Z\",\"v\":1}",
		"{\"act\":{\"lvl\":0,\"m\":\"cli\"},\"ch\":\"api\",\"ev\":\"log.opened\",\"log\":\"l\",\"salt\":\"00000000000000000000000000000000\",\"seq\":0,\"t\":\"2026-11-21T20:34:35.123Z\",\"v\":1} ",
		"{\"act\":{\"lvl\":0,\"m\":\"cli\"},\"ch\":\"api\",\"ev\":\"log.opened\",\"log\":\"l\",\"salt\":\"00000000000000000000000000000000\",\"seq\":00,\"t\":\"2026-11-21T20:34:35.123Z\",\"v\":1}",
		"{\"act\":{\"lvl\":0,\"m\":\"cli\"},\"ch\":\"api\",\"ev\":\"log.opened\",\"log\":\"l\",\"salt\":\"00000000000000000000000000000000\",\"seq\":-1,\"t\":\"2026-11-21T20:34:35.123Z\",\"v\":1}",
		"{\"act\":{\"lvl\":0,\"m\":\"cli\"},\"ch\":\"api\",\"ev\":\"log.opened\",\"log\":\"l\",\"salt\":\"00000000000000000000000000000000\",\"seq\":0,\"t\":\"2026-11-21T20:34:35.123Z\",\"v\":2}",
		"{\"act\":{\"lvl\":5,\"m\":\"cli\"},\"ch\":\"api\",\"ev\":\"log.opened\",\"log\":\"l\",\"salt\":\"00000000000000000000000000000000\",\"seq\":0,\"t\":\"2026-11-21T20:34:35.123Z\",\"v\":1}",
		"{\"act\":{\"lvl\":0,\"m\":\"cli\"},\"ch\":\"api\",\"ev\":\"log.closed\",\"log\":\"l\",\"salt\":\"00000000000000000000000000000000\",\"seq\":0,\"t\":\"2026-11-21T20:34:35.123Z\",\"v\":1}",
		"{\"act\":{\"lvl\":0,\"m\":\"cli\"},\"ch\":\"api\",\"etsi\":\"X\",\"ev\":\"log.opened\",\"log\":\"l\",\"salt\":\"00000000000000000000000000000000\",\"seq\":0,\"t\":\"2026-11-21T20:34:35.123Z\",\"v\":1}",
		"{\"act\":{\"lvl\":0,\"m\":\"cli\"},\"ch\":\"api\",\"ev\":\"log.opened\",\"log\":\"l\",\"salt\":\"0000000000000000000000000000000A\",\"seq\":0,\"t\":\"2026-11-21T20:34:35.123Z\",\"v\":1}",
		"{\"act\":{\"lvl\":0,\"m\":\"cli\"},\"ch\":\"api\",\"ev\":\"log.opened\",\"log\":\"l\",\"salt\":\"00000000000000000000000000000000\",\"seq\":0,\"t\":\"2026-11-21T20:34:35.123Z\",\"v\":1,\"w\":1}",
		"{\"act\":{\"lvl\":0,\"m\":\"c\\u006ci\"},\"ch\":\"api\",\"ev\":\"log.opened\",\"log\":\"l\",\"salt\":\"00000000000000000000000000000000\",\"seq\":0,\"t\":\"2026-11-21T20:34:35.123Z\",\"v\":1}",
	};
	static const char good[] =
		"{\"act\":{\"lvl\":0,\"m\":\"cli\"},\"ch\":\"api\",\"ev\":\"log.opened\",\"log\":\"l\",\"salt\":\"00000000000000000000000000000000\",\"seq\":0,\"t\":\"2026-11-21T20:34:35.123Z\",\"v\":1}";
	AUTO_POOL pool = pool_new();
	struct entry_view view;
	struct err err;

	(void)state;
	assert_int_equal(entry_parse(pool, good, strlen(good), &view, &err), PLI_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (entry_parse(pool, bad[i], strlen(bad[i]), &view, &err) != PLI_INPUT)
			fail_msg("accepted: %s", bad[i]);
}

static void too_large(void **state)
{
	static char d[ENTRY_MAX_BYTES + 16];
	struct entry e = full();
	AUTO_BUF out = { 0 };
	struct err err;

	(void)state;
	memset(d, 'x', sizeof(d) - 1);
	memcpy(d, "{\"a\":\"", 6);
	memcpy(d + sizeof(d) - 3, "\"}", 2);
	e.d_json = d;
	assert_int_equal(entry_write(&e, &out, &err), PLI_LIMIT);
}

static void members_join(void **state)
{
	static const struct {
		const char *object, *name, *want;
	} cases[] = {
		{ NULL, "sheet", "{\"sheet\":\"v\"}" },
		{ "{}", "sheet", "{\"sheet\":\"v\"}" },
		{ "{\"manifest\":\"m\"}", "sheet", "{\"manifest\":\"m\",\"sheet\":\"v\"}" },
		{ "{\"a\":{\"x\":1},\"z\":[1,2]}", "sheet", "{\"a\":{\"x\":1},\"sheet\":\"v\",\"z\":[1,2]}" },
		{ "{\"sheet\":\"old\",\"z\":1}", "sheet", "{\"sheet\":\"v\",\"z\":1}" },
	};
	AUTO_POOL pool = pool_new();
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		AUTO_BUF out = { 0 };

		assert_int_equal(canon_with_str(cases[i].object, cases[i].name, "v", &out, &err), PLI_OK);
		assert_string_equal(out.p, cases[i].want);
		assert_true(canon_object_valid(out.p, out.n));
		assert_string_equal(canon_member_str(pool, out.p, out.n, "sheet"), "v");
	}
	{
		AUTO_BUF out = { 0 };

		assert_int_equal(canon_with_str("{\"b\":1,\"a\":2}", "sheet", "v", &out, &err), PLI_BUG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_bytes), cmocka_unit_test(round_trips), cmocka_unit_test(no_other_bytes),
		cmocka_unit_test(refused), cmocka_unit_test(too_large), cmocka_unit_test(members_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
