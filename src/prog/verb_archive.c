/* pli archive: letters with their documents and proofs in one file, for an archive, an auditor or a court.
 *
 * What is in the file, and how it is verified without a server: archive_check.h.  Here it is fetched: first a list of letters, sealed by the
 * server under its newest head, then each of them with what its proofs and rights give. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "uuid.h"

#include "json_read.h"

#include "backup_file.h"

#include "archive_check.h"
#include "args.h"
#include "cli.h"
#include "client.h"
#include "sysexit.h"
#include "verb_file.h"
#include "verb_request.h"

#include "verb.h"

#define JSON_MAX_BYTES (16u << 20)
#define PIECE_BYTES (32u << 20)		/* of a document, in one request */
#define ROWS_MAX 100000
#define PARTS_MAX 1000
#define IDS_AT_ONCE 100

struct archive {
	struct cli_call *call;
	struct client *client;
	struct backup_writer writer;
	const char *part;		/* the file's name while it is made */
	int fd;
	unsigned lists, letters, proofs, files, without;	/* without: letters whose content is gone, or not the caller's to read */
};

/* ------------------------------------------------------------------ export */

static enum pli_status get(struct archive *a, const char *path, const char *const *headers, struct client_response *response, struct err *err)
{
	struct client_request request = { .method = "GET", .path = path, .headers = headers };

	*response = (struct client_response){ 0 };
	return client_send(a->client, &request, response, err);
}

/* The answer to a request becomes a member. */
static enum pli_status member_get(struct archive *a, const char *path, const char *name, struct err *err)
{
	struct client_response response;
	enum pli_status st = get(a, path, NULL, &response, err);

	if (st == PLI_OK)
		st = backup_writer_add(&a->writer, name, response.body.p ? response.body.p : "", response.body.n, err);
	client_response_free(&response);
	return st;
}

/* Piece by piece into a nameless file beside the archive, then as one member. */
static enum pli_status document_get(struct archive *a, const char *path, const char *name, uint64_t size, struct err *err)
{
	int spool = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	uint64_t at = 0;
	enum pli_status st = spool >= 0 ? PLI_OK : err_set(err, PLI_IO, "no temporary file here: %s", strerror(errno));

	while (st == PLI_OK && at < size) {
		AUTO_POOL pool = pool_new();
		const char *const headers[] = { pool_fmt(pool, "Range: bytes=%llu-%llu", (unsigned long long)at,
							 (unsigned long long)(size - at < PIECE_BYTES ? size : at + PIECE_BYTES) - 1), NULL };
		struct client_response response;

		st = get(a, path, headers, &response, err);
		if (st == PLI_OK && (!response.body.n || response.body.n > size - at))
			st = err_set(err, PLI_INPUT, "the server sent another length of %s than it had said", name);
		if (st == PLI_OK && pwrite(spool, response.body.p, response.body.n, (off_t)at) != (ssize_t)response.body.n)
			st = err_set(err, PLI_IO, "%s: %s", name, strerror(errno));
		at += response.body.n;
		client_response_free(&response);
	}
	if (st == PLI_OK)
		st = backup_writer_add_fd(&a->writer, name, spool, size, err);
	if (spool >= 0)
		close(spool);
	a->files += st == PLI_OK;
	return st;
}

static enum pli_status proofs_add(struct archive *a, struct pool *pool, const char *id, const struct json_read *letter, struct err *err)
{
	struct json_read **people;
	size_t count = 0;
	enum pli_status st = json_read_objects(letter, "recipients", NULL, ROWS_MAX, &people, &count, err);

	if (st == PLI_OK)
		st = member_get(a, pool_fmt(pool, "/api/v1/letters/%s/proof", id), pool_fmt(pool, "letters/%s/sender.asice", id), err);
	a->proofs += st == PLI_OK;
	for (size_t i = 0; st == PLI_OK && i < count; i++) {
		st = member_get(a, pool_fmt(pool, "/api/v1/letters/%s/proof?recipient=%s", id, client_escape(a->client, verb_member(people[i], "address"))),
				pool_fmt(pool, "letters/%s/recipient-%zu.asice", id, i + 1), err);
		a->proofs += st == PLI_OK;
	}
	return st;
}

/* Evidence alone where there is no content any more, or it is not the caller's to read. */
static enum pli_status content_add(struct archive *a, struct pool *pool, const char *id, const struct json_read *letter, struct err *err)
{
	struct json_read **parts;
	size_t count = 0;
	enum pli_status st = member_get(a, pool_fmt(pool, "/api/v1/letters/%s/message", id), pool_fmt(pool, "letters/%s/message.md", id), err);

	if (st == PLI_GONE || st == PLI_DENIED) {
		a->without++;
		return PLI_OK;
	}
	if (st == PLI_OK)
		st = json_read_objects(letter, "parts", NULL, PARTS_MAX, &parts, &count, err);
	for (size_t i = 0; st == PLI_OK && i < count; i++) {
		long long n = (long long)verb_member_int(parts[i], "n");

		st = document_get(a, pool_fmt(pool, "/api/v1/letters/%s/files/%lld", id, n), pool_fmt(pool, "letters/%s/files/%lld", id, n),
				  (uint64_t)verb_member_int(parts[i], "size"), err);
	}
	return st;
}

static enum pli_status letter_add(struct archive *a, const char *id, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct client_response response;
	struct json_read *letter = NULL;
	enum pli_status st;

	if (strlen(id) != 36 || strspn(id, "0123456789abcdef-") != 36)
		return err_set(err, PLI_INPUT, "'%.60s' is no letter's id", id);
	st = get(a, pool_fmt(pool, "/api/v1/letters/%s", id), NULL, &response, err);
	if (st == PLI_OK)
		st = json_read_open(pool, response.body.p, response.body.n, JSON_MAX_BYTES, NULL, &letter, err);
	if (st == PLI_OK)
		st = backup_writer_add(&a->writer, pool_fmt(pool, "letters/%s/letter.json", id), response.body.p, response.body.n, err);
	client_response_free(&response);
	if (st == PLI_OK)
		st = proofs_add(a, pool, id, letter, err);
	if (st == PLI_OK)
		st = content_add(a, pool, id, letter, err);
	a->letters += st == PLI_OK;
	return st;
}

static enum pli_status list_member(struct archive *a, struct pool *pool, const char *file, const char *p, size_t n, struct err *err)
{
	return backup_writer_add(&a->writer, pool_fmt(pool, "lists/%03u/%s", a->lists, file), p, n, err);
}

static enum pli_status list_decoded(struct archive *a, struct pool *pool, const char *file, const char *base64, struct err *err)
{
	size_t n;
	uint8_t *bytes = pool_alloc(pool, strlen(base64) + 3);

	if (!base64_decode(bytes, &n, base64, strlen(base64)))
		return err_set(err, PLI_INPUT, "the server's list has no signature that can be read");
	return list_member(a, pool, file, (const char *)bytes, n, err);
}

/* The list as the server has sealed it, with what a verifier needs. */
static enum pli_status list_add(struct archive *a, struct pool *pool, const struct json_read *answer, struct err *err)
{
	static const char *const NAMES[] = { "root", "seal", "operator", "tsa" };
	const char *list = verb_member(answer, "list");
	struct json_read *certificates;
	enum pli_status st;

	a->lists++;
	st = json_read_object(answer, "certificates", NAMES, &certificates, err);
	if (st == PLI_OK)
		st = list_member(a, pool, "list.txt", list, strlen(list), err);
	if (st == PLI_OK)
		st = list_decoded(a, pool, "list.p7s", verb_member(answer, "signature"), err);
	if (st == PLI_OK)
		st = list_decoded(a, pool, "list.tst", verb_member(answer, "timestamp"), err);
	for (size_t i = 0; st == PLI_OK && i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
		const char *pem = verb_member(certificates, NAMES[i]);

		st = list_member(a, pool, pool_fmt(pool, "%s.pem", NAMES[i]), pem, strlen(pem), err);
	}
	return st;
}

/* One list and its letters.  *cursor: where the next page begins; empty after the last. */
static enum pli_status page_add(struct archive *a, const char *query, struct buf *cursor, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct client_response response;
	struct json_read *answer;
	const char **ids;
	size_t count = 0;
	enum pli_status st = get(a, pool_fmt(pool, "/api/v1/archive/list%s", query), NULL, &response, err);

	if (st == PLI_OK)
		st = json_read_open(pool, response.body.p, response.body.n, JSON_MAX_BYTES, NULL, &answer, err);
	if (st == PLI_OK)
		st = list_add(a, pool, answer, err);
	if (st == PLI_OK)
		st = json_read_strs(answer, "letters", ROWS_MAX, &ids, &count, err);
	buf_reset(cursor);
	if (st == PLI_OK)
		buf_str(cursor, verb_member(answer, "next"));
	for (size_t i = 0; st == PLI_OK && i < count; i++)
		st = letter_add(a, ids[i], err);
	client_response_free(&response);
	return st;
}

/* Every letter that the caller may prove, newest first. */
static enum pli_status all_add(struct archive *a, struct err *err)
{
	AUTO_BUF cursor = { 0 };
	enum pli_status st;

	do {
		AUTO_POOL pool = pool_new();

		st = page_add(a, cursor.n ? pool_fmt(pool, "?cursor=%s", client_escape(a->client, cursor.p)) : "", &cursor, err);
	} while (st == PLI_OK && cursor.n);
	return st;
}

static enum pli_status chosen_add(struct archive *a, const char *const *ids, unsigned count, struct err *err)
{
	enum pli_status st = PLI_OK;

	for (unsigned from = 0; st == PLI_OK && from < count; from += IDS_AT_ONCE) {
		AUTO_BUF query = { 0 }, cursor = { 0 };

		for (unsigned i = from; i < count && i < from + IDS_AT_ONCE; i++)
			buf_fmt(&query, "%cletter=%s", i == from ? '?' : '&', client_escape(a->client, ids[i]));
		st = page_add(a, query.p, &cursor, err);
	}
	return st;
}

static enum pli_status export(struct archive *a, const char *file, struct err *err)
{
	unsigned count;
	const char *const *ids = args_values(a->call->args, "--letter", &count);
	enum pli_status st;

	if (access(file, F_OK) == 0)
		return err_set(err, PLI_CONFLICT, "%s is there already", file);
	a->part = pool_fmt(a->call->pool, "%s.part", file);
	a->fd = open(a->part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (a->fd < 0)
		return err_set(err, PLI_IO, "%s: %s", a->part, strerror(errno));
	st = backup_writer_begin(&a->writer, a->fd, err);
	if (st == PLI_OK)
		st = count ? chosen_add(a, ids, count, err) : all_add(a, err);
	if (st == PLI_OK)
		st = backup_writer_end(&a->writer, err);
	close(a->fd);
	if (st == PLI_OK && rename(a->part, file) != 0)
		st = err_set(err, PLI_IO, "%s: %s", file, strerror(errno));
	if (st != PLI_OK)
		(void)unlink(a->part);
	return st;
}

int verb_archive_export(struct cli_call *call)
{
	struct archive a = { .call = call, .fd = -1 };
	struct err err = { 0 };
	enum pli_status st = client_open(call->pool, call->args, &a.client, &err);

	if (st != PLI_OK)
		return sysexit_say(&err);
	st = export(&a, args_word(call->args, 0), &err);
	client_close(a.client);
	if (st != PLI_OK)
		return sysexit_say(&err);
	if (call->json)
		printf("{\"letters\":%u,\"proofs\":%u,\"files\":%u,\"without_content\":%u}\n", a.letters, a.proofs, a.files, a.without);
	else
		printf("%u letters with %u proofs and %u files; %u of them without content\n", a.letters, a.proofs, a.files, a.without);
	return EX_OK;
}

/* ------------------------------------------------------------------ verify */

static void fault_print(void *arg, const char *name, const char *what)
{
	(void)arg;
	printf("FAILED: %s: %s\n", name, what);
}

static enum pli_status pinned(struct cli_call *call, const char *option, const char **pem_r, struct err *err)
{
	const char *name = args_value(call->args, option);
	char *text;
	size_t n;
	enum pli_status st = name ? verb_file_read(call->pool, name, 65536, &text, &n, err) : PLI_OK;

	if (st == PLI_OK && name)
		*pem_r = text;
	return st;
}

int verb_archive_verify(struct cli_call *call)
{
	struct archive_check c = { .fault = fault_print };
	struct err err = { 0 };
	int fd = open(args_word(call->args, 0), O_RDONLY | O_CLOEXEC);
	enum pli_status st = fd >= 0 ? PLI_OK : err_set(&err, PLI_ABSENT, "%s: %s", args_word(call->args, 0), strerror(errno));

	if (st == PLI_OK)
		st = pinned(call, "--root", &c.root_pem, &err);
	if (st == PLI_OK)
		st = pinned(call, "--log-key", &c.log_pub_pem, &err);
	if (st == PLI_OK)
		st = archive_check_run(&c, fd, &err);
	if (fd >= 0)
		close(fd);
	if (st != PLI_OK)
		return sysexit_say(&err);
	printf("%s: %u letters, %u proofs, %u files, %u faults\n", c.faults ? "NOT VERIFIED" : "VERIFIED", c.letters, c.proofs, c.files, c.faults);
	return c.faults ? EX_DATAERR : EX_OK;
}
