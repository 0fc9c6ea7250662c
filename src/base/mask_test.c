/* Nobody is named in what is kept of a mail server's words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"

#include "mask.h"

static void addresses_go(void **state)
{
	static const struct {
		const char *words, *wanted;
	} rows[] = {
		{ "", "" },
		{ "no address", "no address" },
		{ "550 5.1.1 <a.b+c@example.org>: Recipient address rejected", "550 5.1.1 <(address)>: Recipient address rejected" },
		{ "a@b.c,d@e.f", "(address),(address)" },
		{ "\"a b\"@example.org x", "(address) x" },
		{ "user@[192.0.2.1] gone", "(address) gone" },
		{ "user@[192.0.2.1", "(address)" },
		{ "a@b@c", "(address)(address)" },
		{ "price @ home, @ alone@", "price @ home, @ alone@" },
		{ "@", "@" },
		{ "@b", "@b" },
		{ "a@", "a@" },
		{ "\"@x.y", "(address)" },
		{ "name\"@x.y", "(address)" },
		{ "\xC3\xA9t\xC3\xA9@exemple.fr inconnu", "(address) inconnu" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_BUF out = { 0 };

		mask_addresses(&out, rows[i].words, strlen(rows[i].words));
		assert_string_equal(out.p ? out.p : "", rows[i].wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
