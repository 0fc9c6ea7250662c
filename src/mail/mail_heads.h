/* The heads of a journal that a mail bears witness of: in its header, and in lines of its text.  Nothing is said of whether they are true. */
#ifndef PLI_MAIL_HEADS_H
#define PLI_MAIL_HEADS_H

#include <stddef.h>

#include "head_line.h"
#include "status.h"

struct _GMimeMessage;

#define MAIL_HEADS_MAX 16

/* *count_r of them, the header's first; equal ones once.  PLI_INVALID: this is no message that can be read. */
MUST enum pli_status mail_heads(const void *p, size_t n, struct head_line heads_r[MAIL_HEADS_MAX], unsigned *count_r, struct err *err);
/* The same of a message that has been read. */
void mail_heads_of(struct _GMimeMessage *message, struct head_line heads_r[MAIL_HEADS_MAX], unsigned *count_r);

#endif
