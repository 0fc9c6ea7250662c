/* pli archive import: front reads the file (ctl_archive.c), which the operator opens. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pool.h"

#include "json_read.h"

#include "args.h"
#include "cli.h"
#include "sysexit.h"
#include "verb_file.h"
#include "verb_request.h"

#include "verb.h"

#define PEM_MAX_BYTES 65536

static enum pli_status fault_row(void *arg, const struct json_read *row, const char *row_json, struct err *err)
{
	(void)arg;
	(void)row_json;
	(void)err;
	fprintf(stderr, "FAILED: %s: %s\n", verb_member(row, "name"), verb_member(row, "text"));
	return PLI_OK;
}

static enum pli_status pem_member(struct cli_call *call, struct verb_request *r, const char *option, const char *member, struct err *err)
{
	const char *file = args_value(call->args, option);
	char *text;
	size_t n;
	enum pli_status st = file ? verb_file_read(call->pool, file, PEM_MAX_BYTES, &text, &n, err) : PLI_OK;

	if (st == PLI_OK && file)
		jsonw_str(&r->w, member, text);
	return st;
}

static enum pli_status import(struct cli_call *call, int fd, struct json_read **result_r, struct ctl_session **session_r, struct err *err)
{
	const char *retention = args_value(call->args, "--retention");
	struct verb_request r;
	enum pli_status st;

	verb_request_begin(&r);
	jsonw_str(&r.w, "entity", args_value(call->args, "--entity"));
	jsonw_str(&r.w, "retention", retention ? retention : "simple");
	st = pem_member(call, &r, "--root", "root", err);
	if (st == PLI_OK)
		st = pem_member(call, &r, "--log-key", "log_key", err);
	jsonw_object_end(&r.w);
	if (st == PLI_OK)
		st = ctl_session_open(call->pool, args_word(call->args, 1), session_r, err);
	if (st == PLI_OK)
		st = ctl_session_call_fd(*session_r, "archive import", r.args.p, fd, fault_row, NULL, result_r, err);
	buf_free(&r.args);
	return st;
}

int verb_archive_import(struct cli_call *call)
{
	struct ctl_session *session = NULL;
	struct json_read *result = NULL;
	struct err err = { 0 };
	enum pli_status st = PLI_OK;
	int fd = -1;

	if (!args_value(call->args, "--entity"))
		st = err_set(&err, PLI_INPUT, "--entity E is missing");
	if (st == PLI_OK && (fd = open(args_word(call->args, 0), O_RDONLY | O_CLOEXEC)) < 0)
		st = err_set(&err, PLI_ABSENT, "%s: %s", args_word(call->args, 0), strerror(errno));
	if (st == PLI_OK)
		st = import(call, fd, &result, &session, &err);
	if (st == PLI_OK && call->json)
		printf("{\"imported\":%lld,\"known\":%lld,\"without_content\":%lld,\"content_until\":\"%s\"}\n",
		       (long long)verb_member_int(result, "imported"), (long long)verb_member_int(result, "known"),
		       (long long)verb_member_int(result, "without"), verb_member(result, "content_until"));
	else if (st == PLI_OK)
		printf("%lld letters taken, %lld of them without content, %lld were here already; content is kept until %.10s\n",
		       (long long)verb_member_int(result, "imported"), (long long)verb_member_int(result, "without"),
		       (long long)verb_member_int(result, "known"), verb_member(result, "content_until"));
	if (fd >= 0)
		close(fd);
	ctl_session_close(session);
	return st == PLI_OK ? EX_OK : sysexit_say(&err);
}
