/* The operator's verbs about how long letters are kept. */
#include <stdio.h>

#include "json_read.h"

#include "args.h"
#include "cli.h"
#include "sysexit.h"
#include "verb_request.h"

#include "verb.h"

static int missing(const char *what)
{
	struct err err = { 0 };

	(void)err_set(&err, PLI_INPUT, "%s is missing", what);
	return sysexit_say(&err);
}

int verb_letter_hold(struct cli_call *call)
{
	struct verb_request r;

	if (!args_value(call->args, "--reason"))
		return missing("--reason TEXT");
	verb_request_begin(&r);
	jsonw_str(&r.w, "id", args_word(call->args, 1));
	jsonw_str(&r.w, "reason", args_value(call->args, "--reason"));
	return verb_request_done(call, "letter hold", &r, "letter", "held");
}

int verb_letter_release(struct cli_call *call)
{
	struct verb_request r;

	verb_request_begin(&r);
	jsonw_str(&r.w, "id", args_word(call->args, 1));
	return verb_request_done(call, "letter release", &r, "letter", "released");
}

int verb_letter_delete(struct cli_call *call)
{
	struct verb_request r;

	verb_request_begin(&r);
	jsonw_str(&r.w, "id", args_word(call->args, 1));
	return verb_request_done(call, "letter delete", &r, "letter", "deleted");
}

int verb_entity_set(struct cli_call *call)
{
	int64_t content = 0, evidence = 0;
	struct verb_request r;
	struct err err = { 0 };

	if (!args_value(call->args, "--retention"))
		return missing("--retention NAME");
	if (!args_value(call->args, "--content-days") || !args_value(call->args, "--evidence-days"))
		return missing(args_value(call->args, "--content-days") ? "--evidence-days N" : "--content-days N");
	if (args_number(call->args, "--content-days", 1, 36525, &content, &err) != PLI_OK ||
	    args_number(call->args, "--evidence-days", 1, 36525, &evidence, &err) != PLI_OK)
		return sysexit_say(&err);
	verb_request_begin(&r);
	jsonw_str(&r.w, "entity", args_word(call->args, 1));
	jsonw_str(&r.w, "retention", args_value(call->args, "--retention"));
	jsonw_int(&r.w, "content_days", content);
	jsonw_int(&r.w, "evidence_days", evidence);
	return verb_request_done(call, "entity set", &r, "entity", "set");
}

int verb_entity_class(struct cli_call *call)
{
	struct verb_request r;

	verb_request_begin(&r);
	jsonw_str(&r.w, "entity", args_word(call->args, 1));
	jsonw_str(&r.w, "class", args_word(call->args, 2));
	return verb_request_done(call, "entity class", &r, "entity", "set");
}

static void span_line(const struct json_read *row)
{
	bool own = false;

	if (json_read_bool(row, "own", &own, NULL) != PLI_OK)
		own = false;
	printf("%-20s content %6lld days, evidence %6lld days%s\n", verb_member(row, "name"), (long long)verb_member_int(row, "content_days"),
	       (long long)verb_member_int(row, "evidence_days"), own ? "" : "  (of the instance)");
}

int verb_entity_retention(struct cli_call *call)
{
	struct verb_request r;

	verb_request_begin(&r);
	jsonw_str(&r.w, "entity", args_word(call->args, 1));
	return verb_request_listing(call, "entity retention", &r, span_line);
}
