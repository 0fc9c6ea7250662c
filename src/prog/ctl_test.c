#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"

#include "json_read.h"

#include "ctl.h"
#include "ctl_server.h"

static void request_round_trip(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF line = { 0 };
	struct ctl_request request;
	const char *email = NULL;
	struct err err;

	(void)state;
	ctl_request_write(&line, "user add", "{\"email\":\"a@example.org\"}");
	assert_int_equal(line.p[line.n - 1], '\n');
	assert_int_equal(ctl_request_read(pool, line.p, line.n - 1, &request, &err), PLI_OK);
	assert_string_equal(request.verb, "user add");
	assert_int_equal(json_read_str(request.args, "email", &email, &err), PLI_OK);
	assert_string_equal(email, "a@example.org");
}

static void request_refused(void **state)
{
	static const char *const lines[] = {
		"", "{", "[]", "{}", "{\"verb\":\"x\"}", "{\"args\":{}}", "{\"verb\":1,\"args\":{}}",
		"{\"verb\":\"x\",\"args\":[]}", "{\"verb\":\"x\",\"args\":{},\"more\":1}", "{\"verb\":\"x\",\"args\":{}} x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct ctl_request request;
		struct err err;
		if (ctl_request_read(pool, lines[i], strlen(lines[i]), &request, &err) == PLI_OK)
			fail_msg("case %zu", i);
	}
}

static void answers_round_trip(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF line = { 0 };
	struct ctl_answer answer;
	struct err err = { 0 }, why = { 0 };
	int64_t n = 0;

	(void)state;
	ctl_row_write(&line, "{\"a\":[1,2]}");
	assert_int_equal(ctl_answer_read(pool, line.p, line.n - 1, &answer, &err), PLI_OK);
	assert_false(answer.last);
	assert_string_equal(answer.row_json, "{\"a\":[1,2]}");

	buf_reset(&line);
	ctl_end_write(&line, PLI_OK, NULL, NULL);
	assert_int_equal(ctl_answer_read(pool, line.p, line.n - 1, &answer, &err), PLI_OK);
	assert_true(answer.last);
	assert_int_equal(answer.status, PLI_OK);
	assert_null(answer.body);

	buf_reset(&line);
	(void)err_field(&why, PLI_CONFLICT, "journal", "seq", "number \"%d\" differs", 7);
	(void)err_hint(&why, "restore it");
	ctl_end_write(&line, PLI_CONFLICT, &why, "{\"bad_number\":7}");
	assert_int_equal(ctl_answer_read(pool, line.p, line.n - 1, &answer, &err), PLI_OK);
	assert_true(answer.last);
	assert_int_equal(answer.status, PLI_CONFLICT);
	assert_string_equal(answer.err.text, "number \"7\" differs");
	assert_string_equal(answer.err.type, "journal");
	assert_string_equal(answer.err.field, "seq");
	assert_string_equal(answer.err.hint, "restore it");
	assert_int_equal(json_read_int(answer.body, "bad_number", 0, 10, &n, &err), PLI_OK);
	assert_int_equal(n, 7);
}

/* An answer that says it failed without a known status is never taken for a success. */
static void unknown_status_is_a_failure(void **state)
{
	static const char *const lines[] = { "{\"ok\":false}", "{\"ok\":false,\"status\":\"ok\"}", "{}",
					     "{\"ok\":false,\"status\":\"new\"}" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct ctl_answer answer;
		struct err err;
		assert_int_equal(ctl_answer_read(pool, lines[i], strlen(lines[i]), &answer, &err), PLI_OK);
		if (answer.status == PLI_OK)
			fail_msg("case %zu", i);
	}
}

/* ---- the server's end ---- */

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool entered, open, left;
};

static enum pli_status linger(void *arg, struct ctl_call *call, struct err *err)
{
	struct gate *g = arg;

	(void)call;
	(void)err;
	pthread_mutex_lock(&g->lock);
	g->entered = true;
	pthread_cond_broadcast(&g->cond);
	while (!g->open)
		pthread_cond_wait(&g->cond, &g->lock);
	g->left = true;
	pthread_cond_broadcast(&g->cond);
	pthread_mutex_unlock(&g->lock);
	return PLI_OK;
}

static void gate_wait(struct gate *g, const bool *what)
{
	pthread_mutex_lock(&g->lock);
	while (!*what)
		pthread_cond_wait(&g->cond, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static int call_verb(const struct sockaddr_un *at)
{
	AUTO_BUF line = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ctl_request_write(&line, "linger", "{}");
	assert_int_equal(connect(fd, (const struct sockaddr *)at, sizeof(*at)), 0);
	assert_int_equal(write(fd, line.p, line.n), line.n);
	return fd;
}

/* A verb that takes long does not hold up a stop. */
static void a_long_verb_is_abandoned(void **state)
{
	static const struct ctl_verb verbs[] = { { "linger", linger }, { NULL, NULL } };
	static struct ctl_server *abandoned;	/* kept: found by who looks for leaks */
	struct ctl_server *server;
	struct gate g = { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	int64_t begun_us;
	struct err err;
	char byte;

	(void)state;
	snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "pli-ctl-test-%ld", (long)getpid());
	assert_int_equal(bind(listen_fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listen_fd, 8), 0);
	assert_int_equal(ctl_server_start(listen_fd, verbs, &g, &abandoned, &err), PLI_OK);
	fd = call_verb(&at);
	gate_wait(&g, &g.entered);
	begun_us = clock_mono_us();
	assert_false(ctl_server_stop(abandoned, 200));
	assert_true(clock_mono_us() - begun_us < 30 * SECOND_US);
	pthread_mutex_lock(&g.lock);
	g.open = true;
	pthread_cond_broadcast(&g.cond);
	pthread_mutex_unlock(&g.lock);
	gate_wait(&g, &g.left);
	while (read(fd, &byte, 1) == 1)		/* its thread is done with the server when the line ends */
		;
	close(fd);

	/* One that is done in time is waited for. */
	assert_int_equal(ctl_server_start(listen_fd, verbs, &g, &server, &err), PLI_OK);
	fd = call_verb(&at);
	while (read(fd, &byte, 1) == 1)
		;
	close(fd);
	assert_true(ctl_server_stop(server, 5000));
	close(listen_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_round_trip), cmocka_unit_test(request_refused),
		cmocka_unit_test(answers_round_trip), cmocka_unit_test(unknown_status_is_a_failure),
		cmocka_unit_test(a_long_verb_is_abandoned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
