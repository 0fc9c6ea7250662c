/* The gate before the HTTP/1 grammar: refuses every form of head on which two parsers might disagree (request
 * smuggling), and takes from it what frames the message.
 *
 * Accepted: CRLF line ends only; "METHOD SP target SP HTTP/1.0|1.1"; fields "name: value" with a token name directly
 * followed by the colon; values of visible ASCII, space, tab and well-formed UTF-8; exactly one Host; at most one
 * Content-Length, digits only; no Transfer-Encoding; no empty line before the request line.
 * RFC 9112 sections 2.2, 3, 5, 6.3, 11.2; RFC 9110 sections 5.5, 7.2, 8.6, 10.1.1. */
#ifndef PLI_HEAD_GUARD_H
#define PLI_HEAD_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAD_GUARD_FIELDS 100

struct head_span {
	const char *p;
	size_t n;
};

struct head_guard_field {
	struct head_span name;
	struct head_span value;	/* without the white space around */
};

struct head_guard {
	struct head_span method;
	struct head_span target;
	struct head_span host;		/* value of Host, port included */
	unsigned minor;			/* HTTP/1.minor: 0 or 1 */
	bool has_length;
	uint64_t content_length;
	bool wants_close;		/* Connection: close, or HTTP/1.0 */
	bool expects_continue;		/* HTTP/1.1 only */
	unsigned field_count;
	struct head_guard_field fields[HEAD_GUARD_FIELDS];
};

/* Looks for the end of a head while it arrives.  *line is where the first unfinished line begins: 0 at first, kept by
 * the caller between calls on the same, growing text.
 * Returns the length of the whole head with its last CRLF CRLF, 0 when more is needed, -1 when a finished line
 * already breaks the rule of line ends (then nothing is worth waiting for). */
long head_guard_end(const char *p, size_t n, size_t *line);

/* Judges a complete head (as long as head_guard_end() said).  Spans point into p.
 * Returns 0, or the HTTP status of the refusal (400 411 417 431 505) with a static sentence in *why_r. */
int head_guard_check(const char *p, size_t n, struct head_guard *g_r, const char **why_r);

/* "name[:port]" of Host or authority: a registered name, IPv4 or [IPv6]; writes the name in lower case (IPv6 with its
 * brackets).  False when malformed or longer than cap - 1. */
bool head_guard_host(struct head_span host, char *name_r, size_t cap);

/* RFC 9110 section 5.6.2. */
bool head_guard_is_token_char(unsigned char ch);

/* The same judgements for a wire whose heads are no text. */
bool head_guard_token(struct head_span s);
bool head_guard_value(struct head_span v);	/* visible ASCII, space, tab, well-formed UTF-8 */
bool head_guard_target(struct head_span s);	/* visible ASCII */
/* Content-Length: digits only.  NULL, or a static sentence that says what is wrong. */
const char *head_guard_length(struct head_span v, uint64_t *length_r);

#endif
