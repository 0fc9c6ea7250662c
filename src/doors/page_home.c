/* Home of who is signed in: what waits for him, and his newest letters. */
#include <string.h>

#include "locale.h"
#include "pool.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "http.h"

#include "letter.h"

#include "desk.h"
#include "door.h"
#include "portal.h"

#include "handlers.h"

#define NEWEST 5

struct newest {
	struct door_call *c;
	struct view *v;
};

static enum pli_status newest_put(void *arg, const struct letter *letter, struct err *err)
{
	struct newest *n = arg;

	(void)err;
	desk_letter_put(n->c, view_item(n->v, "letters"), letter);
	return PLI_OK;
}

static void count_put(struct door_call *c, struct view *v, const char *state, unsigned n)
{
	struct view *item = view_item(v, "counts");

	view_str(item, "state", state);
	view_fmt(item, "n", "%u", n);
	view_bool(item, "none", n == 0);
	view_str(item, "words", locale_text(c->locale, pool_fmt(c->pool, "home.%s.%s", state, n == 1 ? "one" : "many")));
}

enum pli_status page_home(struct door_call *c, struct err *err)
{
	struct view *v = view_new(c->pool);
	struct newest newest = { c, v };
	struct letter_list_query query = { .limit = NEWEST };
	struct letter_counts counts;
	const char *next = NULL;
	bool sees = principal_may(&c->principal, RIGHT_LETTER_SEE, NULL, NULL, NULL) == PLI_OK;
	enum pli_status st = PLI_OK;

	if (sees)
		st = letter_each(c->doors->office, &c->principal, c->pool, &query, newest_put, &newest, &next, err);
	if (st == PLI_OK && desk_writes(c)) {
		st = letter_count(c->doors->office, &c->principal, &counts, err);
		if (st == PLI_OK && (counts.any || counts.drafts)) {
			count_put(c, v, "waiting", counts.waiting);
			count_put(c, v, "failed", counts.failed);
			count_put(c, v, "drafts", counts.drafts);
		}
	}
	if (st != PLI_OK)
		return st;
	view_bool(v, "sees", sees);
	view_bool(v, "more", next != NULL);
	view_str(v, "lead", locale_text(c->locale, desk_writes(c) ? "home.lead_writer" : sees ? "home.lead_reader" : "home.lead_admin"));
	desk_act_put(c, v);
	portal_page(c, 200, &tpl_pages_home_html, v, locale_text(c->locale, "place.home"), PORTAL_HOME);
	return PLI_OK;
}
