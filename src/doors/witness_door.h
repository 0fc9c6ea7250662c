/* What a witness serves over HTTPS, and nothing else: POST /add-checkpoint (C2SP tlog-witness) · GET /checkpoint/ORIGIN, the newest head of a log
 * that it cosigned · GET /key, its own verifier key · GET /healthz /readyz. */
#ifndef PLI_WITNESS_DOOR_H
#define PLI_WITNESS_DOOR_H

#include <stddef.h>

#include "status.h"

struct buf;
struct http_app;
struct settings;
struct witness_door;

struct witness_door_config {
	const struct settings *settings;
	const char *key;		/* text, one line */
	/* Answered by the keeper; PLI_BUSY when it is away.  type_r: static. */
	enum pli_status (*add)(void *arg, const void *body, size_t n, int *code_r, const char **type_r, struct buf *out, struct err *err);
	enum pli_status (*latest)(void *arg, const char *origin, int *code_r, const char **type_r, struct buf *out, struct err *err);
	void *arg;
};
/* Everything in config is borrowed for its life. */
void witness_door_new(const struct witness_door_config *config, struct http_app *app_r, struct witness_door **door_r);
void witness_door_free(struct witness_door *door);

#endif
