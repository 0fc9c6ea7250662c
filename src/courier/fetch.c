/* See fetch.h. */
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "log.h"
#include "pool.h"

#include "job.h"

#include "fetch.h"

#define THREADS_MAX 4
#define QUEUE_MAX 64
#define CONNECT_S 10L
#define WHOLE_S 20L
#define IDLE_S 15		/* a thread without work ends */

struct asked {
	struct asked *next;
	uint64_t tag;
	struct job job;		/* its body is what follows */
	uint8_t body[];
};

struct fetch {
	const struct fetch_peer *peers;
	fetch_answer *answer;
	void *arg;
	pthread_mutex_t lock;	/* of what follows */
	pthread_cond_t changed;
	struct asked *first, **last;
	unsigned queued, threads, idle;
	bool stop;
};

/* One exchange, of the thread that makes it. */
struct exchange {
	CURL *curl;
	struct buf body;
	char fault[CURL_ERROR_SIZE];
};

static size_t body_came(char *p, size_t size, size_t count, void *arg)
{
	struct exchange *x = arg;

	if (x->body.n + size * count > JOB_BODY_MAX)
		return 0;
	buf_add(&x->body, p, size * count);
	return size * count;
}

/* A line that job_write takes. */
static void line_copy(char *out, size_t max, const char *text)
{
	size_t n = 0;

	for (; *text && n < max; text++)
		out[n++] = *text < 0x20 || *text > 0x7e ? '?' : *text;
	out[n] = '\0';
}

static void set_up(const struct fetch *f, struct exchange *x, const struct job *job, struct curl_slist *headers)
{
	const struct fetch_peer *peer = &f->peers[job->whom];
	CURL *curl = x->curl;

	curl_easy_reset(curl);	/* keeps connections */
	curl_easy_setopt(curl, CURLOPT_URL, job->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "pli");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, WHOLE_S);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_came);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, x->fault);
	/* What the environment says of proxies is not ours: it is empty anyway. */
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	if (peer->user) {
		curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(curl, CURLOPT_USERNAME, peer->user);
		curl_easy_setopt(curl, CURLOPT_PASSWORD, peer->password ? peer->password : "");
	}
	if (peer->ca_pem) {
		struct curl_blob blob = { .data = (void *)(uintptr_t)peer->ca_pem, .len = strlen(peer->ca_pem), .flags = CURL_BLOB_NOCOPY };

		curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
	if (job->media[0]) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)job->mail_n);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, job->mail);
	}
}

static void perform(const struct fetch *f, struct exchange *x, const struct job *job, struct job *answer)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
	char media[JOB_MEDIA_MAX + 16];
	const char *type = NULL;
	long code = 0;
	CURLcode result;

	*answer = (struct job){ .type = JOB_FETCHED, .number = job->number };
	snprintf(media, sizeof(media), "Content-Type: %s", job->media);
	if (job->media[0])
		headers = curl_slist_append(headers, media);
	buf_reset(&x->body);
	x->fault[0] = '\0';
	set_up(f, x, job, headers);
	result = curl_easy_perform(x->curl);
	curl_slist_free_all(headers);
	if (result != CURLE_OK) {
		line_copy(answer->reply, JOB_REPLY_MAX, x->fault[0] ? x->fault : curl_easy_strerror(result));
		return;
	}
	curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &code);
	if (curl_easy_getinfo(x->curl, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type)
		line_copy(answer->media, JOB_MEDIA_MAX, type);
	answer->code = code > 0 && code < 1000 ? (uint16_t)code : 0;
	answer->mail = (const uint8_t *)(x->body.p ? x->body.p : "");
	answer->mail_n = x->body.n;
}

/* The next one; NULL when the thread is to end.  Under lock, which is given up while it waits. */
static struct asked *take(struct fetch *f)
{
	struct timespec until;
	struct asked *a;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_S;
	f->idle++;
	while (!f->first && !f->stop && pthread_cond_timedwait(&f->changed, &f->lock, &until) != ETIMEDOUT)
		;
	f->idle--;
	a = f->first;
	if (!a || f->stop)
		return NULL;
	f->first = a->next;
	if (!f->first)
		f->last = &f->first;
	f->queued--;
	return a;
}

static void *work(void *arg)
{
	struct fetch *f = arg;
	struct exchange x = { .curl = curl_easy_init() };
	struct asked *a;
	struct job answer;

	pthread_mutex_lock(&f->lock);
	while ((a = take(f))) {
		pthread_mutex_unlock(&f->lock);
		perform(f, &x, &a->job, &answer);
		f->answer(f->arg, a->tag, &answer);
		mem_free(a);
		pthread_mutex_lock(&f->lock);
	}
	f->threads--;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
	curl_easy_cleanup(x.curl);
	buf_free(&x.body);
	return NULL;
}

enum pli_status fetch_new(const struct fetch_peer *peers, fetch_answer *answer, void *arg, struct fetch **fetch_r, struct err *err)
{
	struct fetch *f;
	pthread_condattr_t monotonic;

	for (int i = 0; i < JOB_WHOMS; i++)
		if (peers[i].ca_pem && !strstr(peers[i].ca_pem, "-----BEGIN CERTIFICATE-----"))
			return err_set(err, PLI_INPUT, "%s holds no certificate", i == JOB_TSA ? "[tsa] tls_ca_file" : "[witness] ca_file");
	f = mem_alloc(sizeof(*f));
	f->peers = peers;
	f->answer = answer;
	f->arg = arg;
	f->last = &f->first;
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&f->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	*fetch_r = f;
	return PLI_OK;
}

/* Under lock. */
static void thread_if_needed(struct fetch *f)
{
	pthread_attr_t detached;
	pthread_t thread;

	if (f->idle >= f->queued || f->threads >= THREADS_MAX)
		return;
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &detached, work, f) == 0)
		f->threads++;
	else
		log_warn("courier.fetch", "no thread for a request");
	pthread_attr_destroy(&detached);
}

void fetch_push(struct fetch *f, uint64_t tag, const struct job *job)
{
	struct job full = { .type = JOB_FETCHED, .number = job->number, .reply = "too many requests wait" };
	struct asked *a;

	pthread_mutex_lock(&f->lock);
	if (f->stop || f->queued >= QUEUE_MAX) {
		pthread_mutex_unlock(&f->lock);
		f->answer(f->arg, tag, &full);
		return;
	}
	a = mem_alloc(sizeof(*a) + job->mail_n);
	a->tag = tag;
	a->job = *job;
	memcpy(a->body, job->mail, job->mail_n);
	a->job.mail = a->body;
	*f->last = a;
	f->last = &a->next;
	f->queued++;
	thread_if_needed(f);
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

/* Under lock. */
static void empty(struct fetch *f)
{
	struct asked *next;

	for (struct asked *a = f->first; a; a = next) {
		next = a->next;
		mem_free(a);
	}
	f->first = NULL;
	f->last = &f->first;
	f->queued = 0;
}

void fetch_forget(struct fetch *f)
{
	pthread_mutex_lock(&f->lock);
	empty(f);
	pthread_mutex_unlock(&f->lock);
}

bool fetch_end(struct fetch *f, unsigned wait_ms)
{
	struct timespec until;
	bool gone;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	empty(f);
	pthread_cond_broadcast(&f->changed);
	while (f->threads && pthread_cond_timedwait(&f->changed, &f->lock, &until) != ETIMEDOUT)
		;
	gone = !f->threads;
	pthread_mutex_unlock(&f->lock);
	if (!gone)
		return false;
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
	mem_free(f);
	return true;
}
