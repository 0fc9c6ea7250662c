/* A connection for straight-line code on a thread of its own: TLS or plain, every call with a deadline.  For protocols in which
 * both sides speak by turns (SMTP, LMTP); HTTP has chan.h and the loops.
 *
 * One thread at a time, but wire_cut() may come from any. */
#ifndef PLI_WIRE_H
#define PLI_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;
struct ssl_ctx_st;
struct wire;

/* Takes fd, a connected non-blocking stream socket (closed in every case).  ctx NULL: plain, else TLS, server side, borrowed for
 * the call.  PLI_IO. */
MUST enum pli_status wire_open(int fd, struct ssl_ctx_st *ctx, struct wire **wire_r, struct err *err);
/* Says good-bye as far as the socket takes it at once; wipes what was read and not used.  NULL is allowed. */
void wire_close(struct wire *wire);
/* Makes every call on the connection fail with PLI_GONE, now and later. */
void wire_cut(struct wire *wire);

/* Deadlines are of the monotonic clock (clock_mono_us).  PLI_AGAIN: it has passed; PLI_GONE: the peer has left; PLI_IO. */
MUST enum pli_status wire_handshake(struct wire *wire, int64_t deadline_us, struct err *err);
/* Reads until at least one byte is buffered.  *p_r, *n_r: all that is buffered, until the next read. */
MUST enum pli_status wire_fill(struct wire *wire, int64_t deadline_us, const char **p_r, size_t *n_r, struct err *err);
/* The first n buffered bytes are used up. */
void wire_use(struct wire *wire, size_t n);
/* Something is buffered: the peer has said more than what was used up. */
bool wire_pending(const struct wire *wire);
/* All of it. */
MUST enum pli_status wire_send(struct wire *wire, const void *p, size_t n, int64_t deadline_us, struct err *err);
/* One line ending with CRLF, without it, appended to line.  PLI_LIMIT: longer than max bytes with its end (nothing is taken);
 * PLI_INPUT: a CR or LF stands alone. */
MUST enum pli_status wire_line(struct wire *wire, size_t max, int64_t deadline_us, struct buf *line, struct err *err);

/* "TLSv1.3"; NULL when plain.  Static. */
const char *wire_tls_name(const struct wire *wire);

#endif
