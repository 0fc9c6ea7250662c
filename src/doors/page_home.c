/* Home of who is signed in. */
#include "locale.h"
#include "view.h"
#include "web.h"

#include "door.h"
#include "portal.h"

#include "handlers.h"

enum pli_status page_home(struct door_call *c, struct err *err)
{
	(void)err;
	portal_page(c, 200, &tpl_pages_home_html, view_new(c->pool), locale_text(c->locale, "place.home"), PORTAL_HOME);
	return PLI_OK;
}
