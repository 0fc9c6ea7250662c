/* HTTP/1.1 (and 1.0) on one TLS connection: heads in, bodies by Content-Length, responses out, timers.
 *
 * One request at a time; what a client sends ahead (pipelining) stays in the buffer until its turn.  A connection
 * belongs to one loop and frees itself; whoever opened it hears of the end by env->closed().
 * RFC 9112; limits and refusals as named in http.h. */
#ifndef PLI_HTTP1_H
#define PLI_HTTP1_H

#include <stdbool.h>
#include <stdint.h>

#include "http.h"
#include "http_date.h"
#include "http_exchange.h"

struct http1_conn;
struct ssl_ctx_st;

/* What the connections of one loop share. */
struct http1_env {
	struct exchange_env exchanges;
	const struct http_limits *limits;
	struct http1_conn *conns;	/* all of this loop */
	unsigned conn_count;
	bool stopping;			/* answers say Connection: close */
	void (*closed)(void *arg, uint64_t net_key);
	void *arg;
	int64_t date_second;
	char date[HTTP_DATE_BYTES];	/* of date_second */
};

/* Takes fd: a connected, non-blocking socket.  peer: ip and net are copied; net_key is given back to env->closed(). */
void http1_open(struct http1_env *env, int fd, struct ssl_ctx_st *ctx, const struct http_peer *peer, uint64_t net_key);

/* env->stopping is set: closes what is idle; the others close after their answer.  At most once. */
void http1_stop_idle(struct http1_env *env);
/* Closes everything at once; exchanges under way end as aborted when their jobs are back. */
void http1_stop_all(struct http1_env *env);

#endif
