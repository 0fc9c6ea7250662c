/* HTTP/2 on a connection (RFC 9113), by libnghttp2 as a codec: many exchanges at a time, each a stream.  Shared by http2.c
 * (socket, timers, end), http2_session.c (the library's callbacks), http2_stream.c (a stream's way through its exchange)
 * and http2_answer.c (what the exchange answers).
 *
 * Memory: a stream's window is 64 KiB until its body is known to be longer; what its exchange does not take at once waits
 * in `pending`, never more than the window, which is given back only as the exchange takes it.  The connection's window
 * is as large as all of these together and is given back at once, so that a stalled stream holds nobody.  The first four
 * streams that need it have windows of 1 MiB and large pieces, the others small ones.
 *
 * What is said to have been sent has been handed to TLS: `ahead` counts what the library has taken and TLS has not. */
#ifndef PLI_HTTP2_CONN_H
#define PLI_HTTP2_CONN_H

#include "buf.h"

#include "http2_flood.h"
#include "http2_head.h"
#include "http_conn.h"

#define HTTP2_STREAMS_MAX 100u			/* at a time, with those given up whose job is still out */
#define HTTP2_WINDOW_BYTES 65535		/* of a stream: the protocol's default */
#define HTTP2_LARGE_STREAMS 4u
#define HTTP2_LARGE_WINDOW_BYTES (1 << 20)
#define HTTP2_CONN_WINDOW_BYTES (16 << 20)	/* more than all streams' together */
#define HTTP2_COLLECT_BYTES 32768u		/* of a body that does not say its length */
#define HTTP2_DATA_BYTES 16375u			/* of a DATA frame: with its head one TLS record */
#define HTTP2_OUT_BYTES 65535u			/* of frames are written at once: four records, in memory of 64 KiB; a piece of an answer fits */
#define HTTP2_OUT_LEAST 2048u			/* with less room than this no further DATA frame is begun */
#define HTTP2_FIELDS_TIMES 4u			/* the limit of a head; beyond, its sender means harm */

struct nghttp2_session;

enum http2_stream_state {
	HTTP2_HEAD,		/* the head is arriving */
	HTTP2_COLLECT,		/* the body is, and did not say how long it is */
	HTTP2_BODY,		/* bytes go to the exchange */
	HTTP2_WAIT,		/* the exchange works */
	HTTP2_SEND,		/* the answer goes out */
	HTTP2_GONE,		/* given up; a job is still out */
};

struct http2_stream {
	unsigned magic;
	enum http2_stream_state state;
	struct http2_conn *c;
	struct http2_stream *next, **prev;	/* in c->streams */
	struct http2_stream *next_fed;		/* in c->fed */
	struct http2_stream *next_unsent;	/* in c->unsent */
	bool is_fed, is_unsent;
	int32_t id;
	struct exchange *x;
	struct timer timer;
	struct http2_head *head;	/* in HTTP2_HEAD; in the exchange's pool */
	struct buf pending;
	size_t pending_off;
	uint64_t window_bytes;		/* body bytes since the timer was set */
	uint64_t out_left;		/* of the answer's body, not yet given to the library */
	size_t ahead;
	size_t trailer_bytes;
	bool large;
	bool expects;			/* 100 Continue is still owed */
	bool paused;			/* the exchange has no room */
	bool remote_ended;		/* the peer has said all */
	bool deferred;			/* the library waits for more of the body */
	bool ended;			/* the answer's last frame is with us, to be written */
	bool closed;			/* for the library */
};

enum http2_awaits { HTTP2_AWAITS_NOTHING, HTTP2_AWAITS_GREETING, HTTP2_AWAITS_HEAD, HTTP2_AWAITS_REQUEST };

struct http2_conn {
	unsigned magic;
	struct http_conn *conn;
	struct http_env *env;
	struct nghttp2_session *session;
	struct http2_stream *streams;
	unsigned stream_count, large_count;
	struct http2_stream *fed;	/* have got body bytes (or begun) since the socket was last empty */
	struct http2_stream *unsent;	/* have given bytes that TLS has not */
	struct http2_flood flood;
	bool flooded;
	bool full;			/* out is worth a write */
	unsigned sending;		/* streams whose answer goes out */
	int32_t head_id;		/* whose header block is arriving; 0: none */
	bool greeted;			/* the peer's SETTINGS have come */
	bool leaving;			/* said so; ends when the streams have */
	bool left;			/* they have */
	bool silent;			/* nothing under way when it ended */
	enum http2_awaits awaits;	/* what conn->timer is set for */
	int32_t awaits_id;
	struct timer stall;		/* bytes wait for the socket */
	struct buf out;
	size_t out_off;
};

/* ---- http2_session.c ---- */

/* The session with its callbacks, greeting submitted. */
struct nghttp2_session *http2_session_new(struct http2_conn *c);

/* ---- http2_stream.c ---- */

/* A header block begins.  NULL: too many streams; refused. */
struct http2_stream *http2_stream_new(struct http2_conn *c, int32_t id);
/* All fields have come; ended: no body follows. */
void http2_stream_begin(struct http2_stream *s);
void http2_stream_data(struct http2_stream *s, const uint8_t *p, size_t n);
/* The peer has said all of this stream. */
void http2_stream_data_end(struct http2_stream *s);
/* The library has closed the stream. */
void http2_stream_closed(struct http2_stream *s);
/* Frees it, wherever it stands: the connection ends. */
void http2_stream_drop(struct http2_stream *s);

/* The socket holds no more bytes for now. */
void http2_streams_fed(struct http2_conn *c);
/* Its one timer; 0 seconds: none. */
void http2_stream_timer(struct http2_stream *s, unsigned seconds);
/* The answer is with TLS: frees the stream. */
void http2_stream_complete(struct http2_stream *s);

/* ---- http2_answer.c ---- */

/* "100 Continue", once: the body is awaited. */
void http2_answer_continue(struct http2_stream *s);
/* Status and head are final: gives them to the library. */
void http2_answer_begin(struct http2_stream *s);
/* More of the body may be there (or never will be). */
void http2_answer_resume(struct http2_stream *s);
/* All that was given is with TLS. */
void http2_answers_sent(struct http2_conn *c);
void http2_answer_unsent(struct http2_stream *s);
/* Body of the answer, for the library: as many bytes as the next frame may have, 0: none now; -1: it cannot be had. */
long http2_answer_out(struct http2_stream *s, size_t cap, bool *last_r);
/* That frame: its head and the last n bytes of those announced go into c->out. */
void http2_answer_put(struct http2_stream *s, const uint8_t head[9], size_t n);

/* ---- http2.c ---- */

/* Says that the connection ends when its streams have. */
void http2_leave(struct http2_conn *c);

#endif
