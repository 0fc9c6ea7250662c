/* What a mail server says, made fit for journal and page: one line of printable ASCII, several lines of one reply joined, and
 * every address in it replaced by `(address)`, as no entry of the journal names a person. */
#ifndef PLI_REPLY_H
#define PLI_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

#define REPLY_MAX 500

/* RFC 5321 section 4.2.1: three digits, then a blank, a hyphen (more lines follow), or the end. */
struct reply {
	int code;		/* 200 … 599; 0: none yet */
	bool open;		/* its last line has not come */
	char text[REPLY_MAX + 1];
};
/* Takes one line with or without its CRLF.  A line that is no reply is taken as text behind what stands. */
void reply_take(struct reply *reply, const char *line, size_t n);
void reply_clear(struct reply *reply);
/* Any words, cleaned as above. */
void reply_clean(char out[REPLY_MAX + 1], const char *words, size_t n);

#endif
