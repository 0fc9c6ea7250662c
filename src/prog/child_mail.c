/* pli-mail: reads what strangers wrote.  No database, no key, no folder, no network; one socket to front. */
#include "mail_main.h"
#include "mail_read.h"
#include "mail_text.h"
#include "pool.h"

#include "control.h"
#include "sysexit.h"

#include "child_reload.h"
#include "confine_build.h"

#include "child.h"

static enum pli_status confine_mail(uint64_t message_max, struct mail_sets *sets, struct err *err)
{
	enum pli_status st = PLI_OK;

	/* Converters of character sets and the library's own texts are files: read while they can be. */
	mail_read_prepare(sets);
	/* A sanitizer's run time takes address space without end. */
	if (!CONFINE_SANITIZER)
		st = mail_limits(message_max, err);
	if (st == PLI_OK)
		st = confine_files(NULL, 0, false, err);
	return st == PLI_OK ? confine_calls(CONFINE_MAIL, err) : st;
}

int child_mail(int argc, char **argv)
{
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };
	struct child child;
	struct mail_sets sets;

	if (child_begin(pool, argc, argv, &child, &err) != PLI_OK ||
	    confine_mail(child.settings.submission_max_bytes, &sets, &err) != PLI_OK ||
	    control_send(CHILD_FD_CONTROL, CONTROL_READY, NULL, -1, &err) != PLI_OK)
		return child_failed(&err);
	struct child_reload reload = { .live = &child.settings };
	const struct mail_config config = { .control_fd = CHILD_FD_CONTROL, .control = child_reload_control, .control_arg = &reload,
					    .message_max = child.settings.submission_max_bytes };
	if (mail_serve(&config, &err) != PLI_OK)
		return child_failed(&err);
	return EX_OK;
}
