/* See relay_wire.h.  curl tells each command that it sends (debug function) and each line that comes back (header function): from the two we
 * know which command the relay answered last, with which words, and what it can do. */
#include <errno.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"

#include "relay_own.h"

#include "relay_wire.h"

#define READ_BYTES 4096
#define REPLY_BYTES_MAX (64u << 10)	/* of one reply's lines together */

struct relay_wire {
	CURL *curl;
	curl_socket_t fd;
	struct buf in;
};

/* While the connection is made. */
struct opening {
	const struct relay_common *common;
	CURL *curl;
	struct relay_said *said;
};

/* ------------------------------------------------------------------ what curl calls */

static void hear_tls(struct opening *o)
{
	struct curl_tlssessioninfo *info = NULL;

	if (curl_easy_getinfo(o->curl, CURLINFO_TLS_SSL_PTR, &info) == CURLE_OK && info && info->backend == CURLSSLBACKEND_OPENSSL &&
	    info->internals)
		snprintf(o->said->tls, sizeof(o->said->tls), "%s", SSL_get_version(info->internals));
}

/* `250-SIZE 1000`: the word after the code. */
static bool names(const char *line, size_t n, const char *extension)
{
	size_t word_n = strlen(extension);

	return n > 4 + word_n && memcmp(line, "250", 3) == 0 && strncasecmp(line + 4, extension, word_n) == 0 &&
	       (line[4 + word_n] == ' ' || line[4 + word_n] == '\r' || line[4 + word_n] == '\n');
}

static size_t take_line(char *p, size_t size, size_t count, void *arg)
{
	struct opening *o = arg;
	struct relay_said *said = o->said;
	size_t n = size * count;

	reply_take(&said->reply, p, n);
	if (said->stage == RELAY_HELLO) {
		said->pipelining = said->pipelining || names(p, n, "PIPELINING");
		said->size = said->size || names(p, n, "SIZE");
	}
	if (!said->tls[0])
		hear_tls(o);
	return n;
}

/* Sign-in goes on over several lines, most of them without a verb. */
static enum relay_stage stage_of(enum relay_stage now, const char *p, size_t n)
{
	static const struct {
		const char *verb;
		enum relay_stage stage;
	} verbs[] = {
		{ "EHLO ", RELAY_HELLO }, { "HELO ", RELAY_HELLO }, { "STARTTLS", RELAY_STARTTLS }, { "AUTH ", RELAY_SIGN_IN },
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		size_t verb_n = strlen(verbs[i].verb);

		if (n >= verb_n && memcmp(p, verbs[i].verb, verb_n) == 0 && now != RELAY_SIGN_IN)
			return verbs[i].stage;
	}
	return now;
}

static int hear(CURL *curl, curl_infotype type, char *p, size_t n, void *arg)
{
	struct opening *o = arg;
	struct relay_said *said = o->said;

	(void)curl;
	if (type != CURLINFO_HEADER_OUT)
		return 0;
	said->stage = stage_of(said->stage, p, n);
	/* What was offered before TLS does not count. */
	if (said->stage == RELAY_HELLO)
		said->pipelining = said->size = false;
	reply_clear(&said->reply);
	return 0;
}

static CURLcode use_store(CURL *curl, void *ctx, void *arg)
{
	const struct opening *o = arg;

	(void)curl;
	SSL_CTX_set1_cert_store(ctx, o->common->store);
	return CURLE_OK;
}

/* ------------------------------------------------------------------ options */

static void set(CURL *curl, CURLoption option, const char *value)
{
	if (curl_easy_setopt(curl, option, value) != CURLE_OK)
		abort();	/* no memory */
}

static void set_number(CURL *curl, CURLoption option, long value)
{
	(void)curl_easy_setopt(curl, option, value);
}

static void set_tls(struct opening *o)
{
	const struct relay_config *config = &o->common->config;
	bool proven = config->tls == RELAY_TLS_REQUIRED;

	set_number(o->curl, CURLOPT_USE_SSL, config->tls == RELAY_TLS_OFF ? CURLUSESSL_NONE : proven ? CURLUSESSL_ALL : CURLUSESSL_TRY);
	set_number(o->curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	set_number(o->curl, CURLOPT_SSL_VERIFYPEER, proven);
	set_number(o->curl, CURLOPT_SSL_VERIFYHOST, proven ? 2 : 0);
	set(o->curl, CURLOPT_CAINFO, NULL);
	set(o->curl, CURLOPT_CAPATH, NULL);
	(void)curl_easy_setopt(o->curl, CURLOPT_SSL_CTX_FUNCTION, use_store);
	(void)curl_easy_setopt(o->curl, CURLOPT_SSL_CTX_DATA, o);
}

static void set_all(struct opening *o)
{
	const struct relay_config *config = &o->common->config;
	CURL *curl = o->curl;

	set(curl, CURLOPT_URL, o->common->url);
	set(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	set(curl, CURLOPT_PROXY, "");
	set_number(curl, CURLOPT_CONNECT_ONLY, 1);
	set_number(curl, CURLOPT_NOSIGNAL, 1);
	set_number(curl, CURLOPT_TCP_KEEPALIVE, 1);
	set_number(curl, CURLOPT_CONNECTTIMEOUT, (long)config->timeout_s);
	set_number(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)config->timeout_s);
	set_number(curl, CURLOPT_TIMEOUT, 8L * config->timeout_s);
	if (config->user) {
		set(curl, CURLOPT_USERNAME, config->user);
		set(curl, CURLOPT_PASSWORD, config->password);
		/* Those that need nothing but the two. */
		set(curl, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN;AUTH=CRAM-MD5");
	}
	set_tls(o);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, o->said->fault);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_line);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, o);
	(void)curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, hear);
	(void)curl_easy_setopt(curl, CURLOPT_DEBUGDATA, o);
	set_number(curl, CURLOPT_VERBOSE, 1);
}

static void hear_peer(const struct opening *o)
{
	const char *ip = NULL;
	long port = 0;

	(void)curl_easy_getinfo(o->curl, CURLINFO_PRIMARY_IP, &ip);
	(void)curl_easy_getinfo(o->curl, CURLINFO_PRIMARY_PORT, &port);
	if (ip && *ip)
		snprintf(o->said->peer, sizeof(o->said->peer), "%s [%s]:%ld", o->common->peer_host, ip, port);
}

CURLcode relay_wire_open(const struct relay_common *common, struct relay_said *said_r, struct relay_wire **wire_r)
{
	struct opening o = { common, curl_easy_init(), said_r };
	curl_socket_t fd = CURL_SOCKET_BAD;
	CURLcode rc;

	*wire_r = NULL;
	*said_r = (struct relay_said){ .stage = RELAY_GREETING };
	if (!o.curl)
		return CURLE_OUT_OF_MEMORY;
	set_all(&o);
	rc = curl_easy_perform(o.curl);
	hear_peer(&o);
	if (rc == CURLE_OK)
		rc = curl_easy_getinfo(o.curl, CURLINFO_ACTIVESOCKET, &fd);
	if (rc == CURLE_OK && fd == CURL_SOCKET_BAD)
		rc = CURLE_RECV_ERROR;
	/* What curl was told lies on this stack. */
	set_number(o.curl, CURLOPT_VERBOSE, 0);
	(void)curl_easy_setopt(o.curl, CURLOPT_ERRORBUFFER, NULL);
	if (rc != CURLE_OK) {
		curl_easy_cleanup(o.curl);
		return rc;
	}
	*wire_r = mem_alloc(sizeof(**wire_r));
	(*wire_r)->curl = o.curl;
	(*wire_r)->fd = fd;
	buf_init(&(*wire_r)->in);
	return CURLE_OK;
}

void relay_wire_close(struct relay_wire *wire)
{
	if (!wire)
		return;
	curl_easy_cleanup(wire->curl);
	buf_free(&wire->in);
	mem_free(wire);
}

/* ------------------------------------------------------------------ lines */

static CURLcode wait_for(const struct relay_wire *w, short events, int64_t until_us)
{
	struct pollfd fd = { .fd = w->fd, .events = events };
	int rc;

	do {
		int64_t left_us = until_us - clock_mono_us();

		rc = left_us > 0 ? poll(&fd, 1, (int)((left_us + 999) / 1000)) : 0;
	} while (rc < 0 && errno == EINTR);
	return rc > 0 ? CURLE_OK : rc == 0 ? CURLE_OPERATION_TIMEDOUT : CURLE_RECV_ERROR;
}

CURLcode relay_wire_put(struct relay_wire *w, const void *p, size_t n, unsigned silent_s)
{
	const char *from = p;
	CURLcode rc = CURLE_OK;

	while (n > 0 && rc == CURLE_OK) {
		size_t done = 0;

		rc = curl_easy_send(w->curl, from, n, &done);
		from += done;
		n -= done;
		if (rc == CURLE_AGAIN)
			rc = wait_for(w, POLLOUT, clock_mono_us() + silent_s * SECOND_US);
	}
	return rc;
}

static CURLcode read_some(struct relay_wire *w, int64_t until_us)
{
	for (;;) {
		size_t got = 0;
		CURLcode rc = curl_easy_recv(w->curl, buf_reserve(&w->in, READ_BYTES), READ_BYTES, &got);

		w->in.n += got;
		if (rc == CURLE_OK)
			return got ? CURLE_OK : CURLE_RECV_ERROR;
		if (rc != CURLE_AGAIN)
			return rc;
		rc = wait_for(w, POLLIN, until_us);
		if (rc != CURLE_OK)
			return rc;
	}
}

/* A line without a code is no reply, whatever follows. */
CURLcode relay_wire_reply(struct relay_wire *w, struct reply *reply_r, unsigned silent_s)
{
	int64_t until_us = clock_mono_us() + silent_s * SECOND_US;
	size_t bytes = 0;
	CURLcode rc;

	reply_clear(reply_r);
	for (;;) {
		const char *lf = w->in.n ? memchr(w->in.p, '\n', w->in.n) : NULL;
		size_t n = lf ? (size_t)(lf - w->in.p) + 1 : 0;

		if (lf) {
			reply_take(reply_r, w->in.p, n);
			buf_shift(&w->in, n);
			bytes += n;
			if (reply_r->code && !reply_r->open)
				return CURLE_OK;
			if (!reply_r->code)
				return CURLE_WEIRD_SERVER_REPLY;
			continue;
		}
		if (bytes + w->in.n > REPLY_BYTES_MAX)
			return CURLE_WEIRD_SERVER_REPLY;
		rc = read_some(w, until_us);
		if (rc != CURLE_OK)
			return rc;
	}
}
