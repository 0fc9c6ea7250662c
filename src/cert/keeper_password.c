/* See keeper_password.h. */
#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include "buf.h"
#include "pool.h"

#include "cipher.h"

#include "keeper_frame.h"
#include "keeper_link.h"
#include "keyring.h"

#include "keeper_password.h"

#define THREADS 2
#define QUEUE_MAX 32
/* A hash made elsewhere may not cost us more than our own dearest. */
#define MEMORY_KIB_MAX (64u << 10)
#define PASSES_MAX 4

struct job {
	struct job *next;
	bool make;
	uint8_t profile;
	uint64_t generation, id;
	uint8_t mac[32];
	char hash[crypto_pwhash_STRBYTES];
};

struct keeper_passwords {
	struct keeper_link *link;
	uint8_t pepper[32];
	pthread_t threads[THREADS];
	unsigned started;
	pthread_mutex_t lock;
	pthread_cond_t queued;
	struct job *first, **last;
	unsigned count;
	bool stopping;
};

/* $argon2id$v=19$m=65536,t=3,p=1$salt$hash, with costs that we are ready to pay. */
static bool hash_acceptable(const char *hash)
{
	unsigned memory, passes, lanes;
	int at = 0;

	return sscanf(hash, "$argon2id$v=19$m=%6u,t=%3u,p=%3u$%n", &memory, &passes, &lanes, &at) == 3 && at && memory <= MEMORY_KIB_MAX &&
	       passes >= 1 && passes <= PASSES_MAX && lanes == 1;
}

static bool evaluate(struct job *job, bool *right_r)
{
	if (!job->make) {
		*right_r = hash_acceptable(job->hash) &&
			   crypto_pwhash_str_verify(job->hash, (const char *)job->mac, sizeof(job->mac)) == 0;
		return true;
	}
	return crypto_pwhash_str_alg(job->hash, (const char *)job->mac, sizeof(job->mac), job->profile == 1 ? 2 : 3,
				     (size_t)(job->profile == 1 ? 19 : 64) << 20, crypto_pwhash_ALG_ARGON2ID13) == 0;
}

static void answer(struct keeper_passwords *p, struct job *job, bool done, bool right)
{
	uint8_t verb = job->make ? KEEPER_PASSWORD_MAKE : KEEPER_PASSWORD_CHECK;
	AUTO_BUF out = { .secret = 1 };
	struct err err = { 0 };
	size_t start;

	if (!done) {
		err_set(&err, PLI_BUSY, "no memory for a password hash");
		err.retry_after_s = 2;
		keeper_frame_refuse(&out, verb, job->id, PLI_BUSY, &err);
	} else {
		start = keeper_frame_begin(&out, verb | FRAME_ANSWER, job->id);
		buf_u8(&out, PLI_OK);
		if (job->make)
			buf_blob(&out, job->hash, strlen(job->hash));
		else
			buf_u8(&out, right);
		keeper_frame_end(&out, start, 0, 0);
	}
	keeper_link_send(p->link, job->generation, out.p, out.n);
}

static void drop(struct job *job)
{
	mem_wipe(job, sizeof(*job));
	mem_free(job);
}

static void *run(void *arg)
{
	struct keeper_passwords *p = arg;
	struct job *job;
	bool done, right;

	for (;;) {
		pthread_mutex_lock(&p->lock);
		while (!p->first && !p->stopping)
			pthread_cond_wait(&p->queued, &p->lock);
		job = p->first;
		if (!job || p->stopping) {
			pthread_mutex_unlock(&p->lock);
			return NULL;
		}
		p->first = job->next;
		if (!p->first)
			p->last = &p->first;
		p->count--;
		pthread_mutex_unlock(&p->lock);
		right = false;
		done = evaluate(job, &right);
		answer(p, job, done, right);
		drop(job);
	}
}

enum pli_status keeper_passwords_new(const struct keyring *ring, struct keeper_link *link, struct keeper_passwords **passwords_r, struct err *err)
{
	struct keeper_passwords *p = mem_alloc(sizeof(*p));
	AUTO_BUF pepper = { .secret = 1 };
	enum pli_status status = keyring_read(ring, "pepper", &pepper, err);

	p->link = link;
	p->last = &p->first;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->queued, NULL);
	if (status == PLI_OK && pepper.n != 32)
		status = err_set(err, PLI_CONFLICT, "keys/pepper is damaged");
	if (status == PLI_OK)
		memcpy(p->pepper, pepper.p, 32);
	while (status == PLI_OK && p->started < THREADS) {
		if (pthread_create(&p->threads[p->started], NULL, run, p) != 0)
			status = err_set(err, PLI_BUG, "the keeper cannot start a thread");
		else
			p->started++;
	}
	if (status != PLI_OK) {
		keeper_passwords_free(p);
		return status;
	}
	*passwords_r = p;
	return PLI_OK;
}

void keeper_passwords_free(struct keeper_passwords *p)
{
	struct job *job, *next;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->queued);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->started; i++)
		pthread_join(p->threads[i], NULL);
	for (job = p->first; job; job = next) {
		next = job->next;
		drop(job);
	}
	pthread_cond_destroy(&p->queued);
	pthread_mutex_destroy(&p->lock);
	mem_wipe(p, sizeof(*p));
	mem_free(p);
}

enum pli_status keeper_passwords_push(struct keeper_passwords *p, uint64_t generation, const struct keeper_request *request,
				      struct err *err)
{
	struct job *job;
	bool full;

	pthread_mutex_lock(&p->lock);
	full = p->count >= QUEUE_MAX;
	if (!full) {
		job = mem_alloc(sizeof(*job));
		job->make = request->verb == KEEPER_PASSWORD_MAKE;
		job->profile = request->profile;
		job->generation = generation;
		job->id = request->id;
		cipher_hmac(p->pepper, request->password, request->password_n, job->mac);
		if (!job->make)
			memcpy(job->hash, request->hash, request->hash_n);	/* shorter than the array, zeroed */
		*p->last = job;
		p->last = &job->next;
		p->count++;
		pthread_cond_signal(&p->queued);
	}
	pthread_mutex_unlock(&p->lock);
	if (!full)
		return PLI_OK;
	err_set(err, PLI_BUSY, "too many passwords are being checked");
	err->retry_after_s = 2;
	return PLI_BUSY;
}
