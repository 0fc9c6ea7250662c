/* One connection to the relay: libcurl connects, greets, goes under TLS and signs in; then our own lines go over it, several at once where
 * the relay takes that (RFC 2920).  For relay*.c only.  One thread. */
#ifndef PLI_RELAY_WIRE_H
#define PLI_RELAY_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>

#include "job.h"
#include "reply.h"

struct relay_common;
struct relay_wire;

/* Where a conversation stands: what the next reply answers. */
enum relay_stage {
	RELAY_GREETING, RELAY_HELLO, RELAY_STARTTLS, RELAY_SIGN_IN, RELAY_RSET, RELAY_MAIL, RELAY_RCPT, RELAY_DATA, RELAY_BODY, RELAY_DOT,
};

/* What was said up to the end of relay_wire_open(), whatever came of it. */
struct relay_said {
	enum relay_stage stage;
	struct reply reply;		/* to the command of stage; empty until one comes */
	char fault[CURL_ERROR_SIZE];	/* curl's words; may be empty */
	char tls[JOB_TLS_MAX + 1], peer[JOB_PEER_MAX + 1];
	bool pipelining, size;		/* of the relay's extensions */
};

/* Blocks.  wire_r: NULL unless CURLE_OK. */
CURLcode relay_wire_open(const struct relay_common *common, struct relay_said *said_r, struct relay_wire **wire_r);
/* All of p; silent_s: how long the relay may take nothing.  CURLE_OPERATION_TIMEDOUT then, another fault when the connection is lost. */
CURLcode relay_wire_put(struct relay_wire *wire, const void *p, size_t n, unsigned silent_s);
/* One whole reply, as far as one came (reply_r).  CURLE_OK: a reply with a code; CURLE_WEIRD_SERVER_REPLY: something else. */
CURLcode relay_wire_reply(struct relay_wire *wire, struct reply *reply_r, unsigned silent_s);
/* Just closes. */
void relay_wire_close(struct relay_wire *wire);

#endif
