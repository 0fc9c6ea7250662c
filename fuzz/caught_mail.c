/* Mails of our own, read back. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "pool.h"
#include "text.h"
#include "caught_mail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	struct caught_mail mail;

	caught_mail_read(pool, data, size, &mail);
	assert(text_is_line(mail.from, strlen(mail.from)) && text_is_line(mail.subject, strlen(mail.subject)));
	assert(text_is_line(mail.to, strlen(mail.to)) && text_is_line(mail.date, strlen(mail.date)));
	assert(utf8_valid(mail.text, mail.text_n) && mail.text[mail.text_n] == '\0');
	return 0;
}
