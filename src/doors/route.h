/* The one table of routes: method, path, who may, how the body comes, and what it is for. */
#ifndef PLI_ROUTE_H
#define PLI_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "http.h"
#include "status.h"

struct door_call;
struct ostream;

enum route_who {
	ROUTE_ANYONE,
	ROUTE_TOKEN,	/* Authorization: Bearer */
	ROUTE_LINK,	/* the secret is in the path; pages behind it also ask for the reading cookie */
	ROUTE_SESSION,	/* pages of people signed in: the cookie __Host-s; who has none is led to /sign-in */
};

/* Types of bodies a route takes. */
#define ROUTE_JSON 1u
#define ROUTE_MULTIPART 2u
#define ROUTE_FORM 4u
#define ROUTE_TUS 8u		/* application/offset+octet-stream */
#define ROUTE_TSQ 32u		/* application/timestamp-query */
#define ROUTE_EMPTY 16u		/* no body, or one that is ignored */

struct route {
	enum http_method method;
	const char *pattern;	/* "/api/v1/letters/{id}/proof" */
	enum route_who who;
	unsigned types;		/* of bodies */
	uint64_t body_max;	/* of a body that is taken whole */
	enum pli_status (*handle)(struct door_call *c, struct err *err);
	/* For bodies without a limit: opens the sink; the stream's finish is left to handle. */
	enum pli_status (*sink_open)(struct door_call *c, struct ostream **sink_r, struct err *err);
	unsigned sink_types;	/* types that go to sink_open rather than to memory */
	void (*sink_broken)(struct door_call *c);
	bool rest;		/* the last {…} takes all that is left of the path, slashes too */
	/* Of ROUTE_SESSION.  fresh: a factor was shown within five minutes, else /step-up first.  sends: it sends letters, or makes a
	 * token that may: where the policy is strong, a session with a second factor, else a page that says how to get one. */
	bool fresh, sends;
	/* Of fresh ones that take a form: what it does, as on a button: the text stepup.do.ACT, or stepup.do.ACT.STATE where the form has a state. */
	const char *act;
	/* Of ROUTE_TOKEN: clients that know nothing else may send the token as the password of Basic authentication. */
	bool basic;
	const char *help;
};

const struct route *route_table(unsigned *count_r);
/* Looks a request up.  PLI_ABSENT: no such path; PLI_METHOD: path known, allow_r ("GET, HEAD") filled.  HEAD finds GET's route. */
MUST enum pli_status route_find(enum http_method method, const char *path, struct pool *pool,
				const struct route **route_r, const char **params_r, char allow_r[64]);

#endif
