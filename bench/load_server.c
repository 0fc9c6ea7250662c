/* About the server itself: how long until it serves, what it takes when nothing happens, whether all mails are out. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "latency.h"

#include "load.h"

#define LOOK_MS 1
#define READY_US (20 * INT64_C(1000000))

static void pause_ms(long ms)
{
	struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

static bool says_ready(const struct load *l, struct wire *w)
{
	char request[256];
	struct wire_reply reply = { 0 };
	int n = snprintf(request, sizeof(request), "GET /readyz HTTP/1.1\r\nHost: %s:%s\r\n\r\n", l->target.host, l->target.port);
	bool ready = wire_open(w, &l->target) && wire_talk(w, request, (size_t)n, &reply, NULL, 0) && reply.status == 200;

	wire_close(w);
	return ready;
}

/* pid: of our child, which must not end meanwhile; 0: somebody else's. */
static void await_ready(const struct load *l, pid_t pid)
{
	struct wire *w = calloc(1, sizeof(*w));
	int64_t until = latency_now_us() + READY_US;

	while (!w || !says_ready(l, w)) {
		if (!w || latency_now_us() > until || (pid && waitpid(pid, NULL, WNOHANG) == pid))
			load_die("the server does not get ready");
		pause_ms(LOOK_MS);
	}
	free(w);
}

int load_ready(struct load *l)
{
	await_ready(l, 0);
	return 0;
}

int load_start(struct load *l, char **command)
{
	struct latency times = { 0 };

	if (!command[0])
		load_die("start what?");
	for (unsigned i = 0; i < l->count; i++) {
		int64_t begun = latency_now_us();
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			if (freopen("/dev/null", "w", stderr))
				execv(command[0], command);
			_exit(127);
		}
		if (pid < 0)
			load_die("no process");
		await_ready(l, pid);
		latency_add(&times, latency_now_us() - begun);
		kill(pid, SIGTERM);
		if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
			load_die("the server did not stop with 0");
	}
	load_print(l, "", latency_ms(&times, 500), "ms");
	latency_free(&times);
	return 0;
}

static unsigned caught(const char *outbox)
{
	DIR *dir = opendir(outbox);
	struct dirent *e;
	unsigned n = 0;

	if (!dir)
		load_die("cannot read %s", outbox);
	while ((e = readdir(dir))) {
		size_t length = strlen(e->d_name);

		n += length > 4 && strcmp(e->d_name + length - 4, ".eml") == 0;
	}
	closedir(dir);
	return n;
}

/* How much longer until --count mails are there. */
int load_caught(struct load *l)
{
	int64_t begun = latency_now_us();
	unsigned n;

	while ((n = caught(l->path)) < l->count && (double)(latency_now_us() - begun) < l->seconds * 1e6)
		pause_ms(20);
	load_print(l, "", (double)(latency_now_us() - begun) / 1e6, "s");
	if (n == l->count)
		return 0;
	fprintf(stderr, "load: %u mails in %s instead of %u\n", n, l->path, l->count);
	return 1;
}

int load_memory(struct load *l)
{
	int64_t kib;

	pause_ms((long)(l->seconds * 1e3));
	kib = procs_pss_kib(&l->procs);
	if (!kib) {
		fprintf(stderr, "load: %s: only root may see this memory\n", l->name);
		return 0;
	}
	load_print(l, "", (double)kib / 1024, "MiB");
	return 0;
}
