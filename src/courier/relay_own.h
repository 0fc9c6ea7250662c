/* Between the relay's queue and its sessions; for relay*.c only. */
#ifndef PLI_RELAY_OWN_H
#define PLI_RELAY_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job.h"

#include "relay.h"

struct x509_store_st;

/* A mail in the queue; wiped when freed: it holds a link. */
struct relay_mail {
	struct relay_mail *next;
	uint64_t tag, number;
	size_t size_bytes;		/* of all of this */
	const char *from, *to;
	const uint8_t *mail;
	size_t mail_n;
	char bytes[];
};

/* What all sessions share; never changes. */
struct relay_common {
	struct relay_config config;
	const char *url;		/* with the name that we give ourselves */
	const char *peer_host;		/* of the URL, as shown */
	bool implicit_tls;
	struct x509_store_st *store;
};

/* One connection, kept between mails.  One thread. */
struct relay_session;
struct relay_session *relay_session_new(const struct relay_common *common);
/* May block for timeout_s: says QUIT.  NULL is allowed. */
void relay_session_free(struct relay_session *session);
/* The one command instead of a mail; blocks. */
void relay_session_say(struct relay_session *session, const char *command, struct job *answer_r);
/* Blocks until the mail has an outcome; fills everything of answer_r but its number. */
void relay_session_send(struct relay_session *session, const struct relay_mail *mail, struct job *answer_r);

#endif
