/* See stamp_desk.h. */
#include <pthread.h>
#include <stdbool.h>

#include "buf.h"
#include "pool.h"

#include "keeper.h"

#include "stamp_desk.h"

/* The keeper signs one frame while the next one is gathered and the last is being answered. */
#define FLYING_MAX 2

/* Lies on its caller's stack. */
struct asking {
	struct asking *next;
	struct keeper_stamp_item item;
	bool taken, done;
	enum pli_status status;
	struct err err;
	pthread_cond_t changed;
};

struct stamp_desk {
	struct keeper *keeper;
	pthread_mutex_t lock;		/* of what follows */
	struct asking *first, **last;
	unsigned flying;
};

struct stamp_desk *stamp_desk_new(struct keeper *keeper)
{
	struct stamp_desk *d = mem_alloc(sizeof(*d));

	d->keeper = keeper;
	d->last = &d->first;
	pthread_mutex_init(&d->lock, NULL);
	return d;
}

void stamp_desk_free(struct stamp_desk *d)
{
	if (!d)
		return;
	pthread_mutex_destroy(&d->lock);
	mem_free(d);
}

/* Under lock. */
static unsigned take(struct stamp_desk *d, struct asking *taken[KEEPER_STAMPS_MAX], struct keeper_stamp_item items[KEEPER_STAMPS_MAX])
{
	unsigned count = 0;

	for (; d->first && count < KEEPER_STAMPS_MAX; count++) {
		taken[count] = d->first;
		items[count] = d->first->item;
		d->first->taken = true;
		d->first = d->first->next;
	}
	if (!d->first)
		d->last = &d->first;
	return count;
}

/* Under lock, which is given up while the keeper works.  Everybody whose request went along is told; then somebody who waits goes next. */
static void carry(struct stamp_desk *d)
{
	struct asking *taken[KEEPER_STAMPS_MAX];
	struct keeper_stamp_item items[KEEPER_STAMPS_MAX];
	unsigned count = take(d, taken, items);
	enum pli_status status;
	struct err err = { 0 };

	d->flying++;
	pthread_mutex_unlock(&d->lock);
	status = keeper_stamp(d->keeper, items, count, &err);
	pthread_mutex_lock(&d->lock);
	d->flying--;
	for (unsigned i = 0; i < count; i++) {
		taken[i]->status = status;
		taken[i]->err = err;
		taken[i]->done = true;
		pthread_cond_signal(&taken[i]->changed);
	}
	if (d->first)
		pthread_cond_signal(&d->first->changed);
}

enum pli_status stamp_desk_ask(struct stamp_desk *d, const void *query, size_t n, struct buf *reply_out, struct err *err)
{
	struct asking mine = { .item = { query, n, reply_out } };

	pthread_cond_init(&mine.changed, NULL);
	pthread_mutex_lock(&d->lock);
	*d->last = &mine;
	/* cppcheck-suppress autoVariables ; whoever carries it takes it off the list */
	d->last = &mine.next;
	while (!mine.done) {
		if (!mine.taken && d->flying < FLYING_MAX)
			carry(d);
		else
			pthread_cond_wait(&mine.changed, &d->lock);
	}
	pthread_mutex_unlock(&d->lock);
	pthread_cond_destroy(&mine.changed);
	if (mine.status != PLI_OK && err)
		*err = mine.err;
	return mine.status;
}
