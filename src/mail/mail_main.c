#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "buf.h"
#include "log.h"
#include "pool.h"

#include "mail_out.h"
#include "mail_read.h"

#include "mail_main.h"

#define READ_BYTES 262144
#define OUT_BYTES 262144
#define MEMORY_KEPT (UINT64_C(384) << 20)	/* program, libraries, tree, words */
#define MESSAGE_SECONDS 20			/* of CPU; a message that takes more ends the process: SIGPROF */
#define SUSPECT_SECONDS 5			/* the mails of others wait meanwhile */
#define MESSAGE_BYTES_A_SECOND (4 << 20)	/* large ones may take longer */

struct mail {
	const struct mail_config *config;
	int link;			/* -1: none */
	struct buf in;			/* bytes of the link */
	struct buf out;			/* frames not yet sent */
	struct buf message;
	enum mail_kind kind;
	bool open;
};

enum pli_status mail_limits(uint64_t message_max, struct err *err)
{
	/* The message twice: as it came, and as the library holds it. */
	const struct rlimit memory = { MEMORY_KEPT + 4 * message_max, MEMORY_KEPT + 4 * message_max };
	const struct rlimit none = { 0, 0 }, files = { 64, 64 };

	if (setrlimit(RLIMIT_AS, &memory) != 0 || setrlimit(RLIMIT_FSIZE, &none) != 0 || setrlimit(RLIMIT_NPROC, &none) != 0 ||
	    setrlimit(RLIMIT_NOFILE, &files) != 0)
		return err_errno(err, "limits");
	return PLI_OK;
}

static void drop_link(struct mail *m)
{
	if (m->link >= 0)
		close(m->link);
	m->link = -1;
	m->open = false;
	buf_free(&m->message);
	buf_free(&m->in);
	buf_reset(&m->out);
}

/* PLI_GONE when the parent has closed the line. */
static enum pli_status take_control(struct mail *m, struct err *err)
{
	int fd = -1;

	if (!m->config->control(m->config->control_arg, &fd))
		return err_set(err, PLI_GONE, "the parent is gone");
	if (fd >= 0) {
		drop_link(m);
		m->link = fd;
	}
	return PLI_OK;
}

/* ---- answering ---- */

static enum pli_status flush(struct mail *m, struct err *err)
{
	size_t at = 0;

	while (at < m->out.n) {
		ssize_t n = send(m->link, m->out.p + at, m->out.n - at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(err, PLI_GONE, "front is gone");
		at += (size_t)n;
	}
	buf_reset(&m->out);
	return PLI_OK;
}

static enum pli_status emit(void *arg, const struct mail_frame *frame, struct err *err)
{
	struct mail *m = arg;
	enum pli_status st = mail_frame_write(&m->out, frame, err);

	if (st != PLI_OK)	/* the fault of this program, not of the message */
		return err_set(err, PLI_BUG, "a frame of type %u cannot be written", (unsigned)frame->type);
	return m->out.n >= OUT_BYTES ? flush(m, err) : PLI_OK;
}

/* Time that passes while front takes its time does not count. */
static void set_clock(uint64_t seconds)
{
	const struct itimerval span = { .it_value = { .tv_sec = (time_t)seconds } };

	if (setitimer(ITIMER_PROF, &span, NULL) != 0)
		log_warn("mail.clock", "no limit of time: %s", strerror(errno));
}

/* The whole message has come. */
static enum pli_status answer(struct mail *m, struct err *err)
{
	static enum pli_status (*const readers[])(const void *p, size_t n, const struct mail_out *out, struct err *err) = {
		[MAIL_LETTER] = mail_read_letter, [MAIL_BOUNCE] = mail_read_bounce, [MAIL_SUSPECT] = mail_read_suspect,
	};
	const struct mail_out out = { emit, m };
	struct mail_frame last = { .type = MAIL_DONE };
	char words[sizeof(err->text) + sizeof(err->hint) + 2];
	enum pli_status st;

	set_clock((m->kind == MAIL_SUSPECT ? SUSPECT_SECONDS : MESSAGE_SECONDS) + m->message.n / MESSAGE_BYTES_A_SECOND);
	st = readers[m->kind](m->message.p ? m->message.p : "", m->message.n, &out, err);
	buf_free(&m->message);
	m->open = false;
	if (st == PLI_INVALID || st == PLI_LIMIT) {
		snprintf(words, sizeof(words), "%s%s%s", err->text, err->hint[0] ? " " : "", err->hint);
		last = (struct mail_frame){ .type = MAIL_REFUSED, .value = { words, strnlen(words, MAIL_WORDS_MAX) } };
		st = PLI_OK;
	}
	if (st == PLI_OK)
		st = emit(m, &last, err);
	if (st == PLI_OK)
		st = flush(m, err);
	set_clock(0);
	return st;
}

/* ---- being asked ---- */

static enum pli_status take_frame(struct mail *m, const struct mail_frame *f, struct err *err)
{
	if (f->type == MAIL_OPEN && !m->open && f->size <= m->config->message_max) {
		m->open = true;
		m->kind = f->kind;
		/* Only address space until bytes come. */
		buf_reserve(&m->message, (size_t)f->size + 1);
		return PLI_OK;
	}
	if (f->type == MAIL_DATA && m->open && m->message.n + f->value.n <= m->config->message_max) {
		buf_add(&m->message, f->value.p, f->value.n);
		return PLI_OK;
	}
	if (f->type == MAIL_END && m->open)
		return answer(m, err);
	return err_set(err, PLI_BUG, "front sent frame %u out of turn", (unsigned)f->type);
}

static enum pli_status take_frames(struct mail *m, struct err *err)
{
	enum pli_status st = PLI_OK;
	size_t at = 0, used;

	while (st == PLI_OK) {
		struct mail_frame frame;

		st = mail_frame_read(m->in.p + at, m->in.n - at, &frame, &used, err);
		if (st == PLI_INPUT)
			st = err_set(err, PLI_BUG, "front sent a malformed frame");
		if (st == PLI_OK) {
			at += used;
			st = take_frame(m, &frame, err);
		}
	}
	if (at)
		buf_shift(&m->in, at);
	return st == PLI_AGAIN ? PLI_OK : st;
}

static enum pli_status take_link(struct mail *m, struct err *err)
{
	void *room = buf_reserve(&m->in, READ_BYTES);
	ssize_t n = recv(m->link, room, READ_BYTES, MSG_DONTWAIT);
	enum pli_status st;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return PLI_OK;
	if (n <= 0) {
		drop_link(m);
		return PLI_OK;
	}
	m->in.n += (size_t)n;
	st = take_frames(m, err);
	if (st == PLI_GONE) {	/* front, in the middle of an answer */
		drop_link(m);
		st = PLI_OK;
	}
	return st;
}

enum pli_status mail_serve(const struct mail_config *config, struct err *err)
{
	struct mail m = { .config = config, .link = -1 };
	enum pli_status st = PLI_OK;

	while (st == PLI_OK) {
		struct pollfd fds[2] = { { config->control_fd, POLLIN, 0 }, { m.link, POLLIN, 0 } };

		if (poll(fds, 2, -1) < 0 && errno != EINTR) {
			st = err_errno(err, "poll");
			break;
		}
		if (fds[1].revents)
			st = take_link(&m, err);
		if (st == PLI_OK && fds[0].revents)
			st = take_control(&m, err);
	}
	drop_link(&m);
	return st == PLI_GONE ? PLI_OK : st;
}
