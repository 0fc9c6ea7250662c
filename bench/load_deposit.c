/* Deposits: each client has a connection of its own and sends the next letter when the last was answered with 201. */
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "latency.h"

#include "load.h"

#define WARM_US 500000		/* not counted: connections, caches */
#define NOT_STARTED INT64_MAX

struct run {
	const struct load *load;
	pthread_barrier_t connected;
	_Atomic int64_t from_us, until_us;
	char *message;			/* JSON string, without quotes */
};

struct depositor {
	struct run *run;
	unsigned number;
	struct latency latency;
	unsigned long errors;
	unsigned long sent;		/* accepted, counted or not */
};

/* Text as people write it: words and line breaks, so that nothing about it is special. */
static char *message_make(unsigned bytes)
{
	static const char LINE[] = "Veuillez trouver ci-joint la convention signee par les parties. \\n";
	char *text = malloc(bytes + sizeof(LINE) + 1);
	size_t n = 0, written = 0;

	if (!text)
		load_die("out of memory");
	/* A line counts one byte less than its JSON form: \n is one. */
	while (written + sizeof(LINE) - 2 <= bytes) {
		memcpy(text + n, LINE, sizeof(LINE) - 1);
		n += sizeof(LINE) - 1;
		written += sizeof(LINE) - 2;
	}
	memset(text + n, 'x', bytes - written);
	text[n + bytes - written] = 0;
	return text;
}

/* Appends to text, which ends the program rather than being cut. */
__attribute__((format(printf, 4, 5))) static void put(char *text, size_t cap, size_t *at, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text + *at, cap - *at, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= cap - *at)
		load_die("a request is too long");
	*at += (size_t)n;
}

static size_t request_write(const struct load *l, char *text, size_t cap, const char *body, size_t body_n)
{
	size_t n = 0;

	put(text, cap, &n, "POST /api/v1/letters HTTP/1.1\r\nHost: %s:%s\r\nAuthorization: Bearer %s\r\n", l->target.host,
	    l->target.port, l->token);
	put(text, cap, &n, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n", body_n);
	if (body_n >= cap - n)
		load_die("a request is too long");
	memcpy(text + n, body, body_n);
	return n + body_n;
}

static size_t letter_write(const struct depositor *d, unsigned long serial, char *body, size_t cap)
{
	const struct load *l = d->run->load;
	size_t n = 0;

	put(body, cap, &n, "{\"to\":[");
	for (unsigned i = 0; i < l->recipients; i++)
		put(body, cap, &n, "%s\"r%lu-%u-%u.%d@example.net\"", i ? "," : "", serial, d->number, i, (int)getpid());
	put(body, cap, &n, "],\"subject\":\"Convention %lu\",\"message\":\"%s\"}", serial, d->run->message);
	return n;
}

static void *depositor_run(void *arg)
{
	struct depositor *d = arg;
	const struct load *l = d->run->load;
	size_t cap = l->message_bytes * 2 + l->recipients * 64 + 4096;
	char *body = malloc(cap), *request = malloc(cap);
	struct wire *w = calloc(1, sizeof(*w));
	struct wire_reply reply;
	int64_t begun, ended;

	if (!body || !request || !w || !wire_open(w, &l->target))
		load_die("no connection to %s:%s", l->target.host, l->target.port);
	pthread_barrier_wait(&d->run->connected);
	for (unsigned long serial = 0; (begun = latency_now_us()) < atomic_load(&d->run->until_us); serial++) {
		size_t n = request_write(l, request, cap, body, letter_write(d, serial, body, cap));
		bool answered = wire_talk(w, request, n, &reply, body, cap);

		ended = latency_now_us();
		if (!answered || reply.status != 201) {
			if (!d->errors++)
				fprintf(stderr, "load: deposit: %d %.300s\n", answered ? reply.status : 0, answered ? body : "");
			wire_close(w);
			if (d->errors > 20 || !wire_open(w, &l->target))
				break;
			continue;
		}
		d->sent++;
		if (begun >= atomic_load(&d->run->from_us) && ended <= atomic_load(&d->run->until_us))
			latency_add(&d->latency, ended - begun);
	}
	wire_close(w);
	free(w);
	free(request);
	free(body);
	return NULL;
}

/* Looks at the server's processor time at the two ends of the window. */
static void *watch(void *arg)
{
	struct run *run = arg;
	const struct load *l = run->load;
	int64_t *cpu_us = calloc(2, sizeof(*cpu_us)), start, end;

	if (!cpu_us)
		load_die("out of memory");
	pthread_barrier_wait(&run->connected);
	start = latency_now_us() + WARM_US;
	end = start + (int64_t)(l->seconds * 1e6);
	atomic_store(&run->from_us, start);
	atomic_store(&run->until_us, end);
	for (int i = 0; i < 2; i++) {
		int64_t left = (i ? end : start) - latency_now_us();
		struct timespec pause = { .tv_sec = left / 1000000, .tv_nsec = left % 1000000 * 1000 };

		if (left > 0)
			nanosleep(&pause, NULL);
		cpu_us[i] = l->pid ? procs_cpu_us(&l->procs) : 0;
	}
	cpu_us[0] = cpu_us[1] - cpu_us[0];
	return cpu_us;
}

int load_deposit(struct load *l)
{
	struct run run = { .load = l, .message = message_make(l->message_bytes) };
	struct depositor *all = calloc(l->clients, sizeof(*all));
	struct latency joined = { 0 };
	unsigned long errors = 0, sent = 0;
	pthread_t watcher;
	void *cpu_us;

	if (!all)
		load_die("out of memory");
	atomic_init(&run.from_us, NOT_STARTED);
	atomic_init(&run.until_us, NOT_STARTED);
	pthread_barrier_init(&run.connected, NULL, l->clients + 1);
	for (unsigned i = 0; i < l->clients; i++)
		all[i] = (struct depositor){ .run = &run, .number = i };
	if (pthread_create(&watcher, NULL, watch, &run) != 0)
		load_die("no thread");
	load_threads(l, depositor_run, all, sizeof(*all));
	pthread_join(watcher, &cpu_us);
	for (unsigned i = 0; i < l->clients; i++) {
		latency_join(&joined, &all[i].latency);
		errors += all[i].errors;
		sent += all[i].sent;
		latency_free(&all[i].latency);
	}
	load_print(l, "", (double)joined.n / l->seconds, "/s");
	load_print(l, ".p50", latency_ms(&joined, 500), "ms");
	load_print(l, ".p99", latency_ms(&joined, 990), "ms");
	if (l->pid && joined.n)
		load_print(l, ".cpu", (double)*(int64_t *)cpu_us / (double)joined.n, "us");
	printf("%s.sent %lu letters\n", l->name, sent);
	errors += !joined.n;
	free(cpu_us);
	latency_free(&joined);
	pthread_barrier_destroy(&run.connected);
	free(run.message);
	free(all);
	return errors != 0;
}

int load_letter(struct load *l)
{
	char body[1024], request[4096];
	struct wire *w = calloc(1, sizeof(*w));
	struct wire_reply reply;
	size_t n = 0;

	put(body, sizeof(body), &n, "{\"to\":[\"%s\"],\"subject\":\"Un grand fichier\",\"uploads\":[\"%s\"]}", l->address, l->upload);
	n = request_write(l, request, sizeof(request), body, n);
	if (!w || !wire_open(w, &l->target) || !wire_talk(w, request, n, &reply, body, sizeof(body)))
		load_die("no answer from %s:%s", l->target.host, l->target.port);
	if (reply.status != 201)
		load_die("the letter was refused: %d %s", reply.status, body);
	wire_close(w);
	free(w);
	return 0;
}
