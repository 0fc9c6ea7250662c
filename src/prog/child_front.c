/* pli-front: HTTPS, API, the database; accepts but never dials, and cannot sign. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "cidr.h"
#include "clock.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "http.h"
#include "tls_context.h"

#include "journal.h"
#include "keeper.h"

#include "alert.h"
#include "office.h"

#include "doors.h"
#include "mail_link.h"
#include "smtp_server.h"

#include "backup_ask.h"
#include "control.h"
#include "ctl_server.h"
#include "ctl_verbs.h"
#include "child_reload.h"
#include "child_witness.h"
#include "dispatch.h"
#include "errand.h"
#include "front.h"
#include "front_http.h"
#include "front_metrics.h"
#include "metrics_server.h"
#include "nightly.h"
#include "reload_ask.h"
#include "rounds.h"
#include "sysexit.h"
#include "tsa_ask.h"
#include "watch.h"
#include "witness_ask.h"

#include "child.h"

#define HOUSEKEEPING_S 60
#define ALERTS_MS 1000
#define GRACE_MS 4000		/* for exchanges under way at a stop */
#define CTL_GRACE_MS 1000	/* for an operator's verbs; one that reads the whole journal may take minutes */

struct child_front {
	struct child child;
	struct front front;
	struct doors *doors;
	struct http_server *server;
	struct ctl_server *ctl;
	struct dispatch *dispatch;
	struct errands *errands;
	struct witness_ask *witness_ask;
	struct tsa_ask *tsa_ask;
	struct child_reload reload;
	struct reload_ask reload_ask;
	struct backup_ask backup_ask;
	struct ssl_ctx_st *new_mail_tls;
	struct smtp_server *mail;	/* NULL: no mail comes in */
	struct mail_link *mail_link;	/* to pli-mail; NULL: nobody needs it */
	int mail_fd;			/* the line to it, came before that was there; -1: none */
	struct ssl_ctx_st *new_tls;	/* prepared for a reload, with the end of its certificate */
	int64_t new_end_us;
	struct front_metrics metrics;
	struct metrics_server *metrics_server;
	struct watch *watch;
	struct rounds *alerts;
	struct nightly *nightly;
	int courier_fd;			/* came before the dispatcher was there; -1: none */
	pthread_t housekeeper;
	bool has_housekeeper;
	pthread_mutex_t lock;
	pthread_cond_t stop_cond;
	bool keys_due;			/* with lock: front_settle_keys should run soon */
	bool stop;
};

/* ------------------------------------------------------------------ before anything comes from outside */

/* Which start of the machine this is; unknown where the kernel does not say. */
static const char *boot_name(struct pool *pool)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char text[37] = "";
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? strcspn(text, " \n") : 0] = '\0';
	return *text ? pool_str(pool, text) : NULL;
}

static enum pli_status start_libraries(const struct child *child, struct err *err)
{
	struct clock_parts parts;

	/* No configuration file is read, whatever the environment says. */
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS |
			     OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1 || sodium_init() < 0)
		return err_set(err, PLI_BUG, "the cryptographic libraries do not start");
	/* Reads the zone's file while it can be reached. */
	clock_local(clock_now_us(), child->settings.timezone, &parts);
	return PLI_OK;
}

/* outbox_fd -1: it stays closed. */
static enum pli_status confine_front(int outbox_fd, struct err *err)
{
	const struct confine_rule rules[] = {
		{ CHILD_FD_FRONT_DATA, NULL, true },
		{ CHILD_FD_FRONT_JOURNAL, NULL, false },
		{ CHILD_FD_FRONT_PUBLIC, NULL, false },
		{ CHILD_FD_FRONT_TLS, NULL, false },
		{ -1, "/usr/share/zoneinfo", false },
		{ -1, "/dev/urandom", false },
		{ outbox_fd, NULL, false },
	};
	size_t count = sizeof(rules) / sizeof(rules[0]) - (outbox_fd < 0);
	enum pli_status st;

	/* The database's engine is given bare names: the folders above may be closed to this process. */
	if (fchdir(CHILD_FD_FRONT_DATA) != 0)
		return err_errno(err, "data/");
	st = confine_files(rules, count, false, err);
	return st == PLI_OK ? confine_calls(CONFINE_FRONT, err) : st;
}

static void keep_link(int *kept, int fd)
{
	if (*kept >= 0)
		close(*kept);
	*kept = fd;
}

/* Waits for the keeper's link; another that comes first is kept. */
static enum pli_status first_link(struct child_front *f, int *fd_r, struct err *err)
{
	struct control_message m;

	for (;;) {
		enum pli_status st = control_receive(CHILD_FD_CONTROL, &m, err);
		if (st != PLI_OK)
			return st;
		if (m.type == CONTROL_STOP)
			return err_set(err, PLI_AGAIN, "stopped before it was ready");
		if (m.type == CONTROL_LINK_KEEPER && m.fd >= 0) {
			*fd_r = m.fd;
			return PLI_OK;
		}
		if (m.type == CONTROL_LINK_COURIER && m.fd >= 0)
			keep_link(&f->courier_fd, m.fd);
		else if (m.type == CONTROL_LINK_MAIL && m.fd >= 0)
			keep_link(&f->mail_fd, m.fd);
	}
}

/* ------------------------------------------------------------------ serving */

static void *housekeeping_thread(void *arg)
{
	struct child_front *f = arg;
	struct timespec next;
	struct err err;

	pthread_mutex_lock(&f->lock);
	while (!f->stop) {
		f->keys_due = false;
		pthread_mutex_unlock(&f->lock);
		if (front_settle_keys(&f->front, &err) != PLI_OK)
			log_warn("front.keys", "%s", err.text);
		if (office_housekeeping(f->front.office, clock_now_us(), &err) != PLI_OK)
			log_warn("housekeeping", "%s", err.text);
		clock_gettime(CLOCK_MONOTONIC, &next);
		next.tv_sec += HOUSEKEEPING_S;
		pthread_mutex_lock(&f->lock);
		while (!f->stop && !f->keys_due && pthread_cond_timedwait(&f->stop_cond, &f->lock, &next) != ETIMEDOUT)
			;
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

static enum pli_status start_housekeeping(struct child_front *f, struct err *err)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->stop_cond, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&f->housekeeper, NULL, housekeeping_thread, f) != 0)
		return err_set(err, PLI_IO, "no thread for housekeeping");
	f->has_housekeeper = true;
	return PLI_OK;
}

/* On any thread: the parent always reads its line. */
static void reader_broken(void *arg)
{
	struct err err;

	(void)arg;
	if (control_send(CHILD_FD_CONTROL, CONTROL_MAIL_HUNG, NULL, -1, &err) != PLI_OK)
		log_warn("front.mail", "%s", err.text);
}

/* To the process that reads mails, when somebody may bring one. */
static void open_mail_link(struct child_front *f)
{
	if (f->child.submission_fd < 0 && f->child.lmtp_fd < 0 && !f->child.settings.mail_examine)
		return;
	f->mail_link = mail_link_new(reader_broken, NULL);
	if (f->mail_fd >= 0)
		mail_link_set(f->mail_link, f->mail_fd);
	f->mail_fd = -1;
}

static enum pli_status start_mail(struct child_front *f, struct err *err)
{
	const struct smtp_server_config config = {
		.office = f->front.office, .directory = f->front.directory, .settings = &f->child.settings,
		.host = f->child.settings.host, .submission_fd = f->child.submission_fd, .lmtp_fd = f->child.lmtp_fd,
		.cert_pem = f->front.tls.cert_pem, .key_pem = f->front.tls.key_pem, .mail = f->mail_link,
	};

	if (config.submission_fd < 0 && config.lmtp_fd < 0)
		return PLI_OK;
	if (config.lmtp_fd >= 0 && !config.settings->mail_bounce_domain)
		log_warn("front.mail", "[lmtp] listens, but without [mail] bounce_domain nothing comes back");
	return smtp_server_start(&config, &f->mail, err);
}

static enum pli_status start_https(struct child_front *f, struct err *err)
{
	const struct settings *s = &f->child.settings;
	const struct front *front = &f->front;
	struct doors_config doors = {
		.office = front->office, .directory = front->directory, .settings = s, .base_url = front->base_url,
		.root_pem = front->root_pem, .log_pub = front->log_pub, .tsa_pem = front->tsa_pem,
		.ca_pem = front->tls.ca_pem, .outbox_fd = f->child.outbox_fd, .mail = s->mail_examine ? f->mail_link : NULL,
	};
	int fds[SETTINGS_LISTEN_MAX];
	struct cidr fronts[SETTINGS_FRONTS_MAX];
	struct http_server_config config = {
		.listen_fds = fds, .listen_count = f->child.listener_count, .cert_pem = front->tls.cert_pem,
		.key_pem = front->tls.key_pem, .loops = s->loops, .workers_max = s->workers,
		.limits = front_http_limits(s),
		.http2 = s->http2, .proxy_from = fronts,
	};
	struct http_app app = { 0 };
	enum pli_status st = doors_app_new(&doors, &app, &f->doors, err);

	for (int i = 0; i < config.listen_count; i++)
		fds[i] = CHILD_FD_FRONT_LISTEN + i;
	if (s->proxy_from)
		config.proxy_count = (size_t)cidr_list(s->proxy_from, fronts, SETTINGS_FRONTS_MAX);
	if (st == PLI_OK)
		st = front_http_tls_named(http_server_start(&config, &app, &f->server, err), err);
	if (st == PLI_OK)
		st = start_mail(f, err);
	atomic_store(&f->metrics.certificate_end_us, tls_certificate_end_us(front->tls.cert_pem));
	mem_wipe(f->front.tls.key_pem, strlen(f->front.tls.key_pem));
	return st;
}

static enum pli_status start_dispatch(struct child_front *f, struct err *err)
{
	struct dispatch_config config = { .office = f->front.office, .keeper = f->front.keeper,
					  .settings = &f->child.settings, .render = doors_notice_render,
					  .render_arg = f->doors,
					  .errands = f->errands,
					  .relay = !str_eq(f->child.settings.mail, "outbox"),
					  .demo = f->child.settings.demo,
					  .paused = f->child.settings.mail_paused };
	enum pli_status st = dispatch_start(&config, &f->dispatch, err);

	if (st == PLI_OK)
		st = witness_ask_start(&f->front, f->errands, &f->witness_ask, err);
	if (st == PLI_OK)
		st = tsa_ask_start(&f->front, f->errands, &f->tsa_ask, err);
	if (st == PLI_OK && f->courier_fd >= 0) {
		dispatch_link(f->dispatch, f->courier_fd);
		f->courier_fd = -1;
	}
	return st;
}

static enum pli_status start_watching(struct child_front *f, struct err *err)
{
	struct front_metrics *m = &f->metrics;

	m->front = &f->front;
	m->doors = f->doors;
	m->dispatch = f->dispatch;
	m->server = f->server;
	m->started_us = clock_now_us();
	return watch_start(&f->front, &m->certificate_end_us, &f->watch, err);
}

static void alerts_round(void *arg)
{
	alert_round(arg);
}

static enum pli_status start_serving(struct child_front *f, struct err *err)
{
	enum pli_status st = ctl_server_start(CHILD_FD_FRONT_CTL, ctl_verbs(), &f->front, &f->ctl, err);

	if (st == PLI_OK && f->child.serve && !f->front.verify_only) {
		open_mail_link(f);
		st = tsa_ask_prepare(&f->front, err);
		if (st == PLI_OK)
			st = start_https(f, err);
		if (st == PLI_OK)
			st = start_dispatch(f, err);
		if (st == PLI_OK)
			st = start_housekeeping(f, err);
		if (st == PLI_OK)
			st = start_watching(f, err);
		if (st == PLI_OK)
			st = rounds_start(ALERTS_MS, alerts_round, f->front.office, "for alerts", &f->alerts, err);
		if (st == PLI_OK)
			st = nightly_start(&f->front, &f->nightly, err);
	}
	if (st != PLI_OK)
		return st;
	return control_send(CHILD_FD_CONTROL, CONTROL_READY,
			    f->front.verify_only ? pool_fmt(f->front.pool, "%s. %s", f->front.why.text, f->front.why.hint)
						 : NULL, -1, err);
}

/* ------------------------------------------------------------------ reload */

static void reload_drop(void *arg)
{
	struct child_front *f = arg;

	SSL_CTX_free(f->new_tls);
	SSL_CTX_free(f->new_mail_tls);
	f->new_tls = f->new_mail_tls = NULL;
}

static enum pli_status reload_prepare(void *arg, const struct settings *wanted, struct err *err)
{
	struct child_front *f = arg;
	AUTO_POOL pool = pool_new_secret();
	struct front_tls tls;
	enum pli_status st = PLI_OK;

	(void)wanted;
	if (!f->server)
		return PLI_OK;
	st = front_read_tls(pool, &tls, err);
	if (st == PLI_OK)
		st = front_http_tls_named(http_server_certificate_prepare(f->server, tls.cert_pem, tls.key_pem, &f->new_tls, err), err);
	if (st == PLI_OK && f->child.submission_fd >= 0)
		st = smtp_server_certificate_prepare(f->mail, tls.cert_pem, tls.key_pem, &f->new_mail_tls, err);
	if (st == PLI_OK)
		f->new_end_us = tls_certificate_end_us(tls.cert_pem);
	else
		reload_drop(f);
	return st;
}

static void reload_commit(void *arg, const struct settings *now)
{
	struct child_front *f = arg;
	struct http_limits limits = front_http_limits(now);

	if (!f->server)
		return;
	http_server_certificate_use(f->server, f->new_tls);
	f->new_tls = NULL;
	if (f->mail)
		smtp_server_certificate_use(f->mail, f->new_mail_tls);
	f->new_mail_tls = NULL;
	atomic_store(&f->metrics.certificate_end_us, f->new_end_us);
	http_server_limits(f->server, &limits);
	dispatch_pause(f->dispatch, now->mail_paused);
}

/* On the thread of the keeper's client: the parent always reads its line. */
static void keeper_hung(void *arg)
{
	struct err err;

	(void)arg;
	if (control_send(CHILD_FD_CONTROL, CONTROL_KEEPER_HUNG, NULL, -1, &err) != PLI_OK)
		log_warn("front.keeper", "%s", err.text);
}

/* Front serves without it, if need be. */
static void start_metrics(struct child_front *f, int fd)
{
	struct err err;

	if (f->metrics_server || !f->watch)
		close(fd);
	else if (metrics_server_start(fd, front_metrics_page, &f->metrics, &f->metrics_server, &err) != PLI_OK)
		log_warn("front.metrics", "%s", err.text);
}

static void take_link(struct child_front *f, struct control_message *m)
{
	if (m->type == CONTROL_LINK_KEEPER && m->fd >= 0) {
		keeper_relink(f->front.keeper, m->fd);
		if (f->front.journal)
			journal_keeper_back(f->front.journal);
		/* It may have been taken away in the middle of a change of keys. */
		if (f->has_housekeeper) {
			pthread_mutex_lock(&f->lock);
			f->keys_due = true;
			pthread_cond_signal(&f->stop_cond);
			pthread_mutex_unlock(&f->lock);
		}
	} else if (m->type == CONTROL_LINK_COURIER && m->fd >= 0 && f->dispatch) {
		dispatch_link(f->dispatch, m->fd);
	} else if (m->type == CONTROL_LINK_MAIL && m->fd >= 0 && f->mail_link) {
		mail_link_set(f->mail_link, m->fd);
	} else if (m->fd >= 0) {
		close(m->fd);
	}
}

/* HTTP first, which refuses what is new from here on.  False: an operator's verb is still under way, and everything that it uses
 * stays open until the process ends; what is acknowledged is on the disk. */
static bool stop_serving(struct child_front *f)
{
	bool nightly_ended;

	smtp_server_stop(f->mail, GRACE_MS / 2);
	metrics_server_stop(f->metrics_server);
	watch_stop(f->watch);
	rounds_stop(f->alerts);
	nightly_ended = nightly_stop(f->nightly, CTL_GRACE_MS);
	if (f->server)
		http_server_stop(f->server, GRACE_MS / 2);
	errands_stop(f->errands);
	witness_ask_stop(f->witness_ask);
	tsa_ask_stop(f->tsa_ask);
	dispatch_stop(f->dispatch);
	errands_free(f->errands);
	if (f->has_housekeeper) {
		pthread_mutex_lock(&f->lock);
		f->stop = true;
		pthread_cond_signal(&f->stop_cond);
		pthread_mutex_unlock(&f->lock);
		pthread_join(f->housekeeper, NULL);
	}
	if (!ctl_server_stop(f->ctl, CTL_GRACE_MS)) {
		log_warn("front.stop", "an operator's verb is abandoned");
		return false;
	}
	if (!nightly_ended) {
		log_warn("front.stop", "the proof of itself is abandoned");
		return false;
	}
	if (f->doors)
		doors_free(f->doors);
	mail_link_free(f->mail_link);
	front_close(&f->front);
	return true;
}

/* PLI_OK after a STOP. */
static enum pli_status run(struct child_front *f, struct err *err)
{
	struct control_message m;
	int keeper_fd = -1;
	enum pli_status st = first_link(f, &keeper_fd, err);

	f->front.serves = f->child.serve;
	if (st == PLI_OK)
		st = front_open(&f->front, keeper_fd, err);
	if (st == PLI_OK)
		st = start_serving(f, err);
	while (st == PLI_OK) {
		st = control_receive(CHILD_FD_CONTROL, &m, err);
		if (st == PLI_OK && m.type == CONTROL_STOP)
			return PLI_OK;
		if (st != PLI_OK || child_reload_message(&f->reload, &m))
			continue;
		if (m.type == CONTROL_RESTARTS)
			front_metrics_restarts(&f->metrics, m.text);
		else if (m.type == CONTROL_METRICS && m.fd >= 0)
			start_metrics(f, m.fd);
		else if (m.type == CONTROL_BACKUP)
			backup_ask_answer(&f->backup_ask, m.text, m.fd);
		else if (m.type == CONTROL_RELOADED)
			reload_ask_answer(&f->reload_ask, m.text);
		else
			take_link(f, &m);
	}
	return st;
}

static void anchors_renewed(void *arg)
{
	struct child_front *f = arg;

	if (f->doors)
		doors_use_anchors(f->doors, f->front.log_pub, f->front.tsa_pem);
}

int child_front(int argc, char **argv)
{
	AUTO_POOL pool = pool_new();
	struct child_front *f = POOL_NEW(pool, struct child_front);
	struct err err = { 0 };

	f->courier_fd = f->mail_fd = -1;
	f->front.pool = pool;
	f->front.blobs_fd = -1;
	f->front.keeper_hung = keeper_hung;
	f->front.settings = &f->child.settings;
	f->front.reload = reload_ask_wait;
	f->front.reload_arg = &f->reload_ask;
	f->front.newest_backup = backup_ask_wait;
	f->front.backup_arg = &f->backup_ask;
	f->front.anchors_renewed = anchors_renewed;
	f->front.anchors_arg = f;
	f->reload = (struct child_reload){ .live = &f->child.settings, .prepare = reload_prepare, .commit = reload_commit,
					   .drop = reload_drop, .arg = f };
	f->front.boot = boot_name(pool);
	f->errands = errands_new();
	reload_ask_init(&f->reload_ask);
	backup_ask_init(&f->backup_ask);
	pthread_mutex_init(&f->lock, NULL);
	if (child_begin(pool, argc, argv, &f->child, &err) != PLI_OK)
		return child_failed(&err);
	if (!f->child.serve)
		f->front.newest_backup = NULL;
	if (str_eq(f->child.settings.role, "witness"))
		return child_witness_front(pool, &f->child);
	if (start_libraries(&f->child, &err) != PLI_OK ||
	    front_read(&f->front, f->child.serve, &err) != PLI_OK || confine_front(f->child.outbox_fd, &err) != PLI_OK)
		return child_failed(&err);
	if (run(f, &err) != PLI_OK) {
		/* Threads may be under way: what is acknowledged is on the disk, the rest is not worth a wait. */
		_exit(child_failed(&err));
	}
	if (!stop_serving(f))
		_exit(EX_OK);
	return EX_OK;
}
