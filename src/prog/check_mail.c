/* Whether notices leave. */
#include "text.h"

#include "instance.h"

#include "check.h"

void check_mail(struct check *c)
{
	const struct settings *s = &c->instance->settings;

	if (s->mail_paused)
		check_say(c, CHECK_WRONG, "[mail] paused = no, then pli reload.", "notices wait: mail is paused");
	if (!str_eq(s->mail, "outbox"))
		check_say(c, CHECK_GOOD, NULL, "notices go to %s, from %s", s->mail, s->mail_from);
	else if (s->demo)
		check_say(c, CHECK_GOOD, NULL, "a demonstration: notices are kept in outbox/");
	else
		check_say(c, CHECK_WEAK, "[mail] mail = smtp://HOST:PORT or smtps://HOST:PORT sends them.", "no notice leaves: they are kept in outbox/");
}
