/* Errands: requests over HTTP that front, which cannot dial, has the courier make (courier/fetch.h).  They go over the link that the
 * notices' dispatcher keeps; what has no answer when the courier dies is asked again of the next one. */
#ifndef PLI_ERRAND_H
#define PLI_ERRAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "status.h"

#include "job.h"

struct errands;

struct errand_answer {
	int code;			/* 0: no answer was to be had; why says so */
	char media[128];
	char why[128];
	struct buf body;		/* the caller's to free */
};

struct errands *errands_new(void);
void errands_free(struct errands *errands);
/* Tells whoever keeps the link that errands_write has something; called on any thread, must not block. */
void errands_on_due(struct errands *errands, void (*fn)(void *arg), void *arg);

/* Blocks until the answer is there, at most a minute.  media NULL: GET.  PLI_BUSY: the courier is away, or errands_stop was called. */
MUST enum pli_status errand_run(struct errands *errands, enum job_whom whom, const char *url, const char *media, const void *body, size_t n,
				struct errand_answer *answer_r, struct err *err);
/* Ends all that wait, and all that come. */
void errands_stop(struct errands *errands);

/* For the keeper of the link.  Appends the frames of errands that were not sent yet; again: of all that have no answer. */
void errands_write(struct errands *errands, bool again, struct buf *out);
/* A job of type JOB_FETCHED that came. */
void errands_answered(struct errands *errands, const struct job *job);

#endif
