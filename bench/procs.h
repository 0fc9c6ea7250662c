/* What a server's processes have used: the one that was started, and its children. */
#ifndef PLI_BENCH_PROCS_H
#define PLI_BENCH_PROCS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCS_MAX 16

struct procs {
	pid_t pid[PROCS_MAX];
	unsigned n;
};

void procs_find(struct procs *p, pid_t parent);
/* User and system time of all their threads, ended ones included, in microseconds (the kernel counts in clock ticks). */
int64_t procs_cpu_us(const struct procs *p);
/* Proportional set size of all together; 0: the kernel does not show it to this user. */
int64_t procs_pss_kib(const struct procs *p);

/* A thread that looks at the memory again and again until it is told to stop, and gives the most that it saw. */
struct procs_peak {
	const struct procs *procs;
	pthread_t thread;
	atomic_bool stop;
	int64_t kib;
};
void procs_peak_begin(struct procs_peak *peak, const struct procs *procs);
int64_t procs_peak_end(struct procs_peak *peak);

#endif
