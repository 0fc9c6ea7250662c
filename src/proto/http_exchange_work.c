/* The worker's side of an exchange: what may block, from the sink's opening to the end; see http_exchange_own.h. */
#include "status.h"
#include "stream.h"

#include "http_exchange_own.h"

static void exchange_open_sink(struct exchange *x)
{
	const struct http_app *app = x->env->app;
	struct ostream *sink = NULL;

	x->pub.sink_err = (struct err){ 0 };
	if (app->sink_open(app->app, &x->pub, &sink, &x->pub.sink_err) == PLI_OK) {
		x->pub.sink = sink;
		x->opened = true;
	} else {
		x->pub.sink_failed = true;
	}
}

static void exchange_write_sink(struct exchange *x)
{
	struct piece *piece = x->job_in;

	if (piece->n > 0 && x->pub.sink && !x->pub.sink_failed &&
	    ostream_write(x->pub.sink, piece->p, piece->n, &x->pub.sink_err) != PLI_OK)
		x->pub.sink_failed = true;
	piece->n = 0;
}

static void exchange_write_rest(struct exchange *x)
{
	if (x->rest.n > x->rest_off && x->pub.sink && !x->pub.sink_failed &&
	    ostream_write(x->pub.sink, x->rest.p + x->rest_off, x->rest.n - x->rest_off, &x->pub.sink_err) != PLI_OK)
		x->pub.sink_failed = true;
}

/* Fills the free piece; the first one is small, so that the answer begins soon. */
static void exchange_read_source(struct exchange *x)
{
	struct piece *piece = x->job_out;
	size_t want = exchange_piece_for(x, piece, x->source_read ? PIECE_BYTES : PIECE_LEAST_BYTES);

	x->ready++;
	while (piece->n < want) {
		struct err err = { 0 };
		size_t n = 0;
		enum pli_status st = istream_read_now(x->pub.res.source, piece->p + piece->n, want - piece->n, &n, &err);

		if (st == PLI_AGAIN) {
			x->ready = 0;
			st = istream_read(x->pub.res.source, piece->p + piece->n, want - piece->n, &n, &err);
		}
		if (st != PLI_OK || n == 0) {
			x->source_failed = true;
			break;
		}
		piece->n += n;
	}
	x->source_read += piece->n;
	x->job_filled = piece->n > 0;
}

/* False: the answer comes later, and x is not this job's any more. */
static bool exchange_handle(struct exchange *x)
{
	const struct http_app *app = x->env->app;

	x->held = true;
	if (!app->handle(app->app, &x->pub))
		return false;
	exchange_answered(x);
	if (x->pub.res.source && x->pub.res.source_bytes > 0 && exchange_has_body(x))
		exchange_read_source(x);
	return true;
}

static void exchange_finish(struct exchange *x)
{
	x->env->app->done(x->env->app->app, &x->pub);
	ostream_close(x->pub.sink);
	istream_close(x->pub.res.source);
	istream_close(x->spoilt);
	exchange_free(x);
}

void exchange_work(void *arg)
{
	struct exchange *x = arg;
	unsigned todo = x->todo;

	if (todo & TODO_OPEN)
		exchange_open_sink(x);
	if (todo & TODO_WRITE)
		exchange_write_sink(x);
	if (todo & TODO_BREAK)
		exchange_write_rest(x);
	if (todo & TODO_BREAK)
		x->env->app->sink_broken(x->env->app->app, &x->pub);
	else if (!x->handled && ((todo & TODO_HANDLE) || x->pub.sink_failed) && !(todo & (TODO_END | TODO_GO_ON)) && !exchange_handle(x))
		return;
	if (todo & TODO_GO_ON) {
		(void)x->env->app->go_on(x->env->app->app, &x->pub, true);
		exchange_answered(x);
	}
	if (todo & TODO_READ)
		exchange_read_source(x);
	if (todo & TODO_END)
		exchange_finish(x);
	else
		loop_post(x->env->loop, &x->post);
}
