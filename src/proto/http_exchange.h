/* The engine's half of an exchange: body, jobs, response.  It knows nothing of how a wire writes heads or frames;
 * HTTP/1 and HTTP/2 drive it from their loop thread, and are told by changed() when to look again.
 *
 * The border between threads: an exchange belongs to its loop, but for the one job that may be out at a time
 * (`busy`).  A job comes back by a post to the loop, or is the last one and frees the exchange.  When the peer leaves
 * while a job is out, the wire lets go (exchange_gone) and the exchange ends when the job is back: no counting of
 * references is needed, nobody frees what another uses.
 * Memory: two pieces of 256 KiB for a body to a sink, two for a response from a source, whatever the size; of 32 KiB for
 * thrifty exchanges.
 * A source that has what is asked for at hand (istream_read_now) is read on the loop, 64 KiB at a time, between two jobs. */
#ifndef PLI_HTTP_EXCHANGE_H
#define PLI_HTTP_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http.h"

struct exchange;
struct loop;
struct workers;

/* One per loop thread. */
struct exchange_env {
	struct loop *loop;
	struct workers *workers;
	const struct http_app *app;
	unsigned live;		/* exchanges of this loop that have not begun their last job */
};

enum exchange_state {
	EXCHANGE_BODY,		/* give it body bytes as there is room */
	EXCHANGE_WORK,		/* wait for changed() */
	EXCHANGE_RESPONSE,	/* send: status and head are final, body bytes come from exchange_out() */
};

/* changed(wire): the state, the room or the output of the exchange may be new. */
struct exchange *exchange_new(struct exchange_env *env, void (*changed)(void *wire), void *wire);
/* The wire fills pool and req before exchange_begin(). */
struct http_exchange *exchange_public(struct exchange *x);
/* Before exchange_begin() only: the app has not heard of it. */
void exchange_drop(struct exchange *x);
/* Asks the app for its plan. */
void exchange_begin(struct exchange *x);
/* Instead of exchange_begin(): answers with a fault that the app is not asked about. */
void exchange_refuse(struct exchange *x, int status, const char *detail);
/* Before exchange_begin(): works with pieces of 32 KiB, because many like it may be on one connection. */
void exchange_thrifty(struct exchange *x);

enum exchange_state exchange_state(const struct exchange *x);

/* Where the next bytes of the body go and how many at most; 0: none now (back-pressure) or no more. */
size_t exchange_body_room(struct exchange *x, uint8_t **p_r);
void exchange_body_add(struct exchange *x, size_t n);
/* Nothing more is there to read at the moment: what has come may be passed on.  awaited: the peer sends nothing before
 * the body is accepted. */
void exchange_body_idle(struct exchange *x, bool awaited);
/* Whether the body has been accepted, so that "100 Continue" may be said. */
bool exchange_body_accepted(const struct exchange *x);

/* Before exchange_gone() or exchange_cancel(): bytes of the body that have come and found no room, from off; they are kept as
 * progress behind the others.  Takes the buffer's memory. */
void exchange_body_rest(struct exchange *x, struct buf *rest, size_t off);

/* Answers with a fault instead (413, 408): in EXCHANGE_BODY.  A sink is told that the body broke off. */
void exchange_fault(struct exchange *x, int status, const char *detail);

/* Response body: its length as announced; the next bytes to send (0: none now, or all sent); what was sent. */
uint64_t exchange_out_length(const struct exchange *x);
size_t exchange_out(struct exchange *x, const uint8_t **p_r);
void exchange_out_sent(struct exchange *x, size_t n);
bool exchange_out_complete(const struct exchange *x);
/* The source failed after the head was final: the connection must be cut, so that the peer sees it. */
bool exchange_out_failed(const struct exchange *x);

/* The last call of the wire: everything was sent, or (gone) the peer left or was cut off. */
void exchange_complete(struct exchange *x);
void exchange_gone(struct exchange *x);
/* As exchange_gone(), for a wire that counts the work which its peer has given up.  False: the exchange has ended.
 * True: a job is still out; the wire hears by changed(), once, when it is back and x no more (unless it lets go before, by
 * exchange_gone()). */
bool exchange_cancel(struct exchange *x);

#endif
