/* A message (RFC 5322, MIME) as frames: what a letter is made of, or what a delivery report says.
 *
 * PLI_INVALID, with words for the sender: the message cannot be taken.  What emit returns ends the reading.  Neither DONE nor
 * REFUSED is emitted here. */
#ifndef PLI_MAIL_READ_H
#define PLI_MAIL_READ_H

#include <stddef.h>

#include "status.h"

struct mail_out;

#define MAIL_DEPTH_MAX 20
#define MAIL_ADDRESSES_MAX 5000		/* in all address fields; a letter has at most 1,000 recipients */
#define MAIL_TEXT_MAX (1024 * 1024)	/* a letter's message */
#define MAIL_REPORT_MAX 65536		/* of a report that is looked at */

/* Loads what is needed later: once, before the process is confined.  sets stays open as long as messages are read. */
struct mail_sets;
void mail_read_prepare(struct mail_sets *sets);
/* FROM, TO, CC, BCC, SUBJECT, MESSAGE_ID, TEXT pieces, then parts.  What is text for the reader becomes the message, everything
 * else a part: of alternatives one; HTML alone as text.  The same bytes give the same frames. */
MUST enum pli_status mail_read_letter(const void *p, size_t n, const struct mail_out *out, struct err *err);
/* REPORTs: of multipart/report (RFC 3464) one a recipient; of another message that speaks of a failure one; else one with
 * MAIL_NONE (an absence note, a reader's answer). */
MUST enum pli_status mail_read_bounce(const void *p, size_t n, const struct mail_out *out, struct err *err);
/* What tells whether a mail is one of ours: its MESSAGE_ID, the HEADs of journals and the LINKs in it; of multipart/signed two parts, named
 * `content` and `signature`, the first byte for byte as it was signed.  Of a mail that only carries another one,
 * that other one: ENCLOSED, and the LINKs of both. */
MUST enum pli_status mail_read_suspect(const void *p, size_t n, const struct mail_out *out, struct err *err);

#define MAIL_LINKS_MAX 200		/* told of one suspect mail; what has more is refused */
#define MAIL_LINK_BYTES 2000

#endif
