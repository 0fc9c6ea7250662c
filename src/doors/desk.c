/* What the pages of the desk share, see desk.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "locale.h"
#include "pool.h"
#include "settings.h"
#include "text.h"
#include "view.h"

#include "http.h"

#include "door.h"

#include "desk.h"

#define ARGS_MAX 4
#define PEOPLE_SHOWN 2

const char *desk_text(struct door_call *c, const char *key, ...)
{
	const char *args[ARGS_MAX] = { 0 }, *arg;
	AUTO_BUF out;
	size_t n = 0;
	va_list ap;

	buf_init(&out);
	va_start(ap, key);
	while (n < ARGS_MAX && (arg = va_arg(ap, const char *)))
		args[n++] = arg;
	va_end(ap);
	locale_add(&out, c->locale, key, args, n);
	return pool_strn(c->pool, out.p ? out.p : "", out.n);
}

const char *desk_moment(const struct door_call *c, int64_t t_us, bool seconds)
{
	struct clock_parts p;
	const char *tail = "";

	if (!t_us)
		return "";
	clock_local(t_us, c->doors->settings->timezone, &p);
	if (seconds)
		tail = pool_fmt(c->pool, ":%02d", p.second);
	if (str_eq(c->lang, "fr"))
		return pool_fmt(c->pool, "%02d/%02d/%04d %02d:%02d%s", p.day, p.month, p.year, p.hour, p.minute, tail);
	return pool_fmt(c->pool, "%04d-%02d-%02d %02d:%02d%s", p.year, p.month, p.day, p.hour, p.minute, tail);
}

/* The word at fault stands in quotes at the beginning of the text: "x" is not … */
static const char *culprit(struct door_call *c, const struct err *err)
{
	const char *end = err->text[0] == '"' ? strstr(err->text + 1, "\" is ") : NULL;

	return end ? pool_strn(c->pool, err->text + 1, (size_t)(end - err->text - 1)) : "";
}

const char *desk_fault(struct door_call *c, const struct err *err)
{
	const char *type = err->type ? err->type : err->status == PLI_FULL ? "no-space" : pli_status_name(err->status);
	const char *key = pool_fmt(c->pool, "fault.%s", type);

	if (locale_has(c->locale, key))
		return desk_text(c, key, culprit(c, err), NULL);
	return locale_text(c->locale, err->status == PLI_BUSY ? "fault.busy" : "fault.other");
}

const char *desk_state_class(const char *state)
{
	if (str_eq(state, "received") || str_eq(state, "opened") || str_eq(state, "accepted"))
		return "good";
	if (str_eq(state, "failed") || str_eq(state, "refused") || str_eq(state, "expired") || str_eq(state, "not_received"))
		return "bad";
	return str_eq(state, "draft") ? "" : "wait";
}

static unsigned read_count(const struct letter *letter)
{
	unsigned n = 0;

	for (unsigned i = 0; i < letter->recipient_count; i++)
		n += letter->recipients[i].read_us != 0;
	return n;
}

const char *desk_progress(struct door_call *c, const struct letter *letter)
{
	unsigned n = read_count(letter);

	if (str_eq(letter->state, "failed"))
		return locale_text(c->locale, "desk.nobody_reached");
	if (str_eq(letter->state, "refused") || str_eq(letter->state, "not_received"))	/* the state says it all */
		return "";
	if (letter->recipient_count == 1)
		return locale_text(c->locale, n ? "desk.read" : "desk.unread");
	if (n && n == letter->recipient_count)
		return desk_text(c, "desk.read_all", pool_fmt(c->pool, "%u", n), NULL);
	return desk_text(c, "desk.read_of", pool_fmt(c->pool, "%u", n), pool_fmt(c->pool, "%u", letter->recipient_count), NULL);
}

const char *desk_people(struct door_call *c, const struct letter *letter)
{
	AUTO_BUF out;
	unsigned shown = letter->recipient_count <= PEOPLE_SHOWN + 1 ? letter->recipient_count : PEOPLE_SHOWN;

	buf_init(&out);
	for (unsigned i = 0; i < shown; i++)
		buf_fmt(&out, "%s%s", i ? ", " : "", letter->recipients[i].address);
	if (shown < letter->recipient_count)
		buf_fmt(&out, " +%u", letter->recipient_count - shown);
	return pool_strn(c->pool, out.p ? out.p : "", out.n);
}

void desk_letter_put(struct door_call *c, struct view *item, const struct letter *letter)
{
	char id[37];

	view_str(item, "id", uuid_format(id, &letter->letter));
	view_str(item, "subject", letter->subject);
	view_str(item, "people", desk_people(c, letter));
	view_str(item, "sender", letter->sender_name);
	view_fmt(item, "number", "%llu", (unsigned long long)letter->number);
	view_str(item, "moment", desk_moment(c, letter->sent_us ? letter->sent_us : letter->created_us, false));
	view_str(item, "badge", locale_text(c->locale, pool_fmt(c->pool, "state.%s", letter->state)));
	view_str(item, "colour", desk_state_class(letter->state));
	view_str(item, "progress", desk_progress(c, letter));
	view_bool(item, "bar", !str_eq(letter->state, "failed"));
	view_int(item, "read", read_count(letter));
	view_int(item, "all", letter->recipient_count);
}

bool desk_writes(const struct door_call *c)
{
	return principal_may(&c->principal, RIGHT_DEPOSIT, NULL, NULL, NULL) == PLI_OK;
}

void desk_act_put(struct door_call *c, struct view *v)
{
	if (!desk_writes(c))
		return;
	view_str(v, "act_href", "/letters/new");
	view_str(v, "act_label", locale_text(c->locale, "desk.write"));
}
