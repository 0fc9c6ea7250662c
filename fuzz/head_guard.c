/* Guard and grammar, fed whole and byte by byte.  Properties: both ways of finding the end agree; what is accepted lies
 * inside the input, has exactly one Host and no Transfer-Encoding, and its target is parsed or refused. */
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "pool.h"
#include "status.h"

#include "head_guard.h"
#include "http1_head.h"
#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct head_span s, const char *p, size_t n)
{
	assert(s.p >= p && s.p + s.n <= p + n);
}

static void check_accepted(const struct head_guard *g, const char *p, size_t n)
{
	unsigned hosts = 0;
	AUTO_POOL pool = pool_new();
	struct target target;
	struct err err;

	inside(g->method, p, n);
	inside(g->target, p, n);
	inside(g->host, p, n);
	for (unsigned i = 0; i < g->field_count; i++) {
		const struct head_guard_field *f = &g->fields[i];

		inside(f->name, p, n);
		inside(f->value, p, n);
		assert(f->name.n > 0 && memchr(f->value.p, '\n', f->value.n) == NULL);
		hosts += f->name.n == 4 && strncasecmp(f->name.p, "host", 4) == 0;
		assert(f->name.n != 17 || strncasecmp(f->name.p, "transfer-encoding", 17) != 0);
	}
	assert(hosts == 1);
	if (target_parse(pool, g->target.p, g->target.n, &target, &err) == PLI_OK)
		assert(target.path && target.query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	size_t line = 0, slow_line = 0;
	long len, slow = 0;
	struct head_guard g;
	const char *why = NULL;
	int status;

	if (size > 16384)
		return 0;
	len = head_guard_end(p, size, &line);
	for (size_t n = 1; n <= size && slow == 0; n++)
		slow = head_guard_end(p, n, &slow_line);
	assert(len == slow);
	status = http1_head_parse(p, len > 0 ? (size_t)len : size, &g, &why);
	assert(status == 0 || why);
	assert(len > 0 || status != 0);
	if (status == 0)
		check_accepted(&g, p, (size_t)len);
	return 0;
}
