/* pli-front and pli-keeper of a witness: front takes requests and has no key, the keeper has the key and no network. */
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "pool.h"
#include "text.h"

#include "http.h"

#include "keyring.h"
#include "witness.h"
#include "witness_main.h"

#include "witness_door.h"

#include "child.h"
#include "child_reload.h"
#include "confine.h"
#include "control.h"
#include "ctl_server.h"
#include "front.h"
#include "front_http.h"
#include "instance.h"
#include "reload_ask.h"
#include "sysexit.h"
#include "witness_link.h"

#include "child_witness.h"

#define GRACE_MS 2000
#define CTL_GRACE_MS 1000
#define KEY_MAX_BYTES 512

/* ------------------------------------------------------------------ keeper */

struct keeper_side {
	struct child *child;
	struct child_reload reload;
	bool renewed;			/* a reload has changed the settings */
};

static void keeper_commit(void *arg, const struct settings *now)
{
	struct keeper_side *k = arg;

	(void)now;
	k->renewed = true;
}

static bool keeper_control(void *arg, int *link_fd_r)
{
	struct keeper_side *k = arg;

	return child_reload_control(&k->reload, link_fd_r);
}

static const char *keeper_logs_now(void *arg)
{
	struct keeper_side *k = arg;
	const char *logs = k->child->settings.witness_logs;

	if (!k->renewed)
		return NULL;
	k->renewed = false;
	return logs ? logs : "";
}

static bool keeper_ready(void *arg)
{
	(void)arg;
	return control_send(CHILD_FD_CONTROL, CONTROL_READY, NULL, -1, NULL) == PLI_OK;
}

static enum pli_status confine_keeper(struct err *err)
{
	const struct confine_rule rules[] = {
		{ CHILD_FD_KEEPER_KEYS, NULL, false },
		{ CHILD_FD_KEEPER_JOURNAL, NULL, true },
		{ -1, "/dev/urandom", false },
	};
	enum pli_status st;

	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS |
				OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1 || sodium_init() < 0)
		return err_set(err, PLI_BUG, "the cryptographic libraries do not start");
	st = confine_files(rules, sizeof(rules) / sizeof(rules[0]), false, err);
	return st == PLI_OK ? confine_calls(CONFINE_KEEPER, err) : st;
}

int child_witness_keeper(struct pool *pool, struct child *child)
{
	struct keeper_side side = { .child = child };
	struct keyring ring = { 0 };
	const char *phrase;
	struct witness_main_config config = {
		.ring = &ring, .state_dir_fd = CHILD_FD_KEEPER_JOURNAL, .control_fd = CHILD_FD_CONTROL,
		.logs = child->settings.witness_logs, .ready = keeper_ready, .control = keeper_control, .logs_now = keeper_logs_now,
		.arg = &side,
	};
	struct err err = { 0 };

	side.reload = (struct child_reload){ .live = &child->settings, .commit = keeper_commit, .arg = &side };
	if (child_origin(pool, CHILD_FD_KEEPER_JOURNAL, &config.name, &err) != PLI_OK ||
	    child_line(pool, CHILD_FD_KEEPER_PHRASE, "[keys] passphrase_file", &phrase, &err) != PLI_OK ||
	    keyring_open(CHILD_FD_KEEPER_KEYS, phrase, &ring, &err) != PLI_OK || confine_keeper(&err) != PLI_OK ||
	    witness_serve(&config, &err) != PLI_OK)
		return child_failed(&err);
	keyring_close(&ring);
	return EX_OK;
}

/* ------------------------------------------------------------------ front */

struct front_side {
	struct child *child;
	struct front_tls tls;
	const char *key;
	struct witness_link *link;
	struct witness_door *door;
	struct http_server *server;
	struct ctl_server *ctl;
	struct child_reload reload;
	struct reload_ask reload_ask;
	struct ssl_ctx_st *new_tls;
};

static enum pli_status ask(struct front_side *f, enum witness_kind kind, const void *p, size_t n, int *code_r, const char **type_r,
			   struct buf *out, struct err *err)
{
	struct witness_answer answer = { 0 };
	enum pli_status st = witness_link_ask(f->link, kind, p, n, &answer, err);

	if (st == PLI_OK) {
		*code_r = answer.code;
		*type_r = answer.type;
		buf_add(out, answer.body.p, answer.body.n);
	}
	buf_free(&answer.body);
	return st;
}

static enum pli_status add(void *arg, const void *body, size_t n, int *code_r, const char **type_r, struct buf *out, struct err *err)
{
	return ask(arg, WITNESS_ADD, body, n, code_r, type_r, out, err);
}

static enum pli_status latest(void *arg, const char *origin, int *code_r, const char **type_r, struct buf *out, struct err *err)
{
	return ask(arg, WITNESS_LATEST, origin, strlen(origin), code_r, type_r, out, err);
}

static enum pli_status confine_front(struct err *err)
{
	const struct confine_rule rules[] = {
		{ CHILD_FD_FRONT_PUBLIC, NULL, false },
		{ CHILD_FD_FRONT_TLS, NULL, false },
		{ -1, "/dev/urandom", false },
	};
	enum pli_status st;

	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1 ||
	    sodium_init() < 0)
		return err_set(err, PLI_BUG, "the cryptographic libraries do not start");
	st = confine_files(rules, sizeof(rules) / sizeof(rules[0]), false, err);
	return st == PLI_OK ? confine_calls(CONFINE_FRONT, err) : st;
}

static enum pli_status read_files(struct pool *pool, struct front_side *f, struct err *err)
{
	char *key;
	size_t n;
	enum pli_status st = instance_read(pool, CHILD_FD_FRONT_PUBLIC, "witness.pub", KEY_MAX_BYTES, &key, &n, err);

	if (st != PLI_OK)
		return st;
	key[strcspn(key, "\n")] = '\0';
	f->key = key;
	return f->child->serve ? front_read_tls(pool, &f->tls, err) : PLI_OK;
}

static enum pli_status reload_verb(void *arg, struct ctl_call *call, struct err *err)
{
	struct front_side *f = arg;

	(void)call;
	return reload_ask_wait(&f->reload_ask, err);
}

static enum pli_status start(struct front_side *f, struct err *err)
{
	static const struct ctl_verb verbs[] = { { "reload", reload_verb }, { NULL, NULL } };
	const struct settings *s = &f->child->settings;
	const struct witness_door_config door = { .settings = s, .key = f->key, .add = add, .latest = latest, .arg = f };
	int fds[SETTINGS_LISTEN_MAX];
	const struct http_server_config config = {
		.listen_fds = fds, .listen_count = f->child->listener_count, .cert_pem = f->tls.cert_pem, .key_pem = f->tls.key_pem,
		.loops = 1, .workers_max = 8, .limits = front_http_limits(s), .http2 = s->http2,
	};
	struct http_app app;
	enum pli_status st = ctl_server_start(CHILD_FD_FRONT_CTL, verbs, f, &f->ctl, err);

	for (int i = 0; i < config.listen_count; i++)
		fds[i] = CHILD_FD_FRONT_LISTEN + i;
	if (st == PLI_OK && f->child->serve) {
		witness_door_new(&door, &app, &f->door);
		st = front_http_tls_named(http_server_start(&config, &app, &f->server, err), err);
		mem_wipe(f->tls.key_pem, strlen(f->tls.key_pem));
	}
	return st == PLI_OK ? control_send(CHILD_FD_CONTROL, CONTROL_READY, NULL, -1, err) : st;
}

static enum pli_status reload_prepare(void *arg, const struct settings *wanted, struct err *err)
{
	struct front_side *f = arg;
	AUTO_POOL pool = pool_new_secret();
	struct front_tls tls;
	enum pli_status st;

	(void)wanted;
	if (!f->server)
		return PLI_OK;
	st = front_read_tls(pool, &tls, err);
	return st == PLI_OK ? front_http_tls_named(http_server_certificate_prepare(f->server, tls.cert_pem, tls.key_pem, &f->new_tls, err), err) : st;
}

static void reload_commit(void *arg, const struct settings *now)
{
	struct front_side *f = arg;
	struct http_limits limits = front_http_limits(now);

	if (!f->server)
		return;
	http_server_certificate_use(f->server, f->new_tls);
	f->new_tls = NULL;
	http_server_limits(f->server, &limits);
}

static void reload_drop(void *arg)
{
	struct front_side *f = arg;

	SSL_CTX_free(f->new_tls);
	f->new_tls = NULL;
}

/* PLI_OK after a STOP. */
static enum pli_status run(struct front_side *f, struct err *err)
{
	enum pli_status st = start(f, err);
	struct control_message m;

	while (st == PLI_OK) {
		st = control_receive(CHILD_FD_CONTROL, &m, err);
		if (st == PLI_OK && m.type == CONTROL_STOP)
			return PLI_OK;
		if (st != PLI_OK || child_reload_message(&f->reload, &m))
			continue;
		if (m.type == CONTROL_RELOADED)
			reload_ask_answer(&f->reload_ask, m.text);
		else if (m.type == CONTROL_LINK_KEEPER && m.fd >= 0)
			witness_link_renew(f->link, m.fd);
		else if (m.fd >= 0)
			close(m.fd);
	}
	return st;
}

int child_witness_front(struct pool *pool, struct child *child)
{
	struct front_side f = { .child = child };
	struct err err = { 0 };

	f.reload = (struct child_reload){ .live = &child->settings, .prepare = reload_prepare, .commit = reload_commit, .drop = reload_drop,
					  .arg = &f };
	reload_ask_init(&f.reload_ask);
	if (read_files(pool, &f, &err) != PLI_OK || confine_front(&err) != PLI_OK)
		return child_failed(&err);
	f.link = witness_link_new();
	if (run(&f, &err) != PLI_OK)
		_exit(child_failed(&err));
	http_server_stop(f.server, GRACE_MS);
	if (!ctl_server_stop(f.ctl, CTL_GRACE_MS))
		_exit(EX_OK);
	witness_door_free(f.door);
	witness_link_free(f.link);
	return EX_OK;
}
