/* The library's callbacks: frames to streams.  Nothing is closed or freed here that the library still works with. */
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "pool.h"

#include "http2_conn.h"

/* ---- floods ---- */

static void session_count_frame(struct http2_conn *c)
{
	if (http2_flood_frame(&c->flood, loop_now_us(c->env->exchanges.loop)))
		c->flooded = true;
}

static void session_count_reset(struct http2_conn *c)
{
	if (http2_flood_reset(&c->flood, loop_now_us(c->env->exchanges.loop)))
		c->flooded = true;
}

/* Frames of types that nobody has heard of are ignored; but the library reports them only if it may ask what is in them. */
static int session_unknown_frame(nghttp2_session *session, void **payload, const nghttp2_frame_hd *hd, void *user)
{
	(void)session;
	(void)payload;
	(void)hd;
	(void)user;
	return NGHTTP2_ERR_CANCEL;
}

/* ---- heads ---- */

static int session_frame_begins(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user)
{
	struct http2_conn *c = user;

	(void)session;
	if (hd->type != NGHTTP2_CONTINUATION)
		c->head_id = 0;
	if (hd->type != NGHTTP2_HEADERS && (hd->type != NGHTTP2_DATA || hd->length == 0) &&
	    !(hd->type == NGHTTP2_DATA && (hd->flags & NGHTTP2_FLAG_END_STREAM)))
		session_count_frame(c);
	return 0;
}

static int session_head_begins(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct http2_conn *c = user;

	c->head_id = frame->hd.stream_id;
	if (frame->headers.cat == NGHTTP2_HCAT_REQUEST && !http2_stream_new(c, frame->hd.stream_id))
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
	return 0;
}

/* Beyond any head that is answered with 431: what is unpacked could be without end. */
static void session_count_fields(struct http2_conn *c, size_t bytes)
{
	if (bytes > (size_t)c->env->limits->head_bytes * HTTP2_FIELDS_TIMES)
		c->flooded = true;
}

static int session_field(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_n,
			 const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
	struct http2_conn *c = user;
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	(void)flags;
	if (!s) {
		return 0;
	} else if (s->head) {
		http2_head_field(s->head, (const char *)name, name_n, (const char *)value, value_n);
		session_count_fields(c, s->head->bytes);
	} else {	/* of trailers, which nobody reads */
		s->trailer_bytes += name_n + value_n;
		session_count_fields(c, s->trailer_bytes);
	}
	return 0;
}

/* A field that the library would drop in silence. */
static int session_field_invalid(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_n,
				 const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	(void)name;
	(void)name_n;
	(void)value;
	(void)value_n;
	(void)flags;
	(void)user;
	if (s && s->head)
		http2_head_invalid(s->head);
	return 0;
}

/* ---- frames ---- */

static void session_came_headers(struct http2_conn *c, struct http2_stream *s, const nghttp2_frame *frame)
{
	c->head_id = 0;
	if (!s)
		return;
	if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
		s->remote_ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
		http2_stream_begin(s);
	} else if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
		http2_stream_data_end(s);
	}
}

static int session_frame_came(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct http2_conn *c = user;
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		session_came_headers(c, s, frame);
		break;
	case NGHTTP2_DATA:
		if (frame->hd.length > 0 && frame->hd.length <= frame->data.padlen && !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
			session_count_frame(c);		/* nothing but padding */
		if (s && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
			http2_stream_data_end(s);
		break;
	case NGHTTP2_SETTINGS:
		if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
			c->greeted = true;
		break;
	case NGHTTP2_PING:
		/* Only a peer that has seen our notice can have answered it: it opens no more streams. */
		if (c->leaving && (frame->hd.flags & NGHTTP2_FLAG_ACK))
			nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session),
					      NGHTTP2_NO_ERROR, NULL, 0);
		break;
	case NGHTTP2_RST_STREAM:
		session_count_reset(c);
		break;
	default:
		break;
	}
	return 0;
}

static int session_data_came(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *user)
{
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, id);

	(void)flags;
	(void)user;
	nghttp2_session_consume_connection(session, n);
	if (s)
		http2_stream_data(s, p, n);
	else
		nghttp2_session_consume_stream(session, id, n);
	return 0;
}

static int session_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct http2_conn *c = user;
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	switch (frame->hd.type) {
	case NGHTTP2_DATA:
	case NGHTTP2_HEADERS:
		http2_flood_excuse(&c->flood, 3);	/* an acknowledged piece: windows of stream and connection, and one */
		if (s && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
			s->ended = true;
			http2_answer_unsent(s);
		}
		break;
	case NGHTTP2_RST_STREAM:
		/* Whoever makes us reset streams resets them; but that the jobs of streams given up are still out is not his doing. */
		if (frame->rst_stream.error_code == NGHTTP2_REFUSED_STREAM)
			session_count_frame(c);
		else if (frame->rst_stream.error_code != NGHTTP2_NO_ERROR)
			session_count_reset(c);
		break;
	default:
		break;
	}
	return 0;
}

static int session_frame_unsent(nghttp2_session *session, const nghttp2_frame *frame, int code, void *user)
{
	(void)code;
	(void)user;
	if (frame->hd.type == NGHTTP2_HEADERS)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
	return 0;
}

static int session_stream_closed(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, id);
	struct http2_conn *c = user;

	(void)code;
	if (c->head_id == id)
		c->head_id = 0;
	if (s)
		http2_stream_closed(s);
	return 0;
}

static ssize_t session_data_length(nghttp2_session *session, uint8_t type, int32_t id, int32_t session_window,
				   int32_t stream_window, uint32_t frame_max, void *user)
{
	const struct http2_conn *c = user;
	size_t room = c->out.n + HTTP2_OUT_LEAST <= HTTP2_OUT_BYTES ? HTTP2_OUT_BYTES - c->out.n - 9 : HTTP2_OUT_LEAST;

	(void)session;
	(void)type;
	(void)id;
	(void)session_window;
	(void)stream_window;
	if (room > HTTP2_DATA_BYTES)
		room = HTTP2_DATA_BYTES;
	return frame_max < room ? (ssize_t)frame_max : (ssize_t)room;
}

/* A DATA frame whose bytes the library has left to us. */
static int session_data_put(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t n, nghttp2_data_source *source,
			    void *user)
{
	struct http2_stream *s = source->ptr;

	(void)session;
	(void)frame;
	http2_answer_put(s, head, n);
	return ((struct http2_conn *)user)->full ? NGHTTP2_ERR_PAUSE : 0;
}

/* ---- the session ---- */

static nghttp2_session *session_make(struct http2_conn *c)
{
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	nghttp2_session *session = NULL;

	if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
		goto out;
	nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, session_frame_begins);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, session_head_begins);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, session_field);
	nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, session_field_invalid);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, session_frame_came);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, session_data_came);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, session_frame_sent);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, session_frame_unsent);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, session_stream_closed);
	nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, session_data_length);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, session_data_put);
	nghttp2_session_callbacks_set_unpack_extension_callback(callbacks, session_unknown_frame);
	for (unsigned type = NGHTTP2_ALTSVC; type <= UINT8_MAX; type++)
		nghttp2_option_set_user_recv_extension_type(option, (uint8_t)type);
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_no_closed_streams(option, 1);
	nghttp2_option_set_max_outbound_ack(option, 256);
	nghttp2_option_set_max_settings(option, 32);
	nghttp2_option_set_max_continuations(option, 8);
	nghttp2_option_set_max_deflate_dynamic_table_size(option, 4096);
	if (nghttp2_session_server_new2(&session, callbacks, c, option) != 0)
		session = NULL;
out:
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	return session;
}

struct nghttp2_session *http2_session_new(struct http2_conn *c)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP2_STREAMS_MAX },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_WINDOW_BYTES },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, c->env->limits->head_bytes },
		{ NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
	};
	nghttp2_session *session = session_make(c);

	if (session && (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, sizeof(settings) / sizeof(settings[0])) != 0 ||
			nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, HTTP2_CONN_WINDOW_BYTES) != 0)) {
		nghttp2_session_del(session);
		return NULL;
	}
	return session;
}
