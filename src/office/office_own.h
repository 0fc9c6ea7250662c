/* Inside of the office, for office/ only. */
#ifndef PLI_OFFICE_OWN_H
#define PLI_OFFICE_OWN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "uuid.h"

#include "alert_own.h"
#include "deadline.h"
#include "office.h"
#include "public_log.h"
#include "retention.h"

struct key_memory;
struct key_move;
struct key_reserve;
struct retention_row;
struct stamp_desk;
struct office_running;		/* idempotency keys of requests under way: once.c */

struct office {
	struct office_parts parts;
	struct key_reserve *keys;
	struct key_memory *key_memory;
	struct stamp_desk *stamps;
	pthread_mutex_t moving;		/* who takes letters from KEK to KEK or destroys one; held over blocking calls, taken before all others */
	struct key_move *move;
	pthread_mutex_t lock;		/* of what follows; never held over a blocking call */
	struct office_running *running;
	pthread_cond_t once_over;	/* one of them ended; on the monotonic clock */
	struct public_log log;		/* has a lock of its own */
	unsigned exports;		/* whole tables of the journal being written */
	bool time_blocked;		/* see external_time.h; without the lock */
	unsigned examining;		/* proofs of strangers */
	void (*due_fn)(void *arg);	/* notices may have become due */
	void *due_arg;
	struct deadline_clock clock;
	int64_t clock_kept_us, clock_kept_off_us;	/* steady clock when it was kept last, and what it was off by; 0: not by this process */
	struct alerts alerts;
	bool has_self;			/* with lock, like self */
	struct uuid self[2];		/* entity and account that send themselves the nightly letter */
	struct retention_row *spans;	/* every entity's own: retention.c */
	unsigned span_count;
	bool unsettled;			/* deleted rows may still lie in the database's log */
	struct uuid filled_entity, filled_letter;	/* where search_fill stands; the housekeeping thread's own */
};

/* Tells whoever sends notices that some may be due. */
void office_notices_due(struct office *office);

/* Appends the checkpoint of the stored head of exactly that size; PLI_IO: there is none. */
MUST enum pli_status office_head_note(struct office *office, uint64_t size, struct buf *out, struct err *err);
/* The entity that sends itself letters; false, and nobody's id, before its first. */
bool office_self(struct office *office, struct uuid *entity_r);
/* Is it that entity? */
bool office_is_self(struct office *office, const struct uuid *entity);

#endif
