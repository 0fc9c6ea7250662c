/* A stream's answer: fields and body to the library and to TLS, in the order and as fast as the peer takes them. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "buf.h"
#include "pool.h"

#include "http2_conn.h"

/* ---- fields ---- */

static size_t answer_count_lines(const struct buf *head)
{
	size_t lines = 0;

	for (size_t i = 0; i < head->n; i++)
		lines += head->p[i] == '\n';
	return lines;
}

static nghttp2_nv answer_nv(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value),
			     NGHTTP2_NV_FLAG_NONE };
}

/* Lines "Name: value\r\n" become fields, in place: names in lower case. */
static size_t answer_add_lines(struct buf *head, nghttp2_nv *nv)
{
	size_t count = 0;
	char *p = head->p, *end = p + head->n;

	while (p < end) {
		char *colon = memchr(p, ':', (size_t)(end - p)), *cr = memchr(p, '\r', (size_t)(end - p));

		assert(colon && cr && colon < cr);
		for (char *c = p; c < colon; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c + 32);
		nv[count] = (nghttp2_nv){ (uint8_t *)p, (uint8_t *)colon + 2, (size_t)(colon - p), (size_t)(cr - colon) - 2,
					  NGHTTP2_NV_FLAG_NONE };
		/* Secrets stay out of the table of what was said before. */
		if (nv[count].namelen == 10 && memcmp(p, "set-cookie", 10) == 0)
			nv[count].flags = NGHTTP2_NV_FLAG_NO_INDEX;
		count++;
		p = cr + 2;
	}
	return count;
}

static ssize_t answer_read_body(nghttp2_session *session, int32_t id, uint8_t *p, size_t cap, uint32_t *flags,
				nghttp2_data_source *source, void *user)
{
	bool last = false;
	long n = http2_answer_out(source->ptr, cap, &last);

	(void)session;
	(void)id;
	(void)p;
	(void)user;
	if (n < 0)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;	/* the stream is reset: the peer sees that it was cut */
	if (n == 0)
		return NGHTTP2_ERR_DEFERRED;
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (last)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return n;
}

void http2_answer_continue(struct http2_stream *s)
{
	nghttp2_nv nv = answer_nv(":status", "100");

	s->expects = false;
	nghttp2_submit_headers(s->c->session, NGHTTP2_FLAG_NONE, s->id, NULL, &nv, 1, NULL);
}

void http2_answer_begin(struct http2_stream *s)
{
	struct http_exchange *pub = exchange_public(s->x);
	struct http_response *res = &pub->res;
	nghttp2_nv *nv = POOL_ARRAY(pub->pool, nghttp2_nv, answer_count_lines(&res->head) + 3);
	nghttp2_data_provider body = { .source.ptr = s, .read_callback = answer_read_body };
	bool empty = exchange_out_complete(s->x);
	char status[12], length[24];
	size_t count = 0;

	snprintf(status, sizeof(status), "%d", res->status);
	nv[count++] = answer_nv(":status", status);
	nv[count++] = answer_nv("date", http_env_date(s->c->env));
	if (res->head.n)
		count += answer_add_lines(&res->head, nv + count);
	if (res->status != 204 && res->status != 304) {
		snprintf(length, sizeof(length), "%llu", (unsigned long long)exchange_out_length(s->x));
		nv[count++] = answer_nv("content-length", length);
	}
	s->state = HTTP2_SEND;
	s->c->sending++;
	s->out_left = exchange_out_length(s->x);
	http2_stream_timer(s, s->c->env->limits->stall_s);
	if (nghttp2_submit_response(s->c->session, s->id, nv, count, empty ? NULL : &body) != 0) {
		nghttp2_submit_rst_stream(s->c->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
		return;
	}
	/* A long answer takes turns with the others, unless the peer wants it otherwise. */
	if (res->source && !http_field(&pub->req, "priority")) {
		nghttp2_extpri fair = { .urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1 };

		nghttp2_session_change_extpri_stream_priority(s->c->session, s->id, &fair, 0);
	}
}

/* ---- body ---- */

long http2_answer_out(struct http2_stream *s, size_t cap, bool *last_r)
{
	const uint8_t *from = NULL;
	size_t n = exchange_out(s->x, &from);

	/* What the library has is still at the front; the next piece shows when that is written. */
	n = n > s->ahead ? n - s->ahead : 0;
	if (n == 0) {
		if (s->ahead == 0 && exchange_out_failed(s->x))
			return -1;
		if (s->ahead == 0)
			http2_stream_timer(s, 0);	/* it is not the peer who keeps us waiting */
		s->deferred = true;
		return 0;
	}
	n = n < cap ? n : cap;
	s->ahead += n;
	s->out_left -= n;
	*last_r = s->out_left == 0;
	http2_answer_unsent(s);
	return (long)n;
}

void http2_answer_put(struct http2_stream *s, const uint8_t head[9], size_t n)
{
	struct buf *out = &s->c->out;
	const uint8_t *from = NULL;
	size_t there = exchange_out(s->x, &from), grown = n + 9;

	assert(n <= s->ahead && s->ahead <= there);
	if (n >= HTTP2_OUT_BYTES / 8 && out->n < HTTP2_OUT_BYTES)	/* more of the kind will come: at once as large as it gets */
		grown = grown > HTTP2_OUT_BYTES - out->n ? grown : HTTP2_OUT_BYTES - out->n;
	(void)buf_reserve(out, grown);
	buf_add(out, head, 9);
	buf_add(out, from + s->ahead - n, n);
	s->c->full = out->n + HTTP2_OUT_LEAST > HTTP2_OUT_BYTES;
}

void http2_answer_unsent(struct http2_stream *s)
{
	if (s->is_unsent)
		return;
	s->is_unsent = true;
	s->next_unsent = s->c->unsent;
	s->c->unsent = s;
}

void http2_answer_resume(struct http2_stream *s)
{
	const uint8_t *p = NULL;

	if (!s->deferred || (exchange_out(s->x, &p) <= s->ahead && !exchange_out_failed(s->x)))
		return;
	s->deferred = false;
	http2_stream_timer(s, s->c->env->limits->stall_s);
	nghttp2_session_resume_data(s->c->session, s->id);
}

void http2_answers_sent(struct http2_conn *c)
{
	struct http2_stream *s;

	while ((s = c->unsent)) {
		size_t n = s->ahead;

		c->unsent = s->next_unsent;
		s->is_unsent = false;
		s->ahead = 0;
		if (n) {
			exchange_out_sent(s->x, n);
			http2_stream_timer(s, c->env->limits->stall_s);
		}
		if (s->ended)
			http2_stream_complete(s);
		else
			http2_answer_resume(s);
	}
}
