/* See log_client.h. */
#include <curl/curl.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "log_client.h"

struct log_client {
	struct pool *pool;
	CURL *curl;
	const char *prefix, *ca;
	struct buf *out;
	size_t max, start;
	char fault[CURL_ERROR_SIZE];
};

enum pli_status log_client_open(struct pool *pool, const char *url, const char *ca, struct log_client **client_r, struct err *err)
{
	struct log_client *c = POOL_NEW(pool, struct log_client);
	const char *host;
	size_t n = strlen(url);

	if (!str_starts(url, "https://") || n < 9 || strpbrk(url, " ?#"))
		return err_set(err, PLI_INPUT, "%.200s is not the https:// address of a log", url);
	while (n && url[n - 1] == '/')
		n--;
	c->pool = pool;
	c->prefix = pool_strn(pool, url, n);
	host = c->prefix + strlen("https://");
	if (!strchr(host, '/'))
		c->prefix = pool_fmt(pool, "%s/log", c->prefix);
	c->ca = ca;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(c->curl = curl_easy_init()))
		return err_set(err, PLI_BUG, "libcurl does not start");
	*client_r = c;
	return PLI_OK;
}

void log_client_close(struct log_client *client)
{
	if (client)
		curl_easy_cleanup(client->curl);
}

static size_t body_came(char *p, size_t size, size_t count, void *arg)
{
	struct log_client *c = arg;

	if (c->out->n - c->start + size * count > c->max)
		return 0;
	buf_add(c->out, p, size * count);
	return size * count;
}

enum pli_status log_client_get(void *client, const char *path, size_t max, struct buf *out, struct err *err)
{
	struct log_client *c = client;
	char *url = NULL;
	CURLcode result;
	long code = 0;
	AUTO_POOL pool = pool_new();

	c->out = out;
	c->max = max;
	c->start = out->n;
	c->fault[0] = '\0';
	url = pool_fmt(pool, "%s/%s", c->prefix, path);
	curl_easy_reset(c->curl);
	curl_easy_setopt(c->curl, CURLOPT_URL, url);
	curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(c->curl, CURLOPT_USERAGENT, "pli");
	curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT, 10L);
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, 60L);
	curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->fault);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, body_came);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, c);
	if (c->ca)
		curl_easy_setopt(c->curl, CURLOPT_CAINFO, c->ca);
	result = curl_easy_perform(c->curl);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &code);
	if (result == CURLE_WRITE_ERROR)
		return code == 200 ? err_set(err, PLI_CONFLICT, "%s is longer than it may be", path)
				   : err_set(err, code == 404 ? PLI_ABSENT : PLI_BUSY, "%s: the server answered %ld", url, code);
	if (result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE) {
		(void)err_set(err, PLI_DENIED, "the server's certificate is not trusted: %.200s", c->fault);
		return err_hint(err, "--ca FILE names the authority to trust.");
	}
	if (result != CURLE_OK)
		return err_set(err, PLI_BUSY, "%s: %.200s", url, c->fault[0] ? c->fault : curl_easy_strerror(result));
	if (code == 200)
		return PLI_OK;
	out->n = c->start;
	return err_set(err, code == 404 ? PLI_ABSENT : PLI_BUSY, "%s: the server answered %ld", url, code);
}
