/* pli archive: letters with their documents and proofs in one file, for an archive, an auditor or a court.
 *
 * A tar archive as of a backup (backup_file.h): for each letter a folder letters/ID with letter.json, sender.asice, recipient-N.asice, and,
 * where the caller may read and it is still kept, message.md and files/N.  What each file should be stands in letter.json, and what that
 * should be in the sealed proofs, so that verifying needs no server. */
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
#include "digest.h"

#include "bundle.h"
#include "bundle_facts.h"
#include "verify_report.h"

#include "args.h"
#include "cli.h"
#include "client.h"
#include "sysexit.h"
#include "verb_file.h"
#include "verb_request.h"

#include "verb.h"

#define JSON_MAX_BYTES (16u << 20)
#define BUNDLE_MAX_BYTES (256u << 20)
#define PIECE_BYTES (32u << 20)		/* of a document, in one request */
#define ROWS_MAX 100000
#define PARTS_MAX 1000

struct archive {
	struct cli_call *call;
	struct client *client;
	struct backup_writer writer;
	const char *part;		/* the file's name while it is made */
	int fd;
	unsigned letters, proofs, files, without;	/* without: letters whose content is gone, or not the caller's to read */
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

/* Every letter that the caller may see, newest first. */
static enum pli_status all_add(struct archive *a, struct err *err)
{
	AUTO_BUF cursor = { 0 };
	enum pli_status st;

	do {
		AUTO_POOL pool = pool_new();
		struct client_response response;
		struct json_read *answer, **letters;
		size_t count = 0;

		st = get(a, pool_fmt(pool, "/api/v1/letters?limit=200%s%s", cursor.n ? "&cursor=" : "",
				     cursor.n ? client_escape(a->client, cursor.p) : ""), NULL, &response, err);
		if (st == PLI_OK)
			st = json_read_open(pool, response.body.p, response.body.n, JSON_MAX_BYTES, NULL, &answer, err);
		client_response_free(&response);
		if (st == PLI_OK)
			st = json_read_objects(answer, "letters", NULL, ROWS_MAX, &letters, &count, err);
		buf_reset(&cursor);
		if (st == PLI_OK)
			buf_str(&cursor, verb_member(answer, "next"));
		for (size_t i = 0; st == PLI_OK && i < count; i++)
			st = letter_add(a, verb_member(letters[i], "id"), err);
	} while (st == PLI_OK && cursor.n);
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
	for (unsigned i = 0; st == PLI_OK && i < count; i++)
		st = letter_add(a, ids[i], err);
	if (st == PLI_OK && !count)
		st = all_add(a, err);
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

struct checking {
	struct cli_call *call;
	struct bundle_verify_options options;
	struct pool *pool;		/* of the present letter */
	char id[40];
	struct json_read *letter;
	uint8_t message_sha256[32];	/* as the last verified proof says */
	unsigned letters, proofs, files, faults;
};

static void fault(struct checking *c, const char *name, const char *what)
{
	c->faults++;
	printf("FAILED: %s: %s\n", name, what);
}

static enum pli_status whole(struct backup_reader *r, size_t max, struct buf *out, struct err *err)
{
	size_t n = 1;
	enum pli_status st = r->entry.size <= max ? PLI_OK : err_set(err, PLI_INPUT, "%s is too large", r->entry.name);

	while (st == PLI_OK && n) {
		st = backup_reader_read(r, buf_reserve(out, 65536), 65536, &n, err);
		out->n += st == PLI_OK ? n : 0;
	}
	return st;
}

static enum pli_status digest_of(struct backup_reader *r, char hex_r[65], struct err *err)
{
	uint8_t piece[16384], sha256[32];
	struct digest digest;
	size_t n = 1;
	enum pli_status st = PLI_OK;

	digest_init(&digest);
	while (st == PLI_OK && n) {
		st = backup_reader_read(r, piece, sizeof(piece), &n, err);
		digest_add(&digest, piece, st == PLI_OK ? n : 0);
	}
	digest_final(&digest, sha256);
	hex_encode(hex_r, sha256, 32);
	return st;
}

static enum pli_status letter_begin(struct checking *c, struct backup_reader *r, struct err *err)
{
	AUTO_BUF json = { 0 };
	enum pli_status st = whole(r, JSON_MAX_BYTES, &json, err);

	pool_free(c->pool);
	c->pool = pool_new();
	c->letter = NULL;
	if (st == PLI_OK)
		st = json_read_open(c->pool, json.p, json.n, JSON_MAX_BYTES, NULL, &c->letter, err);
	c->letters++;
	return st;
}

/* The proof holds, and is of this letter with these files. */
static void proof_match(struct checking *c, const char *name, const struct verify_report *report)
{
	const struct bundle_facts *facts = report->facts;
	struct json_read **parts;
	size_t count = 0;
	char id[37];

	if (!report->verified) {
		fault(c, name, report->err.text);
		return;
	}
	if (!facts->deposit || !facts->deposit->v.e.letter || !str_eq(uuid_format(id, facts->deposit->v.e.letter), c->id)) {
		fault(c, name, "it is the proof of another letter");
		return;
	}
	if (!c->letter || json_read_objects(c->letter, "parts", NULL, PARTS_MAX, &parts, &count, NULL) != PLI_OK || count != facts->part_count) {
		fault(c, name, "letter.json does not have the files that it proves");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		char hex[65];

		if (!str_eq(verb_member(parts[i], "sha256"), hex_encode(hex, facts->parts[i].sha256, 32))) {
			fault(c, name, "letter.json names another file than it proves");
			return;
		}
	}
	memcpy(c->message_sha256, facts->message_sha256, 32);
}

static enum pli_status proof_check(struct checking *c, struct backup_reader *r, struct err *err)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF zip = { 0 };
	struct verify_report report;
	const char *name = pool_str(pool, r->entry.name);
	enum pli_status st = whole(r, BUNDLE_MAX_BYTES, &zip, err);

	if (st != PLI_OK)
		return st;
	verify_examine(pool, zip.p, zip.n, &c->options, &report);
	c->proofs++;
	proof_match(c, name, &report);
	return PLI_OK;
}

static enum pli_status file_check(struct checking *c, struct backup_reader *r, const char *number, struct err *err)
{
	struct json_read **parts;
	char hex[65], wanted[24];
	const char *name = pool_str(c->call->pool, r->entry.name);
	bool found = false;
	size_t count = 0;
	enum pli_status st = digest_of(r, hex, err);

	if (st != PLI_OK)
		return st;
	c->files++;
	if (!c->letter || json_read_objects(c->letter, "parts", NULL, PARTS_MAX, &parts, &count, NULL) != PLI_OK)
		count = 0;
	for (size_t i = 0; i < count; i++) {
		snprintf(wanted, sizeof(wanted), "%lld", (long long)verb_member_int(parts[i], "n"));
		if (str_eq(wanted, number))
			found = str_eq(verb_member(parts[i], "sha256"), hex);
	}
	if (!found)
		fault(c, name, "it is not the file that was deposited");
	return PLI_OK;
}

static enum pli_status message_check(struct checking *c, struct backup_reader *r, struct err *err)
{
	char hex[65], wanted[65];
	const char *name = pool_str(c->call->pool, r->entry.name);
	enum pli_status st = digest_of(r, hex, err);

	if (st == PLI_OK && !str_eq(hex, hex_encode(wanted, c->message_sha256, 32)))
		fault(c, name, "it is not the message that was deposited");
	return st;
}

static enum pli_status member_check(struct checking *c, struct backup_reader *r, struct err *err)
{
	const char *name = r->entry.name, *rest;

	if (!str_starts(name, "letters/") || strlen(name) < 46 || name[44] != '/')
		return err_set(err, PLI_INPUT, "the archive holds %s, which does not belong there", name);
	rest = name + 45;
	if (strncmp(c->id, name + 8, 36) != 0 && !str_eq(rest, "letter.json"))
		return err_set(err, PLI_INPUT, "%s does not follow its letter", name);
	snprintf(c->id, sizeof(c->id), "%.36s", name + 8);
	if (str_eq(rest, "letter.json"))
		return letter_begin(c, r, err);
	if (str_eq(rest, "message.md"))
		return message_check(c, r, err);
	return str_starts(rest, "files/") ? file_check(c, r, rest + 6, err) : proof_check(c, r, err);
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
	struct checking c = { .call = call };
	struct backup_reader reader;
	struct err err = { 0 };
	int fd = open(args_word(call->args, 0), O_RDONLY | O_CLOEXEC);
	enum pli_status st = fd >= 0 ? PLI_OK : err_set(&err, PLI_ABSENT, "%s: %s", args_word(call->args, 0), strerror(errno));

	if (st == PLI_OK)
		st = pinned(call, "--root", &c.options.root_pem, &err);
	if (st == PLI_OK)
		st = pinned(call, "--log-key", &c.options.log_pub_pem, &err);
	if (st == PLI_OK)
		st = backup_reader_begin(&reader, fd, &err);
	while (st == PLI_OK && (st = backup_reader_next(&reader, &err)) == PLI_OK)
		st = member_check(&c, &reader, &err);
	if (fd >= 0)
		close(fd);
	pool_free(c.pool);
	if (st != PLI_ABSENT)
		return sysexit_say(&err);
	printf("%s: %u letters, %u proofs, %u files, %u faults\n", c.faults ? "NOT VERIFIED" : "VERIFIED", c.letters, c.proofs, c.files, c.faults);
	return c.faults ? EX_DATAERR : EX_OK;
}
