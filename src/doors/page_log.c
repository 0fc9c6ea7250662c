/* The journal's tree for monitors and witnesses: C2SP tlog-tiles below /log, hashes and signed heads alone. */
#include "buf.h"

#include "http.h"

#include "public_log.h"

#include "answer.h"
#include "door.h"

#include "handlers.h"

enum pli_status page_log_checkpoint(struct door_call *c, struct err *err)
{
	enum pli_status st = public_log_checkpoint(c->doors->office, &c->x->res.body, err);

	if (st != PLI_OK)
		return st;
	c->cache = ANSWER_MOMENT;
	c->x->res.status = 200;
	http_header(&c->x->res, "Content-Type", "text/plain; charset=utf-8");
	return PLI_OK;
}

enum pli_status page_log_tile(struct door_call *c, struct err *err)
{
	enum pli_status st = public_log_tile(c->doors->office, c->params[0], &c->x->res.body, err);

	if (st != PLI_OK)
		return st;
	c->cache = ANSWER_FOREVER;
	c->x->res.status = 200;
	http_header(&c->x->res, "Content-Type", "application/octet-stream");
	return PLI_OK;
}

enum pli_status page_log_key(struct door_call *c, struct err *err)
{
	enum pli_status st = public_log_key(c->doors->office, &c->x->res.body, err);

	if (st != PLI_OK)
		return st;
	c->x->res.status = 200;
	http_header(&c->x->res, "Content-Type", "text/plain; charset=utf-8");
	return PLI_OK;
}
