/* The inner parts of an exchange, shared by its loop's side (http_exchange.c) and its worker's (http_exchange_work.c).
 *
 * While busy a job is out: the worker has pub, the fields under "job" and the two pieces named there; the loop leaves them alone. */
#ifndef PLI_HTTP_EXCHANGE_OWN_H
#define PLI_HTTP_EXCHANGE_OWN_H

#include "buf.h"
#include "loop.h"
#include "workers.h"

#include "http_exchange.h"

#define PIECE_BYTES ((size_t)256 * 1024)
#define PIECE_LEAST_BYTES ((size_t)64 * 1024)	/* a slow body is passed on from here */

/* What a job is to do, in this order. */
enum exchange_todo {
	TODO_OPEN = 1,		/* app->sink_open */
	TODO_WRITE = 2,		/* the full piece to the sink */
	TODO_BREAK = 4,		/* app->sink_broken */
	TODO_HANDLE = 8,	/* app->handle, then the first piece of its source */
	TODO_READ = 16,		/* the next piece of the source */
	TODO_GO_ON = 32,	/* app->go_on */
	TODO_END = 64,		/* app->done, then free: does not come back */
};

struct piece {
	uint8_t *p;
	size_t n;
	size_t cap;
	size_t off;	/* sent already */
};

struct exchange {
	struct http_exchange pub;
	unsigned magic;
	struct exchange_env *env;
	void (*changed)(void *wire);
	void *wire;		/* NULL: let go */
	struct http_plan plan;
	enum exchange_state state;
	size_t piece_bytes;
	bool planned;
	bool gone;
	bool busy;		/* a job is out: the worker has pub, the fields under "job" and the two pieces named there */
	bool drained;
	bool awaited;
	int fault_status;	/* to answer with when the job is back */
	const char *fault_detail;

	uint64_t received;	/* of the body; pub.body_bytes is set from it before each job */
	struct buf rest;	/* behind what in[fill] holds, when the body has broken off */
	size_t rest_off;
	struct piece in[2];
	unsigned fill;		/* in[fill] takes bytes from the wire, the other one is the job's */

	/* job */
	struct work work;
	struct loop_post post;
	unsigned todo;
	struct piece *job_in;	/* to be written to the sink */
	struct piece *job_out;	/* to be filled from the source */
	bool job_filled;	/* job_out holds bytes now */
	bool opened;		/* sink_open has succeeded */
	bool handled;
	bool held;		/* app->handle has been called, and its answer may come later */
	bool source_failed;
	struct istream *spoilt;	/* a source that a fault has replaced */
	uint64_t source_read;	/* bytes taken from the source */
	unsigned ready;		/* pieces that a worker has had from it without waiting, one after the other */

	struct piece out[2];
	unsigned out_first;	/* the one being sent */
	unsigned out_count;	/* that are full; the next one is filled by a job */
	uint64_t sent;
};

/* A job's body, on a worker: posts x->post when it is done, unless it ends the exchange or the answer comes later. */
void exchange_work(void *arg);

/* Either side, in its turn: */
/* The handler has answered. */
void exchange_answered(struct exchange *x);
bool exchange_has_body(const struct exchange *x);
/* How much of the source the next piece takes (want at most), and room for that.  A little less than a round number: with the heads of its frames and
 * the seals of its records, 64 KiB of an answer still are what TLS and TCP take at once, and no few bytes follow by themselves. */
size_t exchange_piece_for(struct exchange *x, struct piece *piece, size_t want);
/* Closes nothing: sink and sources must be closed. */
void exchange_free(struct exchange *x);

#endif
