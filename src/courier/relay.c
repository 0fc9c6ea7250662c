/* The relay's queue and the life of its sessions; see relay.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "buf.h"
#include "clock.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "relay_own.h"

#include "relay.h"

#define IDLE_S 15			/* then a session says good-bye */
#define STACK_BYTES (512 * 1024)	/* curl has buffers of 64 KiB on it */

struct relay {
	struct relay_common common;
	struct pool *pool;
	relay_answer *answer;
	void *arg;
	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t work, rest;	/* something to do; a session has ended */
	struct relay_mail *first, **last;
	unsigned sessions, idle, queued;
	unsigned threads;		/* sessions, and those that are saying good-bye */
	bool end;
};

/* ------------------------------------------------------------------ certificates */

static enum pli_status store_fill(X509_STORE *store, const char *ca_pem, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(ca_pem, -1);
	unsigned count = 0;
	X509 *cert;

	while (bio && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		count += X509_STORE_add_cert(store, cert) == 1;
		X509_free(cert);
	}
	BIO_free(bio);
	ERR_clear_error();
	return count ? PLI_OK : err_set(err, PLI_INPUT, "[mail] ca_file holds no PEM certificate");
}

static enum pli_status store_make(const struct relay_config *config, X509_STORE **store_r, struct err *err)
{
	X509_STORE *store = X509_STORE_new();
	enum pli_status st = PLI_OK;

	if (!store)
		return err_set(err, PLI_BUG, "no store for certificates");
	/* A certificate that the operator names is enough, whoever signed it. */
	X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
	if (config->ca_pem)
		st = store_fill(store, config->ca_pem, err);
	else if (X509_STORE_set_default_paths(store) != 1)
		st = err_set(err, PLI_BUG, "the system's authorities cannot be used");
	if (st != PLI_OK) {
		X509_STORE_free(store);
		return st;
	}
	*store_r = store;
	return PLI_OK;
}

/* ------------------------------------------------------------------ the queue */

static struct relay_mail *mail_copy(uint64_t tag, const struct job *job)
{
	size_t from_n = strlen(job->from) + 1, to_n = strlen(job->to) + 1;
	size_t size = sizeof(struct relay_mail) + from_n + to_n + job->mail_n;
	struct relay_mail *m = mem_alloc(size);
	char *p = m->bytes;

	m->tag = tag;
	m->number = job->number;
	m->size_bytes = size;
	m->from = memcpy(p, job->from, from_n);
	m->to = memcpy(p + from_n, job->to, to_n);
	m->mail = memcpy(p + from_n + to_n, job->mail, job->mail_n);
	m->mail_n = job->mail_n;
	return m;
}

static void mail_free(struct relay_mail *m)
{
	mem_wipe(m, m->size_bytes);
	mem_free(m);
}

static void answer(struct relay *r, const struct relay_mail *m, struct job *what)
{
	what->type = JOB_ANSWER;
	what->number = m->number;
	r->answer(r->arg, m->tag, what);
}

/* All that is queued, for whoever gets it. */
static struct relay_mail *queue_take_all(struct relay *r)
{
	struct relay_mail *all = r->first;

	r->first = NULL;
	r->last = &r->first;
	r->queued = 0;
	return all;
}

static void queue_answer_all(struct relay *r, struct job *what)
{
	struct relay_mail *m, *next;

	pthread_mutex_lock(&r->lock);
	m = queue_take_all(r);
	pthread_mutex_unlock(&r->lock);
	for (; m; m = next) {
		next = m->next;
		answer(r, m, what);
		mail_free(m);
	}
}

/* The next mail; NULL after a while without any, or at the end: the session is then out of the count. */
static struct relay_mail *queue_take(struct relay *r)
{
	struct relay_mail *m = NULL;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_S;
	pthread_mutex_lock(&r->lock);
	while (!r->first && !r->end) {
		int rc;

		r->idle++;
		rc = pthread_cond_timedwait(&r->work, &r->lock, &until);
		r->idle--;
		if (rc == ETIMEDOUT)
			break;
	}
	if (r->first && !r->end) {
		m = r->first;
		r->first = m->next;
		if (!r->first)
			r->last = &r->first;
		r->queued--;
	}
	pthread_mutex_unlock(&r->lock);
	return m;
}

static void *session_thread(void *arg)
{
	struct relay *r = arg;
	struct relay_session *session = relay_session_new(&r->common);
	struct relay_mail *m;
	struct job *what = mem_alloc(sizeof(*what));

	while (session && (m = queue_take(r))) {
		relay_session_send(session, m, what);
		answer(r, m, what);
		mail_free(m);
		if (what->outcome == JOB_AWAY)
			queue_answer_all(r, what);
	}
	mem_free(what);
	/* Another may take its place while it says good-bye, which a relay that hangs can draw out. */
	pthread_mutex_lock(&r->lock);
	r->sessions--;
	pthread_mutex_unlock(&r->lock);
	relay_session_free(session);
	pthread_mutex_lock(&r->lock);
	r->threads--;
	pthread_cond_broadcast(&r->rest);
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* Under the lock.  A session more when all are busy. */
static void session_start(struct relay *r)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	r->sessions++;
	r->threads++;
	if ((errno = pthread_create(&thread, &attr, session_thread, r)) != 0) {
		log_warn("relay.session", "no thread: %s", strerror(errno));
		r->sessions--;
		r->threads--;
	}
	pthread_attr_destroy(&attr);
}

void relay_push(struct relay *r, uint64_t tag, const struct job *job)
{
	struct relay_mail *m = mail_copy(tag, job);

	pthread_mutex_lock(&r->lock);
	*r->last = m;
	r->last = &m->next;
	r->queued++;
	if (r->idle)
		pthread_cond_signal(&r->work);
	if (r->queued > r->idle && r->sessions < r->common.config.sessions)
		session_start(r);
	pthread_mutex_unlock(&r->lock);
}

void relay_forget(struct relay *r)
{
	struct relay_mail *m, *next;

	pthread_mutex_lock(&r->lock);
	m = queue_take_all(r);
	pthread_mutex_unlock(&r->lock);
	for (; m; m = next) {
		next = m->next;
		mail_free(m);
	}
}

/* ------------------------------------------------------------------ begin and end */

/* The word after EHLO stands as path in curl's URL.  An address is a literal there (RFC 5321 section 4.1.3). */
static const char *url_of(struct pool *pool, const struct relay_config *config)
{
	unsigned char binary[16];

	if (inet_pton(AF_INET, config->helo, binary) == 1)
		return pool_fmt(pool, "%s/[%s]", config->url, config->helo);
	if (inet_pton(AF_INET6, config->helo, binary) == 1)
		return pool_fmt(pool, "%s/[IPv6:%s]", config->url, config->helo);
	return pool_fmt(pool, "%s/%s", config->url, config->helo);
}

static enum pli_status common_fill(struct pool *pool, const struct relay_config *config, struct relay_common *common_r, struct err *err)
{
	char *host = pool_str(pool, strstr(config->url, "://") + 3);

	*strrchr(host, ':') = '\0';
	*common_r = (struct relay_common){ .config = *config, .url = url_of(pool, config), .peer_host = host,
					   .implicit_tls = str_starts(config->url, "smtps://") };
	return store_make(config, &common_r->store, err);
}

enum pli_status relay_probe(const struct relay_config *config, const char *from, struct job *answer_r, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct relay_common common;
	struct relay_session *session;
	struct job reset;
	enum pli_status st = common_fill(pool, config, &common, err);

	if (st != PLI_OK)
		return st;
	session = relay_session_new(&common);
	if (session) {
		relay_session_say(session, pool_fmt(pool, "MAIL FROM:<%s>", from), answer_r);
		if (answer_r->outcome == JOB_DONE)
			relay_session_say(session, "RSET", &reset);
	}
	relay_session_free(session);
	X509_STORE_free(common.store);
	return session ? PLI_OK : err_set(err, PLI_BUG, "libcurl does not start");
}

enum pli_status relay_new(const struct relay_config *config, relay_answer *answer_fn, void *arg, struct relay **relay_r, struct err *err)
{
	struct pool *pool = pool_new();
	struct relay *r = mem_alloc(sizeof(*r));
	pthread_condattr_t attr;
	enum pli_status st = common_fill(pool, config, &r->common, err);

	if (st != PLI_OK) {
		pool_free(pool);
		mem_free(r);
		return st;
	}
	r->pool = pool;
	r->answer = answer_fn;
	r->arg = arg;
	r->last = &r->first;
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->work, &attr);
	pthread_cond_init(&r->rest, &attr);
	pthread_condattr_destroy(&attr);
	*relay_r = r;
	return PLI_OK;
}

bool relay_end(struct relay *r, unsigned wait_ms)
{
	struct timespec until;
	bool gone;

	if (!r)
		return true;
	relay_forget(r);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&r->lock);
	r->end = true;
	pthread_cond_broadcast(&r->work);
	while (r->threads && pthread_cond_timedwait(&r->rest, &r->lock, &until) != ETIMEDOUT)
		;
	gone = r->threads == 0;
	pthread_mutex_unlock(&r->lock);
	if (!gone)
		return false;
	X509_STORE_free(r->common.store);
	pthread_cond_destroy(&r->work);
	pthread_cond_destroy(&r->rest);
	pthread_mutex_destroy(&r->lock);
	pool_free(r->pool);
	mem_free(r);
	return true;
}
