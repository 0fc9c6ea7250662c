/* A user's side of the API: where the server is, with which token, and requests that outlive a restart of the server. */
#ifndef PLI_CLIENT_H
#define PLI_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "status.h"

struct args;
struct client;
struct pool;

/* From --server --token-file --token --ca, then PLI_SERVER PLI_TOKEN PLI_CA, then ~/.config/pli/config
 * (server, token, token_file, ca: `key = value` lines).  Strings live in pool (one that wipes). */
MUST enum pli_status client_open(struct pool *pool, const struct args *args, struct client **client_r, struct err *err);
void client_close(struct client *client);
const char *client_server(const struct client *client);

struct client_request {
	const char *method;
	const char *path;		/* with query */
	const char *const *headers;	/* "Name: value" lines, NULL-terminated, or NULL */
	const void *body;		/* NULL: none */
	size_t body_n;
	/* A body from a file instead: bytes [file_offset, file_offset + body_n) of file_fd. */
	bool from_file;
	int file_fd;
	uint64_t file_offset;
	void (*progress)(void *arg, uint64_t sent_bytes);	/* may be NULL */
	void *progress_arg;
	bool once;			/* no second try here: the caller knows better how to go on */
};
struct client_response {
	int code;
	struct buf body;		/* freed by client_response_free */
	const char *location;		/* in the client's pool; NULL if none */
	int64_t upload_offset;		/* -1 if none */
	unsigned retry_after_s;
};
/* One request.  Connection failures and 502, 503, 504, 409 with Retry-After are tried again with growing pauses, for at most ten minutes
 * once the server has answered before, ten seconds when it never did; so every request must be one that may be repeated.
 * PLI_OK for 2xx; else the status that fits, with the problem document's detail and hint.  Blocks. */
MUST enum pli_status client_send(struct client *client, const struct client_request *request,
				 struct client_response *response_r, struct err *err);
void client_response_free(struct client_response *response);
/* The pause before another try, growing from call to call; false when patience is over.  For callers with `once`. */
bool client_wait(struct client *client, unsigned retry_after_s);

/* Percent-encodes one path segment or query value into the client's pool. */
const char *client_escape(struct client *client, const char *s);
/* Is the fault one that passes by waiting? */
bool client_passing(const struct client_response *response, enum pli_status status);

#endif
