/* pli-courier: the only process that dials out.  No database, no key. */
#include "courier_main.h"
#include "log.h"
#include "pool.h"

#include "control.h"
#include "sysexit.h"

#include "child_reload.h"

#include "child.h"

static enum pli_status confine_courier(struct err *err)
{
	/* Name service and certificate store are folders, not files: a resolver file that is replaced stays readable. */
	const struct confine_rule rules[] = {
		{ CHILD_FD_COURIER_OUTBOX, NULL, true },
		{ -1, "/etc", false },
		{ -1, "/run/systemd/resolve", false },
		{ -1, "/run/resolvconf", false },
		{ -1, "/usr/share/ca-certificates", false },
		{ -1, "/usr/local/share/ca-certificates", false },
		{ -1, "/usr/share/zoneinfo", false },
		{ -1, "/usr/lib/ssl", false },
		{ -1, "/dev/urandom", false },
	};
	enum pli_status st = courier_prepare(err);

	if (st == PLI_OK)
		st = confine_files(rules, sizeof(rules) / sizeof(rules[0]), true, err);
	return st == PLI_OK ? confine_calls(CONFINE_COURIER, err) : st;
}

int child_courier(int argc, char **argv)
{
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };
	struct child child;

	if (child_begin(pool, argc, argv, &child, &err) != PLI_OK || confine_courier(&err) != PLI_OK ||
	    control_send(CHILD_FD_CONTROL, CONTROL_READY, NULL, -1, &err) != PLI_OK)
		return child_failed(&err);
	struct child_reload reload = { .live = &child.settings };
	const struct courier_config config = { .outbox_dir_fd = CHILD_FD_COURIER_OUTBOX,
					       .control_fd = CHILD_FD_CONTROL,
					       .control = child_reload_control, .control_arg = &reload };
	if (courier_serve(&config, &err) != PLI_OK)
		return child_failed(&err);
	return EX_OK;
}
