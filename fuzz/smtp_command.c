/* A command line of a mail program, and what AUTH says: nothing that was taken holds a byte that a line cannot. */
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "pool.h"
#include "text.h"

#include "smtp_command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	struct smtp_command c;
	struct err err;
	const char *user, *password, *text;
	char *whole;

	if (smtp_command_parse(pool, (const char *)data, size, &c, &err) == PLI_OK) {
		assert(c.verb < SMTP_VERB_COUNT && c.word && text_is_line(c.word, strlen(c.word)));
		if (c.verb == SMTP_MAIL || c.verb == SMTP_RCPT)
			assert(c.word[0] != '@' && strlen(c.word) + 2 <= size);
		if (c.initial)
			assert(c.verb == SMTP_AUTH && !strchr(c.initial, ' '));
	}
	whole = pool_strn(pool, (const char *)data, size);
	if (smtp_auth_plain(pool, whole, &user, &password, &err) == PLI_OK)
		assert(*user && *password && utf8_valid(user, strlen(user)));
	if (smtp_auth_text(pool, whole, &text, &err) == PLI_OK)
		assert(*text && text_is_line(text, strlen(text)));
	return 0;
}
