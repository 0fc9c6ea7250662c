/* The streams that need nothing but their parents: memory, chain, window; see stream.h. */
#include <assert.h>
#include <string.h>

#include "pool.h"

#include "stream.h"

enum pli_status istream_read(struct istream *is, void *buf, size_t cap, size_t *n_r, struct err *err)
{
	assert(cap > 0);
	return is->ops->read(is, buf, cap, n_r, err);
}

enum pli_status istream_read_now(struct istream *is, void *buf, size_t cap, size_t *n_r, struct err *err)
{
	assert(cap > 0);
	return is->ops->read_now ? is->ops->read_now(is, buf, cap, n_r, err) : PLI_AGAIN;
}

void istream_close(struct istream *is)
{
	if (is)
		is->ops->close(is);
}

enum pli_status ostream_write(struct ostream *os, const void *p, size_t n, struct err *err)
{
	return n ? os->ops->write(os, p, n, err) : PLI_OK;
}

enum pli_status ostream_finish(struct ostream *os, struct err *err)
{
	return os->ops->finish(os, err);
}

void ostream_close(struct ostream *os)
{
	if (os)
		os->ops->close(os);
}

struct memory_stream {
	struct istream is;
	const uint8_t *p;
	size_t n;
};

static enum pli_status memory_read(struct istream *is, void *buf, size_t cap, size_t *n_r,
				   struct err *err)
{
	struct memory_stream *m = (struct memory_stream *)is;
	size_t n = m->n < cap ? m->n : cap;

	(void)err;
	if (n)
		memcpy(buf, m->p, n);
	m->p += n;
	m->n -= n;
	*n_r = n;
	return PLI_OK;
}

static void memory_close(struct istream *is)
{
	mem_free(is);
}

struct istream *istream_memory(const void *p, size_t n)
{
	static const struct istream_ops ops = { "memory", memory_read, memory_close, memory_read };
	struct memory_stream *m = mem_alloc(sizeof(*m));

	m->is.ops = &ops;
	m->p = n ? p : (const uint8_t *)"";
	m->n = n;
	return &m->is;
}

struct chain_stream {
	struct istream is;
	size_t count, at;
	struct istream *parts[];
};

static enum pli_status chain_read(struct istream *is, void *buf, size_t cap, size_t *n_r,
				  struct err *err)
{
	struct chain_stream *c = (struct chain_stream *)is;

	while (c->at < c->count) {
		size_t n;
		enum pli_status status = istream_read(c->parts[c->at], buf, cap, &n, err);

		if (status != PLI_OK)
			return status;
		if (n) {
			*n_r = n;
			return PLI_OK;
		}
		/* Close at once: an ended part may hold a file or a buffer. */
		istream_close(c->parts[c->at]);
		c->parts[c->at++] = NULL;
	}
	*n_r = 0;
	return PLI_OK;
}

static void chain_close(struct istream *is)
{
	struct chain_stream *c = (struct chain_stream *)is;

	for (size_t i = c->at; i < c->count; i++)
		istream_close(c->parts[i]);
	mem_free(c);
}

struct istream *istream_chain(struct istream **parts, size_t count)
{
	static const struct istream_ops ops = { "chain", chain_read, chain_close, NULL };
	struct chain_stream *c = mem_alloc(sizeof(*c) + count * sizeof(c->parts[0]));

	c->is.ops = &ops;
	c->count = count;
	if (count)
		memcpy(c->parts, parts, count * sizeof(c->parts[0]));
	return &c->is;
}

struct window_stream {
	struct istream is;
	struct istream *parent;
	uint64_t skip;
	uint64_t left;
};

static enum pli_status window_read(struct istream *is, void *buf, size_t cap, size_t *n_r,
				   struct err *err)
{
	struct window_stream *w = (struct window_stream *)is;
	enum pli_status status;
	size_t n;

	while (w->skip) {
		size_t want = w->skip < cap ? (size_t)w->skip : cap;

		status = istream_read(w->parent, buf, want, &n, err);
		if (status != PLI_OK)
			return status;
		if (!n)
			w->left = 0;
		w->skip = n ? w->skip - n : 0;
	}
	*n_r = 0;
	if (!w->left)
		return PLI_OK;
	status = istream_read(w->parent, buf, w->left < cap ? (size_t)w->left : cap, &n, err);
	if (status != PLI_OK)
		return status;
	w->left = n ? w->left - n : 0;
	*n_r = n;
	return PLI_OK;
}

static enum pli_status window_read_now(struct istream *is, void *buf, size_t cap, size_t *n_r, struct err *err)
{
	struct window_stream *w = (struct window_stream *)is;
	enum pli_status status = PLI_OK;
	size_t n = 0;

	if (w->skip)
		return PLI_AGAIN;
	if (w->left)
		status = istream_read_now(w->parent, buf, w->left < cap ? (size_t)w->left : cap, &n, err);
	if (status != PLI_OK)
		return status;
	w->left = n ? w->left - n : 0;
	*n_r = n;
	return PLI_OK;
}

static void window_close(struct istream *is)
{
	struct window_stream *w = (struct window_stream *)is;

	istream_close(w->parent);
	mem_free(w);
}

struct istream *istream_window(struct istream *parent, uint64_t skip, uint64_t length)
{
	static const struct istream_ops ops = { "window", window_read, window_close, window_read_now };
	struct window_stream *w = mem_alloc(sizeof(*w));

	w->is.ops = &ops;
	w->parent = parent;	/* w owns it from here */
	w->skip = skip;
	w->left = length;
	return &w->is;
}
