/* See proof_documents.h. */
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "json_read.h"
#include "zip.h"

#include "bundle.h"

#include "client.h"
#include "verb_request.h"

#include "proof_documents.h"

#define BUNDLE_MAX_BYTES ((size_t)256 << 20)	/* what `pli proof verify` reads */
#define DOCUMENTS_MAX_BYTES (INT64_C(200) << 20)
#define PIECE_BYTES (32 << 20)		/* of a document, in one request */
#define JSON_MAX_BYTES (1u << 20)
#define PARTS_MAX 1000

/* ".pdf" of "Bail.PDF"; "" where the name has no plain short ending. */
static const char *ending(struct pool *pool, const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t n = dot ? strlen(dot + 1) : 0;
	char *lower;

	if (n < 1 || n > 8 || strspn(dot + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != n)
		return "";
	lower = pool_str(pool, dot);
	for (size_t i = 1; i <= n; i++)
		if (lower[i] >= 'A' && lower[i] <= 'Z')
			lower[i] = (char)(lower[i] - 'A' + 'a');
	return lower;
}

/* path's bytes, piece by piece. */
static enum pli_status fetch(struct pool *pool, struct client *client, const char *path, int64_t size, struct zip_file *file, struct err *err)
{
	uint8_t *bytes = pool_alloc(pool, (size_t)size + 1);
	int64_t at = 0;
	enum pli_status st = PLI_OK;

	while (st == PLI_OK && at < size) {
		int64_t end = size - at < PIECE_BYTES ? size : at + PIECE_BYTES;
		const char *const headers[] = { pool_fmt(pool, "Range: bytes=%lld-%lld", (long long)at, (long long)end - 1), NULL };
		struct client_request request = { .method = "GET", .path = path, .headers = size > PIECE_BYTES ? headers : NULL };
		struct client_response response = { 0 };

		st = client_send(client, &request, &response, err);
		if (st == PLI_OK && (!response.body.n || (int64_t)response.body.n > size - at))
			st = err_set(err, PLI_CONFLICT, "the server sent another length than the proof says: %s", path);
		if (st == PLI_OK) {
			memcpy(bytes + at, response.body.p, response.body.n);
			at += (int64_t)response.body.n;
		}
		client_response_free(&response);
	}
	file->p = bytes;
	file->n = (size_t)size;
	return st;
}

static enum pli_status contents_read(struct pool *pool, const struct zip_file *files, size_t count, struct json_read **message_r,
				     struct json_read ***parts_r, size_t *part_count_r, struct err *err)
{
	const struct zip_file *list = NULL;
	struct json_read *o;
	int64_t sum;
	enum pli_status st;

	for (size_t i = 0; i < count && !list; i++)
		list = str_eq(files[i].name, "manifest.json") ? &files[i] : NULL;
	if (!list)
		return err_set(err, PLI_INVALID, "this proof withholds what the letter contains until it is accepted; no documents can be put beside it");
	st = json_read_open(pool, (const char *)list->p, list->n, JSON_MAX_BYTES, NULL, &o, err);
	if (st == PLI_OK)
		st = json_read_object(o, "message", NULL, message_r, err);
	if (st == PLI_OK)
		st = json_read_objects(o, "parts", NULL, PARTS_MAX, parts_r, part_count_r, err);
	if (st != PLI_OK || !*message_r)
		return st != PLI_OK ? st : err_set(err, PLI_INPUT, "the proof has no list of contents");
	sum = verb_member_int(*message_r, "size");
	for (size_t i = 0; i < *part_count_r && sum <= DOCUMENTS_MAX_BYTES; i++)
		sum += verb_member_int((*parts_r)[i], "size");
	if (sum > DOCUMENTS_MAX_BYTES)
		return err_set(err, PLI_LIMIT, "more than 200 MiB do not fit a proof: `pli archive export FILE --letter ID` has documents and proofs in "
					       "one file");
	return PLI_OK;
}

enum pli_status proof_documents_add(struct pool *pool, struct client *client, const char *id, struct buf *bundle, struct err *err)
{
	const struct bundle_verify_options options = { 0 };
	struct json_read *message = NULL, **parts = NULL;
	struct zip_file *files, *all;
	size_t count, part_count = 0;
	AUTO_BUF zip = { 0 };
	enum pli_status st = zip_read_open(pool, bundle->p, bundle->n, BUNDLE_MAX_BYTES, &files, &count, err);

	if (st == PLI_OK)
		st = contents_read(pool, files, count, &message, &parts, &part_count, err);
	if (st != PLI_OK)
		return st;
	all = POOL_ARRAY(pool, struct zip_file, count + part_count + 1);
	memcpy(all, files, count * sizeof(*all));
	all[count].name = "documents/message.md";
	st = fetch(pool, client, pool_fmt(pool, "/api/v1/letters/%s/message", client_escape(client, id)), verb_member_int(message, "size"),
		   &all[count], err);
	for (size_t i = 0; st == PLI_OK && i < part_count; i++) {
		struct zip_file *file = &all[count + 1 + i];

		file->name = pool_fmt(pool, "documents/%03zu%s", i + 1, ending(pool, verb_member(parts[i], "name")));
		st = fetch(pool, client, pool_fmt(pool, "/api/v1/letters/%s/files/%zu", client_escape(client, id), i + 1),
			   verb_member_int(parts[i], "size"), file, err);
	}
	if (st != PLI_OK)
		return st;
	zip_write(&zip, all, count + part_count + 1, clock_now_us());
	st = bundle_verify(zip.p, zip.n, &options, err);
	buf_reset(bundle);
	buf_add(bundle, zip.p, zip.n);
	return st;
}
