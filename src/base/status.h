/* Outcome of everything that can fail, and the human text that goes with it.
 *
 * A function that can fail returns enum pli_status and is MUST (warn_unused_result).
 * The text is written into struct err where the fault is first seen; callers add nothing.
 * Only doors/problem.c turns a status into an HTTP code, a problem document or an exit code. */
#ifndef PLI_STATUS_H
#define PLI_STATUS_H

#include <stdarg.h>

#define MUST __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

enum pli_status {
	PLI_OK = 0,
	PLI_AGAIN,	/* nothing now, call again when woken */
	PLI_INPUT,	/* the caller's data is malformed (400) */
	PLI_INVALID,	/* well formed but not acceptable (422) */
	PLI_UNAUTH,	/* no or dead credentials (401) */
	PLI_DENIED,	/* known, seen, but not this right (403) */
	PLI_ABSENT,	/* unknown, or the caller may not know of it (404) */
	PLI_METHOD,	/* no such method here (405) */
	PLI_CONFLICT,	/* contradicts the state or is still running (409) */
	PLI_VERSION,	/* another version of the protocol is spoken here (412) */
	PLI_GONE,	/* was there, is no more (410) */
	PLI_LIMIT,	/* too large (413) */
	PLI_TYPE,	/* unsupported media type (415) */
	PLI_RANGE,	/* range or offset cannot be served (416) */
	PLI_LOCKED,	/* locked after too many tries (423) */
	PLI_RATE,	/* too many requests (429) */
	PLI_BUSY,	/* try again later, nothing was done (503) */
	PLI_UNCERTAIN,	/* may or may not have happened; repeat with the same key (503) */
	PLI_FULL,	/* no space; nothing was done (507) */
	PLI_IO,		/* disk, socket or peer failed (500) */
	PLI_BUG,	/* our own mistake (500) */
	PLI_STATUS_COUNT
};

/* type: stable slug for machines ("empty-subject"), NULL for the status's own.
 * field: the input field at fault, "" if none.  hint: what to do now, "" if none.
 * retry_after_s: seconds for Retry-After, 0 if none. */
struct err {
	enum pli_status status;
	const char *type;
	unsigned retry_after_s;
	char field[48];
	char text[320];
	char hint[240];
};

/* Fill err (may be NULL) and return status, so that `return err_set(...)` reads well. */
enum pli_status err_set(struct err *err, enum pli_status status, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The same with a stable type slug (static string) and the input field at fault ("" for none). */
enum pli_status err_field(struct err *err, enum pli_status status, const char *type,
			  const char *field, const char *fmt, ...) PRINTF_LIKE(5, 6);

/* Add advice to an err already set; returns err->status.  err may be NULL, then PLI_BUG. */
enum pli_status err_hint(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Text "what: strerror(errno)"; ENOSPC and EDQUOT become PLI_FULL, everything else PLI_IO. */
enum pli_status err_errno(struct err *err, const char *what);

/* Lower-case name of a status ("input", "denied", ...), for logs and problem types. */
const char *pli_status_name(enum pli_status status);

#endif
