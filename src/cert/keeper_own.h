/* The client's inner parts: keeper.c keeps the link and finds the call of an answer, keeper_ask.c puts the questions. */
#ifndef PLI_KEEPER_OWN_H
#define PLI_KEEPER_OWN_H

#include <pthread.h>
#include <stdatomic.h>

#include "buf.h"

#include "keeper.h"

/* A question under way. */
struct keeper_call {
	struct keeper_call *next;
	uint64_t id;
	uint8_t verb;
	int64_t began_us;
	int64_t deadline_us;	/* of an append; 0: the usual time after it is sent */
	/* A blocking call: lies on its caller's stack. */
	int64_t patience_us;	/* 0: as long as any call */
	pthread_cond_t answered;
	bool done;
	enum pli_status status;
	struct err err;
	uint16_t count;
	uint8_t flags;
	struct buf body;	/* of the answer, behind its status */
	/* An append: on the heap. */
	keeper_append_done *append_done;
	void *arg;
};

uint64_t keeper_call_id(struct keeper *keeper);
/* Sends whole frames and waits for the answer; call->body is then the caller's to free.  PLI_BUSY without one, or the keeper's refusal. */
MUST enum pli_status keeper_exchange(struct keeper *keeper, struct keeper_call *call, const struct buf *frames, struct err *err);
/* Sends an append and returns; its append_done is called unless it is forgotten before.  Owns call. */
void keeper_post(struct keeper *keeper, struct keeper_call *call, const struct buf *frames);
/* Sends more to an append under way, whose time begins anew.  False: it is over. */
bool keeper_go_on(struct keeper *keeper, uint64_t id, const struct buf *frame);

#endif
