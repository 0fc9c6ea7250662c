/* Conditional and partial requests, on strong entity tags (RFC 9110 sections 13 and 14).
 * One range is served; several ranges, other units and malformed ones are ignored, as RFC 9110 section 14.2 allows. */
#ifndef PLI_RANGE_H
#define PLI_RANGE_H

#include <stdbool.h>
#include <stdint.h>

enum range_kind {
	RANGE_WHOLE,		/* 200 */
	RANGE_PART,		/* 206 */
	RANGE_UNSATISFIABLE,	/* 416 with Content-Range: bytes * / size */
};

struct range {
	uint64_t first;
	uint64_t length;	/* at least 1 */
};

/* What to send of a representation of size bytes.  range, if_range: field values or NULL; etag: the strong tag with
 * its quotes.  If-Range with another tag, a weak one or a date gives the whole.  *r_r is set for RANGE_PART and
 * RANGE_WHOLE (everything). */
enum range_kind range_pick(const char *range, const char *if_range, const char *etag, uint64_t size,
			   struct range *r_r);

/* Whether a list of If-None-Match (weak comparison, "*") holds etag: then 304 for GET and HEAD. */
bool range_none_match_hit(const char *if_none_match, const char *etag);
/* Whether a list of If-Match (strong comparison, "*") holds etag: when not, 412. */
bool range_match_hit(const char *if_match, const char *etag);

#endif
