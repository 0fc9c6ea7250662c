/* A connection of HTTP/2 from its first byte to its last: the wire, its streams and their exchanges, as they are, on a channel, a loop
 * and workers that are played here, so that every run is the same.  The input is a play of steps (enum step): frames of the peer in
 * pieces of any size, jobs that end early or late, a socket that takes little, time that passes, an end at any moment.
 *
 * Properties: what goes out is frames of at most 16 KiB; the bytes of a stream's answer come in order, none twice, none left
 * out; a request is handled with just as many bytes as its length says, announced or not, and no byte of a body that did not come as
 * DATA; no more streams and no more bytes are kept than allowed; every exchange that was planned ends once;
 * when all is over nothing is left of connection, exchanges, sinks and sources. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "status.h"

#include "chan.h"
#include "loop.h"
#include "stream.h"
#include "timer_wheel.h"
#include "workers.h"

#include "http2_conn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum step {
	STEP_BYTES,		/* two bytes of length, then the peer's bytes */
	STEP_JOBS,		/* all jobs are done */
	STEP_JOB,		/* the oldest job is done */
	STEP_TIME,		/* a byte: tenths of seconds pass */
	STEP_FULL,		/* a byte: so many KiB are taken before the socket is full again */
	STEP_FREE,		/* the socket takes everything */
	STEP_STOP,		/* the server stops */
	STEP_END,		/* the peer says no more */
	STEP_COUNT
};

#define STEPS_MAX 512
#define STREAMS_MAX 512u
#define SOURCE_MAX (1u << 22)

/* ---- what is played ---- */

static struct play {
	const uint8_t *in;
	size_t in_n;
	bool in_end, closed;
	size_t room;			/* of the socket */
	struct loop_watch *watch;
	struct loop_post *posts, **posts_last;
	struct work *jobs, **jobs_last;
	struct timer_wheel timers;
	int64_t now_us;
	/* What went out. */
	uint8_t head[9];
	unsigned head_n;
	uint32_t left;			/* of the frame's payload */
	uint64_t at[STREAMS_MAX];	/* bytes of the answer of stream 2 i + 1 */
	/* What came: the same by the frames' own heads. */
	unsigned came_skip, came_head_n, came_pad;	/* of the preface; of a head; 1: a byte of padding is next */
	uint8_t came_head[9];
	uint32_t came_left;
	uint64_t came_data, used_data;	/* bytes in DATA, without padding; bytes of bodies that were handled */
	/* The app's. */
	int planned, done, streams;	/* streams: sinks and sources that are open */
} play;

static uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) + (at >> 16));
}

/* A byte of what the server says: frames, one after the other. */
static void said(uint8_t byte)
{
	if (play.left) {
		uint32_t id = (uint32_t)play.head[5] << 24 | (uint32_t)play.head[6] << 16 | (uint32_t)play.head[7] << 8 | play.head[8];

		play.left--;
		if (play.head[3] == 0 && id / 2 < STREAMS_MAX)
			assert(byte == pattern(play.at[id / 2]++));
		return;
	}
	play.head[play.head_n++] = byte;
	if (play.head_n < sizeof(play.head))
		return;
	play.head_n = 0;
	play.left = (uint32_t)play.head[0] << 16 | (uint32_t)play.head[1] << 8 | play.head[2];
	assert(play.left <= 16384 && play.head[3] <= 9);	/* of RFC 9113, no larger than anyone takes */
	assert(play.head[3] != 0 || (play.head[8] & 1));	/* DATA on the peer's streams */
}

/* A byte of what the peer says; counted generously where the frames are wrong. */
static void came(uint8_t byte)
{
	if (play.came_skip) {
		play.came_skip--;
		return;
	}
	if (play.came_left) {
		play.came_left--;
		if (play.came_head[3] == 0 && !play.came_pad)
			play.came_data++;
		if (play.came_pad && play.came_head[3] == 0 && byte < play.came_left)
			play.came_data -= byte;
		play.came_pad = 0;
		return;
	}
	play.came_head[play.came_head_n++] = byte;
	if (play.came_head_n < sizeof(play.came_head))
		return;
	play.came_head_n = 0;
	play.came_left = (uint32_t)play.came_head[0] << 16 | (uint32_t)play.came_head[1] << 8 | play.came_head[2];
	play.came_pad = play.came_head[3] == 0 && (play.came_head[4] & 8) ? 1 : 0;
}

/* ---- the channel ---- */

enum pli_status chan_open(struct chan *c, int fd, struct ssl_ctx_st *ctx)
{
	(void)ctx;
	*c = (struct chan){ .fd = fd };
	return PLI_OK;
}

void chan_close(struct chan *c)
{
	(void)c;
	play.closed = true;
}

void chan_ready(struct chan *c, uint32_t events)
{
	(void)c;
	(void)events;
}

enum pli_status chan_handshake(struct chan *c)
{
	(void)c;
	return PLI_OK;
}

enum pli_status chan_read(struct chan *c, void *p, size_t cap, size_t *n_r)
{
	(void)c;
	assert(!play.closed);
	*n_r = cap < play.in_n ? cap : play.in_n;
	if (*n_r == 0)
		return play.in_end ? PLI_OK : PLI_AGAIN;
	memcpy(p, play.in, *n_r);
	play.in += *n_r;
	play.in_n -= *n_r;
	return PLI_OK;
}

enum pli_status chan_write(struct chan *c, const void *p, size_t n, size_t *n_r)
{
	(void)c;
	assert(!play.closed && n > 0);
	*n_r = n < play.room ? n : play.room;
	if (play.room != SIZE_MAX)
		play.room -= *n_r;
	for (size_t i = 0; i < *n_r; i++)
		said(((const uint8_t *)p)[i]);
	return *n_r ? PLI_OK : PLI_AGAIN;
}

void chan_finish(struct chan *c)
{
	(void)c;
}

enum pli_status chan_discard(struct chan *c, size_t cap_bytes, size_t *n_r)
{
	(void)c;
	*n_r = cap_bytes < play.in_n ? cap_bytes : play.in_n;
	play.in += *n_r;
	play.in_n -= *n_r;
	return *n_r == 0 && play.in_end ? PLI_OK : PLI_AGAIN;
}

enum pli_status chan_plain_read(struct chan *c, void *p, size_t cap, size_t *n_r)
{
	return chan_read(c, p, cap, n_r);
}

bool chan_speaks(const struct chan *c, const char *alpn)
{
	(void)c;
	return strcmp(alpn, "h2") == 0;
}

const char *chan_tls_name(const struct chan *c)
{
	(void)c;
	return "TLSv1.3";
}

/* ---- the loop and the workers ---- */

enum pli_status loop_watch_add(struct loop *loop, struct loop_watch *watch, uint32_t events, struct err *err)
{
	(void)loop;
	(void)events;
	(void)err;
	play.watch = watch;
	return PLI_OK;
}

void loop_post(struct loop *loop, struct loop_post *post)
{
	(void)loop;
	post->next = NULL;
	*play.posts_last = post;
	play.posts_last = &post->next;
}

void loop_timer_set(struct loop *loop, struct timer *t, int64_t in_us)
{
	(void)loop;
	timer_wheel_set(&play.timers, t, play.now_us + in_us);
}

void loop_timer_stop(struct loop *loop, struct timer *t)
{
	(void)loop;
	timer_wheel_stop(&play.timers, t);
}

int64_t loop_now_us(const struct loop *loop)
{
	(void)loop;
	return play.now_us;
}

void workers_submit(struct workers *ws, struct work *w)
{
	(void)ws;
	w->next = NULL;
	*play.jobs_last = w;
	play.jobs_last = &w->next;
}

static void play_posts(void)
{
	struct loop_post *post;

	while ((post = play.posts)) {
		play.posts = post->next;
		if (!play.posts)
			play.posts_last = &play.posts;
		post->fn(post->arg);
	}
}

static bool play_job(void)
{
	struct work *w = play.jobs;

	if (!w)
		return false;
	play.jobs = w->next;
	if (!play.jobs)
		play.jobs_last = &play.jobs;
	w->fn(w->arg);
	play_posts();
	return true;
}

/* ---- the app ---- */

struct fuzz_source {
	struct istream is;
	uint64_t at, end, fail_at;
};

static enum pli_status source_read(struct istream *is, void *buf, size_t cap, size_t *n_r, struct err *err)
{
	struct fuzz_source *s = (struct fuzz_source *)is;
	size_t n = s->end - s->at < cap ? (size_t)(s->end - s->at) : cap;

	if (s->at + n > s->fail_at)
		return err_set(err, PLI_IO, "the source fails as asked");
	for (size_t i = 0; i < n; i++)
		((uint8_t *)buf)[i] = pattern(s->at + i);
	s->at += n;
	*n_r = n;
	return PLI_OK;
}

static void source_close(struct istream *is)
{
	play.streams--;
	mem_free(is);
}

/* Of each million bytes the last 100,000 have to be waited for. */
static enum pli_status source_read_now(struct istream *is, void *buf, size_t cap, size_t *n_r, struct err *err)
{
	return ((struct fuzz_source *)is)->at / 100000 % 10 == 9 ? PLI_AGAIN : source_read(is, buf, cap, n_r, err);
}

static const struct istream_ops source_ops = { "fuzz", source_read, source_close, source_read_now };

struct fuzz_sink {
	struct ostream os;
	uint64_t n;
};

static enum pli_status sink_write(struct ostream *os, const void *p, size_t n, struct err *err)
{
	(void)p;
	((struct fuzz_sink *)os)->n += n;
	return n == 77 ? err_set(err, PLI_FULL, "the sink is full as asked") : PLI_OK;
}

static enum pli_status sink_finish(struct ostream *os, struct err *err)
{
	(void)os;
	(void)err;
	return PLI_OK;
}

static void sink_close(struct ostream *os)
{
	play.streams--;
	mem_free(os);
}

static const struct ostream_ops sink_ops = { "fuzz", sink_write, sink_finish, sink_close };

static void body_fill(struct buf *body, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_ch(body, (char)pattern(i));
}

static void app_plan(void *app, struct http_exchange *x, struct http_plan *plan_r)
{
	char kind = x->req.path[0] ? x->req.path[1] : 0;

	(void)app;
	play.planned++;
	plan_r->body_max = kind == 'p' ? 1 << 30 : 100000;
	plan_r->body = kind == 'p' || kind == 'd' ? HTTP_BODY_SINK : kind == 'e' ? HTTP_BODY_BUFFERED : HTTP_BODY_NONE;
	plan_r->refused = kind == 'r';
	if (plan_r->refused)
		x->res.status = 403;
}

static enum pli_status app_sink_open(void *app, struct http_exchange *x, struct ostream **sink_r, struct err *err)
{
	struct fuzz_sink *sink;

	(void)app;
	if (x->req.path[1] == 'd')
		return err_set(err, PLI_CONFLICT, "no sink here");
	sink = mem_alloc(sizeof(*sink));
	*sink = (struct fuzz_sink){ { &sink_ops }, 0 };
	play.streams++;
	*sink_r = &sink->os;
	return PLI_OK;
}

static void app_sink_broken(void *app, struct http_exchange *x)
{
	(void)app;
	assert(x->sink);
}

/* Somebody who has the answer, when his turn comes. */
struct fuzz_later {
	struct work work;
	struct http_exchange *x;
};

static void later_run(void *arg)
{
	struct fuzz_later *later = arg;

	http_answer_ready(later->x);
	mem_free(later);
}

static void later_begin(struct http_exchange *x)
{
	struct fuzz_later *later = mem_alloc(sizeof(*later));

	later->x = x;
	later->work = (struct work){ .fn = later_run, .arg = later };
	workers_submit(NULL, &later->work);
}

static bool app_go_on(void *app, struct http_exchange *x, bool may_block)
{
	(void)app;
	if (x->req.path[1] == 'w' && !may_block)
		return false;
	body_fill(&x->res.body, 300);
	return true;
}

/* The body is as long as was announced, or as what came where nothing was, and came in DATA. */
static void body_holds(const struct http_exchange *x)
{
	const char *announced = http_field(&x->req, "content-length");
	bool takes = x->req.path[1] == 'p' || x->req.path[1] == 'd' || x->req.path[1] == 'e';

	assert(!announced || strtoull(announced, NULL, 10) == x->req.content_length);
	assert(x->req.has_body == (x->req.content_length > 0));
	assert(x->body_bytes <= x->req.content_length);
	if (!takes || x->sink_failed)	/* whose sink failed is answered at once */
		return;
	assert(x->body_bytes == x->req.content_length);
	assert(!x->sink || ((const struct fuzz_sink *)x->sink)->n == x->req.content_length);
	assert(x->sink || x->body.n == x->req.content_length);
	play.used_data += x->req.content_length;
	assert(play.used_data <= play.came_data);
}

static bool app_handle(void *app, struct http_exchange *x)
{
	unsigned long n = strtoul(x->req.query, NULL, 10) % SOURCE_MAX;

	(void)app;
	body_holds(x);
	x->res.status = 200;
	http_header(&x->res, "Content-Type", "text/plain");
	if (x->req.path[1] == 's' || x->req.path[1] == 'b') {
		struct fuzz_source *s = mem_alloc(sizeof(*s));

		*s = (struct fuzz_source){ { &source_ops }, 0, n, x->req.path[1] == 's' ? UINT64_MAX : n / 2 };
		play.streams++;
		x->res.source = &s->is;
		x->res.source_bytes = n;
	} else if (x->req.path[1] == 'l' || x->req.path[1] == 'w') {
		later_begin(x);
		return false;
	} else if (x->req.path[1] == 'n') {
		x->res.status = 204;
	} else {
		x->res.close = x->req.path[1] == 'c';
		body_fill(&x->res.body, n % 70000);
	}
	return true;
}

static void app_done(void *app, struct http_exchange *x)
{
	(void)app;
	(void)x;
	play.done++;
}

static void app_fault(void *app, int status, const char *target, const char *detail, struct http_response *res)
{
	(void)app;
	(void)target;
	assert(status >= 400 && status < 600 && detail);
	body_fill(&res->body, 20);
}

static bool app_host_known(void *app, const char *host)
{
	(void)app;
	return strcmp(host, "localhost") == 0;
}

static const struct http_app app = {
	.plan = app_plan, .sink_open = app_sink_open, .sink_broken = app_sink_broken, .handle = app_handle, .go_on = app_go_on, .done = app_done,
	.fault = app_fault, .host_known = app_host_known,
};

/* ---- the play ---- */

static void env_closed(void *arg, uint64_t net_key)
{
	(void)arg;
	assert(net_key == 1);
}

static void check_bounds(const struct http_env *env)
{
	const struct http_conn *conn = env->conns;
	const struct http2_conn *c = conn && conn->state == HTTP_CONN_WIRE ? conn->w : NULL;

	if (!c)
		return;
	assert(c->stream_count <= HTTP2_STREAMS_MAX && c->large_count <= HTTP2_LARGE_STREAMS);
	assert(c->out.n - c->out_off < 2 * HTTP2_OUT_BYTES);
	for (const struct http2_stream *s = c->streams; s; s = s->next)
		assert(s->pending.n - s->pending_off <= (s->large ? HTTP2_LARGE_WINDOW_BYTES : HTTP2_WINDOW_BYTES));
}

static void happens(uint32_t events)
{
	if (!play.closed)
		play.watch->fn(play.watch->arg, events);
	play_posts();
}

static void time_passes(unsigned tenths)
{
	play.now_us += tenths * (SECOND_US / 10);
	timer_wheel_run(&play.timers, play.now_us);
	play_posts();
}

static void bytes_come(const uint8_t *p, size_t n)
{
	if (play.in_end)
		return;
	assert(play.in_n == 0 || play.closed);
	for (size_t i = 0; i < n; i++)
		came(p[i]);
	play.in = p;
	play.in_n = n;
	happens(EPOLLIN);
	play.in_n = 0;		/* of a connection that lingers or is closed */
}

/* Returns the bytes used. */
static size_t step(struct http_env *env, const uint8_t *p, size_t n)
{
	unsigned arg = n > 1 ? p[1] : 0;
	size_t length;

	switch ((enum step)(p[0] % STEP_COUNT)) {
	case STEP_BYTES:
		length = n > 2 ? (size_t)p[1] << 8 | p[2] : 0;
		length = n > 2 && length > n - 3 ? n - 3 : length;
		bytes_come(p + 3, length);
		return 3 + length;
	case STEP_JOBS:
		while (play_job())
			;
		return 1;
	case STEP_JOB:
		(void)play_job();
		return 1;
	case STEP_TIME:
		time_passes(arg);
		return 2;
	case STEP_FULL:
		play.room = (size_t)arg * 1024;
		happens(EPOLLOUT);
		return 2;
	case STEP_FREE:
		play.room = SIZE_MAX;
		happens(EPOLLOUT);
		return 1;
	case STEP_STOP:
		if (!env->stopping) {
			env->stopping = true;
			http_conn_stop_idle(env);
			play_posts();
		}
		return 1;
	case STEP_END:
	case STEP_COUNT:
		break;
	}
	play.in_end = true;
	happens(EPOLLIN | EPOLLRDHUP);
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t greeting[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
	const struct http_limits limits = { .head_s = 2, .idle_s = 5, .stall_s = 3, .body_rate_bytes = 100, .body_rate_s = 3,
					    .head_bytes = 4096 };
	const struct http_peer peer = { .ip = "127.0.0.1", .net = "127.0.0.0/24" };
	struct http_env env = { .exchanges = { .app = &app }, .limits = &limits, .closed = env_closed };

	play = (struct play){ .now_us = SECOND_US, .room = SIZE_MAX, .came_skip = 24 };
	play.posts_last = &play.posts;
	play.jobs_last = &play.jobs;
	timer_wheel_init(&play.timers, play.now_us);
	http_conn_open(&env, -1, NULL, &peer, 1, false);
	if (size && data[0] != 'P')	/* a play of its own from the first byte on begins with P */
		bytes_come(greeting, sizeof(greeting));
	for (size_t at = size && data[0] == 'P' ? 1 : 0, steps = 0; at < size && steps < STEPS_MAX; steps++) {
		at += step(&env, data + at, size - at);
		check_bounds(&env);
	}
	http_conn_stop_all(&env);
	play_posts();
	while (play_job())
		;
	play_posts();
	assert(env.conn_count == 0 && !env.conns && env.exchanges.live == 0);
	assert(play.planned == play.done && play.streams == 0 && play.timers.count == 0);
	return 0;
}
