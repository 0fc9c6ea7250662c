/* One connection to the relay: libcurl speaks, we listen.  curl tells each command that it sends (debug function) and each line that
 * comes back (header function): from the two we know which command the relay answered last, and with which words. */
#include <curl/curl.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"
#include "text.h"

#include "job.h"
#include "reply.h"

#include "relay_own.h"

/* Where a transaction stands: what the next reply answers. */
enum stage { GREETING, HELLO, STARTTLS, SIGN_IN, MAIL, RCPT, DATA, BODY, DOT };

struct relay_session {
	const struct relay_common *common;
	CURL *curl;
	char fault[CURL_ERROR_SIZE];
	/* of the transaction under way */
	const struct relay_mail *mail;
	size_t given;			/* bytes of the mail that curl has taken */
	enum stage stage;
	bool bye;			/* QUIT was said: what follows does not count */
	struct reply reply;		/* to the command of stage; empty until one comes */
	char tls[JOB_TLS_MAX + 1];
};

/* ------------------------------------------------------------------ what curl calls */

static size_t give_mail(char *p, size_t size, size_t count, void *arg)
{
	struct relay_session *s = arg;
	size_t n = s->mail->mail_n - s->given;

	if (n > size * count)
		n = size * count;
	memcpy(p, s->mail->mail + s->given, n);
	s->given += n;
	s->stage = s->given == s->mail->mail_n ? DOT : BODY;
	reply_clear(&s->reply);
	/* RFC 5321 section 4.5.3.2.6: a server may think long over what it has got, and breaking off now makes a second copy. */
	if (s->stage == DOT)
		(void)curl_easy_setopt(s->curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, 5L * s->common->config.timeout_s);
	return n;
}

static void hear_tls(struct relay_session *s)
{
	struct curl_tlssessioninfo *info = NULL;

	if (curl_easy_getinfo(s->curl, CURLINFO_TLS_SSL_PTR, &info) == CURLE_OK && info && info->backend == CURLSSLBACKEND_OPENSSL &&
	    info->internals)
		snprintf(s->tls, sizeof(s->tls), "%s", SSL_get_version(info->internals));
}

static size_t take_line(char *p, size_t size, size_t count, void *arg)
{
	struct relay_session *s = arg;

	if (s->bye)
		return size * count;
	reply_take(&s->reply, p, size * count);
	if (s->stage >= MAIL && !s->tls[0])
		hear_tls(s);
	return size * count;
}

/* Sign-in goes on over several lines, most of them without a verb. */
static enum stage stage_of(enum stage now, const char *p, size_t n)
{
	static const struct {
		const char *verb;
		enum stage stage;
	} verbs[] = {
		{ "EHLO ", HELLO }, { "HELO ", HELLO }, { "STARTTLS", STARTTLS }, { "AUTH ", SIGN_IN }, { "MAIL FROM:", MAIL },
		{ "RCPT TO:", RCPT }, { "DATA", DATA },
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		size_t verb_n = strlen(verbs[i].verb);

		if (n >= verb_n && memcmp(p, verbs[i].verb, verb_n) == 0 && !(now == SIGN_IN && verbs[i].stage < MAIL))
			return verbs[i].stage;
	}
	return now;
}

static int hear(CURL *curl, curl_infotype type, char *p, size_t n, void *arg)
{
	struct relay_session *s = arg;

	(void)curl;
	if (type != CURLINFO_HEADER_OUT || s->bye)
		return 0;
	s->bye = n >= 4 && memcmp(p, "QUIT", 4) == 0;
	if (!s->bye) {
		s->stage = stage_of(s->stage, p, n);
		reply_clear(&s->reply);
	}
	return 0;
}

static CURLcode use_store(CURL *curl, void *ctx, void *arg)
{
	struct relay_session *s = arg;

	(void)curl;
	SSL_CTX_set1_cert_store(ctx, s->common->store);
	return CURLE_OK;
}

/* ------------------------------------------------------------------ options */

static void set(struct relay_session *s, CURLoption option, const char *value)
{
	if (curl_easy_setopt(s->curl, option, value) != CURLE_OK)
		abort();	/* no memory */
}

static void set_number(struct relay_session *s, CURLoption option, long value)
{
	(void)curl_easy_setopt(s->curl, option, value);
}

static void set_tls(struct relay_session *s)
{
	const struct relay_config *config = &s->common->config;
	bool proven = config->tls == RELAY_TLS_REQUIRED;

	set_number(s, CURLOPT_USE_SSL, config->tls == RELAY_TLS_OFF ? CURLUSESSL_NONE : proven ? CURLUSESSL_ALL : CURLUSESSL_TRY);
	set_number(s, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	set_number(s, CURLOPT_SSL_VERIFYPEER, proven);
	set_number(s, CURLOPT_SSL_VERIFYHOST, proven ? 2 : 0);
	set(s, CURLOPT_CAINFO, NULL);
	set(s, CURLOPT_CAPATH, NULL);
	(void)curl_easy_setopt(s->curl, CURLOPT_SSL_CTX_FUNCTION, use_store);
	(void)curl_easy_setopt(s->curl, CURLOPT_SSL_CTX_DATA, s);
}

static void set_all(struct relay_session *s)
{
	const struct relay_config *config = &s->common->config;

	set(s, CURLOPT_URL, s->common->url);
	set(s, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	set(s, CURLOPT_PROXY, "");
	set_number(s, CURLOPT_NOSIGNAL, 1);
	set_number(s, CURLOPT_UPLOAD, 1);
	set_number(s, CURLOPT_TCP_KEEPALIVE, 1);
	set_number(s, CURLOPT_DNS_CACHE_TIMEOUT, 5);
	set_number(s, CURLOPT_MAXCONNECTS, 1);
	set_number(s, CURLOPT_CONNECTTIMEOUT, (long)config->timeout_s);
	set_number(s, CURLOPT_TIMEOUT, 8L * config->timeout_s);
	set_number(s, CURLOPT_LOW_SPEED_LIMIT, 1);
	set_number(s, CURLOPT_LOW_SPEED_TIME, 5L * config->timeout_s);
	if (config->user) {
		set(s, CURLOPT_USERNAME, config->user);
		set(s, CURLOPT_PASSWORD, config->password);
		/* Those that need nothing but the two. */
		set(s, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN;AUTH=CRAM-MD5");
	}
	set_tls(s);
	(void)curl_easy_setopt(s->curl, CURLOPT_ERRORBUFFER, s->fault);
	(void)curl_easy_setopt(s->curl, CURLOPT_READFUNCTION, give_mail);
	(void)curl_easy_setopt(s->curl, CURLOPT_READDATA, s);
	(void)curl_easy_setopt(s->curl, CURLOPT_HEADERFUNCTION, take_line);
	(void)curl_easy_setopt(s->curl, CURLOPT_HEADERDATA, s);
	(void)curl_easy_setopt(s->curl, CURLOPT_DEBUGFUNCTION, hear);
	(void)curl_easy_setopt(s->curl, CURLOPT_DEBUGDATA, s);
	set_number(s, CURLOPT_VERBOSE, 1);
}

struct relay_session *relay_session_new(const struct relay_common *common)
{
	struct relay_session *s = mem_alloc(sizeof(*s));

	s->common = common;
	s->curl = curl_easy_init();
	if (!s->curl) {
		mem_free(s);
		return NULL;
	}
	s->bye = true;
	set_all(s);
	return s;
}

void relay_session_free(struct relay_session *s)
{
	if (!s)
		return;
	s->bye = true;
	curl_easy_cleanup(s->curl);
	mem_free(s);
}

/* ------------------------------------------------------------------ what came of it */

/* The relay wants a better sign-in, which is no fault of the mail's (RFC 4954 section 6). */
static bool wants_sign_in(int code)
{
	return code == 530 || code == 534 || code == 535 || code == 538;
}

static enum job_outcome outcome_of(const struct relay_session *s, CURLcode rc)
{
	int code = s->reply.code;

	if (rc == CURLE_OK)
		return JOB_DONE;
	if (s->stage < MAIL)
		return JOB_AWAY;
	if (s->stage == MAIL && (wants_sign_in(code) || code == 421))
		return JOB_AWAY;
	if (code >= 500)
		return JOB_REFUSED;
	if (code == 0 && s->stage == DOT)
		return JOB_DOUBT;
	return JOB_AGAIN;
}

/* A connection from before that is of no use any more; nothing of the mail has gone over it. */
static bool was_stale(const struct relay_session *s, CURLcode rc)
{
	long connects = 1;

	if (rc == CURLE_OK || s->stage > MAIL || (s->reply.code != 0 && s->reply.code != 421))
		return false;
	return curl_easy_getinfo(s->curl, CURLINFO_NUM_CONNECTS, &connects) == CURLE_OK && connects == 0;
}

static const char *stage_words(enum stage stage)
{
	static const char *const words[] = {
		[GREETING] = "before its greeting", [HELLO] = "after EHLO", [STARTTLS] = "at STARTTLS", [SIGN_IN] = "at AUTH",
		[MAIL] = "after MAIL", [RCPT] = "after RCPT", [DATA] = "after DATA", [BODY] = "while the mail was under way",
		[DOT] = "after the final dot",
	};

	return words[stage];
}

/* Our own words, where the relay said none: without a code at the front, so that nobody takes them for the relay's. */
static void own_words(const struct relay_session *s, CURLcode rc, char out[REPLY_MAX + 1])
{
	char words[CURL_ERROR_SIZE + 100];
	const char *fault = s->fault[0] ? s->fault : curl_easy_strerror(rc);

	if (rc == CURLE_USE_SSL_FAILED)
		snprintf(words, sizeof(words), "the relay offers no TLS, nothing was sent");
	else if (rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CONNECT_ERROR)
		snprintf(words, sizeof(words), "no TLS with the relay: %s", fault);
	else if (rc == CURLE_COULDNT_CONNECT || rc == CURLE_COULDNT_RESOLVE_HOST)
		snprintf(words, sizeof(words), "no connection to the relay: %s", fault);
	else if (rc == CURLE_OPERATION_TIMEDOUT)
		snprintf(words, sizeof(words), "the relay fell silent %s", stage_words(s->stage));
	else
		snprintf(words, sizeof(words), "the relay broke off %s: %s", stage_words(s->stage), fault);
	reply_clean(out, words, strlen(words));
}

static void fill_answer(struct relay_session *s, CURLcode rc, struct job *a)
{
	char words[REPLY_MAX + 1];
	const char *ip = NULL;
	long port = 0;

	*a = (struct job){ .type = JOB_ANSWER, .outcome = outcome_of(s, rc) };
	if (s->reply.text[0] && (rc == CURLE_OK || s->reply.code >= 400 || s->reply.code == 0)) {
		snprintf(a->reply, sizeof(a->reply), "%s", s->reply.text);
	} else {
		own_words(s, rc, words);
		snprintf(a->reply, sizeof(a->reply), "%s", words);
	}
	(void)curl_easy_getinfo(s->curl, CURLINFO_PRIMARY_IP, &ip);
	(void)curl_easy_getinfo(s->curl, CURLINFO_PRIMARY_PORT, &port);
	if (ip && *ip)
		snprintf(a->peer, sizeof(a->peer), "%s [%s]:%ld", s->common->peer_host, ip, port);
	snprintf(a->tls, sizeof(a->tls), "%s", s->tls);
}

static CURLcode perform(struct relay_session *s, const struct relay_mail *mail, bool fresh)
{
	struct curl_slist *to;
	char from[JOB_ADDRESS_MAX + 3];
	CURLcode rc;

	snprintf(from, sizeof(from), "<%s>", mail->from);
	to = curl_slist_append(NULL, mail->to);
	if (!to)
		return CURLE_OUT_OF_MEMORY;
	s->mail = mail;
	s->given = 0;
	s->stage = GREETING;
	s->bye = false;
	s->fault[0] = s->tls[0] = '\0';
	reply_clear(&s->reply);
	set(s, CURLOPT_MAIL_FROM, from);
	(void)curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT, to);
	(void)curl_easy_setopt(s->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)mail->mail_n);
	set_number(s, CURLOPT_FRESH_CONNECT, fresh);
	set_number(s, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)s->common->config.timeout_s);
	rc = curl_easy_perform(s->curl);
	(void)curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT, NULL);
	curl_slist_free_all(to);
	return rc;
}

/* curl sends a custom request as it is, when there is no recipient; any 2xx is fine. */
void relay_session_say(struct relay_session *s, const char *command, struct job *answer_r)
{
	s->stage = GREETING;
	s->bye = false;
	s->fault[0] = s->tls[0] = '\0';
	reply_clear(&s->reply);
	set(s, CURLOPT_CUSTOMREQUEST, command);
	set_number(s, CURLOPT_UPLOAD, 0);
	set_number(s, CURLOPT_NOBODY, 1);
	set_number(s, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)s->common->config.timeout_s);
	fill_answer(s, curl_easy_perform(s->curl), answer_r);
}

void relay_session_send(struct relay_session *s, const struct relay_mail *mail, struct job *answer_r)
{
	CURLcode rc = perform(s, mail, false);

	if (was_stale(s, rc))
		rc = perform(s, mail, true);
	fill_answer(s, rc, answer_r);
	s->mail = NULL;
}
