/* What the pages of the administration share: who may see whom, tabs, options. */
#ifndef PLI_ADMIN_H
#define PLI_ADMIN_H

#include <stdbool.h>

#include "principal.h"
#include "status.h"
#include "uuid.h"

struct directory_account;
struct door_call;
struct template;
struct view;

/* PLI_DENIED for who manages no people.  An administrator of the instance manages all entities, another his own. */
MUST enum pli_status admin_enter(struct door_call *c, struct err *err);
/* The entity whose people he manages; NULL: all. */
const struct uuid *admin_scope(const struct door_call *c);
/* The account of the address's id.  PLI_ABSENT: none that he may know of. */
MUST enum pli_status admin_account(struct door_call *c, struct directory_account *account_r, struct err *err);
/* Renders one page with its tabs; tab: users | invitations | entities | alerts. */
void admin_page(struct door_call *c, int code, const struct template *t, struct view *v, const char *title, const char *tab);
/* Which of a list's rows a page shows: [from, to), those behind the row that the address names (`after`).  Puts what the partial admin_pager
 * shows: where one is, and the ways on and back to the beginning of path. */
struct admin_rows {
	const void *rows;
	unsigned count;
	const struct uuid *(*id_of)(const void *rows, unsigned i);
	unsigned from, to;
};
void admin_pager(struct door_call *c, struct view *v, const char *path, struct admin_rows *rows);
/* List "roles": code, name, what it may, chosen. */
void admin_roles_put(struct door_call *c, struct view *v, const char *chosen);
/* Name, address, entity, role and state of an account, as all pages show them. */
MUST enum pli_status admin_account_put(struct door_call *c, struct view *v, const struct directory_account *account, struct err *err);

/* Which alerts are on, for the frame of every page that an administrator sees: list "alert_banner", each with label. */
void admin_alerts_banner(struct door_call *c, struct view *v);

#endif
