/* The journal's tree for everybody: signed head and hash tiles in the form of C2SP tlog-tiles.  Never an entry. */
#ifndef PLI_PUBLIC_LOG_H
#define PLI_PUBLIC_LOG_H

#include <pthread.h>
#include <stdint.h>

#include "status.h"

struct buf;
struct db_conn;
struct office;
struct pool;

/* What is shown as the newest head: with witnesses the newest one that they have signed, as long as it is not old, so that the reader gets
 * their signatures; it only ever grows.  In the office. */
struct public_log {
	pthread_mutex_t lock;
	uint64_t size;			/* shown last; 0: none yet */
	int64_t gen_time_us;
};
void public_log_init(struct public_log *log);
void public_log_fini(struct public_log *log);

/* The newest head as a signed note, with what witnesses have signed of it.  What was given once is a prefix of what is given later.
 * PLI_BUSY: there is none yet. */
MUST enum pli_status public_log_checkpoint(struct office *office, struct buf *out, struct err *err);
/* path: what stands behind "tile/", such as "0/x001/067.p/12".  PLI_ABSENT: no such tile, or no path. */
MUST enum pli_status public_log_tile(struct office *office, const char *path, struct buf *out, struct err *err);
/* The log's verifier key (NAME+ID+KEY), as witnesses and monitors are given it. */
MUST enum pli_status public_log_key(struct office *office, struct buf *out, struct err *err);

/* The first head over `size` entries for those who keep it, in words: "ORIGIN SIZE ROOT", and the log's signature in base64.  In pool; ""
 * while there is none.  Always the same for one size. */
struct public_log_words {
	const char *head, *signature;
	uint64_t from, to;		/* sizes for which they are these: may be given again for the next */
};
void public_log_words(struct office *office, struct pool *pool, uint64_t size, struct public_log_words *words);

/* The head to be put into a proof whose newest entry is last_seq: the newest that witnesses have signed and an authority outside has
 * stamped, else that witnesses have signed, else that was stamped, when it covers that and is not older than an hour before the newest
 * of all; else the newest. */
MUST enum pli_status public_log_head(struct db_conn *conn, uint64_t last_seq, uint64_t *size_r, struct err *err);

#endif
