/* What comes to the metrics listener.  Properties: only GET and HEAD are answered with the page, and only under its name; what
 * stands behind the head decides nothing. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "metrics_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *head = malloc(size + 1), *end;
	struct metrics_request r, cut;

	if (!head)
		return 0;
	if (size)
		memcpy(head, data, size);
	head[size] = '\0';
	r = metrics_request_parse(head);
	assert((r.what != METRICS_METHOD) == (strncmp(head, "GET ", 4) == 0 || strncmp(head, "HEAD ", 5) == 0));
	assert(r.head_only == (strncmp(head, "HEAD ", 5) == 0));
	assert(r.what != METRICS_PAGE || strncmp(strchr(head, ' '), " /metrics", 9) == 0);
	end = strstr(head, "\r\n\r\n");
	if (end) {
		end[4] = '\0';
		cut = metrics_request_parse(head);
		assert(cut.what == r.what && cut.head_only == r.head_only && cut.open == r.open);
	}
	free(head);
	return 0;
}
