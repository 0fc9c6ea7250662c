/* Front's notice dispatcher: one thread that leases due notices, has them rendered, sends them to the courier and settles what it
 * answers.  At most DISPATCH_MAX notices are under way; what the courier has not answered when it dies is sent again to the
 * next one, with the same bytes and file name.
 *
 * A notice that comes alone leaves at once.  While they follow each other closely they are leased, handed over and settled many at a
 * time, some 25 ms later: each turn of the writer and each head of the keeper costs the same however many it holds.  In a rush of
 * letters they make way (yield.h).
 *
 * While the relay itself is away, leasing rests: for a second first, then longer, up to fifteen; after each rest one notice is sent as
 * a trial.  Nothing else in the server waits for any of this. */
#ifndef PLI_DISPATCH_H
#define PLI_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "notice.h"
#include "status.h"

struct dispatch;
struct errands;
struct keeper;
struct settings;

struct dispatch_config {
	struct office *office;		/* borrowed */
	notice_render *render;
	void *render_arg;
	struct keeper *keeper;		/* signs */
	const struct settings *settings;
	struct errands *errands;	/* borrowed: asked over the same link; NULL: none */
	bool relay;			/* mails go to the relay; else into the outbox */
	bool demo;			/* the outbox refuses addresses under .invalid, names that never exist (RFC 2606), as a relay would */
	bool paused;			/* at first; see dispatch_pause */
};
MUST enum pli_status dispatch_start(const struct dispatch_config *config, struct dispatch **dispatch_r, struct err *err);
/* A (new) link to the courier; takes fd.  Any thread. */
void dispatch_link(struct dispatch *dispatch, int fd);
/* Paused: nothing is leased.  Any thread. */
void dispatch_pause(struct dispatch *dispatch, bool paused);
/* How often a notice was sent, refused for good, put off, … since the start. */
#define DISPATCH_RESULTS 5
extern const char *const dispatch_result_names[DISPATCH_RESULTS];
void dispatch_results(struct dispatch *dispatch, uint64_t counts_r[DISPATCH_RESULTS]);
/* Waits a moment for what is under way, so that a mail that left is not sent twice; NULL is allowed. */
void dispatch_stop(struct dispatch *dispatch);

#endif
