/* One command line of an SMTP or LMTP client (RFC 5321 section 4.1, RFC 2033, RFC 4954, RFC 6531), as bytes to struct.
 *
 * Strict where two programs might read a line differently: paths stand in angle brackets, no source routes, one space between
 * parameters, no control characters, valid UTF-8.  Addresses themselves are judged by address.h. */
#ifndef PLI_SMTP_COMMAND_H
#define PLI_SMTP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct pool;

#define SMTP_LINE_MAX 4096	/* with its CRLF; RFC 5321 wants 512, AUTH and SMTPUTF8 somewhat more */

enum smtp_verb {
	SMTP_HELO, SMTP_EHLO, SMTP_LHLO, SMTP_AUTH, SMTP_MAIL, SMTP_RCPT, SMTP_DATA, SMTP_RSET, SMTP_NOOP, SMTP_QUIT,
	SMTP_VRFY, SMTP_HELP, SMTP_STARTTLS, SMTP_VERB_COUNT
};
const char *smtp_verb_name(enum smtp_verb verb);

struct smtp_command {
	enum smtp_verb verb;
	const char *word;	/* name of HELO, EHLO, LHLO; mechanism of AUTH, in upper case; path without its brackets ("" for <>) */
	const char *initial;	/* AUTH: initial response, NULL if none, "" for "=" */
	/* MAIL */
	bool has_size, eight_bit, utf8;
	uint64_t size;
};

/* line: n bytes without CRLF.  Strings live in pool (a secret one: AUTH).
 * PLI_METHOD: no such command (500); PLI_INPUT: malformed (501); PLI_INVALID: a parameter that we do not know (555). */
MUST enum pli_status smtp_command_parse(struct pool *pool, const char *line, size_t n, struct smtp_command *command_r,
					struct err *err);

/* What AUTH PLAIN says (RFC 4616): base64 of [authzid] NUL authcid NUL passwd, authzid empty or equal to authcid.
 * PLI_INPUT for anything else. */
MUST enum pli_status smtp_auth_plain(struct pool *pool, const char *text, const char **user_r, const char **password_r,
				     struct err *err);
/* One answer of AUTH LOGIN: base64 of a line of text.  PLI_INPUT. */
MUST enum pli_status smtp_auth_text(struct pool *pool, const char *text, const char **text_r, struct err *err);

#endif
