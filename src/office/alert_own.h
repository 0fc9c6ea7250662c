/* Inside of alerts, for office/ only. */
#ifndef PLI_ALERT_OWN_H
#define PLI_ALERT_OWN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "alert.h"
#include "alert_board.h"
#include "status.h"

/* Kinds of mails to account holders (account_mail.h); what: "KIND SUBJECT", expires_us: since or until when. */
#define ALERT_MAIL "alert"
#define ALERT_MAIL_OVER "alert_over"
#define ALERT_MAILS_MAX 1000

struct alerts {
	pthread_mutex_t lock;		/* of board and unsaid; never held over a blocking call */
	struct alert_board board;
	bool unsaid;			/* rows may want a mail or an entry */
	atomic_bool mails;		/* mails about alerts may lie in the queue */
	/* alert_round's own: since when (monotonic; 0: it is not so) no head came after that size. */
	int64_t held_us;		/* wall clock: when the first mail that is held may go; 0: none is */
	int64_t stuck_us;
	uint64_t stuck_at;
};

/* Those that are on from before; at start. */
MUST enum pli_status alert_load(struct office *office, struct err *err);

#endif
