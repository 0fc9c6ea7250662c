/* pli-courier: the only process that dials out.  No database, no key but the password for the relay. */
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "pool.h"
#include "text.h"

#include "courier_main.h"
#include "relay.h"

#include "control.h"
#include "relay_settings.h"
#include "sysexit.h"

#include "child_reload.h"

#include "child.h"

#define SECRET_MAX_BYTES 1024
#define CA_MAX_BYTES (1024 * 1024)

static enum pli_status read_relay(struct pool *pool, const struct settings *s, struct relay_config *config_r, struct err *err)
{
	char *password, *ca;
	enum pli_status st = child_read_given(pool, CHILD_FD_COURIER_PASSWORD, "[mail] password_file", SECRET_MAX_BYTES, &password, err);

	if (st == PLI_OK)
		st = child_read_given(pool, CHILD_FD_COURIER_CA, "[mail] ca_file", CA_MAX_BYTES, &ca, err);
	if (st != PLI_OK)
		return st;
	if (password)
		password[strcspn(password, "\r\n")] = '\0';
	if (password && !password[0])
		return err_set(err, PLI_INPUT, "[mail] password_file is empty");
	relay_settings(s, password, ca, config_r);
	return PLI_OK;
}

/* Who is asked over HTTP. */
static enum pli_status read_peers(struct pool *pool, const struct settings *s, struct fetch_peer peers[JOB_WHOMS], struct err *err)
{
	char *witness_ca, *tsa_ca, *password;
	enum pli_status st = child_read_given(pool, CHILD_FD_COURIER_FETCH_CA, "[witness] ca_file", CA_MAX_BYTES, &witness_ca, err);

	if (st == PLI_OK)
		st = child_read_given(pool, CHILD_FD_COURIER_TSA_CA, "[tsa] tls_ca_file", CA_MAX_BYTES, &tsa_ca, err);
	if (st == PLI_OK)
		st = child_read_given(pool, CHILD_FD_COURIER_TSA_PASSWORD, "[tsa] password_file", SECRET_MAX_BYTES, &password, err);
	if (st != PLI_OK)
		return st;
	if (password)
		password[strcspn(password, "\r\n")] = '\0';
	if (s->tsa_user && (!password || !password[0]))
		return err_set(err, PLI_INPUT, "[tsa] user wants a password_file that is not empty");
	peers[JOB_WITNESS] = (struct fetch_peer){ .ca_pem = witness_ca };
	peers[JOB_TSA] = (struct fetch_peer){ .ca_pem = tsa_ca, .user = s->tsa_user, .password = password };
	return PLI_OK;
}

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
	enum pli_status st = confine_files(rules, sizeof(rules) / sizeof(rules[0]), true, err);
	return st == PLI_OK ? confine_calls(CONFINE_COURIER, err) : st;
}

int child_courier(int argc, char **argv)
{
	AUTO_POOL pool = pool_new_secret();
	struct err err = { 0 };
	struct relay_config relay;
	struct child child;
	struct child_reload reload = { .live = &child.settings };
	struct courier_config config = { .outbox_dir_fd = CHILD_FD_COURIER_OUTBOX, .control_fd = CHILD_FD_CONTROL,
					 .control = child_reload_control, .control_arg = &reload };
	struct courier *courier;
	enum pli_status st = child_begin(pool, argc, argv, &child, &err);

	if (st == PLI_OK && !str_eq(child.settings.mail, "outbox")) {
		config.relay = &relay;
		st = read_relay(pool, &child.settings, &relay, &err);
	}
	if (st == PLI_OK)
		st = read_peers(pool, &child.settings, config.peers, &err);
	if (st == PLI_OK)
		st = courier_new(&config, &courier, &err);
	if (st == PLI_OK)
		st = confine_courier(&err);
	if (st == PLI_OK)
		st = control_send(CHILD_FD_CONTROL, CONTROL_READY, NULL, -1, &err);
	if (st != PLI_OK)
		return child_failed(&err);
	st = courier_serve(courier, &err);
	/* Threads may be under way, in the middle of a relay's silence. */
	if (st != PLI_OK)
		_exit(child_failed(&err));
	if (!courier_end(courier))
		_exit(EX_OK);
	return EX_OK;
}
