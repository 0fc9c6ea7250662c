/* Random bytes of the kernel, fetched for several calls at once: most calls want 8 to 32 bytes, a letter makes a dozen of them, and
 * each would be a system call of its own.  Every thread has its store; what has been given out is wiped from it.  A forked process
 * starts with an empty one, so that two processes never give out the same bytes. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "pool.h"

#define STORE_BYTES 256		/* the kernel gives as many without being interrupted */
#define FROM_STORE_MAX 64

struct store {
	unsigned left;		/* the last ones of bytes[] */
	unsigned char bytes[STORE_BYTES];
};

static _Thread_local struct store store;	/* nothing is shared by it: a cache of the kernel's */
static pthread_once_t forgetting = PTHREAD_ONCE_INIT;

static void fetch(unsigned char *at, size_t n)
{
	while (n) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0) {
			if (errno == EINTR)
				continue;
			perror("pli: no random bytes from the kernel");
			abort();
		}
		at += got;
		n -= (size_t)got;
	}
}

/* In a new process, which has the one thread that forked. */
static void forget(void)
{
	mem_wipe(&store, sizeof(store));
}

static void forget_when_forked(void)
{
	if (pthread_atfork(NULL, NULL, forget) != 0) {
		perror("pli: random bytes");
		abort();
	}
}

void mem_random(void *p, size_t n)
{
	unsigned char *from;

	if (n > FROM_STORE_MAX) {
		fetch(p, n);
		return;
	}
	if (store.left < n) {
		pthread_once(&forgetting, forget_when_forked);
		fetch(store.bytes, STORE_BYTES);
		store.left = STORE_BYTES;
	}
	from = store.bytes + STORE_BYTES - store.left;
	memcpy(p, from, n);
	mem_wipe(from, n);
	store.left -= (unsigned)n;
}
