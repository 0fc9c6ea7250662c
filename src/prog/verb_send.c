/* pli send: attachments go up by tus, then one POST makes the letter. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "json_read.h"

#include "args.h"
#include "cli.h"
#include "client.h"
#include "resume.h"
#include "secret_input.h"
#include "sysexit.h"
#include "tus_client.h"

#include "verb.h"

#define MESSAGE_MAX (1024 * 1024)

struct attachment {
	const char *file, *name, *id;
	struct stat sb;
	struct resume state;
	int fd;
};
struct sending {
	struct cli_call *call;
	struct client *client;
	const char *subject, *expires, *class_, *password, *key;
	char *message;
	struct attachment *attachments;
	unsigned count;
};

/* ------------------------------------------------------------------ what was asked for */

static enum pli_status read_message(struct sending *s, const char *file, struct err *err)
{
	int fd = str_eq(file, "-") ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC);
	char *text = pool_alloc(s->call->pool, MESSAGE_MAX + 2);
	size_t n = 0;
	ssize_t got = 1;

	if (fd < 0)
		return err_set(err, errno == ENOENT ? PLI_ABSENT : PLI_IO, "%s: %s", file, strerror(errno));
	while (got > 0 && n <= MESSAGE_MAX) {
		got = read(fd, text + n, MESSAGE_MAX + 1 - n);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			n += (size_t)got;
	}
	close(fd);
	if (got < 0)
		return err_set(err, PLI_IO, "%s: %s", file, strerror(errno));
	if (n > MESSAGE_MAX)
		return err_set(err, PLI_LIMIT, "%s: a message has at most %d bytes; attach it as a file", file, MESSAGE_MAX);
	if (!utf8_valid(text, n))
		return err_set(err, PLI_INPUT, "%s: a message is UTF-8 text; attach other files", file);
	text[n] = '\0';
	s->message = text;
	return PLI_OK;
}

static enum pli_status open_attachment(struct sending *s, const char *file, struct attachment *a, struct err *err)
{
	const char *slash = strrchr(file, '/');

	a->file = file;
	a->name = slash && slash[1] ? slash + 1 : file;
	a->state.fd = -1;
	a->fd = open(file, O_RDONLY | O_CLOEXEC);
	if (a->fd < 0 || fstat(a->fd, &a->sb) != 0)
		return err_set(err, errno == ENOENT ? PLI_ABSENT : PLI_IO, "%s: %s", file, strerror(errno));
	if (!S_ISREG(a->sb.st_mode))
		return err_set(err, PLI_INPUT, "%s is not a file", file);
	if (!utf8_valid(a->name, strlen(a->name)))
		return err_set(err, PLI_INPUT, "%s: the name is not UTF-8", file);
	resume_open(s->call->pool, client_server(s->client), file, &a->sb, &a->state);
	return PLI_OK;
}

static enum pli_status read_options(struct sending *s, struct err *err)
{
	const struct args *args = s->call->args;
	const char *message = args_value(args, "--message");
	const char *password_file = args_value(args, "--letter-password-file");
	const char *const *files = args_values(args, "--attach", &s->count);
	enum pli_status st = PLI_OK;

	s->subject = args_value(args, "--subject");
	s->expires = args_value(args, "--expires");
	s->class_ = args_value(args, "--class");
	s->key = args_value(args, "--key");
	s->attachments = POOL_ARRAY(s->call->pool, struct attachment, s->count + 1);
	for (unsigned i = 0; i < s->count; i++)
		s->attachments[i].fd = s->attachments[i].state.fd = -1;
	if (!s->subject)
		return err_set(err, PLI_INPUT, "--subject S is missing");
	if (message)
		st = read_message(s, message, err);
	if (st == PLI_OK && password_file)
		st = secret_input_file(s->call->pool, password_file, &s->password, err);
	for (unsigned i = 0; i < s->count && st == PLI_OK; i++)
		st = open_attachment(s, files[i], &s->attachments[i], err);
	return st;
}

/* ------------------------------------------------------------------ doing it */

static enum pli_status upload_all(struct sending *s, struct err *err)
{
	for (unsigned i = 0; i < s->count; i++) {
		struct attachment *a = &s->attachments[i];
		enum pli_status st = tus_client_upload(s->client, s->call->pool, a->fd, &a->sb, a->name, &a->state, &a->id,
						       err);
		if (st != PLI_OK)
			return st;
	}
	return PLI_OK;
}

static void add_list(struct jsonw *w, const struct args *args, const char *option, const char *member)
{
	unsigned count;
	const char *const *values = args_values(args, option, &count);

	if (count == 0)
		return;
	jsonw_array(w, member);
	for (unsigned i = 0; i < count; i++)
		jsonw_str(w, NULL, values[i]);
	jsonw_array_end(w);
}

static void write_body(struct sending *s, struct buf *body)
{
	struct jsonw w;

	jsonw_init(&w, body, false);
	jsonw_object(&w, NULL);
	add_list(&w, s->call->args, "--to", "to");
	add_list(&w, s->call->args, "--cc", "cc");
	add_list(&w, s->call->args, "--bcc", "bcc");
	jsonw_str(&w, "subject", s->subject);
	jsonw_str(&w, "message", s->message);
	jsonw_str(&w, "password", s->password);
	jsonw_str(&w, "expires", s->expires);
	jsonw_str(&w, "class", s->class_);
	if (s->count > 0) {
		jsonw_array(&w, "uploads");
		for (unsigned i = 0; i < s->count; i++)
			jsonw_str(&w, NULL, s->attachments[i].id);
		jsonw_array_end(&w);
	}
	jsonw_object_end(&w);
}

/* Uploads have ids of their own, so the same body is the same letter, also when the command is repeated after it was
 * interrupted before the answer.  Without uploads every run is a letter of its own. */
static const char *key_for(struct sending *s, const struct buf *body)
{
	uint8_t digest[32];
	char hex[65];

	if (s->key)
		return s->key;
	if (s->count > 0)
		SHA256((const uint8_t *)body->p, body->n, digest);
	else
		mem_random(digest, sizeof(digest));
	return pool_str(s->call->pool, hex_encode(hex, digest, sizeof(digest)));
}

static enum pli_status post(struct sending *s, struct client_response *response_r, struct err *err)
{
	AUTO_BUF body = { .secret = 1 };
	const char *headers[] = { "Content-Type: application/json", NULL, NULL };
	struct client_request request = { .method = "POST", .path = "/api/v1/letters", .headers = headers };

	write_body(s, &body);
	headers[1] = pool_fmt(s->call->pool, "Idempotency-Key: %s", key_for(s, &body));
	request.body = body.p;
	request.body_n = body.n;
	return client_send(s->client, &request, response_r, err);
}

/* An upload that was complete before this run may have expired at the server: then it is sent again. */
static bool forget_old(struct sending *s, const bool *was_done)
{
	bool any = false;

	for (unsigned i = 0; i < s->count; i++) {
		if (!was_done[i])
			continue;
		resume_forget(&s->attachments[i].state);
		any = true;
	}
	return any;
}

static enum pli_status send_letter(struct sending *s, struct client_response *response_r, struct err *err)
{
	bool *was_done = POOL_ARRAY(s->call->pool, bool, s->count + 1);
	enum pli_status st;

	for (unsigned i = 0; i < s->count; i++)
		was_done[i] = s->attachments[i].state.done;
	st = upload_all(s, err);
	if (st == PLI_OK)
		st = post(s, response_r, err);
	if ((st == PLI_ABSENT || st == PLI_GONE || (st == PLI_INVALID && str_eq(err->field, "uploads"))) &&
	    forget_old(s, was_done)) {
		client_response_free(response_r);
		st = upload_all(s, err);
		if (st == PLI_OK)
			st = post(s, response_r, err);
	}
	return st;
}

static enum pli_status print_answer(struct sending *s, const struct client_response *response, struct err *err)
{
	struct json_read *letter;
	const char *id = NULL;
	enum pli_status st;

	if (s->call->json) {
		printf("%s\n", response->body.p);
		return PLI_OK;
	}
	st = json_read_open(s->call->pool, response->body.p, response->body.n, 16 * 1024 * 1024, NULL, &letter, err);
	if (st == PLI_OK)
		st = json_read_str(letter, "id", &id, err);
	if (st == PLI_OK && !id)
		st = err_set(err, PLI_IO, "the server's answer names no letter");
	if (st == PLI_OK)
		printf("%s\n", id);
	return st;
}

int verb_send(struct cli_call *call)
{
	struct sending s = { .call = call };
	struct client_response response = { 0 };
	struct err err = { 0 };
	enum pli_status st = client_open(call->pool, call->args, &s.client, &err);

	if (st != PLI_OK)
		return sysexit_say(&err);
	st = read_options(&s, &err);
	if (st == PLI_OK)
		st = send_letter(&s, &response, &err);
	if (st == PLI_OK)
		st = print_answer(&s, &response, &err);
	for (unsigned i = 0; i < s.count; i++) {
		struct attachment *a = &s.attachments[i];
		if (st == PLI_OK)
			resume_forget(&a->state);
		resume_close(&a->state);
		if (a->fd >= 0)
			close(a->fd);
	}
	client_response_free(&response);
	client_close(s.client);
	return st == PLI_OK ? EX_OK : sysexit_say(&err);
}
