/* Requests over HTTP against a peer of the test's own: what comes back is taken whole or not at all, and nothing that the peer does
 * becomes anything but an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <assert.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"

#include "job.h"

#include "fetch.h"

#define ANSWERS_MAX 256

/* Answers each connection with the same bytes, then closes it; keeps what it was asked last. */
struct peer {
	int fd;
	unsigned port;
	pthread_t thread;
	pthread_mutex_t lock;		/* of what follows */
	const char *says;
	size_t says_n;
	pthread_cond_t changed;
	bool hangs;			/* says nothing, and keeps the connection open as long */
	unsigned held;
	int holds[16];
	char heard[4096];
	unsigned connections;
};

struct fixture {
	struct peer peer;
	struct fetch *fetch;
	pthread_mutex_t lock;
	pthread_cond_t come;
	unsigned count;
	struct {
		uint64_t tag, number;
		int code;
		char media[64], reply[128];
		struct buf body;
	} answers[ANSWERS_MAX];
};

static const struct fetch_peer peers[JOB_WHOMS] = { [JOB_TSA] = { .user = "alice", .password = "secret" } };

/* Head and as much body as its Content-Length says. */
static void hear(struct peer *p, int fd)
{
	char text[4096] = "";
	size_t n = 0, want = 0;
	ssize_t got;

	while (n < sizeof(text) - 1 && (got = recv(fd, text + n, sizeof(text) - 1 - n, 0)) > 0) {
		const char *end, *length;

		n += (size_t)got;
		text[n] = '\0';
		end = strstr(text, "\r\n\r\n");
		length = strstr(text, "Content-Length: ");
		if (length)
			want = (size_t)strtoul(length + 16, NULL, 10);
		if (end && n >= (size_t)(end + 4 - text) + want)
			break;
	}
	pthread_mutex_lock(&p->lock);
	memcpy(p->heard, text, sizeof(text));
	p->connections++;
	pthread_mutex_unlock(&p->lock);
}

static bool hold(struct peer *p, int fd)
{
	bool held;

	pthread_mutex_lock(&p->lock);
	held = p->hangs && p->held < 16;
	if (held)
		p->holds[p->held++] = fd;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	return held;
}

static void let_go(struct peer *p)
{
	pthread_mutex_lock(&p->lock);
	p->hangs = false;
	while (p->held)
		close(p->holds[--p->held]);
	pthread_mutex_unlock(&p->lock);
}

static void *peer_run(void *arg)
{
	struct peer *p = arg;
	int fd;

	while ((fd = accept(p->fd, NULL, NULL)) >= 0) {
		if (hold(p, fd))
			continue;
		hear(p, fd);
		pthread_mutex_lock(&p->lock);
		size_t n = p->says_n;
		char *says = malloc(n ? n : 1);

		assert(says);
		memcpy(says, p->says, n);
		pthread_mutex_unlock(&p->lock);
		for (size_t at = 0; at < n; ) {
			ssize_t done = send(fd, says + at, n - at, MSG_NOSIGNAL);

			if (done <= 0)
				break;
			at += (size_t)done;
		}
		free(says);
		close(fd);
	}
	return NULL;
}

static void answered(void *arg, uint64_t tag, const struct job *answer)
{
	struct fixture *f = arg;

	pthread_mutex_lock(&f->lock);
	assert_true(f->count < ANSWERS_MAX);
	f->answers[f->count].tag = tag;
	f->answers[f->count].number = answer->number;
	f->answers[f->count].code = answer->code;
	snprintf(f->answers[f->count].media, sizeof(f->answers[0].media), "%.63s", answer->media);
	snprintf(f->answers[f->count].reply, sizeof(f->answers[0].reply), "%.127s", answer->reply);
	buf_add(&f->answers[f->count].body, answer->mail, answer->mail_n);
	f->count++;
	pthread_cond_broadcast(&f->come);
	pthread_mutex_unlock(&f->lock);
}

static int setup(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	struct err err = { 0 };

	memset(f, 0, sizeof(*f));
	pthread_mutex_init(&f->lock, NULL);
	pthread_mutex_init(&f->peer.lock, NULL);
	pthread_cond_init(&f->come, NULL);
	pthread_cond_init(&f->peer.changed, NULL);
	f->peer.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (f->peer.fd < 0 || bind(f->peer.fd, (struct sockaddr *)&at, n) != 0 || listen(f->peer.fd, 64) != 0 ||
	    getsockname(f->peer.fd, (struct sockaddr *)&at, &n) != 0 || pthread_create(&f->peer.thread, NULL, peer_run, &f->peer) != 0 ||
	    fetch_new(peers, answered, f, &f->fetch, &err) != PLI_OK)
		return -1;
	f->peer.port = ntohs(at.sin_port);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->fetch)
		assert_true(fetch_end(f->fetch, 20000));
	shutdown(f->peer.fd, SHUT_RDWR);
	pthread_join(f->peer.thread, NULL);
	close(f->peer.fd);
	for (unsigned i = 0; i < f->count; i++)
		buf_free(&f->answers[i].body);
	return 0;
}

static void says_n(struct fixture *f, const char *text, size_t n)
{
	pthread_mutex_lock(&f->peer.lock);
	f->peer.says = text;
	f->peer.says_n = n;
	pthread_mutex_unlock(&f->peer.lock);
}

static void says(struct fixture *f, const char *text)
{
	says_n(f, text, strlen(text));
}

/* What it was asked last. */
static const char *heard(struct fixture *f, char text[4096])
{
	pthread_mutex_lock(&f->peer.lock);
	memcpy(text, f->peer.heard, 4096);
	pthread_mutex_unlock(&f->peer.lock);
	return text;
}

static void push(struct fixture *f, uint64_t tag, const char *path, const char *media, const char *body, enum job_whom whom)
{
	struct job job = { .type = JOB_FETCH, .number = tag + 100, .mail = (const uint8_t *)body, .mail_n = strlen(body), .whom = whom };

	snprintf(job.url, sizeof(job.url), "http://127.0.0.1:%u%s", f->peer.port, path);
	snprintf(job.media, sizeof(job.media), "%s", media);
	fetch_push(f->fetch, tag, &job);
}

/* Waits for that many answers in all; the last one's place. */
static unsigned come(struct fixture *f, unsigned count)
{
	pthread_mutex_lock(&f->lock);
	while (f->count < count)
		pthread_cond_wait(&f->come, &f->lock);
	pthread_mutex_unlock(&f->lock);
	return count - 1;
}

static void get_and_post(void **state)
{
	struct fixture *f = *state;
	char text[4096];
	unsigned i;

	says(f, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
	push(f, 1, "/checkpoint/a/b", "", "", JOB_WITNESS);
	i = come(f, 1);
	assert_int_equal(f->answers[i].tag, 1);
	assert_int_equal(f->answers[i].number, 101);
	assert_int_equal(f->answers[i].code, 200);
	assert_string_equal(f->answers[i].media, "text/plain");
	assert_int_equal(f->answers[i].body.n, 5);
	assert_memory_equal(f->answers[i].body.p, "hello", 5);
	assert_true(strstr(heard(f, text), "GET /checkpoint/a/b HTTP/1.1\r\n") == text);
	assert_null(strstr(heard(f, text), "Authorization"));

	says(f, "HTTP/1.1 409 Conflict\r\nContent-Type: text/x.tlog.size\r\nConnection: close\r\n\r\n12\n");
	push(f, 2, "/add-checkpoint", "text/plain", "old 0\n", JOB_WITNESS);
	i = come(f, 2);
	assert_int_equal(f->answers[i].code, 409);
	assert_string_equal(f->answers[i].media, "text/x.tlog.size");
	assert_memory_equal(f->answers[i].body.p, "12\n", 3);
	assert_true(strstr(heard(f, text), "POST /add-checkpoint HTTP/1.1\r\n") == text);
	assert_non_null(strstr(heard(f, text), "Content-Type: text/plain\r\n"));
	assert_non_null(strstr(heard(f, text), "\r\n\r\nold 0\n"));
	assert_null(strstr(heard(f, text), "Expect:"));

	/* Another peer's account is for that peer alone. */
	push(f, 3, "/tsr", "application/timestamp-query", "q", JOB_TSA);
	come(f, 3);
	assert_non_null(strstr(heard(f, text), "Authorization: Basic YWxpY2U6c2VjcmV0\r\n"));
}

/* Whatever else a peer says is no answer; why is a line. */
static void no_answer(void **state)
{
	static const char *const bad[] = {
		"", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\ncut", "nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	};
	struct fixture *f = *state;
	unsigned count = 0;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		unsigned at;

		says(f, bad[i]);
		push(f, i, "/", "", "", JOB_WITNESS);
		at = come(f, ++count);
		if (f->answers[at].code != 0)
			fail_msg("number %zu was taken as %d", i, f->answers[at].code);
		assert_true(f->answers[at].reply[0] != '\0');
		for (const char *c = f->answers[at].reply; *c; c++)
			assert_true(*c >= 0x20 && *c <= 0x7e);
		assert_int_equal(f->answers[at].body.n, 0);
	}
}

/* It goes where it is told alone. */
static void no_redirect(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	says(f, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	push(f, 1, "/here", "", "", JOB_WITNESS);
	i = come(f, 1);
	assert_int_equal(f->answers[i].code, 302);
	pthread_mutex_lock(&f->peer.lock);
	assert_int_equal(f->peer.connections, 1);
	pthread_mutex_unlock(&f->peer.lock);
	struct job job = { .type = JOB_FETCH, .number = 1, .mail = (const uint8_t *)"", .url = "file:///etc/passwd" };

	fetch_push(f->fetch, 2, &job);
	i = come(f, 2);
	assert_int_equal(f->answers[i].code, 0);
	assert_int_equal(f->answers[i].body.n, 0);
}

/* Exactly as much as an answer may hold, and one byte more. */
static void too_large(void **state)
{
	struct fixture *f = *state;
	AUTO_BUF text = { 0 };

	for (unsigned more = 0; more < 2; more++) {
		unsigned i;

		buf_reset(&text);
		buf_fmt(&text, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\nConnection: close\r\n\r\n", JOB_BODY_MAX + more);
		for (unsigned k = 0; k < JOB_BODY_MAX + more; k++)
			buf_ch(&text, 'x');
		says_n(f, text.p, text.n);
		push(f, more, "/", "", "", JOB_WITNESS);
		i = come(f, more + 1);
		assert_int_equal(f->answers[i].code, more ? 0 : 200);
		assert_int_equal(f->answers[i].body.n, more ? 0 : JOB_BODY_MAX);
	}
}

/* More at once than are kept: each has its one answer, with its own tag. */
static void many(void **state)
{
	struct fixture *f = *state;
	bool seen[200] = { false };
	unsigned good = 0, full = 0;

	says(f, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	for (unsigned i = 0; i < 200; i++)
		push(f, i, "/", "", "", JOB_WITNESS);
	come(f, 200);
	for (unsigned i = 0; i < 200; i++) {
		uint64_t tag = f->answers[i].tag;

		assert_true(tag < 200 && !seen[tag] && f->answers[i].number == tag + 100);
		seen[tag] = true;
		good += f->answers[i].code == 200;
		full += strcmp(f->answers[i].reply, "too many requests wait") == 0;
	}
	assert_int_equal(good + full, 200);
	assert_true(good >= 64);
}

/* A peer that says nothing holds up nobody who ends; what waits behind it is forgotten. */
static void hangs(void **state)
{
	struct fixture *f = *state;
	struct fetch *fetch = f->fetch;

	says(f, "");
	pthread_mutex_lock(&f->peer.lock);
	f->peer.hangs = true;
	pthread_mutex_unlock(&f->peer.lock);
	for (unsigned i = 0; i < 8; i++)
		push(f, i, "/", "", "", JOB_WITNESS);
	pthread_mutex_lock(&f->peer.lock);
	while (!f->peer.held)
		pthread_cond_wait(&f->peer.changed, &f->peer.lock);
	pthread_mutex_unlock(&f->peer.lock);
	fetch_forget(fetch);
	assert_false(fetch_end(fetch, 50));	/* some hang: the process would end */
	let_go(&f->peer);
	f->fetch = NULL;
	assert_true(fetch_end(fetch, 20000));
	assert_true(f->count >= 1 && f->count <= 4);
	for (unsigned i = 0; i < f->count; i++)
		assert_int_equal(f->answers[i].code, 0);
}

static void no_authorities(void **state)
{
	const struct fetch_peer bad[JOB_WHOMS] = { [JOB_WITNESS] = { .ca_pem = "no certificate" } };
	struct fetch *fetch = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(fetch_new(bad, answered, NULL, &fetch, &err), PLI_INPUT);
	assert_non_null(strstr(err.text, "[witness] ca_file"));
}

int main(void)
{
#define WITH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH(get_and_post), WITH(no_answer), WITH(no_redirect), WITH(too_large), WITH(many), WITH(hangs), cmocka_unit_test(no_authorities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
