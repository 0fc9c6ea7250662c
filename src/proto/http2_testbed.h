/* The client of the tests of HTTP/2, on the bed of http_testbed.h: a session of libnghttp2 over a blocking TLS connection,
 * and below it frames by hand, for what no library would send. */
#ifndef PLI_HTTP2_TESTBED_H
#define PLI_HTTP2_TESTBED_H

#include "http_testbed.h"

#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>

#define H2_STREAMS 512

struct h2_answer {
	int status, continues;
	struct buf body;
	uint64_t bytes;		/* of the body */
	uint64_t length;	/* content-length; UINT64_MAX: none */
	bool wrong;		/* the body is not the pattern */
	bool closed;
	uint32_t error;
	/* the request's body */
	uint64_t send, hold;	/* as many; but wait after so many */
	uint64_t given;
};

struct h2 {
	struct client c;
	nghttp2_session *session;
	struct h2_answer answers[H2_STREAMS];	/* by stream: (id - 1) / 2 */
	bool goaway;
	uint32_t goaway_code;
	int goaway_last;
	int pongs;
};

static inline struct h2_answer *h2_answer(struct h2 *h, int32_t id)
{
	assert_true(id > 0 && (id - 1) / 2 < H2_STREAMS);
	return &h->answers[(id - 1) / 2];
}

static inline int h2_on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_n,
			       const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
	struct h2_answer *a = h2_answer(user, frame->hd.stream_id);
	char text[32];

	(void)session;
	(void)flags;
	snprintf(text, sizeof(text), "%.*s", (int)value_n, (const char *)value);
	if (name_n == 7 && memcmp(name, ":status", 7) == 0) {
		a->status = atoi(text);
		a->continues += a->status == 100;
	}
	if (name_n == 14 && memcmp(name, "content-length", 14) == 0)
		a->length = strtoull(text, NULL, 10);
	return 0;
}

static inline int h2_on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *user)
{
	struct h2_answer *a = h2_answer(user, id);

	(void)session;
	(void)flags;
	for (size_t i = 0; i < n; i++)
		if (p[i] != pattern(a->bytes + i))
			a->wrong = true;
	if (a->bytes + n < 4096)
		buf_add(&a->body, p, n);
	a->bytes += n;
	return 0;
}

static inline int h2_on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	struct h2_answer *a = h2_answer(user, id);

	(void)session;
	a->closed = true;
	a->error = code;
	return 0;
}

static inline int h2_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2 *h = user;

	(void)session;
	if (frame->hd.type == NGHTTP2_GOAWAY) {
		h->goaway = true;
		h->goaway_code = frame->goaway.error_code;
		h->goaway_last = frame->goaway.last_stream_id;
	}
	h->pongs += frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK);
	return 0;
}

static inline ssize_t h2_give(nghttp2_session *session, int32_t id, uint8_t *p, size_t cap, uint32_t *flags,
			      nghttp2_data_source *source, void *user)
{
	struct h2_answer *a = h2_answer(user, id);
	uint64_t end = a->hold < a->send ? a->hold : a->send;
	size_t n = end - a->given < cap ? (size_t)(end - a->given) : cap;

	(void)session;
	(void)source;
	if (a->given + n == a->send)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	else if (n == 0)
		return NGHTTP2_ERR_DEFERRED;
	for (size_t i = 0; i < n; i++)
		p[i] = pattern(a->given + i);
	a->given += n;
	return (ssize_t)n;
}

/* A TLS connection on which h2 was chosen. */
static inline void h2_connect(const struct fixture *f, struct client *c)
{
	static const unsigned char h2[] = "\x02h2";
	const unsigned char *chosen;
	unsigned chosen_n;
	int on = 1;

	c->fd = tcp_open(f);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));	/* as every client of HTTP/2 does */
	c->ssl = SSL_new(f->client_ctx);
	c->impatient = false;
	SSL_set_fd(c->ssl, c->fd);
	SSL_set_alpn_protos(c->ssl, h2, 3);
	if (SSL_connect(c->ssl) != 1)
		fail_msg("no handshake: %s", ERR_error_string(ERR_get_error(), NULL));
	SSL_get0_alpn_selected(c->ssl, &chosen, &chosen_n);
	assert_int_equal(chosen_n, 2);
	buf_init(&c->in);
}

/* window: of a stream, 0: the default, given back at once; else never given back. */
static inline void h2_open(const struct fixture *f, struct h2 *h, uint32_t window)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	nghttp2_settings_entry settings = { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window };

	memset(h, 0, sizeof(*h));
	for (int i = 0; i < H2_STREAMS; i++)
		h->answers[i].length = h->answers[i].hold = UINT64_MAX;
	h2_connect(f, &h->c);
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, h2_on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, h2_on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, h2_on_close);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, h2_on_frame);
	nghttp2_option_new(&option);
	nghttp2_option_set_no_http_messaging(option, 1);	/* what we send may be wrong */
	if (window)
		nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_session_client_new2(&h->session, callbacks, h, option);
	nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, &settings, window ? 1 : 0);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
}

static inline void h2_close(struct h2 *h)
{
	nghttp2_session_del(h->session);
	for (int i = 0; i < H2_STREAMS; i++)
		buf_free(&h->answers[i].body);
	client_close(&h->c);
}

/* Says what there is to say.  False when the connection has ended. */
static inline bool h2_flush(struct h2 *h)
{
	const uint8_t *p;
	ssize_t n;

	while ((n = nghttp2_session_mem_send(h->session, &p)) > 0)
		if (!client_send(&h->c, p, (size_t)n))
			return false;
	return n == 0;
}

/* Says what there is to say, then hears something.  False when the connection has ended. */
static inline bool h2_turn(struct h2 *h)
{
	bool said = h2_flush(h);

	h->c.in.n = 0;
	if (!client_more(&h->c))
		return false;
	return nghttp2_session_mem_recv(h->session, (const uint8_t *)h->c.in.p, h->c.in.n) >= 0 && said;
}

/* Until so much of the request's body was sent. */
static inline void h2_give_up_to(struct h2 *h, int32_t id, uint64_t bytes)
{
	assert_true(h2_flush(h));
	while (h2_answer(h, id)->given < bytes) {
		assert_true(h2_turn(h));
		assert_true(h2_flush(h));
	}
}

static inline bool h2_wait(struct h2 *h, int32_t id)
{
	while (!h2_answer(h, id)->closed)
		if (!h2_turn(h))
			return false;
	return true;
}

static inline nghttp2_nv h2_nv(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value), 0 };
}

/* A request with fields of its own beside the pseudo-fields; body of so many bytes of the pattern, -1: none. */
static inline int32_t h2_ask(struct h2 *h, const char *method, const char *path, long long body, const char *const *fields)
{
	nghttp2_nv nv[40] = { h2_nv(":method", method), h2_nv(":scheme", "https"), h2_nv(":authority", "localhost"),
			      h2_nv(":path", path) };
	nghttp2_data_provider give = { .read_callback = h2_give };
	size_t n = 4;
	char length[24];
	int32_t id;

	if (body >= 0) {
		snprintf(length, sizeof(length), "%lld", body);
		nv[n++] = h2_nv("content-length", length);
	}
	for (; fields && *fields; fields += 2)
		nv[n++] = h2_nv(fields[0], fields[1]);
	id = nghttp2_submit_request(h->session, NULL, nv, n, body >= 0 ? &give : NULL, NULL);
	if (body >= 0)
		h2_answer(h, id)->send = (uint64_t)body;
	return id;
}

/* One request to its end; the status, or 0 and the code of the reset in *error_r. */
static inline int h2_one(const struct fixture *f, const nghttp2_nv *nv, size_t n, uint32_t *error_r)
{
	struct h2 h;
	int32_t id;
	int status;

	h2_open(f, &h, 0);
	id = nghttp2_submit_request(h.session, NULL, nv, n, NULL, NULL);
	if (!h2_wait(&h, id) && h.goaway)
		h2_answer(&h, id)->error = h.goaway_code;
	status = h2_answer(&h, id)->status;
	*error_r = h2_answer(&h, id)->error;
	h2_close(&h);
	return status;
}

/* ---- frames by hand ---- */

static inline void raw_open(const struct fixture *f, struct client *c)
{
	h2_connect(f, c);
	client_say(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	client_send(c, "\0\0\0\4\0\0\0\0\0", 9);
}

static inline void raw_frame(struct buf *out, uint8_t type, uint8_t flags, uint32_t id, const void *p, size_t n)
{
	const uint8_t head[9] = { (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, type, flags,
				  (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id };

	buf_add(out, head, sizeof(head));
	buf_add(out, p, n);
}

/* Reads frames to the end of the connection; the code of the last GOAWAY, -1: there was none. */
static inline long raw_goaway(struct client *c)
{
	long code = -1;

	for (;;) {
		const uint8_t *p;
		size_t n;

		while (c->in.n < 9)
			if (!client_more(c))
				return code;
		p = (const uint8_t *)c->in.p;
		n = 9 + ((size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2]);
		while (c->in.n < n)
			if (!client_more(c))
				return code;
		p = (const uint8_t *)c->in.p;
		if (p[3] == NGHTTP2_GOAWAY)
			code = (long)((uint32_t)p[13] << 24 | (uint32_t)p[14] << 16 | (uint32_t)p[15] << 8 | p[16]);
		buf_shift(&c->in, n);
	}
}

/* ":method: GET", ":scheme: https", ":path: /", ":authority: localhost", by the static table. */
#define RAW_GET "\x82\x87\x84\x41\x09localhost"
#define RAW_GET_BYTES (sizeof(RAW_GET) - 1)

#endif
