/* A mail handed in on /verify: read by pli-mail, judged by the office. */
#ifndef PLI_VERIFY_MAIL_H
#define PLI_VERIFY_MAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

struct door_call;
struct verify_form;
struct view;

/* Does it begin as a mail does: a name, a colon?  Nothing more of it is read in this process. */
bool verify_mail_is(const void *p, size_t n);
/* Fills the page's view.  PLI_BUSY, PLI_RATE, PLI_LIMIT. */
MUST enum pli_status verify_mail(struct door_call *c, struct verify_form *form, struct view *v, struct err *err);

#endif
