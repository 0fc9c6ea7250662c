/* Uploading one file by tus (creation, PATCH in pieces, HEAD to go on). */
#ifndef PLI_TUS_CLIENT_H
#define PLI_TUS_CLIENT_H

#include "resume.h"
#include "status.h"

struct client;
struct pool;

/* Brings the file's bytes to the server, however often the connection breaks, and gives the upload's id.  state: opened for this
 * file; says `done` afterwards.  PLI_IO when the file cannot be read or changes meanwhile. */
MUST enum pli_status tus_client_upload(struct client *client, struct pool *pool, int fd, const struct stat *sb,
				       const char *name, struct resume *state, const char **id_r, struct err *err);
/* The id in an upload's path. */
const char *tus_client_id(const char *upload);

#endif
