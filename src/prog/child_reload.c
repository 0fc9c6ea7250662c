#include <string.h>
#include <unistd.h>

#include "log.h"
#include "pool.h"

#include "child.h"
#include "control.h"

#include "child_reload.h"

static void answer(enum control_type type, const char *text)
{
	struct err err;

	if (control_send(CHILD_FD_CONTROL, type, text, -1, &err) != PLI_OK)
		log_warn("reload.answer", "%s", err.text);
}

static void drop(struct child_reload *r)
{
	if (r->prepared && r->drop)
		r->drop(r->arg);
	r->prepared = false;
	pool_free(r->pool);
	r->pool = NULL;
}

static void prepare(struct child_reload *r, const char *round, int fd)
{
	char words[CONTROL_TEXT_MAX + 1];
	struct err err = { 0 };
	enum pli_status st;

	drop(r);	/* of a round that was given up */
	r->pool = pool_new();
	st = fd >= 0 ? child_settings(r->pool, fd, &r->wanted, &err) : err_set(&err, PLI_BUG, "no settings came");
	if (st == PLI_OK && r->prepare)
		st = r->prepare(r->arg, &r->wanted, &err);
	if (st == PLI_OK) {
		r->prepared = true;
		answer(CONTROL_PREPARED, round);
		return;
	}
	drop(r);
	snprintf(words, sizeof(words), "%.16s\n%s", round, err.text);
	answer(CONTROL_REFUSED, words);
}

static void change_over(struct child_reload *r)
{
	settings_renew(r->live, &r->wanted);
	log_level_set(log_level_parse(r->live->log_level));
	if (r->commit)
		r->commit(r->arg, r->live);
	/* Its texts are in use from now on, and those before it may still be: they stay, a few kilobytes each time. */
	r->prepared = false;
	r->pool = NULL;
}

static void commit(struct child_reload *r, const char *round)
{
	if (r->prepared)
		change_over(r);
	answer(CONTROL_COMMITTED, round);
}

bool child_reload_message(struct child_reload *r, struct control_message *m)
{
	switch (m->type) {
	case CONTROL_PREPARE:
		prepare(r, m->text, m->fd);
		if (m->fd >= 0)
			close(m->fd);
		m->fd = -1;
		return true;
	case CONTROL_COMMIT:
		commit(r, m->text);
		return true;
	case CONTROL_DROP:
		drop(r);
		return true;
	default:
		return false;
	}
}

bool child_reload_control(void *arg, int *link_fd_r)
{
	struct control_message m;

	*link_fd_r = -1;
	if (control_receive(CHILD_FD_CONTROL, &m, NULL) != PLI_OK || m.type == CONTROL_STOP)
		return false;
	if (!child_reload_message(arg, &m))
		*link_fd_r = m.fd;
	return true;
}
