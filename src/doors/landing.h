/* What the pages below a link share: forms that prove where they came from, and what is said when a link leads nowhere any more. */
#ifndef PLI_LANDING_H
#define PLI_LANDING_H

#include <stdbool.h>

#include "status.h"

struct delivery_landing;
struct door_call;
struct form;
struct locale;
struct settings;
struct view;

/* The posted form, with no other fields than these (and the language); PLI_DENIED when it came from another site. */
MUST enum pli_status landing_form(struct door_call *c, struct form *form, struct err *err);
/* A browser that speaks of Sec-Fetch but not of a user: a script may have pressed the button.  It is asked once: some browsers
 * never speak of the user, and their readers get in too. */
bool landing_wants_confirmation(struct door_call *c, const struct form *form);
/* What showed that a person pressed the button: user (the browser said so), confirmed (it was asked again), form (neither). */
const char *landing_act(struct door_call *c, const struct form *form);
/* The value that a form below this link carries, as `form_key`. */
void landing_key_put(struct door_call *c, struct view *v);
/* A page of its own for unknown, expired, replaced, locked, refused and unclaimed; st itself for any other status. */
MUST enum pli_status landing_shut(struct door_call *c, const struct delivery_landing *landing, enum pli_status st, struct err *err);
/* Facts and the link's token for a page of few words. */
struct view *landing_message(struct door_call *c, const struct delivery_landing *landing);
const char *landing_say(struct door_call *c, const char *key, const char *arg);

/* What a registered letter is called: by the operator's declaration alone a qualified one. */
const char *registered_kind(const struct settings *settings, const struct locale *locale);
/* Of a registered letter that is still to be decided (page_registered.c). */
MUST enum pli_status landing_registered(struct door_call *c, const struct delivery_landing *landing, int code, const char *fault);
/* Words for one that is decided and not by acceptance: refused, or its time is over. */
void landing_decided_put(struct door_call *c, struct view *v, const struct delivery_landing *landing, bool refused);

#endif
