/* What front asks of the courier and what it answers: typed, length-prefixed frames over one stream socketpair.
 *
 * Frame: u32 length of what follows (1 … JOB_FRAME_MAX), u8 type, body; integers big-endian, blob = u32 length and bytes.
 *   1 OUTBOX    u64 number · blob file name · blob mail         write the mail into the outbox under that name
 *   129 ANSWER  u64 number · u8 outcome · blob reply            outcome 0 done, 1 refused for good, 2 try again
 * A number is front's own and comes back with the answer; doing a job twice gives the same file.
 * Further kinds of job (mail to a relay, a POST, a query to a TSA) take further types. */
#ifndef PLI_JOB_H
#define PLI_JOB_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;

#define JOB_FRAME_MAX (1024 * 1024)
#define JOB_NAME_MAX 95
#define JOB_REPLY_MAX 500

enum job_type { JOB_OUTBOX = 1, JOB_ANSWER = 129 };
enum job_outcome { JOB_DONE, JOB_REFUSED, JOB_AGAIN };

struct job {
	enum job_type type;
	uint64_t number;
	char name[JOB_NAME_MAX + 1];	/* OUTBOX: letters, digits, - . _ and no leading dot */
	const uint8_t *mail;		/* OUTBOX; borrowed from the frame */
	size_t mail_n;
	enum job_outcome outcome;	/* ANSWER */
	char reply[JOB_REPLY_MAX + 1];	/* ANSWER; one line of printable ASCII */
};

/* Appends one frame.  PLI_LIMIT when it would be too long, PLI_INPUT for a name or reply that is not as above. */
MUST enum pli_status job_write(struct buf *out, const struct job *job, struct err *err);
/* The first frame of p[0..n): PLI_OK and how many bytes it took; PLI_AGAIN when it is not whole yet; PLI_INPUT. */
MUST enum pli_status job_read(const void *p, size_t n, struct job *job_r, size_t *used_r, struct err *err);

#endif
