#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control.h"

static void carries_words_and_descriptors(void **state)
{
	struct control_message m;
	struct err err;
	int line[2], ends[2];
	char byte = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, line), 0);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(control_send(line[0], CONTROL_READY, "verify only", -1, &err), PLI_OK);
	assert_int_equal(control_send(line[0], CONTROL_LINK_KEEPER, NULL, ends[1], &err), PLI_OK);
	assert_int_equal(control_receive(line[1], &m, &err), PLI_OK);
	assert_int_equal(m.type, CONTROL_READY);
	assert_string_equal(m.text, "verify only");
	assert_int_equal(m.fd, -1);
	assert_int_equal(control_receive(line[1], &m, &err), PLI_OK);
	assert_int_equal(m.type, CONTROL_LINK_KEEPER);
	assert_string_equal(m.text, "");
	assert_true(m.fd >= 0);
	assert_true(fcntl(m.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(m.fd, "x", 1), 1);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	close(m.fd);
	assert_int_equal(fcntl(line[1], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(control_receive(line[1], &m, &err), PLI_AGAIN);
	close(line[0]);
	assert_int_equal(control_receive(line[1], &m, &err), PLI_GONE);
	assert_int_equal(control_send(line[1], CONTROL_STOP, NULL, -1, &err), PLI_IO);
	close(line[1]);
	close(ends[0]);
	close(ends[1]);
}

static void long_text_is_cut(void **state)
{
	static char text[3 * CONTROL_TEXT_MAX];
	struct control_message m;
	struct err err;
	int line[2];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, line), 0);
	assert_int_equal(control_send(line[0], CONTROL_FAILED, text, -1, &err), PLI_OK);
	assert_int_equal(control_receive(line[1], &m, &err), PLI_OK);
	assert_int_equal(strlen(m.text), CONTROL_TEXT_MAX);
	close(line[0]);
	close(line[1]);
}

/* The last words of a process that ended without reading ours. */
static void last_words_are_heard(void **state)
{
	struct control_message m;
	struct err err;
	int line[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, line), 0);
	assert_int_equal(control_send(line[0], CONTROL_LINK_KEEPER, "unread", -1, &err), PLI_OK);
	assert_int_equal(control_send(line[1], CONTROL_FAILED, "why", -1, &err), PLI_OK);
	close(line[1]);
	assert_int_equal(control_receive(line[0], &m, &err), PLI_OK);
	assert_string_equal(m.text, "why");
	assert_int_equal(control_receive(line[0], &m, &err), PLI_GONE);
	close(line[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_words_and_descriptors), cmocka_unit_test(long_text_is_cut),
		cmocka_unit_test(last_words_are_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
