/* What came back for a notice (A11): a mail server said, after it had taken the mail, that it cannot or cannot yet deliver it.
 *
 * A failure is entered as notice.failed with the server's words and makes the recipient's state `failed` (unless he has opened the
 * letter, or a newer mail is on its way to him); a delay is entered as notice.delayed and changes no state.  The same report twice
 * is entered once; a notice fails once. */
#ifndef PLI_BOUNCE_H
#define PLI_BOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct office;
struct uuid;

#define BOUNCE_DELAYS_MAX 10		/* entered of one notice */

struct bounce {
	bool failed;			/* else delayed */
	const char *status;		/* "5.1.1", "" if none */
	const char *diagnostic;		/* the server's words, "" if none; addresses in it are masked before it is kept */
	const char *remote;		/* the server's name, "" if none */
	uint8_t digest[32];		/* of the report, tells it from others */
};

/* Is the address (of an envelope, without <>) the return address of a notice that is there?  PLI_ABSENT. */
MUST enum pli_status bounce_known(struct office *office, const char *address, struct uuid *notice_r, struct err *err);
/* PLI_OK also when it was entered before.  PLI_BUSY: the sending itself is not entered yet; PLI_ABSENT: no such notice. */
MUST enum pli_status bounce_record(struct office *office, const struct uuid *notice, const struct bounce *bounce, struct err *err);

#endif
