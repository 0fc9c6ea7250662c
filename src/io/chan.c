/* TLS channel on OpenSSL.  The socket is reached through a BIO of our own, which saves the read that would only
 * say "nothing there", never raises SIGPIPE, and lets the records of a large write leave together. */
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pool.h"
#include "status.h"

#include "chan.h"

#define RECORD_BYTES ((size_t)16384)
#define RECORDS_TOGETHER 4

static int chan_bio_read(BIO *bio, char *p, size_t cap, size_t *n_r)
{
	struct chan *c = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	if (!c->readable) {
		BIO_set_retry_read(bio);
		return 0;
	}
	do {
		n = recv(c->fd, p, cap, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		c->readable = false;
		BIO_set_retry_read(bio);
		return 0;
	}
	if (n <= 0) {
		c->eof = n == 0;
		return 0;
	}
	/* A short read has emptied a stream socket: the next byte is a new edge.  A FIN that came together with these
	 * bytes is no new edge; epoll has told of it (ended), and then we read until it shows. */
	if ((size_t)n < cap && !c->ended)
		c->readable = false;
	*n_r = (size_t)n;
	return 1;
}

static int chan_bio_write(BIO *bio, const char *p, size_t len, size_t *n_r)
{
	struct chan *c = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	do {
		n = send(c->fd, p, len, c->more ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			BIO_set_retry_write(bio);
		return 0;
	}
	*n_r = (size_t)n;
	return 1;
}

static long chan_bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	struct chan *c = BIO_get_data(bio);

	(void)num;
	(void)ptr;
	switch (cmd) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_EOF:
		return c->eof;
	default:
		return 0;
	}
}

static int chan_bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

static pthread_once_t chan_bio_once = PTHREAD_ONCE_INIT;
static BIO_METHOD *chan_bio_method;

static void chan_bio_make(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pli socket");

	if (!m)
		return;
	BIO_meth_set_read_ex(m, chan_bio_read);
	BIO_meth_set_write_ex(m, chan_bio_write);
	BIO_meth_set_ctrl(m, chan_bio_ctrl);
	BIO_meth_set_create(m, chan_bio_create);
	chan_bio_method = m;
}

enum pli_status chan_open(struct chan *c, int fd, struct ssl_ctx_st *ctx)
{
	BIO *bio;

	pthread_once(&chan_bio_once, chan_bio_make);
	*c = (struct chan){ .fd = fd, .readable = true };
	bio = chan_bio_method ? BIO_new(chan_bio_method) : NULL;
	c->ssl = bio ? SSL_new(ctx) : NULL;
	if (!c->ssl) {
		BIO_free(bio);
		chan_close(c);
		return PLI_IO;
	}
	BIO_set_data(bio, c);
	SSL_set_bio(c->ssl, bio, bio);	/* the SSL owns bio from here */
	SSL_set_accept_state(c->ssl);
	return PLI_OK;
}

void chan_close(struct chan *c)
{
	SSL_free(c->ssl);
	c->ssl = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void chan_ready(struct chan *c, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->readable = true;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->ended = true;
}

/* What an OpenSSL call that did not succeed means. */
static enum pli_status chan_outcome(struct chan *c, int rc)
{
	switch (SSL_get_error(c->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return PLI_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return PLI_OK;
	default:
		ERR_clear_error();
		c->broken = true;
		return PLI_IO;
	}
}

enum pli_status chan_handshake(struct chan *c)
{
	enum pli_status st;
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(c->ssl);
	if (rc == 1)
		return PLI_OK;
	st = chan_outcome(c, rc);
	return st == PLI_OK ? PLI_IO : st;
}

enum pli_status chan_read(struct chan *c, void *p, size_t cap, size_t *n_r)
{
	int rc;

	*n_r = 0;
	/* Asked in vain, OpenSSL takes a buffer, wipes all of it and gives it back: as often as a long answer looks for a word of the peer's. */
	if (!c->readable && !SSL_has_pending(c->ssl) && !SSL_want_write(c->ssl))
		return PLI_AGAIN;
	ERR_clear_error();
	rc = SSL_read_ex(c->ssl, p, cap, n_r);
	if (rc == 1)
		return PLI_OK;
	*n_r = 0;
	return chan_outcome(c, rc);
}

/* The records of a call leave together: of all but the last the kernel is told that more follows, which it then waits for.  When the
 * socket is full before that, it sends what it has all the same.  They share one buffer of OpenSSL's, which the last one gives back. */
enum pli_status chan_write(struct chan *c, const void *p, size_t n, size_t *n_r)
{
	enum pli_status st = PLI_OK;

	*n_r = 0;
	for (int i = 1; i <= RECORDS_TOGETHER && *n_r < n && st == PLI_OK; i++) {
		size_t left = n - *n_r, k = 0;
		int rc;

		c->more = left > RECORD_BYTES && i < RECORDS_TOGETHER;
		if (c->more)
			SSL_clear_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS);
		else
			SSL_set_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS);
		ERR_clear_error();
		rc = SSL_write_ex(c->ssl, (const uint8_t *)p + *n_r, left < RECORD_BYTES ? left : RECORD_BYTES, &k);
		if (rc == 1)
			*n_r += k;
		else
			st = chan_outcome(c, rc) == PLI_AGAIN ? PLI_AGAIN : PLI_IO;
	}
	c->more = false;
	return st == PLI_AGAIN && *n_r ? PLI_OK : st;
}

void chan_finish(struct chan *c)
{
	if (!c->broken && SSL_is_init_finished(c->ssl)) {
		ERR_clear_error();
		(void)SSL_shutdown(c->ssl);
		ERR_clear_error();
	}
	shutdown(c->fd, SHUT_WR);
}

enum pli_status chan_discard(struct chan *c, size_t cap_bytes, size_t *n_r)
{
	char junk[16384];
	enum pli_status st = PLI_OK;

	*n_r = 0;
	while (*n_r < cap_bytes) {
		ssize_t n = recv(c->fd, junk, sizeof(junk), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			st = errno == EAGAIN || errno == EWOULDBLOCK ? PLI_AGAIN : PLI_IO;
		if (n <= 0)
			return st;
		*n_r += (size_t)n;
	}
	return PLI_AGAIN;
}

enum pli_status chan_plain_read(struct chan *c, void *p, size_t cap, size_t *n_r)
{
	ssize_t n;

	*n_r = 0;
	do {
		n = recv(c->fd, p, cap, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? PLI_AGAIN : PLI_IO;
	*n_r = (size_t)n;
	return PLI_OK;
}

bool chan_speaks(const struct chan *c, const char *alpn)
{
	const unsigned char *chosen = NULL;
	unsigned n = 0;

	SSL_get0_alpn_selected(c->ssl, &chosen, &n);
	return n == strlen(alpn) && memcmp(chosen, alpn, n) == 0;
}

const char *chan_tls_name(const struct chan *c)
{
	return SSL_get_version(c->ssl);
}
