/* The certificate of time and silence, asked for by programs and on a letter's page. */
#include "pool.h"
#include "text.h"

#include "form.h"
#include "http.h"
#include "json_read.h"

#include "certificate_make.h"

#include "answer.h"
#include "door.h"
#include "door_form.h"

#include "handlers.h"

#define ORDER_JSON_MAX 65536

static enum pli_status give(struct door_call *c, const struct certificate_order *order, struct err *err)
{
	enum pli_status st = certificate_make(c->doors->office, &c->principal, &c->actor, c->pool, order, c->lang, &c->x->res.body, err);

	if (st != PLI_OK)
		return st;
	c->x->res.status = 200;
	answer_download(c, "application/vnd.etsi.asic-e+zip", pool_fmt(c->pool, "pli-%.8s-certificate.asice", order->letters[0]));
	return PLI_OK;
}

enum pli_status api_certificate(struct door_call *c, struct err *err)
{
	static const char *const NAMES[] = { "letters", "recipients", "deadline", NULL };
	struct certificate_order order = { 0 };
	const char **letters = NULL, **recipients = NULL;
	struct json_read *o;
	enum pli_status st = json_read_open(c->pool, c->x->body.p, c->x->body.n, ORDER_JSON_MAX, NAMES, &o, err);

	if (st == PLI_OK)
		st = json_read_strs(o, "letters", CERTIFICATE_LETTERS_MAX, &letters, &order.letter_count, err);
	if (st == PLI_OK)
		st = json_read_strs(o, "recipients", CERTIFICATE_LETTERS_MAX, &recipients, &order.recipient_count, err);
	if (st == PLI_OK)
		st = json_read_str(o, "deadline", &order.deadline, err);
	if (st != PLI_OK)
		return st;
	order.letters = letters;
	order.recipients = recipients;
	return give(c, &order, err);
}

enum pli_status desk_certificate(struct door_call *c, struct err *err)
{
	const char *const letters[] = { c->params[0] };
	struct certificate_order order = { .letters = letters, .letter_count = 1 };
	struct form form;
	enum pli_status st = door_form(c, &form, err);

	if (st != PLI_OK)
		return st;
	order.deadline = form_get(&form, "deadline");
	return give(c, &order, err);
}
