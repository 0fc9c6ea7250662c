/* What the files of this room share: one request on its way through a door. */
#ifndef PLI_DOOR_H
#define PLI_DOOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "http.h"
#include "actor.h"
#include "answer.h"
#include "principal.h"
#include "status.h"

struct archive;
struct buf;
struct delivery_view;
struct deposit_work;
struct door_meter;
struct directory;
struct doors;
struct locale;
struct mail_link;
struct office;
struct route;
struct session;
struct settings;
struct visitors;

struct doors {
	struct office *office;
	struct directory *directory;
	const struct settings *settings;
	const char *base_url;
	const char *host;		/* of base_url with its port, for texts */
	const char *root_pem, *log_pub, *tsa_pem, *ca_pem;
	char root_fingerprint[65];	/* SHA-256 of the DER */
	struct door_meter *meter;
	struct visitors *visitors;
	unsigned request_seed;		/* first half of every request's id */
	atomic_uint request_count;	/* second half */
	int outbox_fd;			/* -1: none to show */
	struct mail_link *mail;		/* NULL: no strangers' mails are examined */
	atomic_uint suspects;		/* of them under way */
	bool hsts;			/* a real host name: not localhost, not an address */
};

/* SHA-256 of the DER of a PEM certificate or public key, hex; "" when it is neither. */
void doors_fingerprint(const char *pem, bool certificate, char out[65]);

#define DOOR_PARAMS_MAX 2

/* One request; lives in the exchange's pool. */
struct door_call {
	struct doors *doors;
	struct http_exchange *x;
	struct pool *pool;
	const struct route *route;
	const char *params[DOOR_PARAMS_MAX];	/* values of {…} in the pattern */
	const char *lang;		/* fr | en */
	bool lang_chosen;		/* by the person, on a page: links and forms carry it on */
	const struct locale *locale;
	struct principal principal;	/* routes for a token or a session, once identified */
	struct session *session;	/* routes for a session: never NULL in their handlers; else NULL */
	struct journal_actor actor;
	bool identified;
	char id[17];			/* names the request in the log, and to whoever it failed for */
	int64_t began_us;		/* monotonic */
	enum answer_cache cache;	/* of the answer, when it is not a refusal */
	bool gathers;			/* a body for x->body that is taken only from a known bearer */
	void *sink_state;		/* of a streamed body, the handler's own */
	/* Of a handler that has given PLI_AGAIN: go_on gives the answer (not may_block: PLI_AGAIN once more when it would have to wait). */
	enum pli_status (*go_on)(struct door_call *c, bool may_block, struct err *err);
	struct deposit_work *deposit;
	/* A file on its way out: what delivery_sent needs when it is over. */
	struct delivery_view *view;
	struct archive *archive;	/* or a whole archive */
	unsigned sending_part;		/* 0 = none */
	uint64_t sending_offset;
};

/* The person's own choice of "fr" or "en"; false, and nothing done, for anything else (NULL too). */
bool door_choose_lang(struct door_call *c, const char *lang);
/* First value of that name in the address's query, in the call's pool; NULL if none. */
const char *door_query(const struct door_call *c, const char *name);
/* Identifies the bearer of the request's token, or the holder of its session's cookie; idempotent. */
MUST enum pli_status door_identify(struct door_call *c, struct err *err);

#endif
