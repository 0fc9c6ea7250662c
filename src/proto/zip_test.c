/* ZIP: writer against reader, any start against the whole, and archives that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "buf.h"
#include "pool.h"
#include "crc32.h"
#include "stream.h"
#include "zip.h"

#define T_US (INT64_C(1795293275) * 1000000)

/* ---- contents for zip_istream ---- */

struct content {
	const char *text;
	const char *from_start; /* what really comes, when it differs */
	int opened;
};

static enum pli_status content_open(void *arg, uint64_t skip, struct istream **is_r, struct err *err)
{
	struct content *c = arg;
	const char *text = c->from_start ? c->from_start : c->text;

	(void)err;
	c->opened++;
	*is_r = istream_memory(text + skip, strlen(text) - (size_t)skip);
	return PLI_OK;
}

static void entry_fill(struct zip_entry *e, const char *name, struct content *c)
{
	*e = (struct zip_entry){ .name = name,
				 .size = strlen(c->text),
				 .mtime_us = T_US,
				 .open = content_open,
				 .arg = c,
				 .crc = crc32_add(0, c->text, strlen(c->text)) };
}

/* Everything the stream gives, in reads of at most cap bytes. */
static enum pli_status drain(struct istream *is, size_t cap, struct buf *out, struct err *err)
{
	char piece[4096];
	size_t n = 1;
	enum pli_status status = PLI_OK;

	while (status == PLI_OK && n) {
		status = istream_read(is, piece, cap, &n, err);
		if (status == PLI_OK)
			buf_add(out, piece, n);
	}
	istream_close(is);
	return status;
}

static void test_stream(void **state)
{
	struct content contents[4] = {
		{ .text = "hello" }, { .text = "" }, { .text = "x" }, { .text = "the last one" }
	};
	static const char *const names[4] = { "a.txt", "empty", "d/\xC3\xA9.txt", "z" };
	struct zip_entry entries[4];
	AUTO_POOL pool = pool_new();
	AUTO_BUF whole = { 0 };
	struct err err = { 0 };
	struct zip_file *files;
	size_t count;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		entry_fill(&entries[i], names[i], &contents[i]);
	assert_int_equal(drain(zip_istream(entries, 4), sizeof(char[4096]), &whole, &err), PLI_OK);
	assert_int_equal(whole.n, zip_length(entries, 4));
	assert_int_equal(contents[1].opened, 0);
	if (zip_read_open(pool, whole.p, whole.n, 1000, &files, &count, &err) != PLI_OK)
		fail_msg("%s", err.text);
	assert_int_equal(count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(files[i].name, names[i]);
		assert_int_equal(files[i].n, strlen(contents[i].text));
		assert_memory_equal(files[i].p, contents[i].text, files[i].n);
	}
	/* Any start, reads of any size. */
	for (size_t at = 0; at <= whole.n; at++) {
		AUTO_BUF rest = { 0 };

		assert_int_equal(drain(zip_istream_at(entries, 4, at), 1 + at % 11, &rest, &err), PLI_OK);
		assert_int_equal(rest.n, whole.n - at);
		if (rest.n)
			assert_memory_equal(rest.p, whole.p + at, rest.n);
	}
}

static void test_stream_empty(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF whole = { 0 };
	struct zip_file *files;
	size_t count = 9;

	(void)state;
	assert_int_equal(drain(zip_istream(NULL, 0), 100, &whole, NULL), PLI_OK);
	assert_int_equal(whole.n, 22);
	assert_int_equal(zip_length(NULL, 0), 22);
	assert_int_equal(zip_read_open(pool, whole.p, whole.n, 0, &files, &count, NULL), PLI_OK);
	assert_int_equal(count, 0);
}

/* A content that is not what the headers said must not end as a whole archive. */
static void test_stream_lies(void **state)
{
	static const char *const lies[] = { "hell", "hello!", "hellx" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct content c = { .text = "hello", .from_start = lies[i] };
		struct zip_entry entry;
		AUTO_BUF out = { 0 };

		entry_fill(&entry, "a", &c);
		assert_int_equal(drain(zip_istream(&entry, 1), 3, &out, NULL), PLI_IO);
	}
}

/* ---- large ones, without their bytes ---- */

static enum pli_status zeros_read(struct istream *is, void *buf, size_t cap, size_t *n_r, struct err *err)
{
	(void)is;
	(void)err;
	memset(buf, 0, cap);
	*n_r = cap;
	return PLI_OK;
}

static void zeros_close(struct istream *is)
{
	(void)is;
}

static enum pli_status zeros_open(void *arg, uint64_t skip, struct istream **is_r, struct err *err)
{
	static const struct istream_ops ops = { "zeros", zeros_read, zeros_close, NULL };
	static struct istream is = { &ops };

	(void)arg;
	(void)skip;
	(void)err;
	*is_r = &is;
	return PLI_OK;
}

static uint64_t le(const char *p, int n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | (uint8_t)p[n];
	return v;
}

/* 5 GiB and 2 bytes: the sizes of the first and the offset of the second need ZIP64. */
static void test_zip64(void **state)
{
	const uint64_t size = UINT64_C(5) << 30;
	struct zip_entry entries[2] = { { "big", size, 0, T_US, zeros_open, NULL },
					{ "two", 2, 0, T_US, zeros_open, NULL } };
	uint64_t head = 30 + 3 + 20 + 9, length = zip_length(entries, 2),
		 central = head + size + (30 + 3 + 9) + 2;
	AUTO_BUF first = { 0 };
	AUTO_BUF tail = { 0 };
	const char *p;

	(void)state;
	assert_int_equal(length, central + (46 + 3 + 20 + 9) + (46 + 3 + 12 + 9) + 56 + 20 + 22);
	assert_int_equal(drain(istream_window(zip_istream(entries, 2), 0, head), 4096, &first, NULL), PLI_OK);
	assert_int_equal(le(first.p + 4, 2), 45);
	assert_int_equal(le(first.p + 18, 4), 0xffffffff);
	assert_int_equal(le(first.p + 33, 2), 1);
	assert_int_equal(le(first.p + 37, 8), size);
	assert_int_equal(drain(zip_istream_at(entries, 2, central), 4096, &tail, NULL), PLI_OK);
	assert_int_equal(tail.n, length - central);
	p = tail.p + 46 + 3 + 20 + 9; /* central header of "two" */
	assert_int_equal(le(p, 4), 0x02014b50);
	assert_int_equal(le(p + 42, 4), 0xffffffff);
	assert_int_equal(le(p + 46 + 3, 2), 1);
	assert_int_equal(le(p + 46 + 3 + 4, 8), head + size);
	p += 46 + 3 + 12 + 9;
	assert_int_equal(le(p, 4), 0x06064b50);
	assert_int_equal(le(p + 24, 8), 2);
	assert_int_equal(le(p + 48, 8), central);
	assert_int_equal(le(p + 56 + 8, 8), central + (46 + 3 + 20 + 9) + (46 + 3 + 12 + 9));
	assert_int_equal(le(p + 56 + 20, 4), 0x06054b50);
}

/* ---- in memory ---- */

static const struct zip_file sample[] = {
	{ "mimetype", (const uint8_t *)"application/vnd.etsi.asic-e+zip", 31 },
	{ "receipt.txt", (const uint8_t *)"received", 8 },
	{ "META-INF/x", (const uint8_t *)"", 0 },
};

static void test_write(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF out = { 0 };
	struct zip_file *files;
	size_t count;

	(void)state;
	buf_str(&out, "before");
	zip_write(&out, sample, 3, T_US);
	assert_memory_equal(out.p + 6 + 30, "mimetypeapplication/vnd.etsi.asic-e+zip", 39);
	assert_int_equal(zip_read_open(pool, out.p + 6, out.n - 6, 100, &files, &count, NULL), PLI_OK);
	assert_int_equal(count, 3);
	assert_memory_equal(files[1].p, "received", 8);
	assert_int_equal(zip_read_open(pool, out.p + 6, out.n - 6, 38, &files, &count, NULL), PLI_LIMIT);
	assert_int_equal(zip_read_open(pool, out.p + 6, out.n - 6, 39, &files, &count, NULL), PLI_OK);
}

/* Every cut and every addition is noticed, and every changed byte but those that say nothing about
 * the files: times (both copies must agree), versions, attributes, and a name's flag or case. */
static void test_tamper(void **state)
{
	AUTO_BUF out = { 0 };
	AUTO_POOL scratch = pool_new();
	size_t accepted = 0;

	(void)state;
	zip_write(&out, sample, 3, T_US);
	for (size_t n = 0; n < out.n; n++) {
		struct zip_file *files;
		size_t count;

		assert_int_equal(zip_read_open(scratch, out.p, n, 1000, &files, &count, NULL), PLI_INPUT);
		if (n)
			assert_int_equal(
				zip_read_open(scratch, out.p + n, out.n - n, 1000, &files, &count, NULL),
				PLI_INPUT);
	}
	for (size_t at = 0; at < out.n; at++) {
		AUTO_POOL pool = pool_new();
		struct zip_file *files;
		size_t count;

		out.p[at] ^= 1;
		if (zip_read_open(pool, out.p, out.n, 1000, &files, &count, NULL) == PLI_OK) {
			accepted++;
			assert_int_equal(count, 3);
			for (size_t i = 0; i < 3; i++) {
				assert_string_equal(files[i].name, sample[i].name);
				assert_int_equal(files[i].n, sample[i].n);
				assert_memory_equal(files[i].p, sample[i].p, sample[i].n);
			}
		}
		out.p[at] ^= 1;
	}
	/* made-by version, internal and external attributes, in each of three directory entries */
	assert_true(accepted <= 3 * (2 + 2 + 4));
}

static void put(struct buf *b, uint64_t v, int n)
{
	for (; n; n--, v >>= 8)
		buf_ch(b, (char)(v & 0xff));
}

/* One entry written by hand, so that every field can lie. */
struct forged {
	const char *name, *central_name, *data;
	unsigned data_n, flags, method, size, packed, extra, gap, mode, crc_xor;
	const char *prefix, *suffix, *comment;
	unsigned count;
};

static void forge(struct buf *b, const struct forged *f)
{
	static const char extra[] = "\x01\0\x04\0abcd";
	AUTO_BUF central = { 0 };
	const char *cname = f->central_name ? f->central_name : f->name;
	uint32_t crc = crc32_add(0, f->data, f->data_n) ^ f->crc_xor;
	size_t local_at = b->n + strlen(f->prefix ? f->prefix : ""), at;

	buf_str(b, f->prefix ? f->prefix : "");
	for (unsigned i = 0; i < (f->count ? f->count : 1); i++) {
		at = f->prefix ? local_at : b->n;
		put(b, 0x04034b50, 4), put(b, 20, 2), put(b, f->flags, 2), put(b, f->method, 2), put(b, 0, 4),
			put(b, crc, 4);
		put(b, f->packed ? f->packed : f->data_n, 4), put(b, f->size ? f->size : f->data_n, 4);
		put(b, strlen(f->name), 2), put(b, f->extra ? 8 : 0, 2);
		buf_str(b, f->name);
		buf_add(b, extra, f->extra ? 8 : 0);
		buf_add(b, f->data, f->data_n);
		buf_add(b, "padding", f->gap);
		put(&central, 0x02014b50, 4), put(&central, 0x0314, 2), put(&central, 20, 2),
			put(&central, f->flags, 2);
		put(&central, f->method, 2), put(&central, 0, 4), put(&central, crc, 4);
		put(&central, f->packed ? f->packed : f->data_n, 4),
			put(&central, f->size ? f->size : f->data_n, 4);
		put(&central, strlen(cname), 2), put(&central, 0, 2), put(&central, 0, 6),
			put(&central, (uint64_t)f->mode << 16, 4);
		put(&central, at, 4);
		buf_str(&central, cname);
	}
	at = b->n;
	buf_add(b, central.p, central.n);
	put(b, 0x06054b50, 4), put(b, 0, 4), put(b, f->count ? f->count : 1, 2),
		put(b, f->count ? f->count : 1, 2);
	put(b, central.n, 4), put(b, at, 4), put(b, strlen(f->comment ? f->comment : ""), 2);
	buf_str(b, f->comment ? f->comment : "");
	buf_str(b, f->suffix ? f->suffix : "");
}

#define PLAIN .data = "hello", .data_n = 5

static const struct {
	struct forged forged;
	enum pli_status status;
} forgeries[] = {
	{ { .name = "a", PLAIN }, PLI_OK },
	{ { .name = "a/b/c", PLAIN }, PLI_OK },
	{ { .name = "a/", .data = "", .data_n = 0 }, PLI_OK },
	{ { .name = "\xC3\xA9", .flags = 0x800, PLAIN }, PLI_OK },
	{ { .name = "a", .mode = 0100644, PLAIN }, PLI_OK },
	{ { .name = "\xC3\xA9", PLAIN }, PLI_INPUT },
	{ { .name = "\xff", .flags = 0x800, PLAIN }, PLI_INPUT },
	{ { .name = "a/", PLAIN }, PLI_INPUT },
	{ { .name = "../a", PLAIN }, PLI_INPUT },
	{ { .name = "a/../b", PLAIN }, PLI_INPUT },
	{ { .name = "a/..", PLAIN }, PLI_INPUT },
	{ { .name = "./a", PLAIN }, PLI_INPUT },
	{ { .name = "/a", PLAIN }, PLI_INPUT },
	{ { .name = "a//b", PLAIN }, PLI_INPUT },
	{ { .name = "a\\b", PLAIN }, PLI_INPUT },
	{ { .name = "C:a", PLAIN }, PLI_INPUT },
	{ { .name = "a\nb", PLAIN }, PLI_INPUT },
	{ { .name = "", PLAIN }, PLI_INPUT },
	{ { .name = "a", .central_name = "b", PLAIN }, PLI_INPUT },
	{ { .name = "a", .central_name = "ab", PLAIN }, PLI_INPUT },
	{ { .name = "a", .crc_xor = 1, PLAIN }, PLI_INPUT },
	{ { .name = "a", .size = 4, PLAIN }, PLI_INPUT },
	{ { .name = "a", .size = 6, PLAIN }, PLI_INPUT },
	{ { .name = "a", .packed = 4, .size = 4, PLAIN }, PLI_INPUT },
	{ { .name = "a", .packed = 6, .size = 6, PLAIN }, PLI_INPUT },
	{ { .name = "a", .packed = 0xffffffff, .size = 0xffffffff, PLAIN }, PLI_INPUT },
	{ { .name = "a", .flags = 1, PLAIN }, PLI_INPUT },
	{ { .name = "a", .flags = 8, PLAIN }, PLI_INPUT },
	{ { .name = "a", .method = 12, PLAIN }, PLI_INPUT },
	{ { .name = "a", .method = 8, .size = 5, PLAIN }, PLI_INPUT },
	{ { .name = "a", .extra = 1, PLAIN }, PLI_INPUT },
	{ { .name = "a", .gap = 3, PLAIN }, PLI_INPUT },
	{ { .name = "a", .mode = 0120777, PLAIN }, PLI_INPUT },
	{ { .name = "a", .prefix = "#!/bin/sh\n", PLAIN }, PLI_INPUT },
	{ { .name = "a", .suffix = "x", PLAIN }, PLI_INPUT },
	{ { .name = "a", .comment = "x", PLAIN }, PLI_INPUT },
	{ { .name = "a", .count = 2, PLAIN }, PLI_INPUT }, /* the name twice */
	{ { .name = "a", .count = ZIP_READ_FILES_MAX + 1, PLAIN }, PLI_INPUT },
};

static void test_forgeries(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++) {
		AUTO_POOL pool = pool_new();
		AUTO_BUF b = { 0 };
		struct zip_file *files;
		struct err err = { 0 };
		size_t count;

		forge(&b, &forgeries[i].forged);
		if (zip_read_open(pool, b.p, b.n, 100, &files, &count, &err) != forgeries[i].status)
			fail_msg("row %zu: %s", i, err.text);
	}
}

/* Deflated content, right and bombs. */
static void test_deflate(void **state)
{
	static char zeros[100000];
	static uint8_t packed[2000];
	AUTO_POOL pool = pool_new();
	z_stream z = { 0 };
	struct zip_file *files;
	size_t count;
	struct forged f = { .name = "a", .method = 8, .data = (char *)packed, .size = sizeof(zeros) };

	(void)state;
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)zeros, z.avail_in = sizeof(zeros);
	z.next_out = packed, z.avail_out = sizeof(packed);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	f.data_n = (unsigned)z.total_out;
	deflateEnd(&z);
	f.crc_xor = crc32_add(0, packed, f.data_n) ^ crc32_add(0, zeros, sizeof(zeros));
	for (int lie = -1; lie <= 2; lie++) {
		AUTO_BUF b = { 0 };

		f.size = lie == 2 ? 100000000 : (unsigned)((int)sizeof(zeros) + lie);
		forge(&b, &f);
		assert_int_equal(zip_read_open(pool, b.p, b.n, 200000000, &files, &count, NULL),
				 lie ? PLI_INPUT : PLI_OK);
		if (!lie)
			assert_int_equal(
				zip_read_open(pool, b.p, b.n, sizeof(zeros) - 1, &files, &count, NULL),
				PLI_LIMIT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stream),      cmocka_unit_test(test_stream_empty),
		cmocka_unit_test(test_stream_lies), cmocka_unit_test(test_zip64),
		cmocka_unit_test(test_write),       cmocka_unit_test(test_tamper),
		cmocka_unit_test(test_forgeries),   cmocka_unit_test(test_deflate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
