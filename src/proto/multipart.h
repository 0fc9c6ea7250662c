/* multipart/form-data (RFC 7578), pushed in pieces of any size, in constant memory.
 *
 * Stricter than the RFC where nothing in use needs more: no preamble but one CRLF, no epilogue but
 * one CRLF, no folded headers, no padding behind the boundary, CRLF only (a bare CR or LF in a
 * part's head is refused), one Content-Disposition a part, no transfer encodings, field parts in
 * UTF-8 (their bytes are checked by the receiver).  Bytes of files are opaque. */
#ifndef PLI_MULTIPART_H
#define PLI_MULTIPART_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct pool;
struct multipart;

/* Borrowed for the call of part_begin: copy what is needed later. */
struct multipart_part {
	const char *name; /* 1 to 47 of A-Z a-z 0-9 _ . - [ ] */
	/* NULL: a plain field.  As sent, decoded, NOT made harmless: filename_clean(filename, filename_n). */
	const char *filename;
	size_t filename_n; /* may hold any byte, NUL too (from filename*) */
	const char *type; /* claimed media type, lower case, without parameters; NULL if none */
};

/* A status other than PLI_OK ends the parsing and is what multipart_feed returns.  part_data comes
 * any number of times with n > 0, also never (an empty part). */
struct multipart_events {
	enum pli_status (*part_begin)(void *arg, const struct multipart_part *part, struct err *err);
	enum pli_status (*part_data)(void *arg, const void *p, size_t n, struct err *err);
	enum pli_status (*part_end)(void *arg, struct err *err);
};

/* 0 = the default in the comment. */
struct multipart_limits {
	unsigned files; /* 500; more: PLI_INVALID */
	unsigned fields; /* 2000; more: PLI_INVALID */
	uint64_t field_bytes; /* 1 MiB for one field: PLI_LIMIT */
	uint64_t fields_bytes; /* 4 MiB for all fields together: PLI_LIMIT */
};

/* content_type: the request's header value, NULL counts as missing.  limits may be NULL; events and
 * arg are borrowed until the last feed.  The parser lives in pool.
 * PLI_TYPE when it is not multipart/form-data, PLI_INPUT without a usable boundary. */
MUST enum pli_status multipart_new(struct pool *pool, const struct multipart_limits *limits,
				   const char *content_type, const struct multipart_events *events, void *arg,
				   struct multipart **mp_r, struct err *err);
/* Blocks when the events do.  After any fault every further call returns the same fault. */
MUST enum pli_status multipart_feed(struct multipart *mp, const void *p, size_t n, struct err *err);
/* PLI_INPUT when the closing boundary has not come. */
MUST enum pli_status multipart_finish(struct multipart *mp, struct err *err);

#endif
