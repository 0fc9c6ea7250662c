/* Responses to bytes.  A small answer leaves as one TLS record: head and body in one buffer. */
#include <string.h>

#include "buf.h"

#include "http1_conn.h"
#include "http_reason.h"

#define RECORD_BYTES ((size_t)16384)
/* A refused body of this size is read to the end, so that the connection can go on. */
#define DRAIN_KEEP_BYTES UINT64_C(65536)

static void http1_add_number(struct buf *out, uint64_t v)
{
	char text[20];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	buf_add(out, text + at, sizeof(text) - at);
}

static void http1_write_head(struct http1_conn *c, const struct http_response *res, uint64_t length)
{
	struct buf *out = &c->out;

	buf_reserve(out, res->head.n + 256);
	buf_add(out, "HTTP/1.1 ", 9);
	http1_add_number(out, (uint64_t)res->status);
	buf_ch(out, ' ');
	buf_str(out, http_reason(res->status));
	buf_add(out, "\r\nDate: ", 8);
	buf_str(out, http_env_date(c->env));
	buf_add(out, "\r\n", 2);
	if (res->head.n)
		buf_add(out, res->head.p, res->head.n);
	if (res->status != 204 && res->status != 304) {
		buf_add(out, "Content-Length: ", 16);
		http1_add_number(out, length);
		buf_add(out, "\r\n", 2);
	}
	if (c->last)
		buf_add(out, "Connection: close\r\n", 19);
	buf_add(out, "\r\n", 2);
}

void http1_response_begin(struct http1_conn *c)
{
	const struct http_response *res = &exchange_public(c->x)->res;
	const uint8_t *p = NULL;
	size_t n, room;

	/* A client that waits for 100 Continue may send its body or not: only closing is clear. */
	if (res->close || c->env->stopping || c->body_left > DRAIN_KEEP_BYTES || (c->body_left && c->expects))
		c->last = true;
	n = exchange_out(c->x, &p);
	/* Room for both at once: what grows is copied and wiped. */
	(void)buf_reserve(&c->out, res->head.n + 256 + (n < RECORD_BYTES ? n : RECORD_BYTES));
	http1_write_head(c, res, exchange_out_length(c->x));
	room = c->out.n < RECORD_BYTES ? RECORD_BYTES - c->out.n : 0;
	if (n > room)
		n = room;
	if (n)
		buf_add(&c->out, p, n);
	c->out_inline = n;
	c->state = HTTP1_SEND;
}

void http1_response_fault(struct http1_conn *c, int status, const char *target, const char *detail)
{
	const struct http_app *app = c->env->exchanges.app;
	struct http_response res = { .status = status, .close = true };

	buf_init(&res.head);
	buf_init(&res.body);
	app->fault(app->app, status, target, detail, &res);
	c->last = true;
	c->faulty = true;
	http1_write_head(c, &res, res.body.n);
	buf_add(&c->out, res.body.p, res.body.n);
	buf_free(&res.head);
	buf_free(&res.body);
	c->state = HTTP1_SEND;
}

void http1_response_continue(struct http1_conn *c)
{
	buf_str(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
	c->expects = false;
}
