/* The keeper of a witness; see witness_main.h. */
#include <errno.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "log.h"

#include "witness.h"

#include "witness_frame.h"
#include "witness_main.h"

struct server {
	const struct witness_main_config *config;
	struct witness *witness;
	int link;
	struct buf in, out;
};

static void link_set(struct server *s, int fd)
{
	if (s->link >= 0)
		close(s->link);
	s->link = fd;
	buf_reset(&s->in);
}

/* False: the disk is broken. */
static bool handle(struct server *s, const struct witness_frame *f)
{
	struct witness_answer answer = { 0 };
	bool sound = true;

	if (f->kind == WITNESS_ADD) {
		sound = witness_add_checkpoint(s->witness, (const char *)f->p, f->n, (uint64_t)(clock_now_us() / 1000000), &answer);
	} else {
		AUTO_BUF origin = { 0 };

		buf_add(&origin, f->p, f->n);
		witness_latest(s->witness, origin.n ? origin.p : "", &answer);
	}
	witness_frame_answer(&s->out, f->id, &answer);
	buf_free(&answer.body);
	return sound;
}

/* False: the disk is broken. */
static bool take_requests(struct server *s)
{
	void *room = buf_reserve(&s->in, WITNESS_FRAME_MAX);
	ssize_t got = recv(s->link, room, WITNESS_FRAME_MAX, MSG_DONTWAIT);
	struct witness_frame f;
	bool sound = true, ok;
	size_t used;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (got <= 0) {
		link_set(s, -1);
		return true;
	}
	s->in.n += (size_t)got;
	while (sound && (ok = witness_frame_request(s->in.p, s->in.n, &f, &used)) && used) {
		sound = handle(s, &f);
		buf_shift(&s->in, used);
	}
	if (!sound || !ok || !witness_frame_send(s->link, s->out.p, s->out.n))
		link_set(s, -1);
	buf_reset(&s->out);
	return sound;
}

static bool take_control(struct server *s)
{
	const char *logs;
	struct err err;
	int fd = -1;

	if (!s->config->control(s->config->arg, &fd))
		return false;
	if (fd >= 0)
		link_set(s, fd);
	logs = s->config->logs_now ? s->config->logs_now(s->config->arg) : NULL;
	if (logs && witness_logs(s->witness, logs, &err) != PLI_OK)
		log_error("witness.logs", "%s; the logs stay as they were", err.text);
	return true;
}

static enum pli_status loop(struct server *s, struct err *err)
{
	for (;;) {
		struct pollfd fds[2] = { { .fd = s->config->control_fd, .events = POLLIN }, { .fd = s->link, .events = POLLIN } };

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return err_errno(err, "the witness's keeper cannot wait");
		if (fds[0].revents) {
			if (!take_control(s))
				return PLI_OK;
			continue;
		}
		if (fds[1].revents && !take_requests(s))
			return err_set(err, PLI_IO, "the witness's disk is broken");
	}
}

enum pli_status witness_serve(const struct witness_main_config *config, struct err *err)
{
	struct server s = { .config = config, .link = -1 };
	enum pli_status status = PLI_OK;

	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	if (sodium_init() < 0)
		status = err_set(err, PLI_BUG, "libsodium does not start");
	if (status == PLI_OK)
		status = witness_open(config->ring, config->state_dir_fd, config->name, &s.witness, err);
	if (status == PLI_OK)
		status = witness_logs(s.witness, config->logs, err);
	if (status == PLI_OK && config->ready && !config->ready(config->arg))
		status = err_set(err, PLI_IO, "the keeper cannot say that it is ready");
	if (status == PLI_OK)
		status = loop(&s, err);
	link_set(&s, -1);
	witness_close(s.witness);
	buf_free(&s.in);
	buf_free(&s.out);
	return status;
}
