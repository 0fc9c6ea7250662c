/* The keeper's end of the link to front: answers from several threads, and requests in whole frames.
 * When front is renewed a new socket takes the old one's place; answers meant for the old one are dropped. */
#ifndef PLI_KEEPER_LINK_H
#define PLI_KEEPER_LINK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

struct keeper_link {
	pthread_mutex_t lock;
	int fd;			/* -1: none */
	uint64_t generation;
	struct buf in;		/* bytes of requests not yet handled; main thread only */
};
void keeper_link_init(struct keeper_link *link, int fd);
void keeper_link_fini(struct keeper_link *link);
void keeper_link_renew(struct keeper_link *link, int fd);	/* takes fd; -1 closes */
/* Sends all of p if that link is still up.  Blocks; thread-safe. */
void keeper_link_send(struct keeper_link *link, uint64_t generation, const void *p, size_t n);
/* Reads what is there into `in`; false at the end of the link. */
bool keeper_link_read(struct keeper_link *link);

#endif
