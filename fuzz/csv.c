/* CSV: reads back what was written, and no cell begins a formula. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF out = { 0 };
	AUTO_BUF back = { 0 };
	const char *text = pool_strn(pool, (const char *)data, size), *p;
	struct csv csv;
	int quoted;

	csv_begin(&csv, &out, ';');
	csv_cell(&csv, text);
	csv_row_end(&csv);
	p = out.p + 3;
	quoted = *p == '"';
	for (p += quoted; quoted ? *p != '"' || p[1] == '"' : *p != '\r'; p++) {
		assert(*p && (quoted || !strchr(",;\"\n\t", *p)));
		if (*p == '"')
			p++;
		buf_ch(&back, *p);
	}
	assert(strcmp(p + quoted, "\r\n") == 0);
	buf_str(&back, "");
	p = back.n ? back.p : "";
	assert(!*p || !strchr("=+-@\t\r\n", *p));
	assert(strcmp(p, text) == 0 || (*p == '\'' && strcmp(p + 1, text) == 0));
	return 0;
}
