/* tus uploads: offsets, breaks, checksums, use by a letter. */
#include "office_testing.h"

#include "upload.h"

static struct instance in;

static char *id_of(char out[37], const struct upload_info *info)
{
	return uuid_format(out, &info->upload);
}

/* One request with n bytes from offset; ended as a complete one. */
static enum pli_status append(const char *id, uint64_t offset, const void *p, size_t n, const uint8_t *sha256, uint64_t *offset_r,
			      bool *done_r, struct err *err)
{
	struct ostream *os;
	enum pli_status st = upload_append_begin(in.office, &in.editor, id, offset, sha256, &os, err);

	if (st != PLI_OK)
		return st;
	st = ostream_write(os, p, n, err);
	if (st == PLI_OK)
		st = upload_append_end(in.office, os, offset_r, done_r, err);
	ostream_close(os);
	return st;
}

static void in_pieces(void **state)
{
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };
	size_t n = 200001;
	uint8_t *bytes = pool_alloc(pool, n);
	struct upload_info info;
	bool again;
	uint64_t at = 0;
	bool done = false;
	char id[37];

	(void)state;
	mem_random(bytes, n);
	OK(upload_create(in.office, &in.editor, n, "gros fichier.bin", "application/x-test", NULL, &info, &again, &err));
	id_of(id, &info);
	OK(upload_get(in.office, &in.editor, pool, id, &info, &err));
	assert_int_equal(info.offset, 0);
	assert_false(info.done);
	OK(append(id, 0, bytes, 70001, NULL, &at, &done, &err));
	assert_int_equal(at, 70001);
	REFUSED(append(id, 0, bytes, 10, NULL, &at, &done, &err), PLI_CONFLICT, "wrong-offset");
	REFUSED(append(id, 70002, bytes, 10, NULL, &at, &done, &err), PLI_CONFLICT, "wrong-offset");
	/* Not before it is complete. */
	const char *const uploads[] = { id, NULL }, *const to[] = { "a@example.org", NULL };
	struct deposit d = { .to = to, .subject = "s", .uploads = uploads };
	struct uuid letter;
	AUTO_BUF body;
	buf_init(&body);
	REFUSED(instance_deposit(&in, &in.editor, &d, &letter, &body, &err), PLI_INVALID, "upload-incomplete");
	instance_restart(&in);
	OK(upload_get(in.office, &in.editor, pool, id, &info, &err));
	assert_int_equal(info.offset, 70001);
	assert_string_equal(info.name, "gros fichier.bin");
	OK(append(id, 70001, bytes + 70001, 130000, NULL, &at, &done, &err));
	assert_true(done);
	assert_int_equal(at, n);
	REFUSED(append(id, n, bytes, 1, NULL, &at, &done, &err), PLI_LIMIT, "upload-too-long");
	OK(append(id, n, bytes, 0, NULL, &at, &done, &err));
	assert_true(done);

	OK(instance_deposit(&in, &in.editor, &d, &letter, &body, &err));
	assert_non_null(strstr(body.p, "gros fichier.bin"));
	assert_non_null(strstr(body.p, "\"size\":200001"));
	REFUSED(instance_deposit(&in, &in.editor, &d, &letter, &body, &err), PLI_CONFLICT, "upload-used");
	OK(upload_get(in.office, &in.editor, pool, id, &info, &err));
	assert_true(info.done);
	REFUSED(upload_delete(in.office, &in.editor, id, &err), PLI_CONFLICT, "upload-used");
}

static void a_break_keeps_what_came(void **state)
{
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };
	struct upload_info info;
	bool again;
	struct ostream *os;
	uint64_t at;
	bool done;
	char id[37], bytes[50000] = { 0 };

	(void)state;
	OK(upload_create(in.office, &in.editor, 60000, "f", "text/plain", NULL, &info, &again, &err));
	id_of(id, &info);
	OK(upload_append_begin(in.office, &in.editor, id, 0, NULL, &os, &err));
	OK(ostream_write(os, bytes, sizeof(bytes), &err));
	/* Nobody else may write meanwhile. */
	REFUSED(append(id, 0, bytes, 1, NULL, &at, &done, &err), PLI_CONFLICT, NULL);
	OK(upload_append_end(in.office, os, &at, &done, &err));	/* the client went away */
	assert_int_equal(at, 50000);
	assert_false(done);
	/* Ended, though not closed yet: the next may begin. */
	OK(append(id, 50000, bytes, 0, NULL, &at, &done, &err));
	ostream_close(os);
	/* One that is dropped without an end counts for nothing. */
	OK(upload_append_begin(in.office, &in.editor, id, 50000, NULL, &os, &err));
	OK(ostream_write(os, bytes, 5000, &err));
	ostream_close(os);
	OK(upload_get(in.office, &in.editor, pool, id, &info, &err));
	assert_int_equal(info.offset, 50000);
	OK(upload_delete(in.office, &in.editor, id, &err));
	REFUSED(upload_get(in.office, &in.editor, pool, id, &info, &err), PLI_ABSENT, NULL);
}

static void checksums(void **state)
{
	struct err err = { 0 };
	struct upload_info info;
	bool again;
	uint8_t digest[32], wrong[32] = { 0 };
	uint64_t at = 0;
	bool done;
	char id[37];

	(void)state;
	assert_true(hex_decode(digest, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 64));
	OK(upload_create(in.office, &in.editor, 6, "f", "text/plain", NULL, &info, &again, &err));
	id_of(id, &info);
	REFUSED(append(id, 0, "abc", 3, wrong, &at, &done, &err), PLI_INPUT, "checksum-mismatch");
	OK(append(id, 0, "abc", 3, digest, &at, &done, &err));
	assert_int_equal(at, 3);
	REFUSED(append(id, 3, "abd", 3, digest, &at, &done, &err), PLI_INPUT, "checksum-mismatch");
	OK(append(id, 3, "abc", 3, digest, &at, &done, &err));
	assert_true(done);
}

static void empty_and_foreign(void **state)
{
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };
	struct upload_info info;
	bool again;
	char id[37];

	(void)state;
	OK(upload_create(in.office, &in.editor, 0, "vide", "text/plain", NULL, &info, &again, &err));
	assert_true(info.done);
	id_of(id, &info);
	OK(upload_get(in.office, &in.editor, pool, id, &info, &err));
	assert_true(info.done);
	REFUSED(upload_get(in.office, &in.colleague, pool, id, &info, &err), PLI_ABSENT, NULL);
	REFUSED(upload_get(in.office, &in.stranger, pool, id, &info, &err), PLI_ABSENT, NULL);
	REFUSED(upload_delete(in.office, &in.stranger, id, &err), PLI_ABSENT, NULL);
	REFUSED(upload_get(in.office, &in.auditor, pool, id, &info, &err), PLI_DENIED, NULL);
	REFUSED(upload_get(in.office, &in.editor, pool, "x", &info, &err), PLI_ABSENT, NULL);
	REFUSED(upload_create(in.office, &in.reader, 1, "f", "t/p", NULL, &info, &again, &err), PLI_DENIED, NULL);
	REFUSED(upload_create(in.office, &in.editor, DEPOSIT_PART_MAX + 1, "f", "t/p", NULL, &info, &again, &err), PLI_LIMIT, "too-large");
	REFUSED(upload_create(in.office, &in.editor, DEPOSIT_PART_MAX, "f", "t/p", NULL, &info, &again, &err), PLI_FULL, "no-space");
}

static int setup(void **state)
{
	(void)state;
	instance_make(&in);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	instance_drop(&in);
	return 0;
}

/* The same key makes one upload, and says how far it is; another content under it is refused. */
static void once_by_key(void **state)
{
	struct upload_info first, second;
	bool again;
	struct err err;
	char id[37];

	(void)state;
	OK(upload_create(in.office, &in.editor, 10, "a", "text/plain", "key-1", &first, &again, &err));
	assert_false(again);
	OK(upload_create(in.office, &in.editor, 10, "a", "text/plain", "key-1", &second, &again, &err));
	assert_true(again);
	assert_memory_equal(first.upload.b, second.upload.b, 16);
	assert_int_equal(second.offset, 0);
	REFUSED(upload_create(in.office, &in.editor, 11, "a", "text/plain", "key-1", &second, &again, &err), PLI_INVALID, "idempotency-mismatch");
	REFUSED(upload_create(in.office, &in.editor, 10, "b", "text/plain", "key-1", &second, &again, &err), PLI_INVALID, "idempotency-mismatch");
	OK(upload_delete(in.office, &in.editor, uuid_format(id, &first.upload), &err));
	REFUSED(upload_create(in.office, &in.editor, 10, "a", "text/plain", "key-1", &second, &again, &err), PLI_GONE, NULL);
	OK(upload_create(in.office, &in.editor, 10, "a", "text/plain", "key-2", &second, &again, &err));
	assert_false(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(in_pieces), cmocka_unit_test(a_break_keeps_what_came),
					    cmocka_unit_test(checksums), cmocka_unit_test(empty_and_foreign),
					    cmocka_unit_test(once_by_key) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
