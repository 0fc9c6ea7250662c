/* Mails over one connection: the envelope in one turn where the relay takes commands together (RFC 2920), the content in another.
 * A refusal leaves the connection as it is; silence, a break and a 421 end it. */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "pool.h"

#include "job.h"
#include "relay_wire.h"
#include "reply.h"

#include "relay_own.h"

#define REFUSED CURLE_REMOTE_ACCESS_DENIED	/* by a reply that is whole */

struct relay_session {
	const struct relay_common *common;
	struct relay_wire *wire;	/* NULL: none */
	struct relay_said said;
	bool reused;			/* a transaction has gone over it before */
	bool dirty;			/* the relay must forget the one that it refused */
	struct buf out;
};

struct relay_session *relay_session_new(const struct relay_common *common)
{
	struct relay_session *s = mem_alloc(sizeof(*s));

	s->common = common;
	buf_init_secret(&s->out);	/* mails hold links */
	return s;
}

static unsigned patience_s(const struct relay_session *s)
{
	return s->common->config.timeout_s;
}

/* Says good-bye and waits for the answer. */
void relay_session_free(struct relay_session *s)
{
	static const char QUIT[] = "QUIT\r\n";
	struct reply reply;

	if (!s)
		return;
	if (s->wire && relay_wire_put(s->wire, QUIT, sizeof(QUIT) - 1, patience_s(s)) == CURLE_OK)
		(void)!relay_wire_reply(s->wire, &reply, patience_s(s));
	relay_wire_close(s->wire);
	buf_free(&s->out);
	mem_free(s);
}

/* ------------------------------------------------------------------ a transaction */

static CURLcode put_out(struct relay_session *s, unsigned silent_s)
{
	CURLcode rc = relay_wire_put(s->wire, s->out.p, s->out.n, silent_s);

	buf_reset(&s->out);	/* wipes */
	return rc;
}

/* The reply to the command of that stage. */
static CURLcode hear(struct relay_session *s, enum relay_stage stage, int wanted, unsigned silent_s)
{
	CURLcode rc;

	s->said.stage = stage;
	rc = relay_wire_reply(s->wire, &s->said.reply, silent_s);
	if (rc != CURLE_OK)
		return rc;
	if (s->said.reply.code / 100 == wanted)
		return CURLE_OK;
	return s->said.reply.code >= 400 ? REFUSED : CURLE_WEIRD_SERVER_REPLY;
}

struct command {
	enum relay_stage stage;
	int wanted;		/* first digit of a good answer */
	const char *before, *address, *after;
};

static void command_write(struct relay_session *s, const struct command *c)
{
	buf_str(&s->out, c->before);
	buf_str(&s->out, c->address);
	buf_str(&s->out, c->after);
}

/* Every command has its reply, whatever the one before it got.  The first refusal is what counts. */
static CURLcode commands_together(struct relay_session *s, const struct command *commands, unsigned count)
{
	struct relay_said refusal = { 0 };
	CURLcode rc, first = CURLE_OK;
	bool open = false;

	for (unsigned i = 0; i < count; i++)
		command_write(s, &commands[i]);
	s->said.stage = commands[0].stage;
	rc = put_out(s, patience_s(s));
	for (unsigned i = 0; i < count && rc == CURLE_OK; i++) {
		rc = hear(s, commands[i].stage, commands[i].wanted, patience_s(s));
		open = commands[i].stage == RELAY_DATA && rc == CURLE_OK;
		if (rc != REFUSED || s->said.reply.code == 421)
			continue;
		if (first == CURLE_OK)
			refusal = s->said;
		first = rc;
		rc = CURLE_OK;
	}
	if (rc != CURLE_OK || first == CURLE_OK)
		return rc;
	/* Without a recipient there is nobody who would get it; one who keeps what he should forget is not trusted with that. */
	if (open && refusal.stage == RELAY_RSET) {
		rc = CURLE_WEIRD_SERVER_REPLY;
	} else if (open) {
		buf_str(&s->out, ".\r\n");
		rc = put_out(s, patience_s(s));
		if (rc == CURLE_OK)
			rc = hear(s, RELAY_DOT, 2, patience_s(s));
	}
	s->said.stage = refusal.stage;
	s->said.reply = refusal.reply;
	return rc == CURLE_OK || rc == REFUSED ? REFUSED : rc;
}

static CURLcode commands_singly(struct relay_session *s, const struct command *commands, unsigned count)
{
	CURLcode rc = CURLE_OK;

	for (unsigned i = 0; i < count && rc == CURLE_OK; i++) {
		command_write(s, &commands[i]);
		s->said.stage = commands[i].stage;
		rc = put_out(s, patience_s(s));
		if (rc == CURLE_OK)
			rc = hear(s, commands[i].stage, commands[i].wanted, patience_s(s));
	}
	return rc;
}

static CURLcode envelope(struct relay_session *s, const struct relay_mail *mail)
{
	char after_from[40] = ">\r\n";
	const struct command commands[] = {
		{ RELAY_RSET, 2, "RSET\r\n", "", "" },
		{ RELAY_MAIL, 2, "MAIL FROM:<", mail->from, after_from },
		{ RELAY_RCPT, 2, "RCPT TO:<", mail->to, ">\r\n" },
		{ RELAY_DATA, 3, "DATA\r\n", "", "" },
	};
	unsigned first = s->dirty ? 0 : 1, count = sizeof(commands) / sizeof(commands[0]) - first;

	if (s->said.size)
		snprintf(after_from, sizeof(after_from), "> SIZE=%zu\r\n", mail->mail_n);
	return s->said.pipelining ? commands_together(s, commands + first, count) : commands_singly(s, commands + first, count);
}

/* Lines that begin with a dot get one more (RFC 5321 section 4.5.2); then the final one. */
static void content_write(struct buf *out, const struct relay_mail *mail)
{
	const char *p = (const char *)mail->mail, *end = p + mail->mail_n;

	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p)), *next = lf ? lf + 1 : end;

		if (*p == '.')
			buf_add(out, ".", 1);
		buf_add(out, p, (size_t)(next - p));
		p = next;
	}
	if (mail->mail_n && end[-1] != '\n')
		buf_str(out, "\r\n");
	buf_str(out, ".\r\n");
}

/* RFC 5321 section 4.5.3.2.6: a server may think long over what it has got, and breaking off then makes a second copy. */
static CURLcode content(struct relay_session *s, const struct relay_mail *mail)
{
	unsigned silent_s = 5 * patience_s(s);
	CURLcode rc;

	s->said.stage = RELAY_BODY;
	reply_clear(&s->said.reply);
	content_write(&s->out, mail);
	rc = put_out(s, silent_s);
	return rc == CURLE_OK ? hear(s, RELAY_DOT, 2, silent_s) : rc;
}

static void hang_up(struct relay_session *s)
{
	relay_wire_close(s->wire);
	s->wire = NULL;
}

static CURLcode connected(struct relay_session *s)
{
	s->reused = s->wire != NULL;
	if (s->wire) {
		s->said.stage = RELAY_MAIL;
		s->said.fault[0] = '\0';
		reply_clear(&s->said.reply);
		return CURLE_OK;
	}
	s->dirty = false;
	return relay_wire_open(s->common, &s->said, &s->wire);
}

/* After it there is a wire only if the next mail can go over it. */
static CURLcode transact(struct relay_session *s, const struct relay_mail *mail)
{
	CURLcode rc = connected(s);

	if (rc == CURLE_OK)
		rc = envelope(s, mail);
	if (rc == CURLE_OK)
		rc = content(s, mail);
	s->dirty = rc != CURLE_OK && s->said.stage != RELAY_DOT;
	if (rc != CURLE_OK && (rc != REFUSED || s->said.reply.code == 421))
		hang_up(s);
	return rc;
}

/* ------------------------------------------------------------------ what came of it */

/* The relay wants a better sign-in, which is no fault of the mail's (RFC 4954 section 6). */
static bool wants_sign_in(int code)
{
	return code == 530 || code == 534 || code == 535 || code == 538;
}

static enum job_outcome outcome_of(const struct relay_session *s, CURLcode rc)
{
	int code = s->said.reply.code;

	if (rc == CURLE_OK)
		return JOB_DONE;
	if (s->said.stage < RELAY_MAIL)
		return JOB_AWAY;
	if (s->said.stage == RELAY_MAIL && (wants_sign_in(code) || code == 421))
		return JOB_AWAY;
	if (code >= 500)
		return JOB_REFUSED;
	if (code == 0 && s->said.stage == RELAY_DOT)
		return JOB_DOUBT;
	return JOB_AGAIN;
}

/* A connection from before that is of no use any more; nothing of the mail has gone over it. */
static bool was_stale(const struct relay_session *s, CURLcode rc)
{
	const struct relay_said *said = &s->said;

	return rc != CURLE_OK && s->reused && (said->stage == RELAY_RSET || (said->stage == RELAY_MAIL && (said->reply.code == 0 || said->reply.code == 421)));
}

static const char *stage_words(enum relay_stage stage)
{
	static const char *const words[] = {
		[RELAY_GREETING] = "before its greeting", [RELAY_HELLO] = "after EHLO", [RELAY_STARTTLS] = "at STARTTLS", [RELAY_SIGN_IN] = "at AUTH",
		[RELAY_RSET] = "after RSET",
		[RELAY_MAIL] = "after MAIL", [RELAY_RCPT] = "after RCPT", [RELAY_DATA] = "after DATA", [RELAY_BODY] = "while the mail was under way",
		[RELAY_DOT] = "after the final dot",
	};

	return words[stage];
}

/* Our own words, where the relay said none: without a code at the front, so that nobody takes them for the relay's. */
static void own_words(const struct relay_session *s, CURLcode rc, char out[REPLY_MAX + 1])
{
	char words[CURL_ERROR_SIZE + 100];
	const char *fault = s->said.fault[0] ? s->said.fault : curl_easy_strerror(rc);

	if (rc == CURLE_USE_SSL_FAILED)
		snprintf(words, sizeof(words), "the relay offers no TLS, nothing was sent");
	else if (rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CONNECT_ERROR)
		snprintf(words, sizeof(words), "no TLS with the relay: %s", fault);
	else if (rc == CURLE_COULDNT_CONNECT || rc == CURLE_COULDNT_RESOLVE_HOST)
		snprintf(words, sizeof(words), "no connection to the relay: %s", fault);
	else if (rc == CURLE_OPERATION_TIMEDOUT)
		snprintf(words, sizeof(words), "the relay fell silent %s", stage_words(s->said.stage));
	else
		snprintf(words, sizeof(words), "the relay broke off %s: %s", stage_words(s->said.stage), fault);
	reply_clean(out, words, strlen(words));
}

static void fill_answer(const struct relay_session *s, CURLcode rc, struct job *a)
{
	const struct reply *reply = &s->said.reply;
	char words[REPLY_MAX + 1];

	*a = (struct job){ .type = JOB_ANSWER, .outcome = outcome_of(s, rc) };
	if (reply->text[0] && (rc == CURLE_OK || reply->code >= 400 || reply->code == 0)) {
		snprintf(a->reply, sizeof(a->reply), "%s", reply->text);
	} else {
		own_words(s, rc, words);
		snprintf(a->reply, sizeof(a->reply), "%s", words);
	}
	memcpy(a->peer, s->said.peer, sizeof(a->peer));
	memcpy(a->tls, s->said.tls, sizeof(a->tls));
}

void relay_session_say(struct relay_session *s, const char *command, struct job *answer_r)
{
	CURLcode rc = connected(s);

	if (rc == CURLE_OK) {
		const struct command one = { RELAY_MAIL, 2, command, "\r\n", "" };

		rc = commands_singly(s, &one, 1);
	}
	fill_answer(s, rc, answer_r);
	if (rc != CURLE_OK && rc != REFUSED)
		hang_up(s);
}

void relay_session_send(struct relay_session *s, const struct relay_mail *mail, struct job *answer_r)
{
	CURLcode rc = transact(s, mail);

	if (was_stale(s, rc)) {
		hang_up(s);
		rc = transact(s, mail);
	}
	fill_answer(s, rc, answer_r);
}
