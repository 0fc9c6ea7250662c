/* Lines for the DNS: what should be published, and whether what is there does the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pool.h"
#include "settings.h"

#include "keygen.h"
#include "keyring.h"

#include "mail_dns.h"

static void lines(void **state)
{
	static const char conf[] = "[server]\nhost = letters.example.org\n[mail]\nmail = smtp://mx.example.net:25\nfrom = l@example.org\n"
				   "bounce_domain = b.example.org\ndkim = both\ndkim_selector = s1\n";
	char dir[] = "/tmp/pli-dns-XXXXXX", pick[256];
	AUTO_POOL pool = pool_new();
	struct mail_dns_line l[MAIL_DNS_LINES_MAX];
	struct settings s;
	struct err err = { 0 };
	unsigned count = 0;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(settings_parse(pool, "f", conf, NULL, &s, &err), PLI_OK);
	assert_int_equal(mail_dns_lines(pool, &s, &(struct keyring){ .dir_fd = fd }, l, &count, &err), PLI_ABSENT);
	assert_int_equal(keygen_dkim(fd, &err), PLI_OK);
	assert_int_equal(keygen_dkim(fd, &err), PLI_OK);
	assert_int_equal(mail_dns_lines(pool, &s, &(struct keyring){ .dir_fd = fd }, l, &count, &err), PLI_OK);
	assert_int_equal(count, 4);
	assert_string_equal(l[0].name, "b.example.org");
	assert_string_equal(l[0].text, "v=spf1 a:mx.example.net -all");
	assert_string_equal(l[1].name, "s1._domainkey.example.org");
	assert_int_equal(strlen(l[1].text), strlen("v=DKIM1; k=ed25519; p=") + 44);
	assert_string_equal(l[2].name, "s1-rsa._domainkey.example.org");
	assert_memory_equal(l[2].text, "v=DKIM1; k=rsa; p=MIIB", 22);
	assert_string_equal(l[3].name, "_dmarc.example.org");
	assert_true(mail_dns_agrees(&l[1], l[1].text));
	snprintf(pick, sizeof(pick), "v=DKIM1;k=ed25519;  p=%s;", strstr(l[1].text, "p=") + 2);
	assert_true(mail_dns_agrees(&l[1], pick));
	pick[30] = pick[30] == 'A' ? 'B' : 'A';
	assert_false(mail_dns_agrees(&l[1], pick));
	assert_false(mail_dns_agrees(&l[1], l[2].text));
	assert_true(mail_dns_agrees(&l[0], "v=spf1 include:x -all"));
	assert_false(mail_dns_agrees(&l[3], "v=spf1 -all"));
	unlinkat(fd, "dkim.key", 0);
	unlinkat(fd, "dkim-rsa.key", 0);
	close(fd);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
