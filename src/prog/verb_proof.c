/* pli proof get, pli proof verify */
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "bundle.h"
#include "verify_report.h"

#include "args.h"
#include "cli.h"
#include "client.h"
#include "sysexit.h"
#include "verb_file.h"

#include "verb.h"

#define BUNDLE_MAX_BYTES (256U * 1024 * 1024)

static enum pli_status keep(struct cli_call *call, const struct buf *bundle, struct err *err)
{
	const char *name = args_value(call->args, "--output");
	enum pli_status st;

	if (str_eq(name, "-"))
		return fwrite(bundle->p, 1, bundle->n, stdout) == bundle->n ? PLI_OK
			: err_set(err, PLI_IO, "standard output cannot be written");
	if (!name)
		name = pool_fmt(call->pool, "proof-%s.asice", args_word(call->args, 0));
	st = verb_file_write(call->pool, name, bundle, err);
	if (st == PLI_OK)
		fprintf(stderr, "pli: %s\n", name);
	return st;
}

int verb_proof_get(struct cli_call *call)
{
	const char *recipient = args_value(call->args, "--recipient"), *id = args_word(call->args, 0);
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
	request.path = recipient
		? pool_fmt(call->pool, "/api/v1/letters/%s/proof?recipient=%s", client_escape(client, id),
			   client_escape(client, recipient))
		: pool_fmt(call->pool, "/api/v1/letters/%s/proof", client_escape(client, id));
	st = client_send(client, &request, &response, &err);
	if (st == PLI_OK)
		st = keep(call, &response.body, &err);
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

int verb_proof_verify(struct cli_call *call)
{
	struct bundle_verify_options options = { .say = say_check };
	bool json = args_flag(call->args, "--json");
	struct err err = { 0 };
	char *bundle = NULL;
	size_t n = 0;
	enum pli_status st = verb_file_read(call->pool, args_word(call->args, 0), BUNDLE_MAX_BYTES, &bundle, &n, &err);

	if (st == PLI_OK)
		st = read_pinned(call->pool, args_value(call->args, "--root"), &options.root_pem, &err);
	if (st == PLI_OK)
		st = read_pinned(call->pool, args_value(call->args, "--log-key"), &options.log_pub_pem, &err);
	if (st == PLI_OK)
		st = read_pinned(call->pool, args_value(call->args, "--tsa-root"), &options.tsa_root_pem, &err);
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
