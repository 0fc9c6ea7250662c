#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "http_peers.h"

static uint64_t name_of(const char *text, struct http_peer *peer)
{
	struct sockaddr_storage addr = { 0 };
	struct sockaddr_in *in4 = (struct sockaddr_in *)&addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr;

	if (inet_pton(AF_INET, text, &in4->sin_addr) == 1)
		addr.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1)
		addr.ss_family = AF_INET6;
	else
		addr.ss_family = AF_UNIX;
	return http_peer_name(&addr, peer);
}

static void peers_have_names_and_nets(void **state)
{
	static const struct {
		const char *in, *ip, *net;
	} cases[] = {
		{ "192.0.2.17", "192.0.2.17", "192.0.2.0/24" },
		{ "::ffff:192.0.2.17", "192.0.2.17", "192.0.2.0/24" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff::/64" },
		{ "::1", "::1", "::/64" },
		{ "unix", "local", "local" },
	};
	struct http_peer a, b;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		name_of(cases[i].in, &a);
		assert_string_equal(a.ip, cases[i].ip);
		assert_string_equal(a.net, cases[i].net);
	}
	assert_true(name_of("192.0.2.1", &a) == name_of("::ffff:192.0.2.200", &b));
	assert_true(name_of("192.0.2.1", &a) != name_of("192.0.3.1", &b));
	assert_true(name_of("2001:db8::1", &a) == name_of("2001:db8::2", &b));
	assert_true(name_of("2001:db8::1", &a) != name_of("2001:db8:0:1::1", &b));
}

static void limits_are_kept(void **state)
{
	struct http_peers *peers = http_peers_new(2, 5);

	(void)state;
	assert_true(http_peers_enter(peers, 1));
	assert_true(http_peers_enter(peers, 1));
	assert_false(http_peers_enter(peers, 1));
	assert_true(http_peers_enter(peers, 2));
	assert_true(http_peers_enter(peers, 3));
	assert_true(http_peers_enter(peers, 4));
	assert_false(http_peers_enter(peers, 5));	/* five in all */
	http_peers_leave(peers, 1);
	assert_true(http_peers_enter(peers, 1));
	http_peers_leave(peers, 1);
	http_peers_leave(peers, 1);
	for (uint64_t k = 2; k <= 4; k++)
		http_peers_leave(peers, k);
	http_peers_free(peers);
	peers = http_peers_new(0, 0);
	for (int i = 0; i < 5000; i++)
		assert_true(http_peers_enter(peers, (uint64_t)i % 3000));
	for (int i = 0; i < 5000; i++)
		http_peers_leave(peers, (uint64_t)i % 3000);
	http_peers_free(peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peers_have_names_and_nets),
		cmocka_unit_test(limits_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
