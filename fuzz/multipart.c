/* multipart/form-data: whole and in pieces must give the same events and the same verdict. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum pli_status begin(void *arg, const struct multipart_part *part, struct err *err)
{
	(void)err;
	assert(strlen(part->name) >= 1 && strlen(part->name) <= 47);
	buf_fmt(arg, "<%s|", part->name);
	if (part->filename)
		buf_add(arg, part->filename, part->filename_n);
	buf_ch(arg, '>');
	return PLI_OK;
}

static enum pli_status body(void *arg, const void *p, size_t n, struct err *err)
{
	(void)err;
	assert(n);
	buf_add(arg, p, n);
	return PLI_OK;
}

static enum pli_status end(void *arg, struct err *err)
{
	(void)err;
	buf_ch(arg, ';');
	return PLI_OK;
}

static enum pli_status run(const char *p, size_t n, size_t piece, struct buf *log)
{
	static const struct multipart_events events = { begin, body, end };
	static const struct multipart_limits limits = { 5, 5, 100, 200 };
	AUTO_POOL pool = pool_new();
	struct multipart *mp;
	struct err err = { 0 };
	enum pli_status status = multipart_new(pool, &limits, "multipart/form-data; boundary=XyZ", &events,
					       log, &mp, &err);

	for (size_t at = 0; status == PLI_OK && at < n; at += piece)
		status = multipart_feed(mp, p + at, n - at < piece ? n - at : piece, &err);
	return status == PLI_OK ? multipart_finish(mp, &err) : status;
}

/* First byte: the size of the pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF whole = { 0 };
	AUTO_BUF pieces = { 0 };
	const char *p = (const char *)data + 1;
	enum pli_status a, b;

	if (!size)
		return 0;
	a = run(p, size - 1, size, &whole);
	b = run(p, size - 1, data[0] % 64 + 1, &pieces);
	assert(a == b);
	if (a == PLI_OK)
		assert(whole.n == pieces.n && (!whole.n || memcmp(whole.p, pieces.p, whole.n) == 0));
	return 0;
}
