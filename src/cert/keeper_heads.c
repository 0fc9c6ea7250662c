/* See keeper_heads.h. */
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"

#include "head_draft.h"
#include "head_store.h"
#include "keeper_frame.h"
#include "keeper_link.h"
#include "keeper_signers.h"
#include "keeper_texts.h"
#include "keyring.h"
#include "signatures.h"
#include "token.h"

#include "keeper_heads.h"

struct job {
	struct job *next;
	enum keeper_verb verb;
	uint64_t generation, id;
	uint64_t first;		/* APPEND: index of the first leaf; HEADS_SINCE: size */
	size_t count;		/* leaves, heads, or bytes of the manifest */
	bool ahead;		/* APPEND: not committed yet */
	uint8_t data[];
};

struct keeper_heads {
	const char *origin;
	struct keeper_link *link;
	void (*fatal)(void *arg, const struct err *err);
	void *arg;
	struct signatures *signatures;	/* borrowed */
	const struct keyring *ring;
	struct keeper_signers *signers;
	struct counter counter;
	bool counter_open;
	struct head_store store;
	struct head_draft newest;	/* durable, and answered */
	struct head_draft next;		/* signed ahead, perhaps */
	struct job *ahead;		/* until front has committed it */
	/* The group being gathered. */
	struct buf leaves, answer;
	struct job *waiting;
	pthread_t thread;
	bool started, broken;
	pthread_mutex_t lock;		/* of all below */
	pthread_cond_t queued;
	struct job *first, **last;	/* last: where the next one is hung */
	struct job **newest_at;		/* where the newest one hangs; NULL: none does */
	bool stopping;
	struct keeper_status status;
};

/* ---- answers ---- */

static void refuse(struct keeper_heads *h, const struct job *job, enum pli_status status, const struct err *err)
{
	/* Who says that leaves are committed waits for the answer to the append. */
	uint8_t verb = job->verb == KEEPER_COMMITTED ? KEEPER_APPEND : (uint8_t)job->verb;

	buf_reset(&h->answer);
	keeper_frame_refuse(&h->answer, verb, job->id, status, err);
	keeper_link_send(h->link, job->generation, h->answer.p, h->answer.n);
}

static void answer_head(struct keeper_heads *h, const struct job *job)
{
	struct keeper_head head = {
		.size = h->store.tree.size, .gen_time_us = h->newest.gen_time_us, .checkpoint = h->newest.checkpoint.p,
		.checkpoint_n = h->newest.checkpoint.n, .token = h->newest.token.p, .token_n = h->newest.token.n,
	};
	size_t start;

	memcpy(head.root, h->store.root, 32);
	buf_reset(&h->answer);
	start = keeper_frame_begin(&h->answer, KEEPER_APPEND | FRAME_ANSWER, job->id);
	buf_u8(&h->answer, PLI_OK);
	keeper_frame_head(&h->answer, &head);
	keeper_frame_end(&h->answer, start, 0, 1);
	keeper_link_send(h->link, job->generation, h->answer.p, h->answer.n);
}

static void status_update(struct keeper_heads *h)
{
	pthread_mutex_lock(&h->lock);
	h->status.size = h->store.tree.size;
	memcpy(h->status.root, h->store.root, 32);
	h->status.counter_size = h->counter.size;
	memcpy(h->status.counter_root, h->counter.root, 32);
	h->status.counter_generation = h->counter.generation;
	pthread_mutex_unlock(&h->lock);
}

/* ---- appending ---- */

static size_t gathered(const struct keeper_heads *h)
{
	return h->leaves.n / 32;
}

static void tree_grow(struct tree *t, const uint8_t *leaves, size_t count)
{
	for (size_t i = 0; i < count; i++)
		tree_add(t, leaves + i * 32);
}

/* Stores the gathered leaves as one group, with its head: the one that was signed ahead, or a new one. */
static enum pli_status make_head(struct keeper_heads *h, struct err *err)
{
	struct head_record record = { .leaf_count = (uint32_t)gathered(h), .leaves = (const uint8_t (*)[32])h->leaves.p };
	struct head_draft *next = &h->next, before;
	struct tree t = h->store.tree;
	enum pli_status status = PLI_OK;

	tree_grow(&t, (const uint8_t *)h->leaves.p, record.leaf_count);
	record.size = t.size;
	tree_root(&t, record.root);
	if (!head_draft_is(next, record.size, record.root))
		status = head_draft_sign(next, h->signers, h->origin, h->signatures, &t, h->newest.gen_time_us, err);
	if (status != PLI_OK)
		return status;
	record.checkpoint = next->checkpoint.p;
	record.checkpoint_n = next->checkpoint.n;
	record.token = (const uint8_t *)next->token.p;
	record.token_n = next->token.n;
	status = head_store_append(&h->store, &record, err);
	if (status != PLI_OK) {
		next->size = 0;
		return status;
	}
	before = h->newest;
	h->newest = h->next;
	h->next = before;
	h->next.size = 0;
	status_update(h);
	return PLI_OK;
}

/* Makes the head of what is gathered and answers all who wait for it. */
static void flush(struct keeper_heads *h)
{
	enum pli_status status = PLI_OK;
	struct err err = { 0 };
	struct job *job, *next;

	if (!h->waiting)
		return;
	if (gathered(h))
		status = make_head(h, &err);
	buf_reset(&h->leaves);
	if (status != PLI_OK && status != PLI_FULL)
		h->broken = true;
	for (job = h->waiting; job; job = next) {
		next = job->next;
		if (status == PLI_OK)
			answer_head(h, job);
		else if (!h->broken)
			refuse(h, job, status, &err);
		mem_free(job);
	}
	h->waiting = NULL;
	if (h->broken)
		h->fatal(h->arg, &err);
}

/* The leaves of a job that the tree or the group has already must be the same. */
static enum pli_status check_known(struct keeper_heads *h, const struct job *job, size_t known, struct err *err)
{
	uint64_t size = h->store.tree.size;
	size_t stored = job->first < size ? (size_t)(size - job->first < known ? size - job->first : known) : 0;
	uint8_t (*there)[32] = mem_alloc((known ? known : 1) * 32);
	enum pli_status status = stored ? head_store_leaves(&h->store, job->first, stored, there, err) : PLI_OK;
	size_t at = 0;

	if (status == PLI_OK && known > stored)
		memcpy(there + stored, h->leaves.p + (size_t)(job->first + stored - size) * 32, (known - stored) * 32);
	while (status == PLI_OK && at < known && memcmp(there[at], job->data + at * 32, 32) == 0)
		at++;
	if (status == PLI_OK && at < known)
		status = err_set(err, PLI_CONFLICT, "leaf of entry %" PRIu64 " is not the one in the tree", job->first + at + 1);
	mem_free(there);
	return status;
}

/* Joins the job to the group, or refuses it.  Owns job. */
static void gather(struct keeper_heads *h, struct job *job)
{
	uint64_t end;
	size_t known;
	struct err err = { 0 };
	enum pli_status status = PLI_OK;

	if (gathered(h) + job->count > FRAME_LEAVES_MAX)
		flush(h);
	if (h->broken) {
		mem_free(job);
		return;
	}
	end = h->store.tree.size + gathered(h);
	known = job->first >= end ? 0 : end - job->first < job->count ? (size_t)(end - job->first) : job->count;
	if (h->status.refusing)
		status = err_set(&err, PLI_CONFLICT, "%s", h->status.reason);
	else if (job->first > end)
		status = err_set(&err, PLI_RANGE, "the tree ends at entry %" PRIu64 ", entry %" PRIu64 " cannot follow", end, job->first + 1);
	else
		status = check_known(h, job, known, &err);
	if (status != PLI_OK) {
		refuse(h, job, status, &err);
		mem_free(job);
		return;
	}
	buf_add(&h->leaves, job->data + known * 32, (job->count - known) * 32);
	job->next = h->waiting;
	h->waiting = job;
}

/* ---- ahead of the commit ---- */

static bool same_request(const struct job *a, const struct job *b)
{
	return a->generation == b->generation && a->id == b->id;
}

/* That it is committed is among what has come since. */
static bool committed_since(const struct job *held)
{
	for (const struct job *job = held->next; job; job = job->next)
		if (job->verb == KEEPER_COMMITTED && same_request(job, held))
			return true;
	return false;
}

/* Keeps the job until front has committed it, and signs its head meanwhile.  When that is committed already, it joins those that wait, and one
 * head serves all.  A signature that fails is tried again with the group.  Owns job. */
static void hold(struct keeper_heads *h, struct job *job)
{
	struct err err = { 0 };
	struct tree t;

	/* One that stands here still was not committed. */
	mem_free(h->ahead);
	h->ahead = job;
	if (committed_since(job))
		return;
	flush(h);
	t = h->store.tree;
	if (h->broken || h->status.refusing || job->first != t.size)
		return;
	tree_grow(&t, job->data, job->count);
	(void)!head_draft_sign(&h->next, h->signers, h->origin, h->signatures, &t, h->newest.gen_time_us, &err);
}

/* Front has committed what job names by its number: from now on it is an append like any other. */
static void join(struct keeper_heads *h, const struct job *job)
{
	struct job *held = h->ahead;
	struct err err = { 0 };

	if (held && same_request(held, job)) {
		h->ahead = NULL;
		gather(h, held);
		return;
	}
	refuse(h, job, err_set(&err, PLI_RANGE, "no leaves wait under this number"), &err);
}

/* ---- the other two ---- */

/* genTime is in the token itself. */
static bool head_of_record(const struct head_record *r, struct keeper_head *head_r)
{
	struct token_info info;

	*head_r = (struct keeper_head){ .size = r->size, .checkpoint = r->checkpoint, .checkpoint_n = r->checkpoint_n,
					.token = r->token, .token_n = r->token_n };
	memcpy(head_r->root, r->root, 32);
	if (token_parse(r->token, r->token_n, &info, NULL) != PLI_OK)
		return false;
	head_r->gen_time_us = info.gen_time_us;
	return true;
}

static void list(struct keeper_heads *h, const struct job *job)
{
	size_t limit = job->count < FRAME_ITEMS_MAX ? job->count : FRAME_ITEMS_MAX, start, before;
	struct head_reader reader;
	struct head_record record;
	struct keeper_head head;
	struct err err = { 0 };
	enum pli_status status;
	uint16_t count = 0;
	bool more = false;

	buf_reset(&h->answer);
	start = keeper_frame_begin(&h->answer, KEEPER_HEADS_SINCE | FRAME_ANSWER, job->id);
	buf_u8(&h->answer, PLI_OK);
	status = head_store_seek(&h->store, job->first, &reader, &err);
	if (status == PLI_OK) {
		while (count < limit && (status = head_reader_next(&reader, &record, &err)) == PLI_OK) {
			before = h->answer.n;
			if (!head_of_record(&record, &head)) {
				status = err_set(&err, PLI_CONFLICT, "a token in journal/heads is damaged");
				break;
			}
			keeper_frame_head(&h->answer, &head);
			if (h->answer.n - start > FRAME_MAX_BYTES - 4) {
				h->answer.n = before;
				break;
			}
			count++;
		}
		more = status == PLI_OK;
		head_reader_fini(&reader);
	}
	if (status != PLI_OK && status != PLI_ABSENT) {
		refuse(h, job, status, &err);
		return;
	}
	keeper_frame_end(&h->answer, start, more ? FRAME_MORE : 0, count);
	keeper_link_send(h->link, job->generation, h->answer.p, h->answer.n);
}

static void seal(struct keeper_heads *h, const struct job *job)
{
	AUTO_BUF p7s = { 0 }, token = { 0 };
	struct err err = { 0 };
	enum pli_status status;
	size_t start;

	if (h->status.refusing)
		status = err_set(&err, PLI_CONFLICT, "%s", h->status.reason);
	else
		status = keeper_texts_sign(&h->store, h->signers, h->signatures, job->data, job->count, &p7s, &token, &err);
	if (status != PLI_OK) {
		refuse(h, job, status, &err);
		return;
	}
	buf_reset(&h->answer);
	start = keeper_frame_begin(&h->answer, KEEPER_SEAL | FRAME_ANSWER, job->id);
	buf_u8(&h->answer, PLI_OK);
	buf_blob(&h->answer, p7s.p, p7s.n);
	buf_blob(&h->answer, token.p, token.n);
	keeper_frame_end(&h->answer, start, 0, 0);
	keeper_link_send(h->link, job->generation, h->answer.p, h->answer.n);
}

/* ---- other keys ---- */

static void rekey(struct keeper_heads *h, const struct job *job)
{
	struct keeper_signers *signers;
	struct err err = { 0 };
	enum pli_status status = keeper_signers_open(h->ring, clock_now_us(), &signers, &err);
	size_t start;

	/* The old ones may be gone already: without the new ones there is nothing to sign with.  The next start says why. */
	if (status != PLI_OK) {
		h->broken = true;
		h->fatal(h->arg, &err);
		return;
	}
	keeper_signers_close(h->signers);
	h->signers = signers;
	h->next.size = 0;
	buf_reset(&h->answer);
	start = keeper_frame_begin(&h->answer, KEEPER_KEY_COMMIT | FRAME_ANSWER, job->id);
	buf_u8(&h->answer, PLI_OK);
	keeper_frame_end(&h->answer, start, 0, 0);
	keeper_link_send(h->link, job->generation, h->answer.p, h->answer.n);
}

bool keeper_heads_holds(struct keeper_heads *heads, uint64_t seq, const uint8_t leaf[32])
{
	struct keeper_status status;
	uint8_t there[1][32];

	keeper_heads_status(heads, &status);
	return !status.refusing && seq < status.size && head_store_leaves(&heads->store, seq, 1, there, NULL) == PLI_OK &&
	       memcmp(there[0], leaf, 32) == 0;
}

/* ---- the thread ---- */

static struct job *take_all(struct keeper_heads *h)
{
	struct job *jobs;

	pthread_mutex_lock(&h->lock);
	while (!h->first && !h->stopping)
		pthread_cond_wait(&h->queued, &h->lock);
	jobs = h->first;
	h->first = NULL;
	h->last = &h->first;
	h->newest_at = NULL;
	pthread_mutex_unlock(&h->lock);
	return jobs;
}

static void *run(void *arg)
{
	struct keeper_heads *h = arg;
	struct job *job, *next;

	while (!h->broken && (job = take_all(h))) {
		for (; job; job = next) {
			next = job->next;
			if (h->broken) {
				mem_free(job);
				continue;
			}
			if (job->verb == KEEPER_APPEND && !job->ahead) {
				gather(h, job);
				continue;
			}
			if (job->verb == KEEPER_APPEND) {
				hold(h, job);
				continue;
			}
			if (job->verb == KEEPER_COMMITTED) {
				join(h, job);
				mem_free(job);
				continue;
			}
			flush(h);
			if (!h->broken && job->verb == KEEPER_HEADS_SINCE)
				list(h, job);
			else if (!h->broken && job->verb == KEEPER_KEY_COMMIT)
				rekey(h, job);
			else if (!h->broken)
				seal(h, job);
			mem_free(job);
		}
		flush(h);
	}
	return NULL;
}

/* Leaves ahead that are followed by others, without a word between, were not committed: they go, so that nobody fills the memory with such. */
static void push(struct keeper_heads *h, struct job *job)
{
	struct job *lost = NULL;

	pthread_mutex_lock(&h->lock);
	if (job->ahead && h->newest_at && (*h->newest_at)->ahead) {
		lost = *h->newest_at;
		h->last = h->newest_at;
	}
	h->newest_at = h->last;
	*h->last = job;
	h->last = &job->next;
	pthread_cond_signal(&h->queued);
	pthread_mutex_unlock(&h->lock);
	mem_free(lost);
}

static struct job *job_new(enum keeper_verb verb, uint64_t generation, uint64_t id, const void *data, size_t n)
{
	struct job *job = mem_alloc(sizeof(*job) + n);

	job->verb = verb;
	job->generation = generation;
	job->id = id;
	memcpy(job->data, data, n);
	return job;
}

void keeper_heads_append(struct keeper_heads *heads, uint64_t generation, uint64_t id, uint64_t first, const uint8_t *leaves, size_t count, bool ahead)
{
	struct job *job = job_new(KEEPER_APPEND, generation, id, leaves, count * 32);

	job->first = first;
	job->count = count;
	job->ahead = ahead;
	push(heads, job);
}

void keeper_heads_committed(struct keeper_heads *heads, uint64_t generation, uint64_t id)
{
	push(heads, job_new(KEEPER_COMMITTED, generation, id, "", 0));
}

void keeper_heads_list(struct keeper_heads *heads, uint64_t generation, uint64_t id, uint64_t since, uint32_t limit)
{
	struct job *job = job_new(KEEPER_HEADS_SINCE, generation, id, "", 0);

	job->first = since;
	job->count = limit;
	push(heads, job);
}

void keeper_heads_seal(struct keeper_heads *heads, uint64_t generation, uint64_t id, const void *manifest, size_t n)
{
	struct job *job = job_new(KEEPER_SEAL, generation, id, manifest, n);

	job->count = n;
	push(heads, job);
}

void keeper_heads_rekey(struct keeper_heads *heads, uint64_t generation, uint64_t id)
{
	push(heads, job_new(KEEPER_KEY_COMMIT, generation, id, "", 0));
}

void keeper_heads_status(struct keeper_heads *heads, struct keeper_status *status_r)
{
	pthread_mutex_lock(&heads->lock);
	*status_r = heads->status;
	pthread_mutex_unlock(&heads->lock);
}

/* ---- opening ---- */

/* The newest head in memory, for answers to leaves that are known already. */
static enum pli_status load_newest(struct keeper_heads *h, struct err *err)
{
	struct head_reader reader;
	struct head_record record;
	struct keeper_head head;
	enum pli_status status;

	if (!h->store.heads)
		return PLI_OK;
	head_reader_init(&reader, h->store.heads_fd, h->store.last_offset);
	status = head_reader_next(&reader, &record, err);
	if (status == PLI_OK && !head_of_record(&record, &head))
		status = err_set(err, PLI_CONFLICT, "the newest token in journal/heads is damaged");
	if (status == PLI_OK) {
		buf_add(&h->newest.checkpoint, head.checkpoint, head.checkpoint_n);
		buf_add(&h->newest.token, head.token, head.token_n);
		h->newest.gen_time_us = head.gen_time_us;
	}
	head_reader_fini(&reader);
	return status;
}

static enum pli_status open_tree(struct keeper_heads *h, int keys_dir_fd, int journal_dir_fd, struct err *err)
{
	enum pli_status status = counter_open(keys_dir_fd, &h->counter, err);
	const uint8_t (*publics)[32];
	unsigned count;

	if (status != PLI_OK)
		return status == PLI_ABSENT ? PLI_CONFLICT : status;
	h->counter_open = true;
	publics = keeper_signers_log_publics(h->signers, &count);
	status = head_store_open(journal_dir_fd, h->origin, publics, count, &h->counter, &h->store, err);
	return status == PLI_OK ? load_newest(h, err) : status;
}

enum pli_status keeper_heads_new(const struct keyring *ring, int journal_dir_fd, const char *origin, struct keeper_link *link, struct signatures *signatures,
				 void (*fatal)(void *arg, const struct err *err), void *arg, struct keeper_heads **heads_r,
				 struct err *err)
{
	struct keeper_heads *h = mem_alloc(sizeof(*h));
	enum pli_status status;

	h->origin = origin;
	h->link = link;
	h->signatures = signatures;
	h->fatal = fatal;
	h->arg = arg;
	h->last = &h->first;
	h->store.heads_fd = h->store.leaves_fd = h->store.index_fd = -1;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->queued, NULL);
	h->ring = ring;
	status = keeper_signers_open(ring, clock_now_us(), &h->signers, err);
	if (status == PLI_OK)
		status = open_tree(h, ring->dir_fd, journal_dir_fd, err);
	if (status == PLI_CONFLICT && h->signers) {
		h->status.refusing = true;
		snprintf(h->status.reason, sizeof(h->status.reason), "%.255s", err->text);
		status = PLI_OK;
	}
	status_update(h);
	if (status == PLI_OK && pthread_create(&h->thread, NULL, run, h) != 0)
		status = err_set(err, PLI_BUG, "the keeper cannot start a thread");
	h->started = status == PLI_OK;
	if (status != PLI_OK) {
		keeper_heads_free(h);
		return status;
	}
	*heads_r = h;
	return PLI_OK;
}

void keeper_heads_free(struct keeper_heads *heads)
{
	struct keeper_heads *h = heads;

	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->stopping = true;
	pthread_cond_signal(&h->queued);
	pthread_mutex_unlock(&h->lock);
	if (h->started)
		pthread_join(h->thread, NULL);
	/* A broken disk is not touched again. */
	h->store.sound = h->store.sound && !h->broken;
	head_store_close(&h->store);
	if (h->counter_open)
		counter_close(&h->counter);
	keeper_signers_close(h->signers);
	head_draft_drop(&h->newest);
	head_draft_drop(&h->next);
	mem_free(h->ahead);
	buf_free(&h->leaves);
	buf_free(&h->answer);
	pthread_cond_destroy(&h->queued);
	pthread_mutex_destroy(&h->lock);
	mem_free(h);
}
