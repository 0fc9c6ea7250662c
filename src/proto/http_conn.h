/* One connection of a loop, from accept to close: the PROXY header of a trusted front, TLS, then a wire chosen by ALPN
 * (HTTP/1.1 or HTTP/2), and the good-bye.  Socket, clock and turns are here; what the bytes mean is the wire's.
 *
 * A connection belongs to one loop and frees itself; whoever opened it hears of the end by env->closed().  Every event
 * ends in http_conn_advance(), which takes step after step until one has to wait for socket, exchange or clock. */
#ifndef PLI_HTTP_CONN_H
#define PLI_HTTP_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "chan.h"
#include "loop.h"

#include "http.h"
#include "http_date.h"
#include "http_exchange.h"

struct http_conn;
struct proxy_reader;
struct ssl_ctx_st;

/* What the connections of one loop share. */
struct http_env {
	struct exchange_env exchanges;
	const struct http_limits *limits;
	struct http_conn *conns;	/* all of this loop */
	unsigned conn_count;
	bool stopping;			/* answers say that the connection ends */
	void (*closed)(void *arg, uint64_t net_key);
	/* A front has named the client: false when there are too many from its net. */
	bool (*renamed)(void *arg, uint64_t old_key, uint64_t new_key);
	void *arg;
	int64_t date_second;
	char date[HTTP_DATE_BYTES];	/* of date_second */
};

/* A wire: what is spoken behind TLS.  `w` is what open() returned; it lives until free(). */
struct http_wire {
	const char *alpn;
	void *(*open)(struct http_conn *conn);	/* the handshake is complete; sets the first timer */
	bool (*step)(void *w);		/* true when another step may follow; never after a close */
	void (*timeout)(void *w);	/* conn->timer has fired; steps follow */
	bool (*hung_up)(void *w);	/* the socket is dead in both directions: true when nothing of it is worth reading */
	void (*stop)(void *w);		/* env->stopping is set: ends what is idle, says the rest */
	void (*closed)(void *w);	/* lets its exchanges go; called once */
	void (*free)(void *w);
};
extern const struct http_wire http1_wire, http2_wire;

enum http_conn_state {
	HTTP_CONN_PROXY,	/* the front's header is arriving */
	HTTP_CONN_HANDSHAKE,
	HTTP_CONN_WIRE,
	HTTP_CONN_LINGER,	/* said good-bye; reads on for a while so that the client gets the answer */
	HTTP_CONN_CLOSED,
};

struct http_conn {
	unsigned magic;
	enum http_conn_state state;
	struct http_env *env;
	struct http_conn *next, **prev;	/* in env->conns */
	struct chan chan;
	struct loop_watch watch;
	struct timer timer;		/* the wire's, once there is one */
	struct loop_post post;		/* go on in the next turn, or (closed) free */
	bool posted;
	const struct http_wire *wire;
	void *w;
	struct proxy_reader *proxy;	/* in HTTP_CONN_PROXY */
	uint64_t drained;
	struct http_peer peer;
	uint64_t net_key;
};

/* Takes fd: a connected, non-blocking socket.  peer: ip and net are copied; net_key is given back to env->closed().
 * proxied: it comes from a trusted front and begins with a PROXY header, which names the client. */
void http_conn_open(struct http_env *env, int fd, struct ssl_ctx_st *ctx, const struct http_peer *peer, uint64_t net_key,
		    bool proxied);

void http_conn_advance(struct http_conn *conn);
/* The same, once, after what else this turn of the loop has to tell. */
void http_conn_later(struct http_conn *conn);
/* Whoever calls this returns to the loop at once; memory goes in the next turn, when no event can name it. */
void http_conn_close(struct http_conn *conn);
/* All is said: good-bye, and close. */
void http_conn_finish(struct http_conn *conn);
/* All is said, but the peer may still be sending: good-bye, then what comes is thrown away for a while. */
void http_conn_linger(struct http_conn *conn);
/* 0 seconds: no timer. */
void http_conn_timer(struct http_conn *conn, unsigned seconds);
/* The text of now for Date. */
const char *http_env_date(struct http_env *env);

/* env->stopping is set: closes what is idle; the others close after their answers.  At most once. */
void http_conn_stop_idle(struct http_env *env);
/* Closes everything at once; exchanges under way end as aborted when their jobs are back. */
void http_conn_stop_all(struct http_env *env);

#endif
