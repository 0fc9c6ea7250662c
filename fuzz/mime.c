/* Outgoing mail: fields separated by NUL; what is built has exactly the known headers and clean lines. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *next(struct pool *pool, const char **p, const char *end)
{
	const char *nul = *p < end ? memchr(*p, '\0', (size_t)(end - *p)) : NULL, *from = *p;

	*p = nul ? nul + 1 : end;
	return pool_strn(pool, from, (size_t)((nul ? nul : end) - from));
}

static void check(const struct buf *mail, int want)
{
	int headers = 0;
	size_t n = 0;
	int in_head = 1;

	for (const char *p = mail->p; *p; p++) {
		if (*p == '\r') {
			assert(p[1] == '\n');
			assert(n <= 998);
			if (n == 0)
				in_head = 0;
			n = 0;
			p++;
			continue;
		}
		assert(*p != '\n' && !(*p & 0x80));
		if (in_head && n == 0 && *p != ' ')
			headers++;
		n++;
	}
	assert(!in_head && n == 0 && headers == want);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF out = { 0 };
	const char *p = (const char *)data, *end = p + size;
	struct mime_header header = { "X-Pli-Test", next(pool, &p, end) };
	struct mime_mail mail = {
		.from = { next(pool, &p, end), "a@b.fr" },
		.to = { next(pool, &p, end), next(pool, &p, end) },
		.subject = next(pool, &p, end),
		.message_id = "1@b.fr",
		.headers = &header,
		.header_count = 1,
		.text = next(pool, &p, end),
		.html = p < end ? next(pool, &p, end) : NULL,
	};

	if (mime_build(&out, &mail, NULL) == PLI_OK)
		check(&out, mail.html ? 8 : 9); /* the parts of a multipart have their own encoding */
	else
		assert(out.n == 0);
	return 0;
}
