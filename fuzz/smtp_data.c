/* The text behind DATA: fed whole and in pieces it gives the same; what ends it is CRLF.CRLF alone; what comes out holds only CRLF. */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "buf.h"

#include "smtp_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum pli_status feed(const uint8_t *p, size_t n, size_t step, size_t *used_r, struct buf *out)
{
	struct smtp_data d = { 0 };
	enum pli_status st = PLI_AGAIN;
	struct err err;

	*used_r = 0;
	while (st == PLI_AGAIN && *used_r < n) {
		size_t piece = n - *used_r < step ? n - *used_r : step, used = 0;

		st = smtp_data_feed(&d, p + *used_r, piece, &used, out, &err);
		assert(used <= piece && (st != PLI_AGAIN || used == piece));
		*used_r += used;
	}
	return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF whole = { 0 }, pieces = { 0 };
	size_t used, again;
	enum pli_status st = feed(data, size, size ? size : 1, &used, &whole);
	size_t step = size ? 1 + data[0] % 7 : 1;

	assert(feed(data, size, step, &again, &pieces) == st && again == used);
	assert(whole.n == pieces.n && (whole.n == 0 || memcmp(whole.p, pieces.p, whole.n) == 0));
	for (size_t i = 0; i < whole.n; i++)
		assert(whole.p[i] != '\0' && (whole.p[i] != '\n' || (i && whole.p[i - 1] == '\r')) &&
		       (whole.p[i] != '\r' || (i + 1 < whole.n && whole.p[i + 1] == '\n')));
	if (st == PLI_OK) {
		const uint8_t *end = data + used;

		assert(used >= 3 && memcmp(end - 3, ".\r\n", 3) == 0 && (used == 3 || (used >= 5 && memcmp(end - 5, "\r\n", 2) == 0)));
		/* No earlier end. */
		assert(!memmem(data, used - 1, "\r\n.\r\n", 5));
	}
	return 0;
}
