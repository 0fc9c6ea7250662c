/* Who acts, how he was identified, and through what: part of every journal entry (A12, B11). */
#ifndef PLI_ACTOR_H
#define PLI_ACTOR_H

struct uuid;

struct journal_actor {
	const struct uuid *account;	/* of a user's own acts; NULL for system and recipients */
	const char *method;		/* api-token link link+password password password+totp system cli */
	int level;			/* 0..4 */
	const char *channel;		/* api web mail cli system */
	const char *ip, *tls;		/* NULL if none */
	const char *act;		/* what showed that a person acted on a page: user confirmed form; NULL: no such act */
};

#endif
