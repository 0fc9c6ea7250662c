/* Canonical forms of RFC 6376 sections 3.4.2 to 3.4.5, and the header that comes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "buf.h"

#include "dkim.h"

static const struct dkim_signer SIGNER = { DKIM_ED25519, "example.org", "s1", INT64_C(1790000000) * 1000000 };

static enum pli_status prepare(const char *mail, struct buf *header, struct buf *text)
{
	struct err err = { 0 };

	return dkim_prepare(&SIGNER, mail, strlen(mail), header, text, &err);
}

static void digest_is(const char *mail, const char *bh)
{
	AUTO_BUF header = { 0 }, text = { 0 };

	assert_int_equal(prepare(mail, &header, &text), PLI_OK);
	if (!strstr(header.p, bh))
		fail_msg("%s in %s", bh, header.p);
}

static void bodies(void **state)
{
	/* Digests by printf … | openssl dgst -sha256 -binary | base64 */
	static const char EMPTY[] = "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

	(void)state;
	digest_is("From: a@b\r\n\r\n", EMPTY);
	digest_is("From: a@b\r\n\r\n\r\n \r\n\t\r\n", EMPTY);
	/* Section 3.4.5: " C \r\nD \t E\r\n\r\n\r\n" is " C\r\nD E\r\n" in the relaxed form. */
	digest_is("From: a@b\r\n\r\n C \r\nD \t E\r\n\r\n\r\n", "bh=unak6JHq0wL+Q1HP7dW1tjBx9FLA6DffoZ0qrLwbbpo=");
	digest_is("From: a@b\r\n\r\n C\r\nD E", "bh=unak6JHq0wL+Q1HP7dW1tjBx9FLA6DffoZ0qrLwbbpo=");
}

static void headers(void **state)
{
	AUTO_BUF header = { 0 }, text = { 0 };

	(void)state;
	assert_int_equal(prepare("Subject:  one\t two \r\n  three\r\nFROM: a@b\r\nX-Other: x\r\nSubject: second\r\n\r\n", &header, &text), PLI_OK);
	/* The last of several first; what is folded is one line; what is not signed is left out. */
	assert_memory_equal(text.p, "from:a@b\r\nsubject:second\r\nsubject:one two three\r\ndkim-signature:v=1; a=ed25519-sha256; ", 87);
	assert_string_equal(text.p + text.n - 3, " b=");
	assert_non_null(strstr(text.p, "; d=example.org; s=s1; t=1790000000; h=From:From:To:Cc:Reply-To:Sender:Subject:Subject:Subject:"));
	assert_null(strstr(text.p, "x-other"));
	dkim_finish(&header, "0123456789", 10);
	assert_string_equal(header.p + header.n - 21, "\tb=MDEyMzQ1Njc4OQ==\r\n");
	assert_int_equal(prepare("Subject: x\r\n\r\n", &header, &text), PLI_INPUT);
	assert_int_equal(prepare("From: a@b\r\n", &header, &text), PLI_INPUT);
}

static void long_signatures_fold(void **state)
{
	AUTO_BUF header = { 0 };
	uint8_t signature[256] = { 0 };

	(void)state;
	dkim_finish(&header, signature, sizeof(signature));
	for (const char *line = header.p; *line; line = strchr(line, '\n') + 1)
		assert_true(strcspn(line, "\r") <= 76);
	assert_string_equal(header.p + header.n - 2, "\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies),
		cmocka_unit_test(headers),
		cmocka_unit_test(long_signatures_fold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
