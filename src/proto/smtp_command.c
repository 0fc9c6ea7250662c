#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "pool.h"
#include "text.h"

#include "smtp_command.h"

static const char *const names[SMTP_VERB_COUNT] = {
	[SMTP_HELO] = "HELO", [SMTP_EHLO] = "EHLO", [SMTP_LHLO] = "LHLO", [SMTP_AUTH] = "AUTH", [SMTP_MAIL] = "MAIL",
	[SMTP_RCPT] = "RCPT", [SMTP_DATA] = "DATA", [SMTP_RSET] = "RSET", [SMTP_NOOP] = "NOOP", [SMTP_QUIT] = "QUIT",
	[SMTP_VRFY] = "VRFY", [SMTP_HELP] = "HELP", [SMTP_STARTTLS] = "STARTTLS",
};

const char *smtp_verb_name(enum smtp_verb verb)
{
	return verb < SMTP_VERB_COUNT ? names[verb] : "?";
}

static enum pli_status malformed(struct err *err, enum smtp_verb verb)
{
	return err_set(err, PLI_INPUT, "%s is malformed.", names[verb]);
}

/* ---- paths and parameters of MAIL and RCPT ---- */

/* "<…>" at *p, moved behind it; what a quoted string holds does not end the path. */
static bool take_path(struct pool *pool, const char **p, const char **path_r)
{
	const char *s = *p, *from;
	bool quoted = false;

	if (*s++ != '<')
		return false;
	from = s;
	for (; *s && (quoted || *s != '>'); s++) {
		if (*s == '\\' && quoted && s[1])
			s++;
		else if (*s == '"')
			quoted = !quoted;
		else if (*s == '<' && !quoted)
			return false;
	}
	if (*s != '>')
		return false;
	*path_r = pool_strn(pool, from, (size_t)(s - from));
	*p = s + 1;
	/* Source routes: long obsolete, and another address than the one that is read. */
	return **path_r != '@';
}

static bool take_number(const char *s, size_t n, uint64_t *number_r)
{
	uint64_t v = 0;

	if (n == 0 || n > 18)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)s[i]))
			return false;
		v = v * 10 + (uint64_t)(s[i] - '0');
	}
	*number_r = v;
	return true;
}

static bool word_is(const char *p, size_t n, const char *word)
{
	return strlen(word) == n && strncasecmp(p, word, n) == 0;
}

/* One parameter of MAIL; RCPT has none that we know. */
static enum pli_status mail_parameter(struct smtp_command *c, const char *p, size_t n, struct err *err)
{
	const char *eq = memchr(p, '=', n);
	size_t key_n = eq ? (size_t)(eq - p) : n, value_n = eq ? n - key_n - 1 : 0;
	const char *value = eq ? eq + 1 : "";

	if (word_is(p, key_n, "SIZE") && eq && !c->has_size) {
		c->has_size = true;
		return take_number(value, value_n, &c->size) ? PLI_OK : malformed(err, c->verb);
	}
	if (word_is(p, key_n, "BODY") && eq) {
		c->eight_bit = word_is(value, value_n, "8BITMIME");
		return c->eight_bit || word_is(value, value_n, "7BIT") ? PLI_OK
		       : err_set(err, PLI_INVALID, "This BODY is not taken; use 8BITMIME.");
	}
	if (word_is(p, n, "SMTPUTF8")) {
		c->utf8 = true;
		return PLI_OK;
	}
	if (word_is(p, key_n, "AUTH") && eq && value_n)	/* RFC 4954 section 5: may be passed over */
		return PLI_OK;
	return err_set(err, PLI_INVALID, "A parameter of %s is not known here.", names[c->verb]);
}

static enum pli_status take_parameters(struct smtp_command *c, const char *p, struct err *err)
{
	while (*p) {
		size_t n;
		enum pli_status st;

		if (*p++ != ' ')
			return malformed(err, c->verb);
		n = strcspn(p, " ");
		if (n == 0)
			return malformed(err, c->verb);
		if (c->verb == SMTP_RCPT)
			return err_set(err, PLI_INVALID, "A parameter of RCPT is not known here.");
		st = mail_parameter(c, p, n, err);
		if (st != PLI_OK)
			return st;
		p += n;
	}
	return PLI_OK;
}

static enum pli_status parse_path(struct pool *pool, struct smtp_command *c, const char *rest, const char *keyword, struct err *err)
{
	size_t n = strlen(keyword);

	if (strncasecmp(rest, keyword, n) != 0)
		return malformed(err, c->verb);
	rest += n;
	if (*rest == ' ')	/* against RFC 5321, and yet seen */
		rest++;
	if (!take_path(pool, &rest, &c->word))
		return err_set(err, PLI_INPUT, "%s wants an address in angle brackets.", names[c->verb]);
	return take_parameters(c, rest, err);
}

/* ---- the others ---- */

static enum pli_status parse_auth(struct pool *pool, struct smtp_command *c, const char *rest, struct err *err)
{
	size_t n = strcspn(rest, " ");
	char *mechanism;

	if (n == 0 || n > 20)
		return malformed(err, c->verb);
	mechanism = pool_strn(pool, rest, n);
	for (char *p = mechanism; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	c->word = mechanism;
	rest += n;
	if (!*rest)
		return PLI_OK;
	rest++;
	if (!*rest || strchr(rest, ' '))
		return malformed(err, c->verb);
	c->initial = str_eq(rest, "=") ? "" : pool_str(pool, rest);
	return PLI_OK;
}

static enum pli_status parse_rest(struct pool *pool, struct smtp_command *c, const char *rest, struct err *err)
{
	switch (c->verb) {
	case SMTP_HELO:
	case SMTP_EHLO:
	case SMTP_LHLO:
		c->word = pool_str(pool, rest);
		return *rest && !strchr(rest, ' ') ? PLI_OK : malformed(err, c->verb);
	case SMTP_AUTH:
		return parse_auth(pool, c, rest, err);
	case SMTP_MAIL:
		return parse_path(pool, c, rest, "FROM:", err);
	case SMTP_RCPT:
		return parse_path(pool, c, rest, "TO:", err);
	case SMTP_DATA:
	case SMTP_RSET:
	case SMTP_QUIT:
	case SMTP_STARTTLS:
		return !*rest ? PLI_OK : malformed(err, c->verb);
	default:
		return PLI_OK;
	}
}

enum pli_status smtp_command_parse(struct pool *pool, const char *line, size_t n, struct smtp_command *command_r, struct err *err)
{
	struct smtp_command c = { .word = "" };
	char *text, *rest;
	size_t verb_n;
	int i = 0;

	if (n > SMTP_LINE_MAX || !text_is_line(line, n))
		return err_set(err, PLI_INPUT, "The line holds bytes that no command has.");
	text = pool_strn(pool, line, n);
	verb_n = strcspn(text, " ");
	while (i < SMTP_VERB_COUNT && !word_is(text, verb_n, names[i]))
		i++;
	if (i == SMTP_VERB_COUNT)
		return err_set(err, PLI_METHOD, "There is no such command here.");
	c.verb = (enum smtp_verb)i;
	rest = text + verb_n + (text[verb_n] == ' ');
	/* Blanks at the end are a client's untidiness, not an argument. */
	for (char *end = rest + strlen(rest); end > rest && end[-1] == ' ';)
		*--end = '\0';
	*command_r = c;
	return parse_rest(pool, command_r, rest, err);
}

/* ---- AUTH ---- */

static enum pli_status auth_decode(struct pool *pool, const char *text, char **bytes_r, size_t *n_r, struct err *err)
{
	size_t n = strlen(text);
	char *bytes;

	if (n > SMTP_LINE_MAX)
		return err_set(err, PLI_INPUT, "The answer is too long.");
	bytes = pool_alloc(pool, 3 * (n / 4) + 4);
	if (!base64_decode(bytes, n_r, text, n))
		return err_set(err, PLI_INPUT, "The answer is not base64.");
	bytes[*n_r] = '\0';
	*bytes_r = bytes;
	return PLI_OK;
}

enum pli_status smtp_auth_plain(struct pool *pool, const char *text, const char **user_r, const char **password_r, struct err *err)
{
	char *bytes;
	const char *user, *password, *end;
	size_t n;
	enum pli_status st = auth_decode(pool, text, &bytes, &n, err);

	if (st != PLI_OK)
		return st;
	end = bytes + n;
	user = memchr(bytes, '\0', n);
	password = user && user < end ? memchr(user + 1, '\0', (size_t)(end - user - 1)) : NULL;
	if (!password || memchr(password + 1, '\0', (size_t)(end - password - 1)))
		return err_set(err, PLI_INPUT, "The answer does not hold a user and a password.");
	user++;
	password++;
	if (!*user || !*password || !utf8_valid(user, strlen(user)) || !utf8_valid(password, strlen(password)) ||
	    (*bytes && !str_eq(bytes, user)))
		return err_set(err, PLI_INPUT, "The answer does not hold a user and a password.");
	*user_r = user;
	*password_r = password;
	return PLI_OK;
}

enum pli_status smtp_auth_text(struct pool *pool, const char *text, const char **text_r, struct err *err)
{
	char *bytes;
	size_t n;
	enum pli_status st = auth_decode(pool, text, &bytes, &n, err);

	if (st != PLI_OK)
		return st;
	if (n == 0 || !utf8_valid(bytes, n) || !text_is_line(bytes, n))
		return err_set(err, PLI_INPUT, "The answer is not a line of text.");
	*text_r = bytes;
	return PLI_OK;
}
