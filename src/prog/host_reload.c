#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "control.h"
#include "host.h"
#include "instance.h"
#include "notify.h"

#include "host_own.h"

#include "host_reload.h"

#define AGAIN_MAX 3
#define PATIENCE_US (10 * SECOND_US)	/* for all processes to prepare */

extern char **environ;

static void forget(struct host_reload *r)
{
	pool_free(r->pool);
	r->pool = NULL;
	if (r->settings_fd >= 0)
		close(r->settings_fd);
	r->settings_fd = -1;
	r->under_way = r->committed = r->tell = false;
	memset(r->waits, 0, sizeof(r->waits));
}

static bool all_have_answered(const struct host_reload *r)
{
	for (int i = 0; i < CHILD_COUNT; i++)
		if (r->waits[i])
			return false;
	return true;
}

/* To every process that runs, with the round. */
static void say_all(struct host *host, enum control_type type)
{
	char round[16];
	struct err err;

	snprintf(round, sizeof(round), "%u", host->reload.round);
	for (int i = 0; i < CHILD_COUNT; i++)
		if (host->workers[i].control >= 0 && control_send(host->workers[i].control, type, round, -1, &err) != PLI_OK)
			log_warn("host.reload", "%s: %s", child_name((enum child_kind)i), err.text);
}

static void tell(struct host *host, const char *outcome)
{
	const struct worker *front = &host->workers[CHILD_FRONT];

	if (host->reload.tell && front->pid > 0 &&
	    control_send(front->control, CONTROL_RELOADED, outcome, -1, NULL) != PLI_OK)
		log_debug("host.reload", "nobody waits for the outcome any more");
}

static void refuse(struct host *host, const char *why)
{
	log_error("host.reload-refused", "%s; nothing was changed", why);
	if (host->reload.under_way)
		say_all(host, CONTROL_DROP);
	tell(host, why);
	forget(&host->reload);
	notify_manager("READY=1");
}

static void commit(struct host *host)
{
	struct host_reload *r = &host->reload;

	/* From here on also those who start later get it. */
	close(host->settings_fd);
	host->settings_fd = r->settings_fd;
	r->settings_fd = -1;
	pool_free(host->settings_pool);
	host->settings_pool = r->pool;
	r->pool = NULL;
	host->instance->settings = r->settings;
	log_level_set(log_level_parse(r->settings.log_level));
	r->committed = true;
	r->until_us = clock_mono_us() + PATIENCE_US;
	for (int i = 0; i < CHILD_COUNT; i++)
		r->waits[i] = host->workers[i].wanted && host->workers[i].pid > 0;
	say_all(host, CONTROL_COMMIT);
}

static void finish(struct host *host)
{
	log_info("host.reloaded", "settings and certificate are read anew");
	tell(host, "");
	forget(&host->reload);
	notify_manager("READY=1");
}

/* What the parent itself can tell of the new settings. */
static enum pli_status read_new(struct host *host, struct err *err)
{
	struct host_reload *r = &host->reload;
	AUTO_BUF names = { 0 };
	enum pli_status st;

	r->pool = pool_new();
	st = instance_settings(r->pool, host->instance, environ, &r->settings, err);
	if (st != PLI_OK)
		return st;
	if (settings_need_restart(&host->instance->settings, &r->settings, &names))
		return err_set(err, PLI_CONFLICT, "pli.conf: %.200s: changes need a restart", names.p);
	st = host_settings_file(&r->settings, &r->settings_fd, err);
	return st == PLI_OK ? instance_claim_tls(host->instance, err) : st;
}

/* A process went away in the middle: again when its successor is there, but not for ever, as it may be the settings that end it. */
static void again(struct host *host, enum child_kind kind)
{
	struct host_reload *r = &host->reload;
	bool verb = r->tell;
	char why[64];

	if (++r->again > AGAIN_MAX) {
		snprintf(why, sizeof(why), "%s ended meanwhile, again and again", child_name(kind));
		refuse(host, why);
		return;
	}
	say_all(host, CONTROL_DROP);
	forget(r);
	r->asked = true;
	r->verb |= verb;
}

static void begin(struct host *host)
{
	struct host_reload *r = &host->reload;
	char round[16];
	struct err err = { 0 };

	r->asked = false;
	r->tell = r->verb;
	r->verb = false;
	r->round++;
	notify_manager("RELOADING=1");
	if (read_new(host, &err) != PLI_OK) {
		refuse(host, err.text);
		return;
	}
	r->under_way = true;
	r->until_us = clock_mono_us() + PATIENCE_US;
	snprintf(round, sizeof(round), "%u", r->round);
	for (int i = 0; i < CHILD_COUNT; i++) {
		if (!host->workers[i].wanted)
			continue;
		r->waits[i] = true;
		if (control_send(host->workers[i].control, CONTROL_PREPARE, round, r->settings_fd, &err) != PLI_OK) {
			host->workers[i].ready = false;	/* its end has not been heard of yet */
			again(host, (enum child_kind)i);
			return;
		}
	}
}

void host_reload_ask(struct host *host, bool verb)
{
	host->reload.asked = true;
	host->reload.again = 0;
	host->reload.verb |= verb;
}

void host_reload_answer(struct host *host, enum child_kind kind, const struct control_message *m)
{
	struct host_reload *r = &host->reload;
	size_t n = strcspn(m->text, "\n");
	char why[CONTROL_TEXT_MAX + 1];

	if (!r->under_way || strtoul(m->text, NULL, 10) != r->round)
		return;
	if (m->type == CONTROL_REFUSED) {
		snprintf(why, sizeof(why), "%s", m->text[n] ? m->text + n + 1 : child_name(kind));
		refuse(host, why);
		return;
	}
	if ((m->type == CONTROL_COMMITTED) != r->committed)
		return;
	r->waits[kind] = false;
	if (!all_have_answered(r))
		return;
	if (r->committed)
		finish(host);
	else
		commit(host);
}

void host_reload_ended(struct host *host, enum child_kind kind)
{
	struct host_reload *r = &host->reload;

	if (!r->under_way || host->stop_asked)
		return;
	if (!r->committed) {
		again(host, kind);
		return;
	}
	r->waits[kind] = false;
	if (all_have_answered(r))
		finish(host);
}

static bool all_ready(const struct host *host)
{
	for (int i = 0; i < CHILD_COUNT; i++)
		if (host->workers[i].wanted && (!host->workers[i].ready || host->workers[i].control < 0))
			return false;
	return true;
}

void host_reload_tend(struct host *host)
{
	struct host_reload *r = &host->reload;

	if (r->under_way && clock_mono_us() >= r->until_us) {
		if (r->committed)
			finish(host);	/* whoever hangs has been told, and its successor begins with it */
		else
			refuse(host, "a process did not answer in time");
	}
	if (r->asked && !r->under_way && all_ready(host))
		begin(host);
}

int host_reload_wait_ms(const struct host *host, int timeout_ms)
{
	const struct host_reload *r = &host->reload;
	int64_t left_ms;

	if (!r->under_way && !(r->asked && all_ready(host)))
		return timeout_ms;
	left_ms = r->under_way ? (r->until_us - clock_mono_us() + 999) / 1000 : 0;
	if (left_ms < 0)
		left_ms = 0;
	return timeout_ms < 0 || left_ms < timeout_ms ? (int)left_ms : timeout_ms;
}

void host_reload_fini(struct host *host)
{
	forget(&host->reload);
	pool_free(host->settings_pool);
	host->settings_pool = NULL;
}
