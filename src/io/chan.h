/* One TLS connection over a non-blocking TCP socket: bytes in, bytes out, never blocking.
 *
 * The socket is watched edge-triggered, once, for both directions.  The channel remembers whether a read has
 * emptied the socket and then answers PLI_AGAIN without a system call until chan_ready() tells of news.
 * One thread only: the loop's. */
#ifndef PLI_CHAN_H
#define PLI_CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct ssl_st;
struct ssl_ctx_st;

/* Stays where it is from chan_open() to chan_close(). */
struct chan {
	int fd;
	struct ssl_st *ssl;
	bool readable;	/* the socket may hold bytes */
	bool ended;	/* the peer has shut its side; never trust a short read again */
	bool eof;	/* a read has met the end */
	bool broken;	/* TLS failed: nothing more may be said, not even good-bye */
	bool more;	/* another record follows at once */
};

/* Takes fd (closed in every case); server side.  PLI_OK, PLI_IO. */
MUST enum pli_status chan_open(struct chan *c, int fd, struct ssl_ctx_st *ctx);
void chan_close(struct chan *c);

/* News from epoll: EPOLLIN, EPOLLRDHUP, EPOLLHUP, EPOLLERR. */
void chan_ready(struct chan *c, uint32_t events);

/* PLI_OK when the handshake is complete, PLI_AGAIN, PLI_IO. */
MUST enum pli_status chan_handshake(struct chan *c);
/* PLI_OK with *n_r == 0: the peer has ended (also without close_notify: every body here has a length, so nothing
 * can be cut unseen).  PLI_AGAIN, PLI_IO. */
MUST enum pli_status chan_read(struct chan *c, void *p, size_t cap, size_t *n_r);
/* May take less than n.  What is told as written is with the kernel.  After PLI_AGAIN the same bytes must come first again (they may have moved). PLI_IO. */
MUST enum pli_status chan_write(struct chan *c, const void *p, size_t n, size_t *n_r);
/* Says good-bye (close_notify, then FIN) as far as the socket takes it at once; reading stays possible. */
void chan_finish(struct chan *c);
/* After chan_finish(): throws away what still comes in.  PLI_OK: the peer has ended; PLI_AGAIN; PLI_IO.
 * *n_r: bytes thrown away in this call, at most cap_bytes or a little more. */
MUST enum pli_status chan_discard(struct chan *c, size_t cap_bytes, size_t *n_r);

/* Before the handshake: bytes that stand in front of TLS, not one more than cap.  PLI_OK with *n_r == 0: the end.
 * PLI_AGAIN, PLI_IO. */
MUST enum pli_status chan_plain_read(struct chan *c, void *p, size_t cap, size_t *n_r);

/* Whether ALPN has chosen that protocol. */
bool chan_speaks(const struct chan *c, const char *alpn);
/* "TLSv1.3"; static string. */
const char *chan_tls_name(const struct chan *c);

#endif
