#include <string.h>

#include "pool.h"
#include "text.h"

#include "tus.h"

#include "client.h"
#include "progress.h"

#include "tus_client.h"

/* What one PATCH carries: small enough that a server killed in the middle costs little, large enough that its end costs nothing. */
#define PIECE_BYTES (UINT64_C(32) * 1024 * 1024)

static const char TUS_VERSION_LINE[] = "Tus-Resumable: " TUS_VERSION;

const char *tus_client_id(const char *upload)
{
	const char *slash = strrchr(upload, '/');

	return slash ? slash + 1 : upload;
}

/* Location may be a whole address of our own server. */
static const char *path_of(struct client *client, const char *location)
{
	const char *server = client_server(client);

	return str_starts(location, server) ? location + strlen(server) : location;
}

static enum pli_status create(struct client *client, struct pool *pool, uint64_t size, const char *name,
			      struct resume *state, struct err *err)
{
	char *name64 = pool_alloc(pool, 4 * ((strlen(name) + 2) / 3) + 1);
	const char *headers[] = { TUS_VERSION_LINE, pool_fmt(pool, "Upload-Length: %llu", (unsigned long long)size),
				  NULL, NULL };
	const struct client_request request = { .method = "POST", .path = "/api/v1/uploads", .headers = headers };
	struct client_response response;
	enum pli_status st;

	headers[2] = pool_fmt(pool, "Upload-Metadata: filename %s", base64_encode(name64, name, strlen(name)));
	/* A repeated creation leaves an empty upload behind that the server sweeps. */
	st = client_send(client, &request, &response, err);
	if (st == PLI_OK && !response.location)
		st = err_set(err, PLI_IO, "the server did not say where the upload goes");
	if (st == PLI_OK)
		resume_save(pool, state, path_of(client, response.location), size == 0);
	client_response_free(&response);
	return st;
}

/* How much the server has; PLI_ABSENT or PLI_GONE when it does not know the upload any more. */
static enum pli_status ask_offset(struct client *client, const char *upload, uint64_t size, uint64_t *offset_r,
				  struct err *err)
{
	const char *const headers[] = { TUS_VERSION_LINE, NULL };
	const struct client_request request = { .method = "HEAD", .path = upload, .headers = headers };
	struct client_response response;
	enum pli_status st = client_send(client, &request, &response, err);

	if (st == PLI_OK && (response.upload_offset < 0 || (uint64_t)response.upload_offset > size))
		st = err_set(err, PLI_IO, "the server's answer about the upload makes no sense");
	if (st == PLI_OK)
		*offset_r = (uint64_t)response.upload_offset;
	client_response_free(&response);
	return st;
}

struct piece {
	struct progress *bar;
	uint64_t offset;
};

static void piece_moved(void *arg, uint64_t sent)
{
	struct piece *piece = arg;

	progress_show(piece->bar, piece->offset + sent);
}

/* One PATCH.  *offset_r: where to go on; PLI_AGAIN: ask the server first. */
static enum pli_status send_piece(struct client *client, struct pool *pool, int fd, uint64_t size, const char *upload,
				  struct progress *bar, uint64_t *offset_r, struct err *err)
{
	struct piece piece = { bar, *offset_r };
	uint64_t left = size - *offset_r, n = left < PIECE_BYTES ? left : PIECE_BYTES;
	char offset_line[48];
	const char *const headers[] = { TUS_VERSION_LINE, "Content-Type: " TUS_OFFSET_TYPE, offset_line, NULL };
	const struct client_request request = {
		.method = "PATCH", .path = upload, .headers = headers, .body_n = (size_t)n, .from_file = true,
		.file_fd = fd, .file_offset = *offset_r, .progress = piece_moved, .progress_arg = &piece, .once = true,
	};
	struct client_response response;
	enum pli_status st;

	(void)pool;
	snprintf(offset_line, sizeof(offset_line), "Upload-Offset: %llu", (unsigned long long)*offset_r);
	st = client_send(client, &request, &response, err);
	if (st == PLI_OK && response.upload_offset > (int64_t)*offset_r && (uint64_t)response.upload_offset <= size)
		*offset_r = (uint64_t)response.upload_offset;
	else if (st == PLI_OK)
		st = err_set(err, PLI_IO, "the server did not say how far the upload is");
	else if (client_passing(&response, st) || st == PLI_CONFLICT)
		st = client_wait(client, response.retry_after_s) ? PLI_AGAIN : st;
	client_response_free(&response);
	return st;
}

static enum pli_status send_rest(struct client *client, struct pool *pool, int fd, uint64_t size, const char *name,
				 struct resume *state, uint64_t offset, struct err *err)
{
	struct progress bar;
	enum pli_status st = PLI_OK;

	progress_begin(&bar, name, size, offset);
	while (st == PLI_OK && offset < size) {
		st = send_piece(client, pool, fd, size, state->upload, &bar, &offset, err);
		if (st == PLI_AGAIN)
			st = ask_offset(client, state->upload, size, &offset, err);
	}
	if (st == PLI_OK)
		progress_end(&bar);
	return st;
}

static enum pli_status unchanged(int fd, const struct stat *before, const char *name, struct err *err)
{
	struct stat now;

	if (fstat(fd, &now) != 0)
		return err_errno(err, name);
	if (now.st_size != before->st_size || now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != before->st_mtim.tv_nsec)
		return err_set(err, PLI_IO, "%s was changed while it was sent", name);
	return PLI_OK;
}

enum pli_status tus_client_upload(struct client *client, struct pool *pool, int fd, const struct stat *sb,
				  const char *name, struct resume *state, const char **id_r, struct err *err)
{
	uint64_t size = (uint64_t)sb->st_size, offset = 0;
	enum pli_status st = PLI_OK;

	if (state->upload && !state->done) {
		st = ask_offset(client, state->upload, size, &offset, err);
		if (st == PLI_ABSENT || st == PLI_GONE) {
			resume_forget(state);
			st = PLI_OK;
			offset = 0;
		}
	}
	if (st == PLI_OK && !state->upload)
		st = create(client, pool, size, name, state, err);
	if (st == PLI_OK && !state->done)
		st = send_rest(client, pool, fd, size, name, state, offset, err);
	if (st == PLI_OK)
		st = unchanged(fd, sb, name, err);
	if (st != PLI_OK)
		return st;
	resume_save(pool, state, state->upload, true);
	*id_r = tus_client_id(state->upload);
	return PLI_OK;
}
