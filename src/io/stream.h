/* Bodies without a size limit: pulled from an istream, pushed into an ostream.
 *
 * A filter is a stream with one parent which it owns: closing the filter closes the parent.
 * All calls may block on disk or crypto and are made from one thread at a time; but for istream_read_now() they never run on a loop
 * thread. */
#ifndef PLI_STREAM_H
#define PLI_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct istream;
struct istream_ops {
	const char *name;
	/* At most cap bytes; *n_r == 0 means the end. */
	enum pli_status (*read)(struct istream *is, void *buf, size_t cap, size_t *n_r, struct err *err);
	void (*close)(struct istream *is);	/* frees is */
	/* As read, but never waits: PLI_AGAIN when it had to, and nothing is lost.  NULL: it always has to. */
	enum pli_status (*read_now)(struct istream *is, void *buf, size_t cap, size_t *n_r, struct err *err);
};
/* First member of every implementation. */
struct istream {
	const struct istream_ops *ops;
};
MUST enum pli_status istream_read(struct istream *is, void *buf, size_t cap, size_t *n_r, struct err *err);
/* What is at hand without waiting for a disk or for another thread: for loops, which have the processor's work on their hands anyway.
 * PLI_AGAIN: istream_read() must be asked, on a worker. */
MUST enum pli_status istream_read_now(struct istream *is, void *buf, size_t cap, size_t *n_r, struct err *err);
void istream_close(struct istream *is);	/* NULL is allowed */

struct ostream;
struct ostream_ops {
	const char *name;
	enum pli_status (*write)(struct ostream *os, const void *p, size_t n, struct err *err);
	/* All is written and as durable as the stream promises.  Called at most once. */
	enum pli_status (*finish)(struct ostream *os, struct err *err);
	/* Frees os; without a finish before, what was written is given up. */
	void (*close)(struct ostream *os);
};
struct ostream {
	const struct ostream_ops *ops;
};
MUST enum pli_status ostream_write(struct ostream *os, const void *p, size_t n, struct err *err);
MUST enum pli_status ostream_finish(struct ostream *os, struct err *err);
void ostream_close(struct ostream *os);

/* Streams over memory: the bytes are borrowed until close. */
struct istream *istream_memory(const void *p, size_t n);
/* One after the other; owns the parts. */
struct istream *istream_chain(struct istream **parts, size_t count);
/* Skips the first `skip` bytes (by reading), ends after `length`. */
struct istream *istream_window(struct istream *parent, uint64_t skip, uint64_t length);

#endif
