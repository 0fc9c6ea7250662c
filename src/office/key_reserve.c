/* See key_reserve.h. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "clock.h"
#include "pool.h"
#include "text.h"

#include "keywrap.h"

#include "keeper.h"

#include "letter_own.h"

#include "key_reserve.h"

#define SLOTS 16		/* entities for which keys are kept at one time */
#define ITEMS_MAX 256		/* of one question to the keeper */
#define SETS_MAX 64
#define TOKENS_AHEAD_MAX 4	/* of a letter; more are wrapped when it is there */
#define FRESH_US 100000

struct set {
	struct uuid letter;
	uint8_t key[RESERVED_KEY_BYTES], wrapped_key[RESERVED_WRAPPED_BYTES];
	unsigned count;
	struct reserved_token tokens[TOKENS_AHEAD_MAX];
};

struct slot {
	struct uuid entity, newest;	/* newest: the highest id given out */
	char kid[64];
	struct set *sets;
	unsigned first, end;		/* sets[first..end) are there */
	int64_t made_us;		/* the oldest of them */
	unsigned size;			/* of the last question */
	int64_t asked_us;		/* and when it was answered */
	bool asking;
	unsigned waiting;		/* for its answer */
	uint64_t answers;
	struct err answer;		/* the last one, status and text */
};

struct key_reserve {
	struct keywrap keywrap;
	struct keeper *keeper;
	pthread_mutex_t lock;
	pthread_cond_t answered;
	struct slot slots[SLOTS];
	_Atomic uint64_t place;		/* of the last letter's tokens */
};

struct key_reserve *key_reserve_new(struct keeper *keeper)
{
	struct key_reserve *s = mem_alloc(sizeof(*s));

	s->keeper = keeper;
	keeper_keywrap(keeper, &s->keywrap);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->answered, NULL);
	return s;
}

static void sets_free(struct set *sets, unsigned end)
{
	if (sets)
		mem_wipe(sets, end * sizeof(*sets));
	mem_free(sets);
}

static void slot_drop(struct slot *slot)
{
	sets_free(slot->sets, slot->end);
	slot->sets = NULL;
	slot->first = slot->end = 0;
}

void key_reserve_free(struct key_reserve *reserve)
{
	if (!reserve)
		return;
	for (unsigned i = 0; i < SLOTS; i++)
		slot_drop(&reserve->slots[i]);
	pthread_cond_destroy(&reserve->answered);
	pthread_mutex_destroy(&reserve->lock);
	mem_free(reserve);
}

/* Letters follow each other in the places of their tokens, ahead of the clock while many are made.  All tokens of a letter have one place,
 * so that none tells how many there are: a hidden copy's neither. */
static uint64_t place_next(struct key_reserve *s)
{
	uint64_t last = atomic_load_explicit(&s->place, memory_order_relaxed), now = link_place(clock_now_us()), next;

	do {
		next = last < now || last == LINK_PLACE_MAX ? now : last + 1;
	} while (!atomic_compare_exchange_weak_explicit(&s->place, &last, next, memory_order_relaxed, memory_order_relaxed));
	return next;
}

/* ---- asking the keeper ---- */

struct question {
	struct keywrap_item *items;
	uint8_t (*aads)[META_AAD_MAX];
	unsigned count;
};

static void question_init(struct question *q, unsigned most)
{
	q->items = mem_alloc(most * sizeof(*q->items));
	q->aads = mem_alloc(most * sizeof(*q->aads));
	q->count = 0;
}

static void question_fini(struct question *q)
{
	mem_free(q->items);
	mem_free(q->aads);
}

/* n: of the recipient, 0 for the letter key. */
static void ask(struct question *q, const struct uuid *entity, const struct uuid *letter, unsigned n, const char *kid, const uint8_t *in)
{
	const struct meta_place *place = n ? LINK_PLACE(entity, letter, n) : LETTER_KEY_PLACE(entity, letter);
	struct keywrap_item *item = &q->items[q->count];

	*item = (struct keywrap_item){ .kid = kid, .aad = q->aads[q->count], .in = in, .in_n = 32 };
	item->aad_n = meta_aad(q->aads[q->count++], place);
}

static enum pli_status answer(struct key_reserve *s, struct question *q, struct err *err)
{
	enum pli_status status = s->keywrap.wrap(s->keywrap.arg, q->items, q->count, err);

	for (unsigned i = 0; status == PLI_OK && i < q->count; i++)
		if (q->items[i].out_n != RESERVED_WRAPPED_BYTES)
			status = err_set(err, PLI_BUG, "The keeper has wrapped a key in an unknown form.");
	return status;
}

static enum pli_status sets_make(struct key_reserve *s, const struct uuid *entity, const char *kid, struct set *sets, unsigned count,
				 unsigned tokens, struct err *err)
{
	const struct keywrap_item *item;
	enum pli_status status;
	struct question q;

	question_init(&q, count * (1 + tokens));
	for (unsigned i = 0; i < count; i++) {
		struct set *set = &sets[i];
		uint64_t place = place_next(s);

		uuid_make(&set->letter);
		mem_random(set->key, sizeof(set->key));
		ask(&q, entity, &set->letter, 0, kid, set->key);
		for (set->count = 0; set->count < tokens; ) {
			struct reserved_token *t = &set->tokens[set->count++];

			link_make(place, t->token);
			ask(&q, entity, &set->letter, set->count, kid, t->token);
		}
	}
	status = answer(s, &q, err);
	item = q.items;
	for (unsigned i = 0; status == PLI_OK && i < count; i++) {
		memcpy(sets[i].wrapped_key, item++->out, RESERVED_WRAPPED_BYTES);
		for (unsigned t = 0; t < tokens; t++)
			memcpy(sets[i].tokens[t].wrapped, item++->out, RESERVED_WRAPPED_BYTES);
	}
	question_fini(&q);
	return status;
}

/* What a set does not bring, of items 0 (the letter key) and 1, 2, … (the tokens). */
static enum pli_status rest_make(struct key_reserve *s, const struct uuid *entity, const char *kid, struct reserved_keys *keys,
				 unsigned from, unsigned to, struct err *err)
{
	uint64_t place = from > 1 ? link_place_of(keys->tokens[0].token) : place_next(s);
	enum pli_status status = PLI_OK;
	struct question q;

	question_init(&q, to - from < ITEMS_MAX ? to - from : ITEMS_MAX);
	while (from < to && status == PLI_OK) {
		unsigned n = to - from < ITEMS_MAX ? to - from : ITEMS_MAX;

		q.count = 0;
		for (unsigned i = from; i < from + n; i++) {
			if (i)
				link_make(place, keys->tokens[i - 1].token);
			ask(&q, entity, &keys->letter, i, kid, i ? keys->tokens[i - 1].token : keys->key);
		}
		status = answer(s, &q, err);
		for (unsigned i = from; i < from + n && status == PLI_OK; i++)
			memcpy(i ? keys->tokens[i - 1].wrapped : keys->wrapped_key, q.items[i - from].out, RESERVED_WRAPPED_BYTES);
		from += n;
	}
	question_fini(&q);
	return status;
}

/* ---- the reserve; under lock ---- */

static bool newer(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) > 0;
}

/* How many to ask for: as many as will be used up in half of their time, going by the last ones. */
static unsigned sets_wanted(const struct slot *slot, unsigned tokens, int64_t now_us)
{
	int64_t since_us = now_us - slot->asked_us, half_us = FRESH_US / 2;
	unsigned n = since_us < half_us / 2 ? slot->size * 2 : (unsigned)(slot->size * half_us / since_us), most = ITEMS_MAX / (1 + tokens);

	if (n < slot->waiting + 1)
		n = slot->waiting + 1;
	if (most > SETS_MAX)
		most = SETS_MAX;
	return n < most ? n : most;
}

/* Asks; the lock is given up meanwhile. */
static enum pli_status slot_fill(struct key_reserve *s, struct slot *slot, unsigned recipients, struct err *err)
{
	unsigned tokens = recipients < TOKENS_AHEAD_MAX ? recipients : TOKENS_AHEAD_MAX, left, count = sets_wanted(slot, tokens, clock_mono_us());
	struct set *fresh = mem_alloc(count * sizeof(*fresh)), *all;
	struct err problem = { 0 };
	enum pli_status status;
	int64_t now_us;

	slot->asking = true;
	pthread_mutex_unlock(&s->lock);
	/* The slot stays with its entity and kid while somebody asks. */
	status = sets_make(s, &slot->entity, slot->kid, fresh, count, tokens, &problem);
	pthread_mutex_lock(&s->lock);
	slot->asking = false;
	slot->answers++;
	slot->answer = problem;
	slot->answer.status = status;
	now_us = clock_mono_us();
	if (status == PLI_OK) {
		left = slot->end - slot->first;
		if (!left)
			slot->made_us = now_us;
		all = mem_alloc((left + count) * sizeof(*all));
		if (left)
			memcpy(all, slot->sets + slot->first, left * sizeof(*all));
		memcpy(all + left, fresh, count * sizeof(*all));
		slot_drop(slot);
		slot->sets = all;
		slot->end = left + count;
		slot->size = count;
		slot->asked_us = now_us;
	}
	sets_free(fresh, count);
	if (slot->waiting)
		pthread_cond_broadcast(&s->answered);
	if (status != PLI_OK && err)
		*err = problem;
	return status;
}

/* The entity's slot, if it can be used for this kid now. */
static struct slot *slot_of(struct key_reserve *s, const struct uuid *entity, const char *kid)
{
	struct slot *slot = &s->slots[entity->b[15] % SLOTS];
	bool ours = memcmp(&slot->entity, entity, sizeof(*entity)) == 0;

	if (ours && str_eq(slot->kid, kid))
		return slot;
	if (slot->asking)
		return NULL;
	slot_drop(slot);
	if (!ours)
		memset(slot, 0, sizeof(*slot));
	slot->entity = *entity;
	snprintf(slot->kid, sizeof(slot->kid), "%s", kid);
	slot->size = 0;
	return slot;
}

static bool slot_take(struct key_reserve *s, struct slot *slot, struct set *set_r)
{
	if (slot->first < slot->end && (clock_mono_us() - slot->made_us >= FRESH_US || !keeper_linked(s->keeper)))
		slot_drop(slot);
	while (slot->first < slot->end && !newer(&slot->sets[slot->first].letter, &slot->newest))
		slot->first++;
	if (slot->first == slot->end)
		return false;
	*set_r = slot->sets[slot->first];
	mem_wipe(&slot->sets[slot->first++], sizeof(*set_r));
	slot->newest = set_r->letter;
	return true;
}

/* One whose kid or slot is busy with others: its id overtakes what lies there. */
static enum pli_status set_alone(struct key_reserve *s, const struct uuid *entity, const char *kid, unsigned recipients,
				 struct set *set_r, struct err *err)
{
	unsigned tokens = recipients < TOKENS_AHEAD_MAX ? recipients : TOKENS_AHEAD_MAX;
	struct slot *slot;
	enum pli_status status;

	pthread_mutex_unlock(&s->lock);
	status = sets_make(s, entity, kid, set_r, 1, tokens, err);
	pthread_mutex_lock(&s->lock);
	slot = &s->slots[entity->b[15] % SLOTS];
	if (memcmp(&slot->entity, entity, sizeof(*entity)) == 0 && newer(&set_r->letter, &slot->newest))
		slot->newest = set_r->letter;
	return status;
}

static enum pli_status set_take(struct key_reserve *s, const struct uuid *entity, const char *kid, unsigned recipients,
				struct set *set_r, struct err *err)
{
	for (;;) {
		struct slot *slot = slot_of(s, entity, kid);
		enum pli_status status;
		uint64_t answers;

		if (!slot)
			return set_alone(s, entity, kid, recipients, set_r, err);
		if (slot_take(s, slot, set_r)) {
			/* The next ones are asked for while there are some left; if that fails it is theirs to find out. */
			if (!slot->asking && slot->size >= 8 && slot->end - slot->first < slot->size / 4)
				(void)!slot_fill(s, slot, recipients, NULL);
			return PLI_OK;
		}
		if (!slot->asking) {
			status = slot_fill(s, slot, recipients, err);
			if (status != PLI_OK)
				return status;
			continue;
		}
		answers = slot->answers;
		slot->waiting++;
		while (slot->asking && slot->answers == answers)
			pthread_cond_wait(&s->answered, &s->lock);
		slot->waiting--;
		if (slot->answer.status != PLI_OK) {
			if (err)
				*err = slot->answer;
			return slot->answer.status;
		}
	}
}

enum pli_status key_reserve_take(struct key_reserve *reserve, const struct uuid *entity, const char *kid, unsigned recipients,
				 struct pool *pool, struct reserved_keys *keys_r, struct err *err)
{
	enum pli_status status;
	struct set set = { 0 };
	unsigned n;

	pthread_mutex_lock(&reserve->lock);
	status = set_take(reserve, entity, kid, recipients, &set, err);
	pthread_mutex_unlock(&reserve->lock);
	if (status != PLI_OK) {
		mem_wipe(&set, sizeof(set));
		return status;
	}
	keys_r->letter = set.letter;
	memcpy(keys_r->key, set.key, sizeof(set.key));
	memcpy(keys_r->wrapped_key, set.wrapped_key, sizeof(set.wrapped_key));
	keys_r->tokens = POOL_ARRAY(pool, struct reserved_token, recipients);
	n = set.count < recipients ? set.count : recipients;
	memcpy(keys_r->tokens, set.tokens, n * sizeof(*set.tokens));
	mem_wipe(&set, sizeof(set));
	return n < recipients ? rest_make(reserve, entity, kid, keys_r, n + 1, recipients + 1, err) : PLI_OK;
}

enum pli_status key_reserve_wrap(struct key_reserve *reserve, const struct uuid *entity, const char *kid, unsigned recipients,
				 struct pool *pool, struct reserved_keys *keys, struct err *err)
{
	keys->tokens = POOL_ARRAY(pool, struct reserved_token, recipients);
	return rest_make(reserve, entity, kid, keys, 0, recipients + 1, err);
}
