/* A closed loop: each client does one thing after the other for a while, the next when the last was answered. */
#ifndef PLI_BENCH_LOOP_H
#define PLI_BENCH_LOOP_H

#include <stdbool.h>

struct load;

struct loop_job {
	void *(*begin)(const struct load *l, unsigned number);	/* ends the program when there is no connection */
	bool (*once)(void *client, unsigned long serial);	/* false: not answered as it should be; the client is still usable */
	void (*end)(void *client);
	const char *noun;					/* of what was done, for `.sent` */
};

/* Prints rate, p50, p99, the server's processor time for each, and how many there were with those of the warm-up; 1 when one of them failed. */
int loop_run(const struct load *l, const struct loop_job *job);

#endif
