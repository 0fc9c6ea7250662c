#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "cidr.h"

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage a = { 0 };

	if (strchr(text, ':')) {
		a.ss_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&a)->sin6_addr), 1);
	} else {
		a.ss_family = AF_INET;
		assert_int_equal(inet_pton(AF_INET, text, &((struct sockaddr_in *)&a)->sin_addr), 1);
	}
	return a;
}

static void nets_hold(void **state)
{
	static const struct { const char *net, *address; bool holds; } cases[] = {
		{ "192.0.2.7", "192.0.2.7", true }, { "192.0.2.7", "192.0.2.8", false },
		{ "192.0.2.0/24", "192.0.2.255", true }, { "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.128/25", "192.0.2.127", false }, { "192.0.2.128/25", "192.0.2.200", true },
		{ "10.0.0.0/9", "10.127.255.255", true }, { "10.0.0.0/9", "10.128.0.0", false },
		{ "0.0.0.0/0", "255.255.255.255", true }, { "0.0.0.0/0", "2001:db8::1", false },
		{ "192.0.2.0/24", "::ffff:192.0.2.9", true }, { "::ffff:192.0.2.0/120", "192.0.2.9", true },
		{ "2001:db8::/32", "2001:db8:ffff::1", true }, { "2001:db8::/32", "2001:db9::", false },
		{ "2001:db8::1", "2001:db8::1", true }, { "::/0", "2001:db8::1", true }, { "::/0", "192.0.2.1", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sockaddr_storage a = address(cases[i].address);
		struct cidr net;

		assert_true(cidr_parse(cases[i].net, strlen(cases[i].net), &net));
		if (cidr_holds(&net, 1, &a) != cases[i].holds)
			fail_msg("%s in %s", cases[i].address, cases[i].net);
	}
}

static void nothing_else_is_a_net(void **state)
{
	static const char *const texts[] = { "", "/", "192.0.2", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/024", "192.0.2.0/-1", "192.0.2.1/24",
					     "192.0.2.0/24/24", "192.0.2.0/2x", "2001:db8::/129", "2001:db8::1/64", "::ffff:192.0.2.1/96x",
					     "localhost", "[::1]", "192.0.2.0 /24", "::1%lo", "192.0.2.256" };
	struct cidr net;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (cidr_parse(texts[i], strlen(texts[i]), &net))
			fail_msg("%s", texts[i]);
	assert_false(cidr_parse("1.2.3.4\0", 8, &net));
}

static void lists(void **state)
{
	struct sockaddr_storage unix_socket = { .ss_family = AF_UNIX }, a = address("10.1.2.3");
	struct cidr nets[3];

	(void)state;
	assert_int_equal(cidr_list("192.0.2.1, 10.0.0.0/8 2001:db8::/32", nets, 3), 3);
	assert_true(cidr_holds(nets, 3, &a));
	assert_false(cidr_holds(nets, 1, &a));
	assert_false(cidr_holds(nets, 0, &a));
	assert_false(cidr_holds(nets, 3, &unix_socket));
	assert_int_equal(cidr_list(" ,, ", nets, 3), 0);
	assert_int_equal(cidr_list("::1,::2,::3,::4", nets, 3), -1);
	assert_int_equal(cidr_list("::1, x", nets, 3), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nets_hold),
		cmocka_unit_test(nothing_else_is_a_net),
		cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
