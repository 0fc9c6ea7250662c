/* Whether the relay would take a notice, and what the DNS says about mails in our name. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "pool.h"
#include "text.h"

#include "job.h"
#include "relay.h"

#include "keyring.h"

#include "instance.h"
#include "key_phrase.h"
#include "mail_dns.h"
#include "relay_settings.h"

#include "check.h"

#define PASSWORD_MAX 1024
#define CA_MAX (1024 * 1024)
#define PATIENCE_S 10

/* A file that the settings name; false: said why. */
static bool named_file(struct check *c, const char *key, const char *name, size_t max, const char **text_r)
{
	char *text;
	ssize_t n;
	int fd;

	*text_r = NULL;
	if (!name)
		return true;
	fd = openat(c->instance->dir_fd, name, O_RDONLY | O_CLOEXEC);
	text = pool_alloc(c->pool, max + 1);
	n = fd >= 0 ? read(fd, text, max) : -1;
	if (fd >= 0)
		close(fd);
	if (n <= 0) {
		check_say(c, CHECK_WRONG, "Paths in pli.conf begin at the instance's directory, or with a slash.",
			  "[mail] %s = %s cannot be read", key, name);
		return false;
	}
	text[n] = '\0';
	*text_r = text;
	return true;
}

void check_relay(struct check *c)
{
	const struct settings *s = &c->instance->settings;
	const char *password, *ca;
	struct relay_config config;
	struct job answer;
	struct err err = { 0 };

	if (str_eq(s->mail, "outbox") || !named_file(c, "password_file", s->mail_password_file, PASSWORD_MAX, &password) ||
	    !named_file(c, "ca_file", s->mail_ca_file, CA_MAX, &ca))
		return;
	if (password)
		password = pool_strn(c->pool, password, strcspn(password, "\r\n"));
	relay_settings(s, password, ca, &config);
	if (config.timeout_s > PATIENCE_S)
		config.timeout_s = PATIENCE_S;
	if (relay_probe(&config, s->mail_from, &answer, &err) != PLI_OK) {
		check_say(c, CHECK_WRONG, err.hint, "%s", err.text);
		return;
	}
	if (answer.outcome != JOB_DONE) {
		check_say(c, CHECK_WRONG, answer.outcome == JOB_AWAY ? "Notices wait until it does; none is lost." : NULL,
			  "the relay does not take mail from %s: %s", s->mail_from, answer.reply);
		return;
	}
	check_say(c, answer.tls[0] || settings_relay_is_here(s) ? CHECK_GOOD : CHECK_WEAK, NULL, "the relay %s takes mail from %s, %s",
		  answer.peer, s->mail_from, answer.tls[0] ? pool_fmt(c->pool, "under %s", answer.tls) : "without TLS");
}

static void check_line(struct check *c, const struct mail_dns_line *line, bool *dns)
{
	static const char *const names[] = { [MAIL_DNS_SPF] = "SPF", [MAIL_DNS_DKIM] = "DKIM", [MAIL_DNS_DMARC] = "DMARC" };
	const char *published = NULL, *publish = pool_fmt(c->pool, "Publish: %s. TXT \"%s\"", line->name, line->text);
	struct err err = { 0 };

	if (*dns && mail_dns_published(c->pool, line, &published, &err) != PLI_OK) {
		check_say(c, CHECK_WEAK, NULL, "%s: nothing about mail could be looked up", err.text);
		*dns = false;
	}
	if (!*dns)
		check_say(c, CHECK_GOOD, publish, "%s of %s: not looked up", names[line->kind], line->name);
	else if (!published)
		check_say(c, CHECK_WEAK, publish, "%s: nothing is published at %s", names[line->kind], line->name);
	else if (!mail_dns_agrees(line, published))
		check_say(c, CHECK_WRONG, publish, "%s: what is published at %s is another key", names[line->kind], line->name);
	else
		check_say(c, CHECK_GOOD, NULL, "%s at %s: %.200s", names[line->kind], line->name, published);
}

void check_dns(struct check *c)
{
	const struct settings *s = &c->instance->settings;
	struct mail_dns_line lines[MAIL_DNS_LINES_MAX];
	enum pli_status st = PLI_DENIED;
	struct keyring ring;
	struct err err = { 0 };
	unsigned count = 0;
	bool dns = true;

	if (str_eq(s->mail, "outbox"))
		return;
	if (key_phrase_ring(c->instance, &ring, &err) == PLI_OK) {
		st = mail_dns_lines(c->pool, s, &ring, lines, &count, &err);
		keyring_close(&ring);
	}
	if (st != PLI_OK) {
		check_say(c, CHECK_WRONG, "`pli init` makes the keys; copy them from where the instance was made.", "%s", err.text);
		return;
	}
	for (unsigned i = 0; i < count; i++)
		check_line(c, &lines[i], &dns);
}
