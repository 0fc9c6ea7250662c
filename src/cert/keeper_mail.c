/* See keeper_mail.h. */
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "buf.h"
#include "pool.h"

#include "keeper_frame.h"
#include "keeper_link.h"
#include "mail_sign.h"
#include "signatures.h"

#include "keeper_mail.h"

struct job {
	struct job *next;
	uint64_t generation, id;
	uint16_t count;
	struct buf texts;		/* count × { u8 kind, blob text }: hold links */
};

struct keeper_mail {
	struct keeper_link *link;
	struct mail_signer *signer;
	struct signatures *signatures;	/* borrowed */
	pthread_t thread;
	bool started, stopping;
	pthread_mutex_t lock;
	pthread_cond_t queued;
	struct job *first, **last;
};

static void drop(struct job *job)
{
	buf_free(&job->texts);
	mem_free(job);
}

/* One signature after the other; the first that cannot be made refuses all. */
static void sign_all(struct keeper_mail *m, const struct job *job)
{
	AUTO_BUF out = { 0 }, one = { 0 };
	enum pli_status status = PLI_OK;
	struct err err = { 0 };
	size_t start = keeper_frame_begin(&out, KEEPER_MAIL_SIGN | FRAME_ANSWER, job->id);
	struct cursor c;

	buf_u8(&out, PLI_OK);
	cursor_init(&c, job->texts.p, job->texts.n);
	for (unsigned i = 0; i < job->count && status == PLI_OK; i++) {
		enum mail_sign_kind kind = (enum mail_sign_kind)cursor_u8(&c);
		size_t n;
		const uint8_t *text = cursor_blob(&c, &n);

		buf_reset(&one);
		status = text ? mail_sign(m->signer, kind, text, n, &one, &err) : err_set(&err, PLI_BUG, "a mail is cut off");
		buf_blob(&out, one.p, one.n);
		if (status == PLI_OK)
			signatures_add(m->signatures, SIGNATURE_MAIL, 1);
	}
	if (status == PLI_OK && out.n > FRAME_MAX_BYTES)
		status = err_set(&err, PLI_LIMIT, "too many signatures in one request");
	if (status == PLI_OK) {
		keeper_frame_end(&out, start, 0, job->count);
	} else {
		buf_reset(&out);
		keeper_frame_refuse(&out, KEEPER_MAIL_SIGN, job->id, status, &err);
	}
	keeper_link_send(m->link, job->generation, out.p, out.n);
}

static void *run(void *arg)
{
	struct keeper_mail *m = arg;
	struct job *job;

	for (;;) {
		pthread_mutex_lock(&m->lock);
		while (!m->first && !m->stopping)
			pthread_cond_wait(&m->queued, &m->lock);
		job = m->first;
		if (!job || m->stopping) {
			pthread_mutex_unlock(&m->lock);
			return NULL;
		}
		m->first = job->next;
		if (!m->first)
			m->last = &m->first;
		pthread_mutex_unlock(&m->lock);
		sign_all(m, job);
		drop(job);
	}
}

enum pli_status keeper_mail_new(const struct keyring *ring, struct keeper_link *link, struct signatures *signatures,
				struct keeper_mail **mail_r, struct err *err)
{
	struct keeper_mail *m = mem_alloc(sizeof(*m));

	m->link = link;
	m->last = &m->first;
	m->signatures = signatures;
	m->signer = mail_signer_new(ring);
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->queued, NULL);
	m->started = pthread_create(&m->thread, NULL, run, m) == 0;
	if (!m->started) {
		keeper_mail_free(m);
		return err_set(err, PLI_BUG, "the keeper cannot start a thread");
	}
	*mail_r = m;
	return PLI_OK;
}

void keeper_mail_free(struct keeper_mail *m)
{
	struct job *job, *next;

	if (!m)
		return;
	pthread_mutex_lock(&m->lock);
	m->stopping = true;
	pthread_cond_signal(&m->queued);
	pthread_mutex_unlock(&m->lock);
	if (m->started)
		pthread_join(m->thread, NULL);
	for (job = m->first; job; job = next) {
		next = job->next;
		drop(job);
	}
	mail_signer_free(m->signer);
	pthread_cond_destroy(&m->queued);
	pthread_mutex_destroy(&m->lock);
	mem_free(m);
}

void keeper_mail_push(struct keeper_mail *m, uint64_t generation, const struct keeper_request *request)
{
	struct job *job = mem_alloc(sizeof(*job));

	job->generation = generation;
	job->id = request->id;
	job->count = request->count;
	buf_init_secret(&job->texts);
	for (unsigned i = 0; i < request->count; i++) {
		buf_u8(&job->texts, request->kinds[i]);
		buf_blob(&job->texts, request->items[i].key, request->items[i].key_n);
	}
	pthread_mutex_lock(&m->lock);
	*m->last = job;
	m->last = &job->next;
	pthread_cond_signal(&m->queued);
	pthread_mutex_unlock(&m->lock);
}
