#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "latency.h"
#include "load.h"

#include "loop.h"

#define WARM_US 500000		/* not counted: connections, caches */
#define NOT_STARTED INT64_MAX
#define ERRORS_MAX 20		/* of one client, who then gives up */

struct run {
	const struct load *load;
	const struct loop_job *job;
	pthread_barrier_t connected;
	_Atomic int64_t from_us, until_us;
};

struct client {
	struct run *run;
	unsigned number;
	struct latency latency;
	unsigned long errors;
	unsigned long done;		/* counted or not */
};

static void *client_run(void *arg)
{
	struct client *c = arg;
	struct run *run = c->run;
	void *own = run->job->begin(run->load, c->number);
	int64_t begun, ended;

	pthread_barrier_wait(&run->connected);
	for (unsigned long serial = 0; (begun = latency_now_us()) < atomic_load(&run->until_us); serial++) {
		bool answered = run->job->once(own, serial);

		ended = latency_now_us();
		if (!answered) {
			if (++c->errors > ERRORS_MAX)
				break;
			continue;
		}
		c->done++;
		if (begun >= atomic_load(&run->from_us) && ended <= atomic_load(&run->until_us))
			latency_add(&c->latency, ended - begun);
	}
	run->job->end(own);
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

int loop_run(const struct load *l, const struct loop_job *job)
{
	struct run run = { .load = l, .job = job };
	struct client *all = calloc(l->clients, sizeof(*all));
	struct latency joined = { 0 };
	unsigned long errors = 0, done = 0;
	pthread_t watcher;
	void *cpu_us;

	if (!all)
		load_die("out of memory");
	atomic_init(&run.from_us, NOT_STARTED);
	atomic_init(&run.until_us, NOT_STARTED);
	pthread_barrier_init(&run.connected, NULL, l->clients + 1);
	for (unsigned i = 0; i < l->clients; i++)
		all[i] = (struct client){ .run = &run, .number = i };
	if (pthread_create(&watcher, NULL, watch, &run) != 0)
		load_die("no thread");
	load_threads(l, client_run, all, sizeof(*all));
	pthread_join(watcher, &cpu_us);
	for (unsigned i = 0; i < l->clients; i++) {
		latency_join(&joined, &all[i].latency);
		errors += all[i].errors;
		done += all[i].done;
		latency_free(&all[i].latency);
	}
	load_print(l, "", (double)joined.n / l->seconds, "/s");
	load_print(l, ".p50", latency_ms(&joined, 500), "ms");
	load_print(l, ".p99", latency_ms(&joined, 990), "ms");
	if (l->pid && joined.n)
		load_print(l, ".cpu", (double)*(int64_t *)cpu_us / (double)joined.n, "us");
	printf("%s.sent %lu %s\n", l->name, done, job->noun);
	errors += !joined.n;
	free(cpu_us);
	latency_free(&joined);
	pthread_barrier_destroy(&run.connected);
	free(all);
	return errors != 0;
}
