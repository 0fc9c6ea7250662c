/* A mail that somebody doubts: is it one of ours?  Answered from its signature, its number, the head of the journal that it names and where
 * its links lead; nothing is told of whom or what it is about. */
#ifndef PLI_EXAMINE_MAIL_H
#define PLI_EXAMINE_MAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

#include "examine.h"

struct office;
struct pool;

#define EXAMINE_MAIL_LINKS 200
#define EXAMINE_MAIL_HEADS 16

/* What the mail bears, as pli-mail found it; all borrowed. */
struct examine_mail {
	bool enclosed;			/* another mail carries it: links are those of both */
	const char *message_id;		/* NULL: none */
	const char *heads[EXAMINE_MAIL_HEADS];
	unsigned head_count;
	const char *links[EXAMINE_MAIL_LINKS];
	unsigned link_count;
	const void *content, *signature;	/* what was signed, and the signature; NULL: it is not signed */
	size_t content_n, signature_n;
};
enum examine_mail_verdict {
	EXAMINE_MAIL_OURS,		/* sent from here, and unchanged */
	EXAMINE_MAIL_ENCLOSED,		/* so is the one that is enclosed; of the one that carries it nothing is known */
	EXAMINE_MAIL_JOURNAL,		/* ours, but our journal is not the one that it bears witness of */
	EXAMINE_MAIL_UNSIGNED,		/* bears marks of one of ours, and nothing that shows it unchanged */
	EXAMINE_MAIL_ALTERED,		/* bears such marks, and is not as we sent it */
	EXAMINE_MAIL_UNTOLD,		/* bears nothing, but leads here alone: as mails about accounts that are not signed */
	EXAMINE_MAIL_FOREIGN,
};
struct examine_mail_report {
	enum examine_mail_verdict verdict;
	struct examine_check checks[4];	/* mail_signature mail_number mail_head mail_links; unreached: the mail has none, text NULL */
	unsigned failed;
	const char *foreign[EXAMINE_MAIL_LINKS];	/* hosts to which links lead that are not this service's */
	unsigned foreign_count;
};
MUST enum pli_status examine_mail(struct office *office, struct pool *pool, const struct examine_mail *mail, struct examine_mail_report *r,
				  struct err *err);

#endif
