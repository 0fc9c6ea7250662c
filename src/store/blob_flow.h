/* Bytes on their way into a file: gathered in aligned blocks, and full blocks written past the page cache where the file
 * system can (O_DIRECT: about twice as fast for large files as writing through the cache, for a third of the processor),
 * on request in a thread of its own.  What is left over at the end, and small files, go through the cache. */
#ifndef PLI_BLOB_FLOW_H
#define PLI_BLOB_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct blob_flow;

/* fd: borrowed, open for reading and writing; bytes go on at offset `at`, its present end. */
MUST enum pli_status blob_flow_new(int fd, uint64_t at, struct blob_flow **flow_r, struct err *err);
/* Full blocks from now on in a thread; when none can be had, all stays as it was. */
void blob_flow_start(struct blob_flow *flow);
/* Takes the bytes; may report a fault of earlier ones. */
MUST enum pli_status blob_flow_add(struct blob_flow *flow, const void *p, size_t n, struct err *err);
/* All bytes are with the kernel; they are durable after the caller's fdatasync. */
MUST enum pli_status blob_flow_settle(struct blob_flow *flow, struct err *err);
/* The disk failed (EIO), not merely full. */
bool blob_flow_broken(const struct blob_flow *flow);
void blob_flow_free(struct blob_flow *flow);	/* what is gathered is lost; NULL is allowed */

#endif
