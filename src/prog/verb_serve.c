/* pli serve DIR, pli reload DIR */
#include "log.h"
#include "pool.h"
#include "text.h"

#include "args.h"
#include "cli.h"
#include "host.h"
#include "instance.h"
#include "ctl_session.h"
#include "sysexit.h"

#include "verb.h"

extern char **environ;

static void say_where(struct pool *pool, const struct instance *instance)
{
	const struct settings *s = &instance->settings;

	for (int i = 0; i < s->listen_count; i++)
		log_info("host.listen", "listening on %s", s->listen[i]);
	log_info("host.address", "%s", instance_base_url(pool, s));
}

int verb_serve(struct cli_call *call)
{
	const char *role = args_value(call->args, "--role");
	const struct host_options options = { .serve = true };
	struct instance instance;
	struct host *host;
	struct err err = { 0 };
	int status = 0;

	if (instance_open(call->pool, args_word(call->args, 0), environ, &instance, &err) != PLI_OK)
		return sysexit_say(&err);
	if (role && !str_eq(role, instance.settings.role)) {
		(void)err_field(&err, PLI_INPUT, "wrong-role", "", "%s was made to be a %s", args_word(call->args, 0),
				str_eq(instance.settings.role, "witness") ? "witness (role = witness in its pli.conf)" : "whole instance, not a witness");
		(void)err_hint(&err, "pli init DIR --role witness --host NAME makes a witness; it needs a directory of its own.");
		instance_close(&instance);
		return sysexit_say(&err);
	}
	log_init("pli", log_level_parse(instance.settings.log_level));
	if (instance_lock(&instance, &err) != PLI_OK) {
		instance_close(&instance);
		return sysexit_say(&err);
	}
	say_where(call->pool, &instance);
	if (host_start(&instance, &options, &host, &status, &err) == PLI_OK) {
		status = host_run(host);
	} else {
		int said = sysexit_say(&err);
		status = err.status == PLI_AGAIN ? EX_OK : status ? status : said;
	}
	instance_close(&instance);
	return status;
}

/* pli reload DIR: asks the running server; there is nothing to do for one that does not run. */
int verb_reload(struct cli_call *call)
{
	struct instance instance;
	struct ctl_session *session = NULL;
	struct err err = { 0 };
	enum pli_status st = instance_open(call->pool, args_word(call->args, 0), environ, &instance, &err);
	bool running;

	if (st != PLI_OK) {
		int status = sysexit_say(&err);
		return err.type && str_eq(err.type, "bad-setting") ? EX_CONFIG : status;
	}
	running = instance_running(&instance);
	instance_close(&instance);
	if (!running) {
		(void)err_field(&err, PLI_GONE, "not-running", "", "no server runs on %s; the next start reads everything",
				args_word(call->args, 0));
		return sysexit_say(&err);
	}
	st = ctl_session_open(call->pool, args_word(call->args, 0), &session, &err);
	if (st == PLI_OK)
		st = ctl_session_call(session, "reload", "{}", NULL, NULL, NULL, &err);
	ctl_session_close(session);
	return st == PLI_OK ? EX_OK : sysexit_say(&err);
}
