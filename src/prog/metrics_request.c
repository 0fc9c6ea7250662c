/* See metrics_request.h. */
#include <string.h>
#include <strings.h>

#include "text.h"

#include "metrics_request.h"

/* Is OpenMetrics among the types of the first Accept line? */
static bool wants_open(const char *head)
{
	static const char type[] = "application/openmetrics-text";
	const char *end = strstr(head, "\r\n\r\n");

	for (const char *line = strstr(head, "\r\n"); line && line != end; line = strstr(line + 2, "\r\n")) {
		const char *found;

		if (strncasecmp(line + 2, "accept:", 7) != 0)
			continue;
		found = strstr(line + 2, type);
		return found && found < line + 2 + strcspn(line + 2, "\r");
	}
	return false;
}

/* The target is the page, with or without a query. */
static bool names_page(const char *target)
{
	return str_starts(target, "/metrics ") || str_starts(target, "/metrics?");
}

struct metrics_request metrics_request_parse(const char *head)
{
	bool get = str_starts(head, "GET "), only_head = str_starts(head, "HEAD ");
	struct metrics_request r = { .what = METRICS_METHOD, .head_only = only_head, .open = wants_open(head) };

	if (get || only_head)
		r.what = names_page(head + (get ? 4 : 5)) ? METRICS_PAGE : METRICS_ABSENT;
	return r;
}
