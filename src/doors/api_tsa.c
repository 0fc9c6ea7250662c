/* POST /tsa: the time-stamping authority over HTTP (RFC 3161 section 3.4). */
#include "buf.h"

#include "http.h"

#include "timestamp.h"

#include "answer.h"
#include "door.h"

#include "handlers.h"

enum pli_status api_tsa(struct door_call *c, struct err *err)
{
	enum pli_status st = timestamp_answer(c->doors->office, &c->principal, c->x->body.p ? c->x->body.p : "", c->x->body.n,
					      &c->x->res.body, err);

	if (st != PLI_OK)
		return st;
	c->x->res.status = 200;
	http_header(&c->x->res, "Content-Type", "application/timestamp-reply");
	return PLI_OK;
}
