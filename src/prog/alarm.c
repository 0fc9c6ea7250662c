/* See alarm.h. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "pool.h"

#include "alert.h"

#include "alarm.h"

struct alarm {
	struct office *office;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stop_cond;
	bool stop;
};

static void *alarm_thread(void *arg)
{
	struct alarm *a = arg;
	struct timespec next;

	pthread_mutex_lock(&a->lock);
	while (!a->stop) {
		pthread_mutex_unlock(&a->lock);
		alert_round(a->office);
		clock_gettime(CLOCK_MONOTONIC, &next);
		next.tv_sec++;
		pthread_mutex_lock(&a->lock);
		while (!a->stop && pthread_cond_timedwait(&a->stop_cond, &a->lock, &next) != ETIMEDOUT)
			;
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

enum pli_status alarm_start(struct office *office, struct alarm **alarm_r, struct err *err)
{
	struct alarm *a = mem_alloc(sizeof(*a));
	pthread_condattr_t monotonic;

	a->office = office;
	pthread_mutex_init(&a->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&a->stop_cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&a->thread, NULL, alarm_thread, a) != 0) {
		mem_free(a);
		return err_set(err, PLI_IO, "no thread for alerts");
	}
	*alarm_r = a;
	return PLI_OK;
}

void alarm_stop(struct alarm *alarm)
{
	if (!alarm)
		return;
	pthread_mutex_lock(&alarm->lock);
	alarm->stop = true;
	pthread_cond_signal(&alarm->stop_cond);
	pthread_mutex_unlock(&alarm->lock);
	pthread_join(alarm->thread, NULL);
	pthread_cond_destroy(&alarm->stop_cond);
	pthread_mutex_destroy(&alarm->lock);
	mem_free(alarm);
}
