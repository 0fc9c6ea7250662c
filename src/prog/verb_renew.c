/* pli proof renew: a fresh token over everything in a proof, so that it outlives its certificates. */
#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"
#include "zip.h"

#include "bundle.h"
#include "bundle_facts.h"
#include "renewal.h"
#include "verify_report.h"

#include "args.h"
#include "cli.h"
#include "sysexit.h"
#include "verb_file.h"

#include "verb.h"

#define PROOF_MAX_BYTES (256u << 20)
#define ANSWER_MAX_BYTES (64u << 10)

struct tsa {
	const char *url, *roots_pem, *tls_ca;
};

static size_t answer_came(char *p, size_t size, size_t n, void *arg)
{
	struct buf *answer = arg;

	if (size * n > ANSWER_MAX_BYTES - answer->n)
		return 0;
	buf_add(answer, p, size * n);
	return size * n;
}

/* RFC 3161 section 3.4: the request as the body of a POST. */
static enum pli_status ask(const struct tsa *tsa, const struct buf *request, struct buf *answer, struct err *err)
{
	CURL *curl = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/timestamp-query");
	char why[CURL_ERROR_SIZE] = "";
	long code = 0;
	CURLcode rc = CURLE_FAILED_INIT;

	if (curl && headers) {
		curl_easy_setopt(curl, CURLOPT_URL, tsa->url);
		curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->p);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->n);
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, answer_came);
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
		curl_easy_setopt(curl, CURLOPT_USERAGENT, "pli");
		curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
		curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
		curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
		curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
		if (tsa->tls_ca)
			curl_easy_setopt(curl, CURLOPT_CAINFO, tsa->tls_ca);
		rc = curl_easy_perform(curl);
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
	}
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	if (rc != CURLE_OK)
		return err_set(err, PLI_BUSY, "%s: %s", tsa->url, why[0] ? why : curl_easy_strerror(rc));
	return code == 200 ? PLI_OK : err_set(err, PLI_BUSY, "%s: the time-stamping authority answered %ld", tsa->url, code);
}

/* Today's files and the three of the renewal. */
static void pack(struct pool *pool, const struct verify_report *r, const struct zip_file *files, size_t count, const struct buf *list,
		 const struct buf *token, const struct buf *pem, int64_t time_us, struct buf *out)
{
	unsigned n = r->facts->renewal_count + 1;
	struct zip_file *all = POOL_ARRAY(pool, struct zip_file, count + 3);

	memcpy(all, files, count * sizeof(*all));
	all[count] = (struct zip_file){ renewal_name(pool, n, "sha512"), (const uint8_t *)list->p, list->n };
	all[count + 1] = (struct zip_file){ renewal_name(pool, n, "tst"), (const uint8_t *)token->p, token->n };
	all[count + 2] = (struct zip_file){ renewal_name(pool, n, "pem"), (const uint8_t *)pem->p, pem->n };
	zip_write(out, all, count + 3, time_us);
}

static enum pli_status renew(struct pool *pool, const char *name, const struct tsa *tsa, int64_t *time_us_r, struct err *err)
{
	const struct bundle_verify_options options = { 0 };
	struct verify_report r;
	struct zip_file *files;
	size_t n, count;
	uint64_t nonce;
	char *bundle;
	AUTO_BUF list = { 0 }, request = { 0 }, answer = { 0 }, token = { 0 }, pem = { 0 }, zip = { 0 };
	enum pli_status st = verb_file_read(pool, name, PROOF_MAX_BYTES, &bundle, &n, err);

	if (st != PLI_OK)
		return st;
	verify_examine(pool, bundle, n, &options, &r);
	if (!r.verified) {
		*err = r.err;
		return r.err.status;
	}
	if (r.facts->renewal_count == RENEWALS_MAX)
		return err_set(err, PLI_LIMIT, "a proof can be renewed %d times", RENEWALS_MAX);
	st = zip_read_open(pool, bundle, n, (size_t)2 * PROOF_MAX_BYTES, &files, &count, err);
	renewal_list(r.facts, r.facts->renewal_count + 1, &list);
	if (st == PLI_OK)
		st = renewal_request(list.p, list.n, &nonce, &request, err);
	if (st == PLI_OK)
		st = ask(tsa, &request, &answer, err);
	if (st == PLI_OK)
		st = renewal_answer(answer.p, answer.n, nonce, list.p, list.n, tsa->roots_pem, clock_now_us(), &token, &pem, time_us_r, err);
	if (st != PLI_OK)
		return st;
	pack(pool, &r, files, count, &list, &token, &pem, *time_us_r, &zip);
	/* What is put in the old one's place verifies. */
	st = bundle_verify(zip.p, zip.n, &options, err);
	return st == PLI_OK ? verb_file_write(pool, name, &zip, err) : st;
}

int verb_proof_renew(struct cli_call *call)
{
	struct tsa tsa = { .url = args_value(call->args, "--tsa"), .tls_ca = args_value(call->args, "--ca") };
	const char *roots = args_value(call->args, "--tsa-root");
	struct err err = { 0 };
	char *text = NULL, t[25];
	size_t n;
	int64_t time_us;
	int failed = EX_OK;
	enum pli_status st;

	if (!tsa.url || !roots) {
		(void)err_set(&err, PLI_INPUT, "--tsa URL and --tsa-root FILE say which time-stamping authority to ask, and whom to trust");
		return sysexit_say(&err);
	}
	st = verb_file_read(call->pool, roots, 1u << 20, &text, &n, &err);
	if (st != PLI_OK)
		return sysexit_say(&err);
	tsa.roots_pem = text;
	for (unsigned i = 0; i < args_word_count(call->args); i++) {
		AUTO_POOL pool = pool_new();

		if (renew(pool, args_word(call->args, i), &tsa, &time_us, &err) == PLI_OK)
			printf("%s: renewed on %s\n", args_word(call->args, i), clock_rfc3339(t, time_us));
		else
			failed = sysexit_say(&err);
	}
	return failed;
}
