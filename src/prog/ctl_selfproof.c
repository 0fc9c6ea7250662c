/* See ctl_selfproof.h. */
#include "buf.h"
#include "jsonw.h"

#include "selfproof.h"

#include "ctl_verbs.h"
#include "front.h"
#include "selfproof_run.h"

#include "ctl_selfproof.h"

static void check_row(struct ctl_call *call, const struct selfproof_check *c)
{
	AUTO_BUF row = { 0 };
	struct jsonw w;

	jsonw_init(&w, &row, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "check", c->name);
	jsonw_str(&w, "outcome", selfproof_outcome_name(c->outcome));
	jsonw_str(&w, "text", c->text);
	jsonw_object_end(&w);
	ctl_call_row(call, row.p);
}

enum pli_status ctl_selfproof(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	struct selfproof run = { 0 };
	unsigned failed = 0;
	struct jsonw w;
	enum pli_status st = ctl_need_office(front, err);

	if (st == PLI_OK)
		st = selfproof_run(front, call->given_fd, &run, err);
	if (st != PLI_OK)
		return st;
	for (unsigned i = 0; i < run.count; i++) {
		check_row(call, &run.checks[i]);
		failed += run.checks[i].outcome == SELFPROOF_FAILS;
	}
	jsonw_init(&w, &call->result, false);
	jsonw_object(&w, NULL);
	jsonw_bool(&w, "holds", selfproof_holds(&run));
	jsonw_int(&w, "failed", failed);
	jsonw_int(&w, "entry", (int64_t)run.entry);
	jsonw_int(&w, "ms", run.took_us / 1000);
	jsonw_object_end(&w);
	return PLI_OK;
}
