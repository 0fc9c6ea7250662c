/* The courier as a process: links that come and go, batches, repeats; what goes over a connection to the relay. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"

#include "job.h"

#include "relay.h"

#include "courier_main.h"

struct fixture {
	char dir[32];
	int dir_fd, control;
	int relay_fd;			/* listens, for those tests that play the relay */
	pid_t pid;
};

static int listen_anywhere(unsigned *port_r)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, n) != 0 || listen(fd, 4) != 0 || getsockname(fd, (struct sockaddr *)&at, &n) != 0)
		return -1;
	*port_r = ntohs(at.sin_port);
	return fd;
}

static int start(void **state)
{
	static struct fixture f;
	char url[40];
	struct relay_config relay = { .url = url, .tls = RELAY_TLS_OFF, .helo = "localhost", .sessions = 1, .timeout_s = 20 };
	unsigned port = 0;
	int line[2];

	f.relay_fd = listen_anywhere(&port);
	if (f.relay_fd < 0)
		return -1;
	snprintf(url, sizeof(url), "smtp://127.0.0.1:%u", port);
	snprintf(f.dir, sizeof(f.dir), "/tmp/pli-courier-XXXXXX");
	if (!mkdtemp(f.dir) || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, line) != 0)
		return -1;
	f.dir_fd = open(f.dir, O_RDONLY | O_DIRECTORY);
	f.control = line[0];
	f.pid = fork();
	if (f.pid == 0) {
		const struct courier_config config = { .outbox_dir_fd = f.dir_fd, .control_fd = line[1], .relay = &relay };
		struct courier *courier;
		struct err err;
		close(line[0]);
		_exit(courier_new(&config, &courier, &err) == PLI_OK && courier_serve(courier, &err) == PLI_OK && courier_end(courier) ? 0 : 1);
	}
	close(line[1]);
	*state = &f;
	return 0;
}

static unsigned files_in(const struct fixture *f, bool remove)
{
	DIR *dir = opendir(f->dir);
	unsigned count = 0;
	struct dirent *d;

	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		count++;
		if (remove)
			unlinkat(f->dir_fd, d->d_name, 0);
	}
	closedir(dir);
	return count;
}

/* The end of the control line is the order to stop. */
static int stop(void **state)
{
	struct fixture *f = *state;
	int status = -1;

	close(f->control);
	close(f->relay_fd);
	if (waitpid(f->pid, &status, 0) != f->pid || status != 0)
		return -1;
	files_in(f, true);
	close(f->dir_fd);
	return rmdir(f->dir);
}

static int new_link(const struct fixture *f)
{
	int pair[2];
	struct iovec iov = { (char[]){ 'F' }, 1 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} anc = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = anc.bytes,
			      .msg_controllen = sizeof(anc.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &pair[1], sizeof(int));
	assert_int_equal(sendmsg(f->control, &msg, 0), 1);
	close(pair[1]);
	return pair[0];
}

static void add_job(struct buf *out, uint64_t number, const char *mail)
{
	struct job job = { .type = JOB_OUTBOX, .number = number, .mail = (const uint8_t *)mail, .mail_n = strlen(mail) };
	struct err err;

	snprintf(job.name, sizeof(job.name), "mail-%03u.eml", (unsigned)number);
	assert_int_equal(job_write(out, &job, &err), PLI_OK);
}

static void send_bytes(int fd, const struct buf *b)
{
	size_t at = 0;

	while (at < b->n) {
		ssize_t n = send(fd, b->p + at, b->n - at, MSG_NOSIGNAL);
		assert_true(n > 0);
		at += (size_t)n;
	}
}

/* Reads answers until count of them have come; how many have that outcome. */
static unsigned take_outcomes(int fd, unsigned count, enum job_outcome outcome)
{
	unsigned found = 0;
	AUTO_BUF in = { 0 };
	struct job job;
	struct err err;
	size_t used;

	while (count > 0) {
		ssize_t n = recv(fd, buf_reserve(&in, 4096), 4096, 0);
		assert_true(n > 0);
		in.n += (size_t)n;
		while (count > 0 && job_read(in.p, in.n, &job, &used, &err) == PLI_OK) {
			assert_int_equal(job.type, JOB_ANSWER);
			found += job.outcome == outcome;
			if (job.outcome == JOB_DONE)
				assert_string_equal(job.reply, "250 2.0.0 caught in outbox");
			buf_shift(&in, used);
			count--;
		}
	}
	assert_int_equal(in.n, 0);
	return found;
}

/* Each must be a success. */
static void take_answers(int fd, unsigned count)
{
	assert_int_equal(take_outcomes(fd, count, JOB_DONE), count);
}

static void content_is(const struct fixture *f, const char *name, const char *wanted)
{
	int fd = openat(f->dir_fd, name, O_RDONLY);
	char got[64];
	ssize_t n = read(fd, got, sizeof(got));

	assert_int_equal(n, strlen(wanted));
	assert_memory_equal(got, wanted, (size_t)n);
	close(fd);
}

static void writes_many(void **state)
{
	struct fixture *f = *state;
	int fd = new_link(f);
	AUTO_BUF out = { 0 };

	for (uint64_t i = 0; i < 200; i++)
		add_job(&out, i, "first");
	send_bytes(fd, &out);
	take_answers(fd, 200);
	assert_int_equal(files_in(f, false), 200);
	content_is(f, "mail-199.eml", "first");
	close(fd);
}

static void repeats_overwrite_over_a_new_link(void **state)
{
	struct fixture *f = *state;
	int first = new_link(f), second;
	AUTO_BUF half = { 0 }, whole = { 0 };

	/* A link that ends in the middle of a frame leaves nothing of it. */
	add_job(&half, 7, "half");
	half.n -= 2;
	send_bytes(first, &half);
	close(first);
	second = new_link(f);
	add_job(&whole, 8, "one");
	add_job(&whole, 8, "two");
	send_bytes(second, &whole);
	take_answers(second, 2);
	assert_int_equal(files_in(f, false), 1);
	content_is(f, "mail-008.eml", "two");
	close(second);
}

/* What stands in the way of one mail puts that one off, and no other; the process lives on. */
static void one_in_the_way(void **state)
{
	struct fixture *f = *state;
	int fd = new_link(f);
	AUTO_BUF out = { 0 }, again = { 0 };

	assert_int_equal(mkdirat(f->dir_fd, "mail-001.eml", 0700), 0);
	for (uint64_t i = 0; i < 3; i++)
		add_job(&out, i, "first");
	send_bytes(fd, &out);
	assert_int_equal(take_outcomes(fd, 3, JOB_AGAIN), 1);
	content_is(f, "mail-000.eml", "first");
	content_is(f, "mail-002.eml", "first");
	assert_int_equal(unlinkat(f->dir_fd, "mail-001.eml", AT_REMOVEDIR), 0);
	add_job(&again, 1, "first");
	send_bytes(fd, &again);
	assert_int_equal(take_outcomes(fd, 1, JOB_DONE), 1);
	content_is(f, "mail-001.eml", "first");
	close(fd);
}

/* ------------------------------------------------------------------ playing the relay */

/* Everything until end has come; in how many pieces it is read does not matter. */
static void hear_until(int fd, struct buf *in, const char *end)
{
	size_t end_n = strlen(end);

	buf_reset(in);
	while (in->n < end_n || memcmp(in->p + in->n - end_n, end, end_n) != 0) {
		ssize_t n = recv(fd, buf_reserve(in, 4096), 4096, 0);

		assert_true(n > 0);
		in->n += (size_t)n;
		in->p[in->n] = '\0';
	}
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static int meet(const struct fixture *f, struct buf *in, const char *extensions)
{
	int fd = accept(f->relay_fd, NULL, NULL);

	assert_true(fd >= 0);
	say(fd, "220 here\r\n");
	hear_until(fd, in, "\r\n");
	assert_string_equal(in->p, "EHLO localhost\r\n");
	say(fd, extensions);
	return fd;
}

static void give_mail(int link, uint64_t number, const char *mail)
{
	struct job job = { .type = JOB_MAIL, .number = number, .from = "from@example.org", .to = "to@example.org",
			   .mail = (const uint8_t *)mail, .mail_n = strlen(mail) };
	AUTO_BUF out = { 0 };
	struct err err;

	assert_int_equal(job_write(&out, &job, &err), PLI_OK);
	send_bytes(link, &out);
}

static void outcome_is(int link, enum job_outcome outcome, const char *reply)
{
	AUTO_BUF in = { 0 };
	struct job job;
	struct err err;
	size_t used;

	while (job_read(in.p, in.n, &job, &used, &err) != PLI_OK) {
		ssize_t n = recv(link, buf_reserve(&in, 4096), 4096, 0);

		assert_true(n > 0);
		in.n += (size_t)n;
	}
	assert_int_equal(job.outcome, outcome);
	if (reply)
		assert_string_equal(job.reply, reply);
}

#define ENVELOPE "MAIL FROM:<from@example.org>\r\nRCPT TO:<to@example.org>\r\nDATA\r\n"

/* The envelope in one turn, lines with a dot at the front, and what follows a refusal. */
static void commands_go_together(void **state)
{
	struct fixture *f = *state;
	int link = new_link(f), relay;
	AUTO_BUF in = { 0 };

	give_mail(link, 1, "A: b\r\n\r\n.\r\n..x\r\na.b\r\n.");
	relay = meet(f, &in, "250-here\r\n250-Pipelining\r\n250 SIZES\r\n");
	hear_until(relay, &in, "DATA\r\n");
	assert_string_equal(in.p, ENVELOPE);
	say(relay, "250 a\r\n250 b\r\n354 c\r\n");
	hear_until(relay, &in, "\r\n.\r\n");
	/* The first line of the content's that is a dot alone has got another one, so this was the last. */
	assert_string_equal(in.p, "A: b\r\n\r\n..\r\n...x\r\na.b\r\n..\r\n.\r\n");
	say(relay, "250 taken\r\n");
	outcome_is(link, JOB_DONE, "250 taken");

	/* Refused, in words that come in pieces; the relay wants the content nevertheless and gets none. */
	give_mail(link, 2, "A: b\r\n\r\nsecret\r\n");
	hear_until(relay, &in, "DATA\r\n");
	assert_string_equal(in.p, ENVELOPE);
	say(relay, "250 a\r\n550-no\r\n550 ");
	say(relay, "never\r\n354 come on\r\n");
	hear_until(relay, &in, ".\r\n");
	assert_string_equal(in.p, ".\r\n");
	say(relay, "554 nobody\r\n");
	outcome_is(link, JOB_REFUSED, "550 no never");

	/* The next one begins anew, over the same connection. */
	give_mail(link, 3, "A: b\r\n\r\nthird\r\n");
	hear_until(relay, &in, "DATA\r\n");
	assert_string_equal(in.p, "RSET\r\n" ENVELOPE);
	say(relay, "250 forgotten\r\n450 later\r\n503 a\r\n503 b\r\n");
	outcome_is(link, JOB_AGAIN, "450 later");

	/* A relay that does not forget is left; the mail goes over a new connection, one command at a time, as this one takes no more. */
	give_mail(link, 4, "A: b\r\n\r\nfourth\r\n");
	hear_until(relay, &in, "DATA\r\n");
	say(relay, "500 what\r\n250 a\r\n250 b\r\n354 c\r\n");
	assert_int_equal(recv(relay, in.p, 1, 0), 0);
	close(relay);
	relay = meet(f, &in, "250-here\r\n250 SIZE 1000\r\n");
	hear_until(relay, &in, "\r\n");
	assert_string_equal(in.p, "MAIL FROM:<from@example.org> SIZE=16\r\n");
	say(relay, "250 a\r\n");
	hear_until(relay, &in, "\r\n");
	assert_string_equal(in.p, "RCPT TO:<to@example.org>\r\n");
	say(relay, "250 b\r\n");
	hear_until(relay, &in, "\r\n");
	assert_string_equal(in.p, "DATA\r\n");
	say(relay, "354 c\r\n");
	hear_until(relay, &in, "\r\n.\r\n");
	/* Nothing after the final dot: it may have been taken. */
	close(relay);
	outcome_is(link, JOB_DOUBT, NULL);
	close(link);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(commands_go_together, start, stop),
		cmocka_unit_test_setup_teardown(one_in_the_way, start, stop),
		cmocka_unit_test_setup_teardown(writes_many, start, stop),
		cmocka_unit_test_setup_teardown(repeats_overwrite_over_a_new_link, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
