/* The loop's side of an exchange; see http_exchange.h.  The worker's, which alone runs while busy, is http_exchange_work.c. */
#include <assert.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "status.h"
#include "loop.h"
#include "stream.h"
#include "workers.h"

#include "http_exchange_own.h"

#define PIECE_THRIFTY_BYTES ((size_t)32 * 1024)
#define PIECE_HEADS 256			/* a piece of an answer is shorter by this part */
#define READY_PIECES 4			/* that a source gave without waiting: then the loop reads it itself */
#define BODY_STEP_BYTES ((size_t)16 * 1024)
#define EXCHANGE_MAGIC 0x65786368u

static void exchange_returned(void *arg);

/* ---- birth and planning ---- */

struct exchange *exchange_new(struct exchange_env *env, void (*changed)(void *wire), void *wire)
{
	struct pool *pool = pool_new_secret();
	struct exchange *x = POOL_NEW(pool, struct exchange);

	x->magic = EXCHANGE_MAGIC;
	x->pub.pool = pool;
	buf_init_secret(&x->pub.body);
	buf_init_secret(&x->pub.res.body);
	buf_init_secret(&x->pub.res.head);	/* may hold a cookie */
	x->env = env;
	x->piece_bytes = PIECE_BYTES;
	x->changed = changed;
	x->wire = wire;
	x->work = (struct work){ .fn = exchange_work, .arg = x };
	x->post = (struct loop_post){ .fn = exchange_returned, .arg = x };
	env->live++;
	return x;
}

struct http_exchange *exchange_public(struct exchange *x)
{
	return &x->pub;
}

static void piece_free(struct piece *piece, size_t used)
{
	if (piece->p)
		mem_wipe(piece->p, used);
	mem_free(piece->p);
}

void exchange_free(struct exchange *x)
{
	assert(x->magic == EXCHANGE_MAGIC);
	x->magic = 0;
	for (int i = 0; i < 2; i++) {
		piece_free(&x->in[i], x->in[i].cap);
		piece_free(&x->out[i], x->out[i].cap);
	}
	buf_free(&x->rest);
	buf_free(&x->pub.body);
	buf_free(&x->pub.res.head);
	buf_free(&x->pub.res.body);
	pool_free(x->pub.pool);	/* x lies in it */
}

void exchange_drop(struct exchange *x)
{
	assert(!x->planned && !x->busy);
	x->env->live--;
	exchange_free(x);
}

static void exchange_submit(struct exchange *x, unsigned todo)
{
	assert(!x->busy);
	x->busy = true;
	x->todo = todo;
	x->job_in = &x->in[x->fill ^ 1];
	x->job_out = &x->out[(x->out_first + x->out_count) % 2];
	x->job_filled = false;
	x->pub.body_bytes = x->received;
	x->pub.sent_bytes = x->sent;
	workers_submit(x->env->workers, &x->work);
}

/* The response becomes a fault's, whatever was in it. */
static void exchange_answer_fault(struct exchange *x, int status, const char *detail)
{
	struct http_response *res = &x->pub.res;

	buf_reset(&res->head);
	buf_reset(&res->body);
	if (res->source)
		x->spoilt = res->source;	/* closing may block: a worker does it at the end */
	res->source = NULL;
	res->source_bytes = 0;
	res->status = status;
	x->env->app->fault(x->env->app->app, status, x->pub.req.target, detail, res);
	x->state = EXCHANGE_RESPONSE;
}

void exchange_begin(struct exchange *x)
{
	const struct http_request *req = &x->pub.req;

	x->planned = true;
	x->env->app->plan(x->env->app->app, &x->pub, &x->plan);
	if (x->plan.refused) {
		x->state = EXCHANGE_RESPONSE;
	} else if (x->plan.body == HTTP_BODY_NONE) {
		x->state = EXCHANGE_WORK;
		exchange_submit(x, TODO_HANDLE);
	} else if (req->content_length > x->plan.body_max) {
		exchange_answer_fault(x, 413, "the body is larger than this address takes");
	} else if (req->content_length > 0) {
		x->state = EXCHANGE_BODY;
	} else {
		x->state = EXCHANGE_WORK;
		exchange_submit(x, x->plan.body == HTTP_BODY_SINK ? TODO_OPEN | TODO_HANDLE : TODO_HANDLE);
	}
}

void exchange_refuse(struct exchange *x, int status, const char *detail)
{
	assert(!x->planned);
	exchange_answer_fault(x, status, detail);
}

void exchange_thrifty(struct exchange *x)
{
	assert(!x->planned);
	x->piece_bytes = PIECE_THRIFTY_BYTES;
}

enum exchange_state exchange_state(const struct exchange *x)
{
	return x->state;
}

/* ---- request body ---- */

bool exchange_body_accepted(const struct exchange *x)
{
	/* opened is the worker's while a job is out; then the answer can wait. */
	return x->state == EXCHANGE_BODY && (x->plan.body == HTTP_BODY_BUFFERED || (!x->busy && x->opened));
}

static size_t exchange_buffer_room(struct exchange *x, uint64_t left, uint8_t **p_r)
{
	/* Grows with what has come, so that a large Content-Length alone costs nothing. */
	size_t step = x->pub.body.n > BODY_STEP_BYTES ? x->pub.body.n : BODY_STEP_BYTES;
	size_t n = left < step ? (size_t)left : step;

	*p_r = buf_reserve(&x->pub.body, n);
	return n;
}

size_t exchange_body_room(struct exchange *x, uint8_t **p_r)
{
	uint64_t left = x->pub.req.content_length - x->received;
	struct piece *piece = &x->in[x->fill];

	if (x->state != EXCHANGE_BODY || left == 0 || x->fault_status)
		return 0;
	if (x->plan.body == HTTP_BODY_BUFFERED)
		return exchange_buffer_room(x, left, p_r);
	if (!piece->p) {
		piece->cap = left < x->piece_bytes ? (size_t)left : x->piece_bytes;
		piece->p = mem_grow(NULL, piece->cap);
	}
	*p_r = piece->p + piece->n;
	return piece->cap - piece->n;
}

/* Passes on what has come when it is worth a job and none is out. */
static void exchange_body_pump(struct exchange *x)
{
	struct piece *piece = &x->in[x->fill];
	bool complete = x->received == x->pub.req.content_length;
	unsigned todo;

	if (x->busy || x->state != EXCHANGE_BODY)
		return;
	todo = x->opened ? 0 : TODO_OPEN;
	if (complete)
		todo |= TODO_WRITE | TODO_HANDLE;
	else if (piece->n == piece->cap && piece->n > 0)
		todo |= TODO_WRITE;
	else if (x->drained && piece->n >= PIECE_LEAST_BYTES)
		todo |= TODO_WRITE;
	else if (!x->drained || x->opened || (x->received == 0 && !x->awaited))
		return;		/* head and small body are often two packets, and then one job is enough */
	if (todo & TODO_WRITE)
		x->fill ^= 1;
	if (complete)
		x->state = EXCHANGE_WORK;
	exchange_submit(x, todo);
}

void exchange_body_add(struct exchange *x, size_t n)
{
	x->received += n;
	x->drained = false;
	if (x->plan.body == HTTP_BODY_SINK) {
		x->in[x->fill].n += n;
		exchange_body_pump(x);
		return;
	}
	x->pub.body.n += n;
	x->pub.body.p[x->pub.body.n] = '\0';
	if (x->received == x->pub.req.content_length) {
		x->state = EXCHANGE_WORK;
		exchange_submit(x, TODO_HANDLE);
	}
}

void exchange_body_idle(struct exchange *x, bool awaited)
{
	x->drained = true;
	x->awaited = awaited;
	if (x->plan.body == HTTP_BODY_SINK)
		exchange_body_pump(x);
}

void exchange_body_rest(struct exchange *x, struct buf *rest, size_t off)
{
	if (x->state != EXCHANGE_BODY || x->plan.body != HTTP_BODY_SINK)
		return;
	x->received += rest->n - off;
	x->rest = *rest;
	x->rest_off = off;
	buf_init_secret(rest);
}

/* The body will not be complete: an open sink hears of it first. */
static void exchange_break(struct exchange *x)
{
	if (x->plan.body == HTTP_BODY_SINK && x->opened) {
		x->state = EXCHANGE_WORK;
		x->opened = false;	/* told once */
		x->fill ^= 1;
		exchange_submit(x, TODO_WRITE | TODO_BREAK);
	} else {
		exchange_answer_fault(x, x->fault_status, x->fault_detail);
		x->fault_status = 0;
	}
}

void exchange_fault(struct exchange *x, int status, const char *detail)
{
	assert(x->state == EXCHANGE_BODY);
	x->fault_status = status;
	x->fault_detail = detail;
	if (!x->busy)
		exchange_break(x);
}

/* ---- response ---- */

bool exchange_has_body(const struct exchange *x)
{
	int status = x->pub.res.status;

	return x->pub.req.method != HTTP_HEAD && status != 204 && status != 304;
}

uint64_t exchange_out_length(const struct exchange *x)
{
	return x->pub.res.source ? x->pub.res.source_bytes : x->pub.res.body.n;
}

bool exchange_out_complete(const struct exchange *x)
{
	return !exchange_has_body(x) || x->sent == exchange_out_length(x);
}

bool exchange_out_failed(const struct exchange *x)
{
	/* What was read before the failure may still go out, but the end never comes. */
	return !x->busy && x->source_failed && x->out_count == 0;
}

size_t exchange_piece_for(struct exchange *x, struct piece *piece, size_t want)
{
	uint64_t left = x->pub.res.source_bytes - x->source_read;

	if (want > x->piece_bytes)
		want = x->piece_bytes;
	want -= want / PIECE_HEADS;
	if (want > left)
		want = (size_t)left;
	if (piece->cap < want) {
		piece_free(piece, piece->cap);
		piece->p = mem_grow(NULL, want);
		piece->cap = want;
	}
	piece->n = 0;
	piece->off = 0;
	return want;
}

/* On the loop: a piece of what lies in the page cache.  Handing it to a worker and back would take longer than opening it, and wait for
 * a processor twice.  False: a worker has to. */
static bool exchange_read_now(struct exchange *x)
{
	struct piece *piece = &x->out[x->out_first];
	size_t want = exchange_piece_for(x, piece, PIECE_LEAST_BYTES);
	struct err err = { 0 };
	enum pli_status st = istream_read_now(x->pub.res.source, piece->p, want, &piece->n, &err);

	if (st == PLI_AGAIN) {
		x->ready = 0;
		return false;
	}
	if (st != PLI_OK || piece->n == 0) {
		piece->n = 0;
		x->source_failed = true;
	} else {
		x->out_count = 1;
	}
	x->source_read += piece->n;
	return true;
}

static void exchange_out_pump(struct exchange *x)
{
	if (x->busy || x->gone || !x->pub.res.source || x->source_failed || !exchange_has_body(x) ||
	    x->source_read >= x->pub.res.source_bytes)
		return;
	if (x->ready >= READY_PIECES && (x->out_count || exchange_read_now(x)))
		return;
	if (x->out_count < 2)
		exchange_submit(x, TODO_READ);
}

size_t exchange_out(struct exchange *x, const uint8_t **p_r)
{
	const struct http_response *res = &x->pub.res;
	const struct piece *piece = &x->out[x->out_first];

	if (!exchange_has_body(x))
		return 0;
	if (!res->source) {
		if (res->body.n == x->sent)
			return 0;
		*p_r = (const uint8_t *)res->body.p + x->sent;
		return res->body.n - (size_t)x->sent;
	}
	exchange_out_pump(x);
	if (x->out_count == 0)
		return 0;
	*p_r = piece->p + piece->off;
	return piece->n - piece->off;
}

void exchange_out_sent(struct exchange *x, size_t n)
{
	struct piece *piece = &x->out[x->out_first];

	x->sent += n;
	if (!x->pub.res.source)
		return;
	piece->off += n;
	if (piece->off < piece->n)
		return;
	/* A worker that fills the other piece meanwhile does not look at these two. */
	x->out_first ^= 1;
	x->out_count--;
	exchange_out_pump(x);
}

/* ---- end ---- */

static void exchange_end(struct exchange *x, bool aborted)
{
	unsigned todo = TODO_END;

	assert(!x->busy);
	x->env->live--;
	x->pub.aborted = aborted;
	x->pub.body_bytes = x->received;
	x->pub.sent_bytes = x->sent;
	if (x->state == EXCHANGE_BODY && x->opened && !x->handled) {
		/* What has come is kept as progress, then the sink learns that no more comes. */
		x->fill ^= 1;
		todo |= TODO_WRITE | TODO_BREAK;
	}
	if (x->pub.sink || x->pub.res.source || x->spoilt) {
		exchange_submit(x, todo);
		return;
	}
	if (x->planned)
		x->env->app->done(x->env->app->app, &x->pub);
	exchange_free(x);
}

void exchange_complete(struct exchange *x)
{
	x->gone = true;
	x->wire = NULL;
	/* The last piece has been read and sent, so no job is out; but a source may not have been read at all (HEAD). */
	assert(!x->busy);
	exchange_end(x, false);
}

void exchange_gone(struct exchange *x)
{
	x->wire = NULL;
	(void)exchange_cancel(x);
}

bool exchange_cancel(struct exchange *x)
{
	x->gone = true;
	if (x->busy)
		return true;
	exchange_end(x, true);
	return false;
}

void http_answer_ready(struct http_exchange *pub)
{
	struct exchange *x = (struct exchange *)pub;

	loop_post(x->env->loop, &x->post);
}

void exchange_answered(struct exchange *x)
{
	assert(x->pub.res.status >= 200 && x->pub.res.status <= 599);
	x->held = false;
	x->handled = true;
}

/* A job is back, on the loop. */
static void exchange_returned(void *arg)
{
	struct exchange *x = arg;

	assert(x->magic == EXCHANGE_MAGIC && x->busy);
	if (x->held && !x->env->app->go_on(x->env->app->app, &x->pub, false)) {
		x->todo = TODO_GO_ON;
		workers_submit(x->env->workers, &x->work);
		return;
	}
	if (x->held)
		exchange_answered(x);
	x->busy = false;
	if (x->job_filled)
		x->out_count++;
	if (x->gone) {
		void *wire = x->wire;
		void (*changed)(void *wire) = x->changed;

		exchange_end(x, true);
		if (wire)
			changed(wire);
		return;
	}
	if (x->handled) {
		if (x->state != EXCHANGE_RESPONSE && x->source_failed && x->out_count == 0)
			exchange_answer_fault(x, 500, "the content cannot be read");
		x->state = EXCHANGE_RESPONSE;
	} else if (x->fault_status) {
		exchange_break(x);
	} else {
		exchange_body_pump(x);
	}
	x->changed(x->wire);
}
