/* A witness of logs (C2SP tlog-witness): keeps the newest checkpoint it has seen of each log that it was told of, and cosigns a newer one
 * when a proof shows that nothing of the old one was changed.  A log that was set back or forked gets no signature.
 *
 *   keys/witness.key      Ed25519, PEM PKCS#8, plain or under the pass phrase (keyring.h)
 *   journal/HEX           newest checkpoint cosigned of the log whose origin's SHA-256 begins with HEX (32 digits): the note
 *   journal/HEX.fork      a checkpoint signed by the log that contradicts it: two such notes convict the log
 *
 * For one thread at a time.  Memory: a note a log. */
#ifndef PLI_WITNESS_H
#define PLI_WITNESS_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "checkpoint.h"
#include "note_key.h"
#include "status.h"

#define WITNESS_PROOF_MAX 63
#define WITNESS_BODY_MAX 65536
#define WITNESS_LOGS_MAX 256

/* The body of add-checkpoint: "old SIZE", hashes, an empty line, a checkpoint. */
struct witness_request {
	uint64_t old;
	uint8_t path[WITNESS_PROOF_MAX][32];
	unsigned count;
	const char *note;		/* borrowed */
	size_t note_n;
	struct checkpoint checkpoint;
};
/* Strict.  PLI_INPUT says what is wrong. */
MUST enum pli_status witness_request_parse(const char *body, size_t n, struct witness_request *request_r, struct err *err);
/* Writes such a body; path: count hashes. */
void witness_request_write(uint64_t old, const uint8_t (*path)[32], unsigned count, const char *note, size_t note_n, struct buf *out);

struct witness;
/* The folder is borrowed.  PLI_ABSENT, PLI_DENIED, PLI_CONFLICT: there is no key, the ring does not open it, or it is none. */
struct keyring;
MUST enum pli_status witness_open(const struct keyring *ring, int state_dir_fd, const char *name, struct witness **witness_r, struct err *err);
void witness_close(struct witness *witness);
const struct note_key *witness_key(const struct witness *witness);
/* The logs from now on: verifier keys (type 0x01) separated by commas and spaces; several of one name are keys of one log.  What was
 * seen of each is read.  PLI_INPUT and PLI_CONFLICT (a state is damaged) leave everything as it was. */
MUST enum pli_status witness_logs(struct witness *witness, const char *keys, struct err *err);

/* What an HTTP client is answered. */
struct witness_answer {
	int code;			/* 200 400 403 404 409 413 422 429 500 */
	const char *type;		/* media type */
	struct buf body;		/* appended to */
};
/* The whole of add-checkpoint.  A checkpoint is durable before it is cosigned.  False: the disk failed, the process should end. */
bool witness_add_checkpoint(struct witness *witness, const char *body, size_t n, uint64_t now_s, struct witness_answer *answer_r);
/* The newest checkpoint of that log, with the witness's own line; 404 when there is none. */
void witness_latest(struct witness *witness, const char *origin, struct witness_answer *answer_r);

#endif
