/* Gathering and writing blocks; see blob_flow.h.
 *
 * Two blocks: one fills, the other is being written.  A block begins at a file offset that is a multiple of ALIGN.  After
 * a settle the bytes since the last such offset are kept and written again with what follows: they are the same bytes. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pool.h"

#include "blob_flow.h"

#define ALIGN 4096u
#define BLOCK_BYTES (512u << 10)
#define STACK_BYTES (128u << 10)
#define WINDOW_BYTES (UINT64_C(8) << 20)	/* through the cache: so much may be dirty behind us, twice */

struct blob_flow {
	int fd;
	bool direct, tried;	/* past the cache; tried: has been attempted */
	uint8_t *blocks[2];
	unsigned open;		/* the one that fills */
	size_t n;		/* in it */
	uint64_t at;		/* its file offset */
	uint64_t flowing_bytes, settled_bytes;	/* through the cache: told to be written, waited for */
	_Atomic int fault;	/* errno of the first failed write */
	bool threaded, stopping, busy;	/* busy: the other block is with the thread */
	uint64_t busy_at;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t came, done;
};

/* ------------------------------------------------------------------ writing */

static void direct_set(struct blob_flow *flow, bool on)
{
	int flags = fcntl(flow->fd, F_GETFL);

	if (flow->direct == on || flags < 0)
		return;
	if (fcntl(flow->fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0)
		flow->direct = on;
}

/* Through the cache: let the disk work while bytes arrive, and wait for the window before, so that the flush at the end
 * is short.  Only advice: what it cannot do, the flush does and reports. */
static void push(struct blob_flow *flow, uint64_t end)
{
	while (end - flow->flowing_bytes >= WINDOW_BYTES) {
		uint64_t behind = flow->flowing_bytes - flow->settled_bytes;

		sync_file_range(flow->fd, (off_t)flow->flowing_bytes, (off_t)WINDOW_BYTES, SYNC_FILE_RANGE_WRITE);
		flow->flowing_bytes += WINDOW_BYTES;
		if (behind)
			sync_file_range(flow->fd, (off_t)flow->settled_bytes, (off_t)behind, SYNC_FILE_RANGE_WAIT_BEFORE);
		flow->settled_bytes += behind;
	}
}

/* 0 or errno. */
static int bytes_write(struct blob_flow *flow, const uint8_t *p, size_t n, uint64_t at)
{
	while (n) {
		ssize_t got = pwrite(flow->fd, p, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EINVAL && flow->direct) {
			direct_set(flow, false);	/* an alignment that this file system does not take */
			if (!flow->direct)
				continue;
		}
		if (got < 0)
			return errno;
		p += got;
		n -= (size_t)got;
		at += (uint64_t)got;
	}
	if (!flow->direct)
		push(flow, at);
	return 0;
}

static void *flow_main(void *arg)
{
	struct blob_flow *flow = arg;

	pthread_setname_np(pthread_self(), "pli-blob");
	pthread_mutex_lock(&flow->lock);
	for (;;) {
		int fault;

		while (!flow->busy && !flow->stopping)
			pthread_cond_wait(&flow->came, &flow->lock);
		if (!flow->busy)
			break;
		pthread_mutex_unlock(&flow->lock);
		fault = bytes_write(flow, flow->blocks[!flow->open], BLOCK_BYTES, flow->busy_at);
		pthread_mutex_lock(&flow->lock);
		if (!flow->fault)
			flow->fault = fault;
		flow->busy = false;
		pthread_cond_signal(&flow->done);
	}
	pthread_mutex_unlock(&flow->lock);
	return NULL;
}

static void other_wait(struct blob_flow *flow)
{
	if (!flow->threaded)
		return;
	pthread_mutex_lock(&flow->lock);
	while (flow->busy)
		pthread_cond_wait(&flow->done, &flow->lock);
	pthread_mutex_unlock(&flow->lock);
}

static enum pli_status fault_tell(const struct blob_flow *flow, struct err *err)
{
	errno = flow->fault;
	return err_errno(err, "blob file");
}

static uint8_t *block_new(void)
{
	void *p = NULL;

	if (posix_memalign(&p, ALIGN, BLOCK_BYTES) != 0)
		abort();
	return p;
}

/* The open block is full: on with it, and the other one opens. */
static void block_turn(struct blob_flow *flow)
{
	if (!flow->tried)
		direct_set(flow, true);
	flow->tried = true;
	other_wait(flow);
	if (flow->threaded) {
		if (!flow->blocks[!flow->open])
			flow->blocks[!flow->open] = block_new();
		pthread_mutex_lock(&flow->lock);
		flow->open = !flow->open;
		flow->busy_at = flow->at;
		flow->busy = true;
		pthread_cond_signal(&flow->came);
		pthread_mutex_unlock(&flow->lock);
	} else if (!flow->fault) {
		flow->fault = bytes_write(flow, flow->blocks[flow->open], BLOCK_BYTES, flow->at);
	}
	flow->at += BLOCK_BYTES;
	flow->n = 0;
}

enum pli_status blob_flow_add(struct blob_flow *flow, const void *p, size_t n, struct err *err)
{
	const uint8_t *at = p;

	while (n) {
		size_t take = BLOCK_BYTES - flow->n < n ? BLOCK_BYTES - flow->n : n;

		memcpy(flow->blocks[flow->open] + flow->n, at, take);
		flow->n += take;
		at += take;
		n -= take;
		if (flow->n == BLOCK_BYTES) {
			block_turn(flow);
			/* With a thread this is the fault of an earlier block. */
			if (flow->fault)
				return fault_tell(flow, err);
		}
	}
	return PLI_OK;
}

enum pli_status blob_flow_settle(struct blob_flow *flow, struct err *err)
{
	size_t left = flow->n % ALIGN;

	other_wait(flow);
	direct_set(flow, false);
	flow->tried = false;
	if (!flow->fault)
		flow->fault = bytes_write(flow, flow->blocks[flow->open], flow->n, flow->at);
	if (flow->fault)
		return fault_tell(flow, err);
	memmove(flow->blocks[flow->open], flow->blocks[flow->open] + flow->n - left, left);
	flow->at += flow->n - left;
	flow->n = left;
	return PLI_OK;
}

bool blob_flow_broken(const struct blob_flow *flow)
{
	return flow->fault == EIO;
}

/* ------------------------------------------------------------------ life */

enum pli_status blob_flow_new(int fd, uint64_t at, struct blob_flow **flow_r, struct err *err)
{
	struct blob_flow *flow = mem_alloc(sizeof(*flow));

	flow->fd = fd;
	flow->n = at % ALIGN;
	flow->at = at - flow->n;
	flow->flowing_bytes = flow->settled_bytes = flow->at;
	flow->blocks[0] = block_new();
	if (flow->n && pread(fd, flow->blocks[0], flow->n, (off_t)flow->at) != (ssize_t)flow->n) {
		enum pli_status status = err_errno(err, "blob file");

		blob_flow_free(flow);
		return status;
	}
	*flow_r = flow;
	return PLI_OK;
}

void blob_flow_start(struct blob_flow *flow)
{
	pthread_attr_t attr;
	sigset_t all, before;

	if (flow->threaded)
		return;
	pthread_mutex_init(&flow->lock, NULL);
	pthread_cond_init(&flow->came, NULL);
	pthread_cond_init(&flow->done, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	flow->threaded = pthread_create(&flow->thread, &attr, flow_main, flow) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
}

void blob_flow_free(struct blob_flow *flow)
{
	if (!flow)
		return;
	if (flow->threaded) {
		pthread_mutex_lock(&flow->lock);
		flow->stopping = true;
		pthread_cond_signal(&flow->came);
		pthread_mutex_unlock(&flow->lock);
		pthread_join(flow->thread, NULL);
	}
	/* Sealed bytes only: nothing to wipe. */
	free(flow->blocks[0]);
	free(flow->blocks[1]);
	mem_free(flow);
}
