/* What front asks of the courier and what it answers: typed, length-prefixed frames over one stream socketpair.
 *
 * Frame: u32 length of what follows (1 … JOB_FRAME_MAX), u8 type, body; integers big-endian, blob = u32 length and bytes.
 *   1 OUTBOX    u64 number · blob file name · blob mail         write the mail into the outbox under that name
 *   2 MAIL      u64 number · blob from · blob to · blob mail    give the mail to the relay
 *   3 FETCH     u64 number · blob url · blob media type · blob body · u8 whom    POST it there; without a media type: GET
 *   130 FETCHED u64 number · u16 code · blob media type · blob body · blob why    code 0: no answer was to be had
 *   129 ANSWER  u64 number · u8 outcome · blob reply · blob peer · blob tls
 * A number is front's own and comes back with the answer; doing an OUTBOX twice gives the same file.
 * A FETCH may be done twice, when the courier dies: its peer must be one that does not mind. */
#ifndef PLI_JOB_H
#define PLI_JOB_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;

#define JOB_FRAME_MAX (1024 * 1024)
#define JOB_NAME_MAX 95
#define JOB_REPLY_MAX 500

#define JOB_ADDRESS_MAX 320
#define JOB_PEER_MAX 319
#define JOB_TLS_MAX 31

#define JOB_URL_MAX 800
#define JOB_MEDIA_MAX 127
#define JOB_BODY_MAX 262144	/* of FETCH and FETCHED */

enum job_type { JOB_OUTBOX = 1, JOB_MAIL = 2, JOB_FETCH = 3, JOB_ANSWER = 129, JOB_FETCHED = 130 };
enum job_outcome {
	JOB_DONE,
	JOB_REFUSED,		/* for good */
	JOB_AGAIN,		/* put off: this mail, later */
	JOB_AWAY,		/* the relay itself is not to be had: says nothing about this mail */
	JOB_DOUBT,		/* the relay had the whole mail and broke off without a word: it may have been taken */
};

/* Whose address it is: each has authorities and an account of its own (courier/fetch.h). */
enum job_whom { JOB_WITNESS, JOB_TSA, JOB_WHOMS };

struct job {
	enum job_type type;
	uint64_t number;
	char name[JOB_NAME_MAX + 1];	/* OUTBOX: letters, digits, - . _ and no leading dot */
	char from[JOB_ADDRESS_MAX + 1], to[JOB_ADDRESS_MAX + 1];	/* MAIL: envelope, without <>; from may be empty */
	char url[JOB_URL_MAX + 1];	/* FETCH: http:// or https:// */
	char media[JOB_MEDIA_MAX + 1];	/* FETCH, FETCHED */
	enum job_whom whom;		/* FETCH */
	uint16_t code;			/* FETCHED */
	const uint8_t *mail;		/* OUTBOX, MAIL; of FETCH, FETCHED the body; borrowed from the frame */
	size_t mail_n;
	/* ANSWER; lines of printable ASCII */
	enum job_outcome outcome;
	char reply[JOB_REPLY_MAX + 1];	/* ANSWER, FETCHED: the peer's last words, or ours when it said none */
	char peer[JOB_PEER_MAX + 1];	/* `relay.example.org [192.0.2.1]:25`; empty: none */
	char tls[JOB_TLS_MAX + 1];	/* `TLSv1.3`; empty: none */
};

/* Appends one frame.  PLI_LIMIT when it would be too long, PLI_INPUT for a name, address or line that is not as above. */
MUST enum pli_status job_write(struct buf *out, const struct job *job, struct err *err);
/* The first frame of p[0..n): PLI_OK and how many bytes it took; PLI_AGAIN when it is not whole yet; PLI_INPUT. */
MUST enum pli_status job_read(const void *p, size_t n, struct job *job_r, size_t *used_r, struct err *err);

#endif
