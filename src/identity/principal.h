/* Who asks, as decided by identity/ from a token (later: session, certificate), and what his role lets him do.
 *
 * Roles: editor (writes, sees own letters) · reader (sees the entity's letters) · auditor (journal and proofs of the entity, Bcc, no content)
 * · admin (people and settings, no content).  "Instance administrator" is a flag.
 * 404 when he may not know of a thing (other entity, another editor's letter), 403 when he sees it and may not do that. */
#ifndef PLI_PRINCIPAL_H
#define PLI_PRINCIPAL_H

#include <stdbool.h>

#include "status.h"
#include "uuid.h"

enum role { ROLE_EDITOR, ROLE_READER, ROLE_AUDITOR, ROLE_ADMIN };
const char *role_name(enum role role);
bool role_parse(const char *name, enum role *role_r);

struct principal {
	struct uuid entity, account;
	enum role role;
	bool instance_admin;
	const char *name, *email;		/* in the request's pool */
	const char *entity_name, *siren;	/* siren "" if none */
	const char *letter_class;		/* of letters whose sender says none: simple | registered | fr-lre */
	const char *method;			/* api-token | password | password+totp | cli */
	int level;				/* of the sign-in, 0..4 */
	const uint8_t *meta_key;		/* of the entity; in the identity's cache */
};

enum right {
	RIGHT_DEPOSIT,		/* write letters, stage uploads */
	RIGHT_LETTER_SEE,	/* list and sheet (subject, recipients, Bcc) */
	RIGHT_LETTER_RESEND,
	RIGHT_LETTER_PROOF,
	RIGHT_JOURNAL,		/* own rows or the entity's */
	RIGHT_CONTENT,		/* message text of a letter */
	RIGHT_HOLD,		/* legal holds: placed and released */
	RIGHT_TIMESTAMP,	/* tokens of the time-stamping authority */
	RIGHT_PEOPLE,		/* users, entities, tokens of others */
	RIGHT_COUNT
};
/* The one place that decides.  owner: account of the letter concerned, NULL when none; entity likewise. */
MUST enum pli_status principal_may(const struct principal *p, enum right right, const struct uuid *entity,
				   const struct uuid *owner, struct err *err);
/* True when lists and journal must be narrowed to the principal's own letters (editor). */
bool principal_sees_own_only(const struct principal *p);
/* True when hidden copies and the document chain may be shown: the sender himself and his entity's auditors. */
bool principal_sees_bcc(const struct principal *p, const struct uuid *owner);

#endif
