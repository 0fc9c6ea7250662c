/* The list of letters: newest first, narrowed by how they stand and by words, page by page; and the drafts. */
#include <string.h>

#include "buf.h"
#include "locale.h"
#include "pool.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "http.h"

#include "draft.h"
#include "letter.h"

#include "desk.h"
#include "door.h"
#include "portal.h"

#include "handlers.h"

#define A_PAGE 25

static const char *const WAITING[] = { "created", "sent", "partly_received", NULL };
static const char *const READ[] = { "received", NULL };
static const char *const FAILED[] = { "failed", "refused", "expired", "not_received", NULL };

/* The choices, in the order shown; drafts are another list. */
static const struct {
	const char *name;
	const char *const *states;
	bool drafts;
} CHOICES[] = {
	{ "all", NULL, false }, { "waiting", WAITING, false }, { "read", READ, false }, { "failed", FAILED, false }, { "drafts", NULL, true },
};
#define CHOICE_COUNT (sizeof(CHOICES) / sizeof(*CHOICES))

struct listing {
	struct door_call *c;
	struct view *v;
};

static enum pli_status letter_put(void *arg, const struct letter *letter, struct err *err)
{
	struct listing *l = arg;

	(void)err;
	desk_letter_put(l->c, view_item(l->v, "letters"), letter);
	return PLI_OK;
}

/* What was typed, on one line. */
static const char *one_line(struct pool *pool, const char *text)
{
	char *line = pool_str(pool, text);

	for (char *p = line; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
	return line;
}

static enum pli_status draft_put(void *arg, const struct draft *d, struct err *err)
{
	struct listing *l = arg;
	struct view *item = view_item(l->v, "drafts");
	char id[37];
	const char *people = *d->to ? d->to : *d->cc ? d->cc : d->bcc;

	(void)err;
	view_str(item, "id", uuid_format(id, &d->draft));
	view_str(item, "subject", *d->subject ? d->subject : locale_text(l->c->locale, "desk.no_subject"));
	view_str(item, "people", *people ? one_line(l->c->pool, people) : locale_text(l->c->locale, "desk.no_people"));
	view_str(item, "moment", desk_moment(l->c, d->changed_us, false));
	view_int(item, "files", d->part_count);
	return PLI_OK;
}

static void choices_put(struct door_call *c, struct view *v, size_t chosen, const char *q)
{
	for (size_t i = 0; i < CHOICE_COUNT; i++) {
		struct view *item;

		if (CHOICES[i].drafts && !desk_writes(c))
			continue;
		item = view_item(v, "choices");
		view_str(item, "name", CHOICES[i].name);
		view_str(item, "label", locale_text(c->locale, pool_fmt(c->pool, "letters.%s", CHOICES[i].name)));
		view_str(item, "q", CHOICES[i].drafts ? "" : q);
		view_bool(item, "here", i == chosen);
	}
}

enum pli_status desk_list(struct door_call *c, struct err *err)
{
	const char *state = door_query(c, "state"), *q = door_query(c, "q"), *cursor = door_query(c, "cursor"), *next = NULL;
	struct letter_list_query query = { .q = q && *q ? q : NULL, .cursor = cursor && *cursor ? cursor : NULL, .limit = A_PAGE };
	struct view *v = view_new(c->pool);
	struct listing l = { c, v };
	struct err why = { 0 };
	size_t chosen = 0;
	enum pli_status st;

	for (size_t i = 0; i < CHOICE_COUNT; i++)
		if (str_eq(state, CHOICES[i].name))
			chosen = i;
	query.states = CHOICES[chosen].states;
	if (CHOICES[chosen].drafts)
		st = draft_list(c->doors->office, &c->principal, c->pool, query.cursor, A_PAGE, draft_put, &l, &next, &why);
	else
		st = letter_each(c->doors->office, &c->principal, c->pool, &query, letter_put, &l, &next, &why);
	if (st == PLI_INVALID) {	/* of what was typed or of an old address: the page says so */
		view_str(v, "fault", desk_fault(c, &why));
	} else if (st != PLI_OK) {
		*err = why;
		return st;
	}
	choices_put(c, v, chosen, query.q ? query.q : "");
	view_str(v, "q", query.q ? query.q : "");
	view_str(v, "state", CHOICES[chosen].name);
	view_bool(v, "is_drafts", CHOICES[chosen].drafts);
	view_bool(v, "writes", desk_writes(c));
	view_bool(v, "of_all", !principal_sees_own_only(&c->principal));
	view_bool(v, "narrowed", chosen != 0 || query.q);
	view_bool(v, "later", query.cursor != NULL);
	view_str(v, "next", next ? next : "");
	desk_act_put(c, v);
	portal_page(c, st == PLI_OK ? 200 : 422, &tpl_pages_letters_html, v, locale_text(c->locale, "place.letters"), PORTAL_LETTERS);
	return PLI_OK;
}
