#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "pool.h"
#include "text.h"

#include "json_read.h"

#include "client_own.h"

#include "client.h"

#define ANSWER_MAX (256U * 1024 * 1024)	/* a proof bundle, a CSV of the journal */
#define PATIENCE_FIRST_US (10 * SECOND_US)
#define PATIENCE_US (600 * SECOND_US)
#define PAUSE_MAX_MS 5000

static size_t body_came(char *p, size_t size, size_t count, void *arg)
{
	struct client_response *response = arg;

	if (response->body.n + size * count > ANSWER_MAX)
		return 0;
	buf_add(&response->body, p, size * count);
	return size * count;
}

/* The value behind "name:", trimmed, in the pool; NULL for another header. */
static const char *header_value(struct pool *pool, const char *line, size_t n, const char *name)
{
	size_t name_n = strlen(name);

	if (n <= name_n || strncasecmp(line, name, name_n) != 0 || line[name_n] != ':')
		return NULL;
	line += name_n + 1;
	n -= name_n + 1;
	while (n > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		n--;
	}
	while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == '\n' || line[n - 1] == ' '))
		n--;
	return pool_strn(pool, line, n);
}

struct exchange {
	struct client *client;
	const struct client_request *request;
	struct client_response *response;
	uint64_t sent;			/* of a body from a file */
	bool file_failed;
};

static size_t header_came(char *line, size_t size, size_t count, void *arg)
{
	struct exchange *x = arg;
	struct client_response *r = x->response;
	size_t n = size * count;
	const char *v;

	if ((v = header_value(x->client->pool, line, n, "Location")))
		r->location = v;
	else if ((v = header_value(x->client->pool, line, n, "Upload-Offset")))
		r->upload_offset = strtoll(v, NULL, 10);
	else if ((v = header_value(x->client->pool, line, n, "Retry-After")))
		r->retry_after_s = (unsigned)strtoul(v, NULL, 10);
	return n;
}

static size_t file_wanted(char *p, size_t size, size_t count, void *arg)
{
	struct exchange *x = arg;
	uint64_t left = x->request->body_n - x->sent;
	size_t want = size * count < left ? size * count : (size_t)left;
	ssize_t n;

	if (want == 0)
		return 0;
	do {
		n = pread(x->request->file_fd, p, want, (off_t)(x->request->file_offset + x->sent));
	} while (n < 0 && errno == EINTR);
	if (n <= 0) {
		x->file_failed = true;	/* it has become shorter, or cannot be read */
		return CURL_READFUNC_ABORT;
	}
	x->sent += (uint64_t)n;
	return (size_t)n;
}

static int upload_moved(void *arg, curl_off_t dl_total, curl_off_t dl, curl_off_t ul_total, curl_off_t ul)
{
	struct exchange *x = arg;

	(void)dl_total;
	(void)dl;
	(void)ul_total;
	if (x->request->progress)
		x->request->progress(x->request->progress_arg, (uint64_t)ul);
	return 0;
}

static struct curl_slist *headers_of(const struct client *client, const struct client_request *request)
{
	struct curl_slist *list = curl_slist_append(NULL, client->authorization);

	/* No "Expect: 100-continue": it costs a round trip and the server refuses early anyway. */
	list = curl_slist_append(list, "Expect:");
	/* Nor a type for a body that is not there, which libcurl would make up. */
	if (!request->body && !request->from_file)
		list = curl_slist_append(list, "Content-Type:");
	for (int i = 0; request->headers && request->headers[i]; i++)
		list = curl_slist_append(list, request->headers[i]);
	return list;
}

static void set_body(CURL *curl, const struct client_request *request, struct exchange *x)
{
	if (request->from_file) {
		curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(curl, CURLOPT_READFUNCTION, file_wanted);
		curl_easy_setopt(curl, CURLOPT_READDATA, x);
		curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_n);
		curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
	} else if (request->body || str_eq(request->method, "POST")) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body ? request->body : "");
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_n);
	} else if (str_eq(request->method, "HEAD")) {
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, str_eq(request->method, "HEAD") ? NULL : request->method);
}

static void set_up(struct client *client, const struct client_request *request, struct exchange *x,
		   struct curl_slist *headers)
{
	CURL *curl = client->curl;

	curl_easy_reset(curl);	/* keeps connections and TLS sessions */
	curl_easy_setopt(curl, CURLOPT_URL, pool_fmt(client->pool, "%s%s", client->server, request->path));
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "pli");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
	/* A peer that takes or gives less than 1 byte/s for two minutes is gone. */
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 120L);
	if (client->ca)
		curl_easy_setopt(curl, CURLOPT_CAINFO, client->ca);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_came);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, x->response);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, header_came);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, request->progress ? 0L : 1L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, upload_moved);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->curl_text);
	client->curl_text[0] = '\0';
	set_body(curl, request, x);
}

/* ------------------------------------------------------------------ what an answer means */

static enum pli_status status_of(int code)
{
	switch (code) {
	case 400: return PLI_INPUT;
	case 401: return PLI_UNAUTH;
	case 403: return PLI_DENIED;
	case 404: return PLI_ABSENT;
	case 405: return PLI_METHOD;
	case 409: return PLI_CONFLICT;
	case 410: return PLI_GONE;
	case 413: return PLI_LIMIT;
	case 415: return PLI_TYPE;
	case 416: return PLI_RANGE;
	case 422: return PLI_INVALID;
	case 423: return PLI_LOCKED;
	case 429: return PLI_RATE;
	case 507: return PLI_FULL;
	default: return code >= 500 && code != 500 ? PLI_BUSY : PLI_IO;
	}
}

/* The problem document (RFC 9457), where there is one. */
static enum pli_status problem(struct client *client, const struct client_response *r, struct err *err)
{
	const char *title = NULL, *detail = NULL, *hint = NULL, *type = NULL, *field = NULL;
	enum pli_status st = status_of(r->code);
	struct json_read *doc;

	if (r->body.n && json_read_open(client->pool, r->body.p, r->body.n, 65536, NULL, &doc, NULL) == PLI_OK) {
		if (json_read_str(doc, "title", &title, NULL) != PLI_OK ||
		    json_read_str(doc, "detail", &detail, NULL) != PLI_OK ||
		    json_read_str(doc, "hint", &hint, NULL) != PLI_OK ||
		    json_read_str(doc, "type", &type, NULL) != PLI_OK ||
		    json_read_str(doc, "field", &field, NULL) != PLI_OK)
			detail = NULL;
	}
	(void)err_field(err, st, type, field ? field : "", "%s%s%s", detail ? detail : title ? title : "the server refused",
			field && field[0] ? ": " : "", field ? field : "");
	if (!detail && !title)
		(void)err_set(err, st, "the server answered %d", r->code);
	if (hint && hint[0])
		(void)err_hint(err, "%s", hint);
	return st;
}

static enum pli_status curl_fault(struct client *client, CURLcode code, const struct exchange *x, struct err *err)
{
	const char *text = client->curl_text[0] ? client->curl_text : curl_easy_strerror(code);

	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		(void)err_set(err, PLI_DENIED, "the server's certificate is not trusted: %s", text);
		return err_hint(err, "--ca FILE names the authority to trust (an instance's own: tls/ca.pem, also at %s/ca.pem)",
				client->server);
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return err_set(err, PLI_INPUT, "%s is not an https:// address", client->server);
	case CURLE_ABORTED_BY_CALLBACK:
		if (x->file_failed)
			return err_set(err, PLI_IO, "the file became shorter while it was sent");
		return err_set(err, PLI_AGAIN, "given up");
	case CURLE_WRITE_ERROR:
		return err_set(err, PLI_LIMIT, "the server's answer is too long");
	default:
		return err_set(err, PLI_BUSY, "%s: %s", client->server, text);
	}
}

static enum pli_status send_once(struct client *client, const struct client_request *request,
				 struct client_response *response, struct err *err)
{
	struct exchange x = { .client = client, .request = request, .response = response };
	struct curl_slist *headers = headers_of(client, request);
	long code = 0;
	CURLcode result;

	buf_reset(&response->body);
	*response = (struct client_response){ .body = response->body, .upload_offset = -1 };
	set_up(client, request, &x, headers);
	result = curl_easy_perform(client->curl);
	curl_slist_free_all(headers);
	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &code);
	response->code = (int)code;
	/* An answer may come before the whole body was taken: then it says more than the broken sending. */
	if (result != CURLE_OK && code < 400)
		return curl_fault(client, result, &x, err);
	client->answered = true;
	if (code >= 200 && code < 300) {
		client->pause_ms = 0;
		return PLI_OK;
	}
	return problem(client, response, err);
}

bool client_passing(const struct client_response *response, enum pli_status status)
{
	if (status == PLI_BUSY || status == PLI_RATE)
		return true;
	return status == PLI_CONFLICT && response->retry_after_s > 0;
}

bool client_wait(struct client *client, unsigned retry_after_s)
{
	int64_t now = clock_mono_us();
	int64_t patience = client->answered ? PATIENCE_US : PATIENCE_FIRST_US;
	unsigned ms;

	if (client->pause_ms == 0) {
		client->pause_ms = 100;
		client->waiting_since_us = now;
	} else {
		client->pause_ms = client->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : client->pause_ms * 2;
	}
	if (now - client->waiting_since_us > patience)
		return false;
	ms = client->pause_ms;
	if (retry_after_s * 1000 > ms)
		ms = retry_after_s > 30 ? 30000 : retry_after_s * 1000;
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 }, NULL);
	return true;
}

enum pli_status client_send(struct client *client, const struct client_request *request,
			    struct client_response *response_r, struct err *err)
{
	struct client_response response = { .upload_offset = -1 };
	enum pli_status st;

	for (;;) {
		st = send_once(client, request, &response, err);
		if (st == PLI_OK || request->once || !client_passing(&response, st) ||
		    !client_wait(client, response.retry_after_s))
			break;
	}
	*response_r = response;
	return st;
}

void client_response_free(struct client_response *response)
{
	buf_free(&response->body);
}

const char *client_escape(struct client *client, const char *s)
{
	char *text = curl_easy_escape(client->curl, s, (int)strlen(s));
	const char *copy = pool_str(client->pool, text ? text : "");

	curl_free(text);
	return copy;
}
