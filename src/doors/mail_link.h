/* Front's end of the line to pli-mail (mail_frame.h): one message at a time goes there, and what it holds comes back in checked
 * frames.  Whatever is wrong with the other side is PLI_BUSY: its successor reads the message when the client repeats it. */
#ifndef PLI_MAIL_LINK_H
#define PLI_MAIL_LINK_H

#include <stdint.h>

#include "mail_frame.h"
#include "status.h"

struct istream;
struct mail_link;

/* broken(arg) is called when the other side hangs or breaks the rules, so that somebody ends it; any thread. */
struct mail_link *mail_link_new(void (*broken)(void *arg), void *arg);
void mail_link_free(struct mail_link *link);	/* nobody may be reading; NULL is allowed */
/* A (new) line; takes fd.  Never waits. */
void mail_link_set(struct mail_link *link, int fd);

/* Gives the message (size bytes) and calls fn for every FIELD, PART, BYTES, PART_END and REPORT of the answer, in an order that
 * makes sense: BYTES and PART_END only inside a PART.  What fn returns is returned, after the rest of the answer was passed over.
 * PLI_OK after DONE; PLI_INVALID with the words of REFUSED; PLI_BUSY. */
typedef enum pli_status mail_link_fn(void *arg, const struct mail_frame *frame, struct err *err);
MUST enum pli_status mail_link_read(struct mail_link *link, enum mail_kind kind, struct istream *message, uint64_t size,
				    mail_link_fn *fn, void *arg, struct err *err);

#endif
