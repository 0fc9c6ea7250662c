/* Signing in of a mail program: RFC 4954, PLAIN and LOGIN, the password being an API token of the account. */
#include <string.h>

#include "pool.h"
#include "text.h"

#include "wire.h"

#include "smtp_command.h"

#include "directory.h"

#include "smtp_own.h"

#define AUTH_TRIES_MAX 3

/* One line of the client's after a 334; false: it went wrong, and the reply is there. */
static bool auth_ask(struct smtp_session *s, struct pool *pool, const char *challenge, const char **line_r)
{
	AUTO_BUF line;
	struct err err;

	buf_init_secret(&line);
	buf_fmt(&s->out, "334 %s\r\n", challenge);
	if (!smtp_flush(s))
		return false;
	if (wire_line(s->wire, SMTP_LINE_MAX, s->begun_us + SMTP_LOGIN_US, &line, &err) != PLI_OK) {
		smtp_end(s, 421, "4.4.2", "No answer.");
		return false;
	}
	if (line.n == 1 && line.p[0] == '*') {
		smtp_reply(s, 501, "5.7.0", "Given up.");
		return false;
	}
	*line_r = pool_strn(pool, line.p ? line.p : "", line.n);
	return true;
}

/* User and password by one of the two ways; false: the reply is there. */
static bool auth_words(struct smtp_session *s, struct pool *pool, const struct smtp_command *c, const char **user_r,
		       const char **password_r)
{
	const char *line = c->initial, *second;
	struct err err = { 0 };
	enum pli_status st;

	if (str_eq(c->word, "PLAIN")) {
		if (!line && !auth_ask(s, pool, "", &line))
			return false;
		st = smtp_auth_plain(pool, line, user_r, password_r, &err);
	} else {
		if (!line && !auth_ask(s, pool, "VXNlcm5hbWU6", &line))
			return false;
		if (!auth_ask(s, pool, "UGFzc3dvcmQ6", &second))
			return false;
		st = smtp_auth_text(pool, line, user_r, &err);
		if (st == PLI_OK)
			st = smtp_auth_text(pool, second, password_r, &err);
	}
	if (st != PLI_OK)
		smtp_reply(s, 501, "5.5.2", "%s", err.text);
	return st == PLI_OK;
}

static enum pli_status auth_check(struct smtp_session *s, struct pool *pool, const char *user, const char *password, struct err *err)
{
	struct address address;
	enum pli_status st = directory_token_principal(s->house->directory, pool, password, &s->who, err);

	/* Whose token it is must be said too: a mail program shows that name as the sender's. */
	if (st == PLI_OK && (address_parse(pool, user, strlen(user), "user", &address, NULL) != PLI_OK ||
			     !address_same(address.addr, s->who.email)))
		st = err_set(err, PLI_UNAUTH, "the token is another user's");
	return st;
}

static void auth_failed(struct smtp_session *s, enum pli_status st, const struct err *err)
{
	if (st != PLI_UNAUTH) {
		smtp_reply_err(s, err);
		return;
	}
	(void)s->guard(s->guard_arg, s->net_key, true);
	if (++s->auth_tries >= AUTH_TRIES_MAX)
		smtp_end(s, 421, "4.7.0", "Too many failed sign-ins.");
	else
		smtp_reply(s, 535, "5.7.8", "User and token do not belong together. The password is an API token of your account.");
}

void smtp_auth(struct smtp_session *s, const struct smtp_command *c)
{
	struct pool *pool;
	const char *user, *password;
	struct err err = { 0 };
	enum pli_status st;

	if (s->lmtp || s->authenticated || s->has_sender) {
		smtp_reply(s, 503, "5.5.1", "AUTH is not expected here.");
		return;
	}
	if (!str_eq(c->word, "PLAIN") && !str_eq(c->word, "LOGIN")) {
		smtp_reply(s, 504, "5.5.4", "Known here: PLAIN, LOGIN.");
		return;
	}
	if (s->guard(s->guard_arg, s->net_key, false)) {
		smtp_end(s, 421, "4.7.0", "Too many failed sign-ins from your network; try again later.");
		return;
	}
	pool = pool_new_secret();
	if (!auth_words(s, pool, c, &user, &password)) {
		pool_free(pool);
		return;
	}
	st = auth_check(s, pool, user, password, &err);
	if (st != PLI_OK) {
		pool_free(pool);
		auth_failed(s, st, &err);
		return;
	}
	s->who_pool = pool;
	s->token = password;
	s->authenticated = true;
	s->actor = (struct journal_actor){ .account = &s->who.account, .method = s->who.method, .level = s->who.level,
					   .channel = "smtp", .ip = s->peer.ip, .tls = s->peer.tls };
	smtp_reply(s, 235, "2.7.0", "Signed in.");
}
