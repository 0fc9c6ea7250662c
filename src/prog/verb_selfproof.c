/* pli selfproof: the nightly proof of itself, now. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

#include "json_read.h"

#include "args.h"
#include "cli.h"
#include "ctl_session.h"
#include "sysexit.h"
#include "verb_request.h"

#include "verb.h"

static enum pli_status check_row(void *arg, const struct json_read *row, const char *row_json, struct err *err)
{
	const struct cli_call *call = arg;

	(void)err;
	if (call->json)
		printf("%s\n", row_json);
	else
		printf("%-6s %-8s %s\n", verb_member(row, "outcome"), verb_member(row, "check"), verb_member(row, "text"));
	return PLI_OK;
}

static enum pli_status ask(struct cli_call *call, int backup_fd, struct json_read **result_r, struct err *err)
{
	struct ctl_session *session = NULL;
	int own_fd = -1;
	enum pli_status st = ctl_session_open(call->pool, args_word(call->args, 0), &session, err);

	if (st == PLI_OK && backup_fd < 0)
		own_fd = ctl_session_newest_backup(session);
	if (st == PLI_OK)
		st = ctl_session_call_fd(session, "selfproof", "{}", own_fd >= 0 ? own_fd : backup_fd, check_row, call, result_r, err);
	if (own_fd >= 0)
		close(own_fd);
	if (st == PLI_OK) {
		bool holds = false;
		int64_t entry = verb_member_int(*result_r, "entry");

		if (json_read_bool(*result_r, "holds", &holds, NULL) != PLI_OK)
			holds = false;
		if (call->json)
			printf("{\"holds\":%s,\"failed\":%lld,\"entry\":%lld,\"ms\":%lld}\n", holds ? "true" : "false",
			       (long long)verb_member_int(*result_r, "failed"), (long long)entry, (long long)verb_member_int(*result_r, "ms"));
		else if (entry)
			printf("%s; entry %lld of the journal says so, published at /.well-known/pli/selfproof\n",
			       holds ? "this instance has proved itself" : "this instance has NOT proved itself", (long long)entry);
		else
			printf("%s; the journal could not take it\n", holds ? "this instance has proved itself" : "this instance has NOT proved itself");
		st = holds ? PLI_OK : verb_member_int(*result_r, "failed") ? PLI_CONFLICT : PLI_BUSY;
		err->text[0] = '\0';
	}
	ctl_session_close(session);
	return st;
}

int verb_selfproof(struct cli_call *call)
{
	const char *file = args_value(call->args, "--backup");
	struct json_read *result = NULL;
	struct err err = { 0 };
	int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
	enum pli_status st = PLI_OK;

	if (file && fd < 0)
		st = err_set(&err, errno == ENOENT ? PLI_ABSENT : PLI_DENIED, "%s: %s", file, strerror(errno));
	if (st == PLI_OK)
		st = ask(call, fd, &result, &err);
	if (fd >= 0)
		close(fd);
	if (st != PLI_OK && !err.text[0])
		return sysexit_of(st);
	return st == PLI_OK ? EX_OK : sysexit_say(&err);
}
