/* See keeper_stamp.h. */
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"

#include "keeper_frame.h"
#include "keeper_link.h"
#include "key.h"
#include "keyfile.h"
#include "keyring.h"
#include "signatures.h"
#include "token.h"
#include "tsa_query.h"

#include "keeper_stamp.h"

struct job {
	struct job *next;
	uint64_t generation, id;
	uint16_t count;
	struct buf queries;		/* count × blob */
};

struct keeper_stamp {
	const struct keyring *ring;
	struct keeper_link *link;
	struct signatures *signatures;	/* borrowed */
	pthread_t thread;
	bool started;
	/* The thread's own. */
	struct key *key;
	struct token_maker *makers[2][2];	/* with a nonce, with the certificate */
	struct buf out, token;
	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t queued;
	struct job *first, **last;
	bool stopping, rekey;
};

static void drop(struct job *job)
{
	buf_free(&job->queries);
	mem_free(job);
}

/* ---- the key ---- */

static void close_key(struct keeper_stamp *s)
{
	for (int i = 0; i < 4; i++)
		token_maker_free(s->makers[i / 2][i % 2]);
	memset(s->makers, 0, sizeof(s->makers));
	key_close(s->key);
	s->key = NULL;
}

static enum pli_status open_key(struct keeper_stamp *s, struct err *err)
{
	AUTO_BUF cert = { 0 };
	enum pli_status status = key_open(s->ring, KEY_TSA, "", &s->key, err);

	if (status == PLI_OK)
		status = keyfile_read(s->ring->dir_fd, "tsa.pem", &cert, err);
	for (int i = 0; i < 4 && status == PLI_OK; i++)
		status = token_maker_new_key(cert.p, key_pkey(s->key), &s->makers[i / 2][i % 2], err);
	if (status != PLI_OK)
		close_key(s);
	return status;
}

/* ---- answers ---- */

static enum pli_status stamp_one(struct keeper_stamp *s, const uint8_t *der, size_t n, struct err *err)
{
	struct tsa_query query;
	const char *text;
	enum tsa_failure failure = tsa_query_parse(der, n, &query, &text);
	int64_t now_us = clock_now_us();
	enum pli_status status;
	AUTO_BUF reply = { 0 };

	if (failure != TSA_NO_FAILURE) {
		tsa_reply_rejected(failure, text, &reply);
		buf_blob(&s->out, reply.p, reply.n);
		return PLI_OK;
	}
	buf_reset(&s->token);
	status = token_grant(s->makers[query.nonce != NULL][query.cert_req], der, n, &query, now_us - now_us % 1000, &s->token, err);
	if (status != PLI_OK)
		return status;
	signatures_add(s->signatures, SIGNATURE_TOKEN, 1);
	tsa_reply_granted(s->token.p, s->token.n, &reply);
	buf_blob(&s->out, reply.p, reply.n);
	return PLI_OK;
}

static void stamp_all(struct keeper_stamp *s, const struct job *job)
{
	struct err err = { 0 };
	enum pli_status status = s->key ? PLI_OK : open_key(s, &err);
	struct cursor c;
	size_t start;

	buf_reset(&s->out);
	start = keeper_frame_begin(&s->out, KEEPER_STAMP | FRAME_ANSWER, job->id);
	buf_u8(&s->out, PLI_OK);
	cursor_init(&c, job->queries.p, job->queries.n);
	for (unsigned i = 0; i < job->count && status == PLI_OK; i++) {
		size_t n;
		const uint8_t *der = cursor_blob(&c, &n);

		status = der ? stamp_one(s, der, n, &err) : err_set(&err, PLI_BUG, "a request is cut off");
	}
	if (status == PLI_OK && s->out.n - start > FRAME_MAX_BYTES)
		status = err_set(&err, PLI_LIMIT, "too many timestamps in one request");
	if (status == PLI_OK) {
		keeper_frame_end(&s->out, start, 0, job->count);
	} else {
		buf_reset(&s->out);
		keeper_frame_refuse(&s->out, KEEPER_STAMP, job->id, status, &err);
	}
	keeper_link_send(s->link, job->generation, s->out.p, s->out.n);
}

/* ---- the thread ---- */

/* The next one; NULL at the end. */
static struct job *take(struct keeper_stamp *s)
{
	struct job *job;
	bool rekey;

	pthread_mutex_lock(&s->lock);
	while (!s->first && !s->stopping)
		pthread_cond_wait(&s->queued, &s->lock);
	job = s->stopping ? NULL : s->first;
	if (job) {
		s->first = job->next;
		if (!s->first)
			s->last = &s->first;
	}
	rekey = s->rekey;
	s->rekey = false;
	pthread_mutex_unlock(&s->lock);
	if (rekey)
		close_key(s);
	return job;
}

static void *run(void *arg)
{
	struct keeper_stamp *s = arg;
	struct job *job;

	while ((job = take(s))) {
		stamp_all(s, job);
		drop(job);
	}
	return NULL;
}

enum pli_status keeper_stamp_new(const struct keyring *ring, struct keeper_link *link, struct signatures *signatures,
				 struct keeper_stamp **stamp_r, struct err *err)
{
	struct keeper_stamp *s = mem_alloc(sizeof(*s));

	s->ring = ring;
	s->link = link;
	s->signatures = signatures;
	s->last = &s->first;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->queued, NULL);
	s->started = pthread_create(&s->thread, NULL, run, s) == 0;
	if (!s->started) {
		keeper_stamp_free(s);
		return err_set(err, PLI_BUG, "the keeper cannot start a thread");
	}
	*stamp_r = s;
	return PLI_OK;
}

void keeper_stamp_free(struct keeper_stamp *s)
{
	struct job *job, *next;

	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_signal(&s->queued);
	pthread_mutex_unlock(&s->lock);
	if (s->started)
		pthread_join(s->thread, NULL);
	for (job = s->first; job; job = next) {
		next = job->next;
		drop(job);
	}
	close_key(s);
	buf_free(&s->out);
	buf_free(&s->token);
	pthread_cond_destroy(&s->queued);
	pthread_mutex_destroy(&s->lock);
	mem_free(s);
}

void keeper_stamp_push(struct keeper_stamp *s, uint64_t generation, const struct keeper_request *request)
{
	struct job *job = mem_alloc(sizeof(*job));

	job->generation = generation;
	job->id = request->id;
	job->count = request->count;
	buf_init(&job->queries);
	for (unsigned i = 0; i < request->count; i++)
		buf_blob(&job->queries, request->items[i].key, request->items[i].key_n);
	pthread_mutex_lock(&s->lock);
	*s->last = job;
	s->last = &job->next;
	pthread_cond_signal(&s->queued);
	pthread_mutex_unlock(&s->lock);
}

void keeper_stamp_rekey(struct keeper_stamp *s)
{
	pthread_mutex_lock(&s->lock);
	s->rekey = true;
	pthread_mutex_unlock(&s->lock);
}
