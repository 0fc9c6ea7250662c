/* HTTP/1.1 (and 1.0) on a connection: heads in, bodies by Content-Length, responses out.  RFC 9112; limits and refusals
 * as named in http.h.
 *
 * One request at a time; what a client sends ahead (pipelining) stays in the buffer until its turn.  Shared by http1.c
 * (states, timers), http1_request.c (head to request) and http1_response.c (response to bytes). */
#ifndef PLI_HTTP1_CONN_H
#define PLI_HTTP1_CONN_H

#include "http_conn.h"

enum http1_state {
	HTTP1_HEAD,		/* idle, or a head is arriving */
	HTTP1_BODY,		/* bytes go to the exchange */
	HTTP1_WAIT,		/* the exchange works */
	HTTP1_SEND,		/* out, then what the exchange gives */
	HTTP1_DRAIN,		/* the rest of a small refused body, then the next head */
	HTTP1_CLOSED,		/* the connection has ended or lingers */
};

struct http1_conn {
	unsigned magic;
	enum http1_state state;
	struct http_conn *conn;
	struct http_env *env;

	struct buf in;			/* bytes read and not yet used begin at in_off */
	size_t in_off;
	size_t in_line;			/* head_guard_end() goes on here, counted from in_off */
	bool served;			/* a request was answered: longer idling is allowed */
	bool last;			/* close after this answer */
	bool faulty;			/* the stream of requests cannot be trusted any more */
	bool expects;			/* 100 Continue is still owed */
	bool paused;			/* the exchange has no room */
	uint64_t body_left;		/* of the request, not yet read */
	uint64_t window_bytes;		/* body bytes since the timer was set */

	struct exchange *x;		/* NULL: none, or a fault before there was one */
	struct buf out;			/* heads and small bodies */
	size_t out_off;
	size_t out_inline;		/* bytes at the end of out that belong to the exchange's body */
};

/* A complete head lies at in_off, len bytes: makes the exchange and begins it, or answers a fault. */
void http1_request_begin(struct http1_conn *c, size_t len);

/* The answer of the exchange, or of a fault without one, is put into c->out; c->last is decided. */
void http1_response_begin(struct http1_conn *c);
void http1_response_fault(struct http1_conn *c, int status, const char *target, const char *detail);
void http1_response_continue(struct http1_conn *c);

/* In http1.c: the exchange has news. */
void http1_changed(void *wire);

#endif
