/* What a request is to everything above the wire: the same for HTTP/1.1 and HTTP/2.
 *
 * Life of an exchange (struct http_exchange):
 *   1. The loop has a complete, guarded head.  It calls app->plan() on the loop thread; plan must not block.
 *      plan chooses how the body is taken and may refuse at once (http_reply_*).
 *   2. HTTP_BODY_NONE, HTTP_BODY_BUFFERED: the whole body (at most plan.body_max) is in x->body, then
 *      app->handle() runs on a worker thread and fills the response.
 *      HTTP_BODY_SINK: app->sink_open() runs on a worker and gives an ostream; the loop feeds it pieces of at most
 *      256 KiB on worker threads, one at a time, never faster than it takes them; then app->handle() runs with
 *      x->sink set (handle calls ostream_finish itself).
 *      If the peer breaks off or is too slow, what has come is written to the sink and app->sink_broken() runs on a
 *      worker (so that a tus upload keeps its progress); then the exchange ends without a handle().
 *      If sink_open() or a write fails, x->sink_failed is set and handle() is called at once to answer (x->sink is
 *      NULL when sink_open() failed).
 *      "100 Continue" is said when plan() has accepted a buffered body, or when sink_open() has succeeded.
 *      handle() may leave the answer for later: it returns false, holds no thread meanwhile, and has passed the exchange to somebody
 *      who will call http_answer_ready(), once, from any thread; then go_on() runs and fills the response.
 *   3. The response goes out: head, then body bytes or the istream (read on worker threads, two pieces in flight; or on
 *      the loop, as long as it has its bytes at hand).
 *   4. app->done() runs exactly once for each planned exchange, on a worker if there was a sink or a source, else on
 *      the loop thread (then it must not block).  x->body_bytes, x->sent_bytes, x->aborted are final; sink and source
 *      are still open; then they are closed, and the exchange and its pool die.
 * No two calls of the app on one exchange run at the same time, and each sees what the one before has written.
 * HEAD is handled by the engine: handlers answer as for GET, the body is not sent. */
#ifndef PLI_HTTP_H
#define PLI_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "status.h"
#include "stream.h"

struct cidr;
struct pool;

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_OTHER,
	HTTP_METHOD_COUNT
};
const char *http_method_name(enum http_method m);

struct http_field {
	const char *name;	/* lower case */
	const char *value;	/* trimmed; no NUL, CR, LF */
};

struct http_peer {
	char ip[46];		/* textual, IPv4-mapped shown as IPv4 */
	char net[46];		/* its /24 or /64 */
	const char *tls;	/* "TLSv1.3"; static */
	const char *alpn;	/* "http/1.1" or "h2"; static */
};

struct http_request {
	enum http_method method;
	const char *target;	/* as sent: path and query */
	/* Percent-decoded once, UTF-8, no NUL or control character; dot segments, encoded slashes and empty segments
	 * (but one slash at the end) were refused (400).  "*" for OPTIONS *. */
	const char *path;
	const char *query;	/* raw, "" if none */
	const char *host;	/* lower case, without port */
	struct http_field *fields;
	int field_count;
	bool has_body;		/* content_length > 0 */
	uint64_t content_length;
	struct http_peer peer;
};
/* First field of that (lower-case) name, or NULL. */
const char *http_field(const struct http_request *req, const char *name);

struct http_response {
	int status;
	struct buf head;	/* complete "Name: value\r\n" lines; use http_header() */
	struct buf body;	/* used when source is NULL; wiped afterwards */
	struct istream *source;	/* owned; exactly source_bytes long */
	uint64_t source_bytes;
	bool close;		/* end the connection afterwards (HTTP/2: when its other streams have ended) */
};
/* Adds one header line; value must hold no CR, LF or NUL (asserted).  Date, Content-Length and Connection are the
 * engine's. */
void http_header(struct http_response *res, const char *name, const char *value);
void http_headerf(struct http_response *res, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

enum http_body_kind { HTTP_BODY_NONE, HTTP_BODY_BUFFERED, HTTP_BODY_SINK };
struct http_plan {
	enum http_body_kind body;
	uint64_t body_max;	/* larger: 413, decided from Content-Length before a byte is read; drained within limits */
	bool refused;		/* the response is already filled; handle() is not called */
};

struct http_exchange {
	struct pool *pool;	/* dies with the exchange */
	struct http_request req;
	struct http_response res;
	struct buf body;	/* HTTP_BODY_BUFFERED */
	struct ostream *sink;	/* HTTP_BODY_SINK; owned by the engine, closed after done() */
	uint64_t body_bytes;	/* of the request body received so far */
	uint64_t sent_bytes;	/* of the response body handed to TLS */
	bool aborted;		/* the peer left before the whole response was sent */
	bool sink_failed;	/* sink_open() or a write failed: its error is in sink_err */
	struct err sink_err;
	const struct route *route;	/* for the app */
	void *app_data;			/* for the app */
};

/* The application above the wire; all of it thread-safe, app is passed through. */
struct http_app {
	void *app;
	void (*plan)(void *app, struct http_exchange *x, struct http_plan *plan_r);
	enum pli_status (*sink_open)(void *app, struct http_exchange *x, struct ostream **sink_r, struct err *err);
	void (*sink_broken)(void *app, struct http_exchange *x);
	/* False: the answer comes later, and x may be gone already. */
	bool (*handle)(void *app, struct http_exchange *x);
	/* On the loop thread, where it must not block; false: it has to, and is called once more, on a worker (may_block).  NULL for an
	 * app whose handle() always answers. */
	bool (*go_on)(void *app, struct http_exchange *x, bool may_block);
	void (*done)(void *app, struct http_exchange *x);
	/* Faults found below routing (400, 408, 411, 413, 414, 417, 421, 431, 501, 505), and 500 when a source fails
	 * before its first byte: write body and headers for status.  detail: a sentence in English, fit to be shown.
	 * target may be NULL when the head was not readable.  Runs on the loop thread, must not block. */
	void (*fault)(void *app, int status, const char *target, const char *detail, struct http_response *res);
	/* Host names (without port) that are ours; others get 421. */
	bool (*host_known)(void *app, const char *host);
};

/* 0 turns a limit off, but for head_bytes (then 16384).  The engine fires at most 100 ms late. */
struct http_limits {
	unsigned handshake_s, head_s, idle_s, stall_s;		/* 10, 10, 60, 60 */
	unsigned body_rate_bytes, body_rate_s;			/* at least 1024 bytes/s averaged over 30 s */
	unsigned connections_per_net;				/* 0 = off */
	unsigned connections;					/* all; bounded by RLIMIT_NOFILE */
	unsigned head_bytes;					/* 16384 */
};

struct http_server_config {
	const int *listen_fds;		/* borrowed listening sockets */
	int listen_count;
	const char *cert_pem, *key_pem;	/* texts, borrowed for the call */
	unsigned loops;			/* 0: min(cores, 4) */
	unsigned workers_max;		/* threads with stacks of 256 KiB, on demand; idle ones beyond 4 end after 10 s */
	struct http_limits limits;
	bool http2;			/* offered by ALPN; else HTTP/1.1 alone */
	const struct cidr *proxy_from;	/* at most HTTP_FRONTS_MAX; borrowed for the call: trusted fronts, whose */
	size_t proxy_count;		/* connections must begin with a PROXY header (version 2) */
};
#define HTTP_FRONTS_MAX 16

/* handle() has returned false, or is about to. */
void http_answer_ready(struct http_exchange *x);

struct http_server;
/* Starts loop threads and the worker pool.  TLS 1.2 and 1.3, ALPN h2 and http/1.1, session tickets.
 * Afterwards no socket is made or connected and no file is opened; threads are still made (clone, mmap).
 * app is copied; what it points to must live until the stop.  PLI_INPUT (certificate, key), PLI_IO, PLI_BUG. */
MUST enum pli_status http_server_start(const struct http_server_config *config, const struct http_app *app,
				       struct http_server **server_r, struct err *err);
/* Builds a new SSL_CTX and swaps it for new connections; on failure nothing changes.  The same in two steps: what _prepare built is
 * either used (taken over) or freed with SSL_CTX_free().  Any thread. */
MUST enum pli_status http_server_certificate(struct http_server *server, const char *cert_pem, const char *key_pem,
					     struct err *err);
struct ssl_ctx_st;
MUST enum pli_status http_server_certificate_prepare(struct http_server *server, const char *cert_pem, const char *key_pem,
						     struct ssl_ctx_st **ctx_r, struct err *err);
void http_server_certificate_use(struct http_server *server, struct ssl_ctx_st *ctx);
/* New times and rates, and connections_per_net; `connections` and `head_bytes` stay what they were.  Any thread. */
void http_server_limits(struct http_server *server, const struct http_limits *limits);
/* Stops accepting, lets exchanges under way finish for at most grace_ms, then cuts them off; waits for handlers that
 * still run, joins the threads, frees.  NULL is allowed.  The listening sockets stay the caller's. */
void http_server_stop(struct http_server *server, unsigned grace_ms);

/* For the metrics page. */
struct http_server_load {
	unsigned connections;
};
void http_server_load(struct http_server *server, struct http_server_load *load_r);

/* Runs fn(arg) on a worker thread of the server's pool (for the app's own short jobs).  False when the queue is full. */
bool http_server_submit(struct http_server *server, void (*fn)(void *arg), void *arg);

#endif
