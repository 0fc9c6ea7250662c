/* The conversation: RFC 5321 and 4409 (submission), RFC 2033 (LMTP), extensions SIZE, 8BITMIME, SMTPUTF8,
 * PIPELINING, ENHANCEDSTATUSCODES.
 *
 * 250 after the final dot is said when the evidence is durable; 4xx when that is not certain. */
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "stream.h"
#include "wire.h"

#include "smtp_command.h"
#include "smtp_data.h"

#include "directory.h"

#include "deposit.h"
#include "mail_spool.h"
#include "office.h"

#include "problem.h"

#include "smtp_own.h"

#define IDLE_US (300 * SECOND_US)	/* RFC 5321 section 4.5.3.2.7 */
#define SEND_US (60 * SECOND_US)
#define ERRORS_MAX 100
#define BOUNCE_BYTES_MAX (UINT64_C(4) << 20)
#define BOUNCE_RECIPIENTS_MAX 100
#define REPLY_TEXT_MAX 480		/* RFC 5321 section 4.5.3.1.5: 512 with code and end */

/* ---- replies ---- */

static void put_text(struct buf *out, const char *text)
{
	size_t start = out->n;

	for (const unsigned char *p = (const unsigned char *)text; *p && out->n - start < REPLY_TEXT_MAX; p++)
		if (*p < 0x80)
			buf_ch(out, *p >= ' ' && *p < 0x7f ? (char)*p : ' ');
		else if (*p >= 0xC0)	/* one sign for one character */
			buf_ch(out, '?');
}

void smtp_reply(struct smtp_session *s, int code, const char *enhanced, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_fmt(&s->out, "%d %s%s", code, enhanced ? enhanced : "", enhanced ? " " : "");
	put_text(&s->out, text);
	buf_str(&s->out, "\r\n");
	if (code >= 500)
		s->errors++;
}

void smtp_reply_err(struct smtp_session *s, const struct err *err)
{
	const char *enhanced;
	int code = problem_smtp_code(err, &enhanced);

	smtp_reply(s, code, enhanced, "%s%s%s", problem_detail(err), err->hint[0] ? " " : "", err->hint);
}

bool smtp_flush(struct smtp_session *s)
{
	struct err err;
	bool sent = !s->out.n || wire_send(s->wire, s->out.p, s->out.n, clock_mono_us() + SEND_US, &err) == PLI_OK;

	buf_reset(&s->out);
	s->over |= !sent;
	return sent;
}

void smtp_end(struct smtp_session *s, int code, const char *enhanced, const char *text)
{
	smtp_reply(s, code, enhanced, "%s", text);
	s->over = true;
}

/* ---- transactions ---- */

static void transaction_end(struct smtp_session *s)
{
	pool_free(s->pool);
	s->pool = NULL;
	s->has_sender = s->utf8 = false;
	s->recipients = (struct address_list){ 0 };
	s->notices = NULL;
	s->notice_count = 0;
}

static uint64_t message_max(const struct smtp_session *s)
{
	uint64_t max = s->house->settings->submission_max_bytes;

	return s->lmtp && max > BOUNCE_BYTES_MAX ? BOUNCE_BYTES_MAX : max;
}

static void do_hello(struct smtp_session *s, const struct smtp_command *c)
{
	if ((c->verb == SMTP_LHLO) != s->lmtp) {
		smtp_reply(s, 500, "5.5.1", s->lmtp ? "This is LMTP: say LHLO." : "There is no such command here.");
		return;
	}
	transaction_end(s);
	s->greeted = true;
	if (c->verb == SMTP_HELO) {
		smtp_reply(s, 250, NULL, "%s", s->house->host);
		return;
	}
	buf_fmt(&s->out, "250-%s\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n", s->house->host);
	if (!s->lmtp)
		buf_str(&s->out, "250-AUTH PLAIN LOGIN\r\n");
	buf_fmt(&s->out, "250 SIZE %llu\r\n", (unsigned long long)message_max(s));
}

/* The token still holds and its bearer may write letters. */
static enum pli_status still_may(struct smtp_session *s, struct err *err)
{
	AUTO_POOL pool = pool_new_secret();
	struct principal now;
	enum pli_status st = directory_token_principal(s->house->directory, pool, s->token, &now, err);

	if (st == PLI_OK)
		st = principal_may(&now, RIGHT_DEPOSIT, &now.entity, NULL, err);
	return st == PLI_OK ? office_room(s->house->office, OFFICE_RESERVE_DEPOSIT, err) : st;
}

static bool ascii(const char *s)
{
	for (; *s; s++)
		if (*s & 0x80)
			return false;
	return true;
}

/* Letters leave under the name of who deposits them: no other sender is taken. */
static enum pli_status sender_check(struct smtp_session *s, const char *path, struct err *err)
{
	struct address sender;
	enum pli_status st = still_may(s, err);

	if (st != PLI_OK)
		return st;
	if (!*path || address_parse(s->pool, path, strlen(path), "from", &sender, NULL) != PLI_OK ||
	    !address_same(sender.addr, s->who.email)) {
		err_field(err, PLI_DENIED, "not-your-address", "from", "The sender's address is not that of your account.");
		return err_hint(err, "Send as %.200s.", s->who.email);
	}
	return PLI_OK;
}

static void do_mail(struct smtp_session *s, const struct smtp_command *c)
{
	struct err err = { 0 };

	if (s->has_sender) {
		smtp_reply(s, 503, "5.5.1", "A sender is named already.");
		return;
	}
	if (s->stopping(s->guard_arg)) {
		smtp_end(s, 421, "4.3.2", "The server is stopping; try again later.");
		return;
	}
	if (c->has_size && c->size > message_max(s)) {
		smtp_reply(s, 552, "5.3.4", "The mail is larger than %llu bytes.", (unsigned long long)message_max(s));
		return;
	}
	transaction_end(s);
	s->pool = pool_new_secret();
	s->utf8 = c->utf8;
	if (!s->lmtp && sender_check(s, c->word, &err) != PLI_OK) {
		transaction_end(s);
		smtp_reply_err(s, &err);
		return;
	}
	s->has_sender = true;
	smtp_reply(s, 250, "2.1.0", "Sender taken.");
}

static void rcpt_bounce(struct smtp_session *s, const char *path)
{
	struct err err = { 0 };
	struct uuid notice;
	enum pli_status st;

	if (s->notice_count == BOUNCE_RECIPIENTS_MAX) {
		smtp_reply(s, 452, "4.5.3", "Too many recipients.");
		return;
	}
	st = smtp_bounce_recipient(s, path, &notice, &err);
	if (st == PLI_ABSENT) {
		smtp_reply(s, 550, "5.1.1", "There is no such address here.");
		return;
	}
	if (st != PLI_OK) {
		smtp_reply_err(s, &err);
		return;
	}
	if (!s->notices)
		s->notices = POOL_ARRAY(s->pool, struct uuid, BOUNCE_RECIPIENTS_MAX);
	s->notices[s->notice_count++] = notice;
	smtp_reply(s, 250, "2.1.5", "Recipient taken.");
}

/* Exactly one address, counted once. */
static enum pli_status recipient_add(struct smtp_session *s, const char *path, struct err *err)
{
	struct address one;
	enum pli_status st = address_parse(s->pool, path, strlen(path), "to", &one, err);

	return st != PLI_OK ? st : address_list_parse(s->pool, &s->recipients, one.addr, strlen(one.addr), "to", DEPOSIT_RECIPIENTS_MAX, err);
}

static void do_rcpt(struct smtp_session *s, const struct smtp_command *c)
{
	struct err err = { 0 };

	if (!s->has_sender) {
		smtp_reply(s, 503, "5.5.1", "Name a sender first.");
		return;
	}
	if (s->lmtp) {
		rcpt_bounce(s, c->word);
		return;
	}
	if (s->recipients.count == DEPOSIT_RECIPIENTS_MAX) {
		smtp_reply(s, 452, "4.5.3", "A letter has at most %d recipients.", DEPOSIT_RECIPIENTS_MAX);
		return;
	}
	if (!ascii(c->word) && !s->utf8) {
		smtp_reply(s, 553, "5.6.7", "An address beyond ASCII needs SMTPUTF8.");
		return;
	}
	if (recipient_add(s, c->word, &err) != PLI_OK)
		smtp_reply_err(s, &err);
	else
		smtp_reply(s, 250, "2.1.5", "Recipient taken.");
}

/* ---- the message ---- */

/* What comes after DATA: text into the spool, its digest beside.  *faulty_r: the connection cannot be used any more. */
struct incoming {
	struct ostream *spool;
	EVP_MD_CTX *digest;
	struct smtp_data state;
	struct buf text;
	enum pli_status st;		/* of the spool: the first fault; what follows is passed over */
	struct err why;
};

static void incoming_take(struct incoming *in)
{
	if (in->text.n && in->st == PLI_OK) {
		in->st = ostream_write(in->spool, in->text.p, in->text.n, &in->why);
		EVP_DigestUpdate(in->digest, in->text.p, in->text.n);
	}
	buf_reset(&in->text);
}

/* Up to the final dot.  At least body_rate bytes a second over each body_rate_s, as for the body of a request. */
static enum pli_status message_receive(struct smtp_session *s, struct incoming *in, struct err *err)
{
	const struct settings *settings = s->house->settings;
	int64_t span_us = (int64_t)settings->body_rate_s * SECOND_US, until_us = clock_mono_us() + span_us;
	uint64_t wanted = (uint64_t)settings->body_rate_bytes * settings->body_rate_s, got = 0, all = 0;

	for (;;) {
		const char *p;
		size_t n, used;
		enum pli_status st = wire_fill(s->wire, until_us, &p, &n, err);

		if (st == PLI_AGAIN && got >= wanted && got > 0) {
			until_us = clock_mono_us() + span_us;
			got = 0;
			continue;
		}
		if (st != PLI_OK)
			return st;
		st = smtp_data_feed(&in->state, p, n, &used, &in->text, err);
		wire_use(s->wire, used);
		got += used;
		all += used;
		if (st == PLI_INPUT)
			return st;
		incoming_take(in);
		if (st == PLI_OK)
			return PLI_OK;
		/* Who goes on long after the limit does not read our answer: that would be all the others' bandwidth. */
		if (all > 2 * message_max(s) + (UINT64_C(1) << 20))
			return err_set(err, PLI_LIMIT, "the mail does not end");
		if (clock_mono_us() >= until_us) {
			if (got < wanted)
				return err_set(err, PLI_AGAIN, "the peer was too slow");
			until_us = clock_mono_us() + span_us;
			got = 0;
		}
	}
}

static void refuse_all(struct smtp_session *s, const struct err *err)
{
	unsigned count = s->lmtp ? s->notice_count : 1;

	for (unsigned i = 0; i < count; i++)
		smtp_reply_err(s, err);
}

/* Whole, and in good order: what becomes of it. */
static void message_use(struct smtp_session *s, struct incoming *in)
{
	uint8_t sha256[32];
	unsigned n = sizeof(sha256);

	if (in->st == PLI_OK)
		in->st = ostream_finish(in->spool, &in->why);
	EVP_DigestFinal_ex(in->digest, sha256, &n);
	/* A message may take hours to come: the right may have ended meanwhile. */
	if (in->st == PLI_OK && !s->lmtp)
		in->st = still_may(s, &in->why);
	if (in->st != PLI_OK)
		refuse_all(s, &in->why);
	else if (s->lmtp)
		smtp_bounce(s, in->spool, sha256);
	else
		smtp_letter(s, in->spool, sha256);
}

static void message_broken(struct smtp_session *s, enum pli_status st, const struct err *err)
{
	if (st == PLI_INPUT)	/* where this message ends is a matter of opinion: nothing behind it is read */
		smtp_end(s, 521, "5.5.2", err->text);
	else if (st == PLI_AGAIN)
		smtp_end(s, 421, "4.4.2", "The mail came too slowly.");
	else if (st == PLI_LIMIT)
		smtp_end(s, 421, "5.3.4", "The mail is far too large.");
	s->over = true;
}

static void do_data(struct smtp_session *s)
{
	struct incoming in = { .st = PLI_OK };
	struct err err = { 0 };
	enum pli_status st;

	if (!s->has_sender || (s->lmtp ? s->notice_count == 0 : s->recipients.count == 0)) {
		smtp_reply(s, s->has_sender ? 554 : 503, "5.5.1", "There is no recipient.");
		return;
	}
	if (mail_spool(s->house->office, message_max(s), &in.spool, &err) != PLI_OK) {
		smtp_reply_err(s, &err);
		return;
	}
	in.digest = EVP_MD_CTX_new();
	EVP_DigestInit_ex(in.digest, EVP_sha256(), NULL);
	atomic_store(&s->busy, true);
	smtp_reply(s, 354, NULL, "Go on; end with a dot on a line of its own.");
	if (smtp_flush(s)) {
		st = message_receive(s, &in, &err);
		if (st == PLI_OK)
			message_use(s, &in);
		else
			message_broken(s, st, &err);
	}
	EVP_MD_CTX_free(in.digest);
	ostream_close(in.spool);
	buf_free(&in.text);
	transaction_end(s);
	(void)smtp_flush(s);
	atomic_store(&s->busy, false);
}

/* ---- the conversation ---- */

/* May the command come now? */
static bool expected(struct smtp_session *s, enum smtp_verb verb)
{
	bool transaction = verb == SMTP_MAIL || verb == SMTP_RCPT || verb == SMTP_DATA;

	if (!s->greeted && (transaction || verb == SMTP_AUTH)) {
		smtp_reply(s, 503, "5.5.1", "Say %s first.", s->lmtp ? "LHLO" : "EHLO");
		return false;
	}
	if (transaction && !s->lmtp && !s->authenticated) {
		smtp_reply(s, 530, "5.7.0", "Sign in first.");
		return false;
	}
	return true;
}

static void do_command(struct smtp_session *s, const struct smtp_command *c)
{
	if (!expected(s, c->verb))
		return;
	switch (c->verb) {
	case SMTP_HELO:
	case SMTP_EHLO:
	case SMTP_LHLO:
		do_hello(s, c);
		return;
	case SMTP_AUTH:
		smtp_auth(s, c);
		return;
	case SMTP_MAIL:
		do_mail(s, c);
		return;
	case SMTP_RCPT:
		do_rcpt(s, c);
		return;
	case SMTP_DATA:
		do_data(s);
		return;
	case SMTP_RSET:
		transaction_end(s);
		smtp_reply(s, 250, "2.0.0", "Forgotten.");
		return;
	case SMTP_NOOP:
		smtp_reply(s, 250, "2.0.0", "Here.");
		return;
	case SMTP_VRFY:
		smtp_reply(s, 252, "2.5.0", "Try and see.");
		return;
	case SMTP_HELP:
		smtp_reply(s, 214, "2.0.0", "A mail sent here becomes a letter; see the manual of the server.");
		return;
	case SMTP_QUIT:
		smtp_reply(s, 221, "2.0.0", "Good-bye.");
		s->over = true;
		return;
	case SMTP_STARTTLS:
		smtp_reply(s, 502, "5.5.1", s->lmtp ? "There is no TLS here." : "TLS is on already.");
		return;
	case SMTP_VERB_COUNT:
		break;
	}
}

/* A browser that was led here says so in its first line: nothing more is heard. */
static bool is_http(const char *p, size_t n)
{
	return n > 10 && memmem(p, n, " HTTP/", 6) != NULL;
}

static void line_take(struct smtp_session *s, const struct buf *line)
{
	AUTO_POOL pool = pool_new_secret();
	struct smtp_command command;
	struct err err = { 0 };
	const char *p = line->p ? line->p : "";
	enum pli_status st = smtp_command_parse(pool, p, line->n, &command, &err);

	if (st == PLI_OK)
		do_command(s, &command);
	else if (!s->greeted && is_http(p, line->n))
		smtp_end(s, 554, "5.5.0", "This is no web server.");
	else if (st == PLI_METHOD)
		smtp_reply(s, 500, "5.5.1", "%s", err.text);
	else if (st == PLI_INVALID)
		smtp_reply(s, 555, "5.5.4", "%s", err.text);
	else
		smtp_reply(s, 501, "5.5.2", "%s", err.text);
	if (s->errors > ERRORS_MAX && !s->over)
		smtp_end(s, 421, "4.7.0", "Too many errors.");
}

static void converse(struct smtp_session *s)
{
	bool waits_for_login = !s->lmtp;
	struct err err;

	buf_fmt(&s->out, "220 %s %s Pli\r\n", s->house->host, s->lmtp ? "LMTP" : "ESMTP");
	while (!s->over) {
		int64_t until_us = waits_for_login && !s->authenticated ? s->begun_us + SMTP_LOGIN_US : clock_mono_us() + IDLE_US;
		AUTO_BUF line;
		enum pli_status st;

		buf_init_secret(&line);
		if (!wire_pending(s->wire) && !smtp_flush(s))
			break;
		st = wire_line(s->wire, SMTP_LINE_MAX, until_us, &line, &err);
		if (st == PLI_OK)
			line_take(s, &line);
		else if (st == PLI_AGAIN)
			smtp_end(s, 421, "4.4.2", s->stopping(s->guard_arg) ? "The server is stopping." : "Nothing came for too long.");
		else if (st == PLI_LIMIT || st == PLI_INPUT)
			smtp_end(s, 521, "5.5.2", st == PLI_LIMIT ? "The line is too long." : "Lines end with CR LF.");
		else
			break;
		/* Who sends much and reads nothing must not fill our memory. */
		if (s->out.n > 65536)
			(void)smtp_flush(s);
	}
	(void)smtp_flush(s);
}

void smtp_session_run(struct smtp_session *s)
{
	struct err err;

	s->begun_us = clock_mono_us();
	buf_init(&s->out);
	if (wire_handshake(s->wire, s->begun_us + (int64_t)s->house->settings->handshake_s * SECOND_US, &err) == PLI_OK) {
		s->peer.tls = wire_tls_name(s->wire);
		converse(s);
	}
	transaction_end(s);
	pool_free(s->who_pool);
	buf_free(&s->out);
}
