/* pli proof get, pli proof verify */
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "bundle.h"
#include "paper.h"
#include "verify_report.h"

#include "args.h"
#include "cli.h"
#include "client.h"
#include "proof_documents.h"
#include "proof_paper.h"
#include "sysexit.h"
#include "verb_file.h"

#include "verb.h"

#define BUNDLE_MAX_BYTES (256U * 1024 * 1024)

static enum pli_status keep(struct cli_call *call, const char *own_name, const struct buf *bundle, struct err *err)
{
	const char *name = args_value(call->args, "--output");
	enum pli_status st;

	if (str_eq(name, "-"))
		return fwrite(bundle->p, 1, bundle->n, stdout) == bundle->n ? PLI_OK
			: err_set(err, PLI_IO, "standard output cannot be written");
	if (!name)
		name = own_name;
	st = verb_file_write(call->pool, name, bundle, err);
	if (st == PLI_OK)
		fprintf(stderr, "pli: %s\n", name);
	return st;
}

static const char *path(struct cli_call *call, struct client *client)
{
	static const char *const names[] = { "recipient", "kind", "lang" };
	static const char *const options[] = { "--recipient", "--pdf", "--lang" };
	const char *path = pool_fmt(call->pool, "/api/v1/letters/%s/proof%s", client_escape(client, args_word(call->args, 0)),
				    args_value(call->args, "--pdf") ? ".pdf" : "");
	char mark = '?';

	for (int i = 0; i < 3; i++) {
		const char *value = args_value(call->args, options[i]);

		if (!value)
			continue;
		path = pool_fmt(call->pool, "%s%c%s=%s", path, mark, names[i], client_escape(client, value));
		mark = '&';
	}
	return path;
}

int verb_proof_get(struct cli_call *call)
{
	bool documents = args_flag(call->args, "--documents");
	const char *id = args_word(call->args, 0);
	struct client_request request = { .method = "GET" };
	struct client_response response = { 0 };
	struct client *client;
	struct err err = { 0 };
	enum pli_status st;

	if (strchr(id, '/') || client_open(call->pool, call->args, &client, &err) != PLI_OK) {
		if (strchr(id, '/'))
			(void)err_set(&err, PLI_INPUT, "'%.60s' is no letter's id", id);
		return sysexit_say(&err);
	}
	request.path = path(call, client);
	st = documents && args_value(call->args, "--pdf") ? err_set(&err, PLI_INPUT, "--documents is of a bundle, not of a PDF")
		: client_send(client, &request, &response, &err);
	if (st == PLI_OK && documents)
		st = proof_documents_add(call->pool, client, id, &response.body, &err);
	if (st == PLI_OK)
		st = keep(call, pool_fmt(call->pool, "proof-%s.%s", id, args_value(call->args, "--pdf") ? "pdf" : "asice"), &response.body, &err);
	client_response_free(&response);
	client_close(client);
	return st == PLI_OK ? EX_OK : sysexit_say(&err);
}

/* ------------------------------------------------------------- certificate */

static void order_write(const struct args *args, struct buf *out)
{
	unsigned count;
	const char *const *recipients = args_values(args, "--recipient", &count);
	struct jsonw w;

	jsonw_init(&w, out, false);
	jsonw_object(&w, NULL);
	jsonw_array(&w, "letters");
	for (unsigned i = 0; i < args_word_count(args); i++)
		jsonw_str(&w, NULL, args_word(args, i));
	jsonw_array_end(&w);
	if (count)
		jsonw_array(&w, "recipients");
	for (unsigned i = 0; i < count; i++)
		jsonw_str(&w, NULL, recipients[i]);
	if (count)
		jsonw_array_end(&w);
	jsonw_str(&w, "deadline", args_value(args, "--deadline"));
	jsonw_object_end(&w);
}

int verb_proof_certificate(struct cli_call *call)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	struct client_request request = { .method = "POST", .path = "/api/v1/certificates", .headers = headers };
	struct client_response response = { 0 };
	struct client *client;
	AUTO_BUF order = { 0 };
	struct err err = { 0 };
	enum pli_status st = client_open(call->pool, call->args, &client, &err);

	if (st != PLI_OK)
		return sysexit_say(&err);
	order_write(call->args, &order);
	request.body = order.p;
	request.body_n = order.n;
	st = client_send(client, &request, &response, &err);
	if (st == PLI_OK)
		st = keep(call, pool_fmt(call->pool, "certificate-%s.asice", args_word(call->args, 0)), &response.body, &err);
	client_response_free(&response);
	client_close(client);
	return st == PLI_OK ? EX_OK : sysexit_say(&err);
}

/* ------------------------------------------------------------------ verify */

static enum pli_status read_pinned(struct pool *pool, const char *name, const char **pem_r, struct err *err)
{
	char *text;
	size_t n;
	enum pli_status st;

	if (!name)
		return PLI_OK;
	st = verb_file_read(pool, name, 65536, &text, &n, err);
	if (st == PLI_OK)
		*pem_r = text;
	return st;
}

static void say_check(void *arg, bool ok, const char *line)
{
	(void)arg;
	printf("%s%s\n", ok ? "" : "FAILED: ", line);
}

static enum pli_status verify_json(struct cli_call *call, const char *bundle, size_t n, const struct bundle_verify_options *options,
				   struct err *err)
{
	struct verify_report report;
	AUTO_BUF out;

	buf_init(&out);
	verify_examine(call->pool, bundle, n, options, &report);
	verify_report_json(&report, &out);
	printf("%s\n", out.p);
	if (!report.verified)
		*err = report.err;
	return report.verified ? PLI_OK : report.err.status;
}

/* The text of the bar codes on a printed proof; the key is all that is needed besides. */
static int verify_paper(struct cli_call *call)
{
	const char *key = NULL;
	struct err err = { 0 };
	char *text = NULL;
	size_t n = 0;
	enum pli_status st = verb_file_read(call->pool, args_word(call->args, 0), PAPER_TEXT_MAX, &text, &n, &err);

	if (st == PLI_OK)
		st = read_pinned(call->pool, args_value(call->args, "--log-key"), &key, &err);
	if (st == PLI_OK && !key)
		st = err_set(&err, PLI_INPUT, "a paper brings no keys along: give the journal's with --log-key");
	if (st == PLI_OK)
		st = proof_paper_say(call->pool, text, n, key, &err);
	if (st != PLI_OK)
		return sysexit_say(&err);
	printf("VERIFIED\n");
	return EX_OK;
}

int verb_proof_verify(struct cli_call *call)
{
	struct bundle_verify_options options = { .say = say_check };
	bool json = args_flag(call->args, "--json");
	struct err err = { 0 };
	char *bundle = NULL;
	size_t n = 0;
	enum pli_status st;

	if (args_flag(call->args, "--paper"))
		return verify_paper(call);
	st = verb_file_read(call->pool, args_word(call->args, 0), BUNDLE_MAX_BYTES, &bundle, &n, &err);

	if (st == PLI_OK)
		st = read_pinned(call->pool, args_value(call->args, "--root"), &options.root_pem, &err);
	if (st == PLI_OK)
		st = read_pinned(call->pool, args_value(call->args, "--log-key"), &options.log_pub_pem, &err);
	if (st == PLI_OK)
		st = read_pinned(call->pool, args_value(call->args, "--tsa-root"), &options.tsa_root_pem, &err);
	if (st == PLI_OK)
		st = read_pinned(call->pool, args_value(call->args, "--witness"), &options.witness_keys, &err);
	if (st == PLI_OK && json)
		st = verify_json(call, bundle, n, &options, &err);
	else if (st == PLI_OK)
		st = bundle_verify(bundle, n, &options, &err);
	if (st == PLI_OK) {
		if (!json)
			printf("VERIFIED\n");
		return EX_OK;
	}
	fflush(stdout);
	return sysexit_say(&err);
}
