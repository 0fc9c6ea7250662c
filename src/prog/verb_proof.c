/* pli proof get, pli proof verify */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "bundle.h"
#include "verify_report.h"

#include "args.h"
#include "cli.h"
#include "client.h"
#include "sysexit.h"

#include "verb.h"

#define BUNDLE_MAX_BYTES (256U * 1024 * 1024)

/* A new file beside the old one, then in its place: a bundle is there whole or not at all. */
static enum pli_status write_file(struct pool *pool, const char *name, const struct buf *bytes, struct err *err)
{
	const char *temporary = pool_fmt(pool, "%s.%ld.tmp", name, (long)getpid());
	int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	size_t at = 0;

	if (fd < 0)
		return err_set(err, PLI_FULL, "%s: %s", name, strerror(errno));
	while (at < bytes->n) {
		ssize_t n = write(fd, bytes->p + at, bytes->n - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	if (at < bytes->n || fsync(fd) != 0 || close(fd) != 0 || rename(temporary, name) != 0) {
		enum pli_status st = err_set(err, PLI_FULL, "%s: %s", name, strerror(errno));
		(void)unlink(temporary);
		return st;
	}
	return PLI_OK;
}

static enum pli_status keep(struct cli_call *call, const struct buf *bundle, struct err *err)
{
	const char *name = args_value(call->args, "--output");
	enum pli_status st;

	if (str_eq(name, "-"))
		return fwrite(bundle->p, 1, bundle->n, stdout) == bundle->n ? PLI_OK
			: err_set(err, PLI_IO, "standard output cannot be written");
	if (!name)
		name = pool_fmt(call->pool, "proof-%s.asice", args_word(call->args, 0));
	st = write_file(call->pool, name, bundle, err);
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

static enum pli_status read_file(struct pool *pool, const char *name, size_t max_bytes, char **text_r, size_t *n_r,
				 struct err *err)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat sb;
	size_t at = 0;
	char *text;

	if (fd < 0 || fstat(fd, &sb) != 0) {
		enum pli_status st = err_set(err, errno == ENOENT ? PLI_ABSENT : PLI_IO, "%s: %s", name, strerror(errno));
		if (fd >= 0)
			close(fd);
		return st;
	}
	if (!S_ISREG(sb.st_mode) || (uint64_t)sb.st_size > max_bytes) {
		close(fd);
		return err_set(err, PLI_INVALID, "%s is not a file of at most %zu bytes", name, max_bytes);
	}
	text = pool_alloc(pool, (size_t)sb.st_size + 1);
	while (at < (size_t)sb.st_size) {
		ssize_t n = read(fd, text + at, (size_t)sb.st_size - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	close(fd);
	text[at] = '\0';
	*text_r = text;
	*n_r = at;
	return PLI_OK;
}

static enum pli_status read_pinned(struct pool *pool, const char *name, const char **pem_r, struct err *err)
{
	char *text;
	size_t n;
	enum pli_status st;

	if (!name)
		return PLI_OK;
	st = read_file(pool, name, 65536, &text, &n, err);
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
	enum pli_status st = read_file(call->pool, args_word(call->args, 0), BUNDLE_MAX_BYTES, &bundle, &n, &err);

	if (st == PLI_OK)
		st = read_pinned(call->pool, args_value(call->args, "--root"), &options.root_pem, &err);
	if (st == PLI_OK)
		st = read_pinned(call->pool, args_value(call->args, "--log-key"), &options.log_pub_pem, &err);
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
