#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#include "procs.h"

#define LOOK_MS 50

/* The fields of /proc/PID/stat after the name, which may hold anything: proc(5). */
static bool stat_of(pid_t pid, long *parent_r, unsigned long long *ticks_r)
{
	unsigned long long user, system;
	char path[64], text[1024], *after;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = 0;
	after = strrchr(text, ')');
	if (!after || sscanf(after + 1, " %*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", parent_r, &user,
			     &system) != 3)
		return false;
	*ticks_r = user + system;
	return true;
}

void procs_find(struct procs *p, pid_t parent)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	unsigned long long ticks;
	long above;

	p->n = 0;
	p->pid[p->n++] = parent;
	while (dir && (e = readdir(dir)))
		if (isdigit((unsigned char)e->d_name[0]) && p->n < PROCS_MAX && stat_of(atoi(e->d_name), &above, &ticks) &&
		    above == parent)
			p->pid[p->n++] = atoi(e->d_name);
	if (dir)
		closedir(dir);
	if (p->n == 1)
		load_die("process %d has no children: not a server?", (int)parent);
}

int64_t procs_cpu_us(const struct procs *p)
{
	unsigned long long ticks, sum = 0;
	long above;

	for (unsigned i = 0; i < p->n; i++) {
		if (!stat_of(p->pid[i], &above, &ticks))
			load_die("process %d of the server is gone", (int)p->pid[i]);
		sum += ticks;
	}
	return (int64_t)(sum * 1000000 / (unsigned long long)sysconf(_SC_CLK_TCK));
}

static long pss_of(pid_t pid)
{
	char path[64], line[256];
	long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pss: %ld kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

int64_t procs_pss_kib(const struct procs *p)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < p->n; i++) {
		long kib = pss_of(p->pid[i]);

		if (!kib)
			return 0;
		sum += kib;
	}
	return sum;
}

static void *look(void *arg)
{
	struct procs_peak *peak = arg;

	while (!atomic_load(&peak->stop)) {
		struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
		int64_t kib = procs_pss_kib(peak->procs);

		if (kib > peak->kib)
			peak->kib = kib;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

void procs_peak_begin(struct procs_peak *peak, const struct procs *procs)
{
	peak->procs = procs;
	peak->kib = 0;
	atomic_init(&peak->stop, false);
	if (pthread_create(&peak->thread, NULL, look, peak) != 0)
		load_die("no thread");
}

int64_t procs_peak_end(struct procs_peak *peak)
{
	atomic_store(&peak->stop, true);
	pthread_join(peak->thread, NULL);
	return peak->kib;
}
