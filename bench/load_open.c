/* The recipients' side: landing page, POST /open, the letter's page, each recipient once.
 *
 * open.c8 counts POST and letter page on kept-alive connections; the landing pages, which carry the form, are fetched
 * before.  With --first everything is counted, the connection and its full handshake too. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "latency.h"

#include "load.h"

#define PAGE_MAX 65536

struct link {
	char path[128];			/* /l/TOKEN */
	char form[128];
};

struct run {
	const struct load *load;
	struct link *links;
	unsigned count;
	atomic_uint next_landing, next_open;
	pthread_barrier_t landed, go;
};

struct reader {
	struct run *run;
	struct latency latency;
	unsigned errors;
};

static unsigned links_read(const struct load *l, struct link *links)
{
	FILE *f = fopen(l->path, "r");
	unsigned n = 0;

	if (!f)
		load_die("cannot read %s", l->path);
	while (n < l->count && fscanf(f, "%127s", links[n].path) == 1)
		n++;
	fclose(f);
	return n;
}

static bool get(struct wire *w, const char *path, const char *suffix, const char *cookie, struct wire_reply *reply, char *page)
{
	char request[1024];
	int n = snprintf(request, sizeof(request), "GET %s%s HTTP/1.1\r\nHost: %s:%s\r\n%s%s%s\r\n", path, suffix,
			 w->target->host, w->target->port, *cookie ? "Cookie: " : "", cookie, *cookie ? "\r\n" : "");

	return wire_talk(w, request, (size_t)n, reply, page, PAGE_MAX);
}

static bool land(struct wire *w, struct link *link, char *page)
{
	static const char FIELD[] = "name=\"form\" value=\"";
	struct wire_reply reply;
	char *value;

	if (!get(w, link->path, "", "", &reply, page) || reply.status != 200 || !(value = strstr(page, FIELD)))
		return false;
	value += sizeof(FIELD) - 1;
	snprintf(link->form, sizeof(link->form), "%.*s", (int)strcspn(value, "\""), value);
	return true;
}

static bool open_one(struct wire *w, const struct link *link, char *page)
{
	char body[192], request[1024];
	struct wire_reply reply;
	int n = snprintf(body, sizeof(body), "form=%s", link->form);

	n = snprintf(request, sizeof(request),
		     "POST %s/open HTTP/1.1\r\nHost: %s:%s\r\nContent-Type: application/x-www-form-urlencoded\r\n"
		     "Content-Length: %d\r\n\r\n%s", link->path, w->target->host, w->target->port, n, body);
	if (!wire_talk(w, request, (size_t)n, &reply, NULL, 0) || reply.status != 303 || !*reply.cookie)
		return false;
	return get(w, link->path, "/letter", reply.cookie, &reply, page) && reply.status == 200;
}

static void kept_alive(struct reader *r, struct wire *w, char *page)
{
	struct run *run = r->run;
	unsigned i;

	if (!wire_open(w, &run->load->target))
		load_die("no connection");
	while ((i = atomic_fetch_add(&run->next_landing, 1)) < run->count)
		if (!land(w, &run->links[i], page))
			load_die("no landing page at a link");
	pthread_barrier_wait(&run->landed);
	pthread_barrier_wait(&run->go);
	while ((i = atomic_fetch_add(&run->next_open, 1)) < run->count) {
		int64_t begun = latency_now_us();

		if (open_one(w, &run->links[i], page))
			latency_add(&r->latency, latency_now_us() - begun);
		else
			r->errors++;
	}
	wire_close(w);
}

static void from_nothing(struct reader *r, struct wire *w, char *page)
{
	struct run *run = r->run;
	unsigned i;

	pthread_barrier_wait(&run->landed);
	pthread_barrier_wait(&run->go);
	while ((i = atomic_fetch_add(&run->next_open, 1)) < run->count) {
		int64_t begun = latency_now_us();

		if (wire_open(w, &run->load->target) && land(w, &run->links[i], page) && open_one(w, &run->links[i], page))
			latency_add(&r->latency, latency_now_us() - begun);
		else
			r->errors++;
		wire_close(w);
	}
}

static void *reader_run(void *arg)
{
	struct reader *r = arg;
	struct wire *w = calloc(1, sizeof(*w));
	char *page = malloc(PAGE_MAX);

	if (!w || !page)
		load_die("out of memory");
	(r->run->load->first ? from_nothing : kept_alive)(r, w, page);
	free(page);
	free(w);
	return NULL;
}

struct clock {
	struct run *run;
	int64_t us, cpu_us;
};

/* Takes the time from when all are ready. */
static void *clock_start(void *arg)
{
	struct clock *c = arg;
	const struct load *l = c->run->load;

	pthread_barrier_wait(&c->run->landed);
	c->us = latency_now_us();
	c->cpu_us = l->pid ? procs_cpu_us(&l->procs) : 0;
	pthread_barrier_wait(&c->run->go);
	return NULL;
}

static int print(const struct load *l, struct reader *readers, int64_t us, int64_t cpu_us)
{
	struct latency joined = { 0 };
	unsigned errors = 0;

	for (unsigned i = 0; i < l->clients; i++) {
		latency_join(&joined, &readers[i].latency);
		errors += readers[i].errors;
		latency_free(&readers[i].latency);
	}
	if (errors)
		fprintf(stderr, "load: %u letters could not be opened\n", errors);
	if (!l->first)
		load_print(l, "", (double)joined.n * 1e6 / (double)us, "/s");
	load_print(l, ".p50", latency_ms(&joined, 500), "ms");
	load_print(l, ".p99", latency_ms(&joined, 990), "ms");
	if (l->pid && joined.n)
		load_print(l, ".cpu", (double)cpu_us / (double)joined.n, "us");
	errors += joined.n == 0;
	latency_free(&joined);
	return errors != 0;
}

int load_open(struct load *l)
{
	struct run run = { .load = l, .links = calloc(l->count, sizeof(*run.links)) };
	struct reader *readers = calloc(l->clients, sizeof(*readers));
	struct clock clock = { .run = &run };
	pthread_t thread;
	int status;

	if (!run.links || !readers)
		load_die("out of memory");
	run.count = links_read(l, run.links);
	pthread_barrier_init(&run.landed, NULL, l->clients + 1);
	pthread_barrier_init(&run.go, NULL, l->clients + 1);
	for (unsigned i = 0; i < l->clients; i++)
		readers[i].run = &run;
	if (pthread_create(&thread, NULL, clock_start, &clock) != 0)
		load_die("no thread");
	load_threads(l, reader_run, readers, sizeof(*readers));
	clock.us = latency_now_us() - clock.us;
	pthread_join(thread, NULL);
	status = print(l, readers, clock.us, l->pid ? procs_cpu_us(&l->procs) - clock.cpu_us : 0);
	free(readers);
	free(run.links);
	return status;
}
