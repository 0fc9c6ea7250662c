/* The form that a page of somebody signed in sends back: read once, and taken only from that page. */
#ifndef PLI_DOOR_FORM_H
#define PLI_DOOR_FORM_H

#include "status.h"

struct door_call;
struct form;

/* Urlencoded or multipart (fields alone, no files; the body is in memory): parsed, then checked: the hidden field `form` is the session's
 * form key, and what the browser says of the form's origin is us.  form: initialised here, in the call's pool.  PLI_DENIED, PLI_INPUT. */
MUST enum pli_status door_form(struct door_call *c, struct form *form, struct err *err);
/* The key alone, for bodies that are streamed: their first field. */
MUST enum pli_status door_form_key(struct door_call *c, const char *key, struct err *err);
/* Origin and Sec-Fetch-Site are checked when sent, not demanded: text browsers send neither, and under our Referrer-Policy of
 * no-referrer browsers send `Origin: null` even to ourselves.  The form's own value is what proves where it came from. */
MUST enum pli_status door_same_site(struct door_call *c, struct err *err);

#endif
