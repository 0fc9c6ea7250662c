/* Who may do what: one table of role × right, and the rule between 404 and 403. */
#include <assert.h>
#include <stddef.h>

#include "text.h"

#include "principal.h"

static const char *const ROLE_NAMES[] = { "editor", "reader", "auditor", "admin" };
#define ROLE_COUNT (sizeof(ROLE_NAMES) / sizeof(ROLE_NAMES[0]))

const char *role_name(enum role role)
{
	assert((size_t)role < ROLE_COUNT);
	return ROLE_NAMES[role];
}

bool role_parse(const char *name, enum role *role_r)
{
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		if (str_eq(name, ROLE_NAMES[i])) {
			*role_r = (enum role)i;
			return true;
		}
	}
	return false;
}

/* How far a right of a role goes.  OWN and ENTITY also say whether others' letters are known at all. */
enum reach {
	NONE,	/* never: 403 */
	OWN,	/* own letters; those of others are unknown (404) */
	SAME,	/* whatever belongs to the entity */
};

static const enum reach TABLE[][RIGHT_COUNT] = {
	[ROLE_EDITOR] = { [RIGHT_DEPOSIT] = SAME, [RIGHT_LETTER_SEE] = OWN, [RIGHT_LETTER_RESEND] = OWN,
			  [RIGHT_LETTER_PROOF] = OWN, [RIGHT_JOURNAL] = OWN, [RIGHT_CONTENT] = OWN, [RIGHT_TIMESTAMP] = SAME },
	[ROLE_READER] = { [RIGHT_LETTER_SEE] = SAME, [RIGHT_JOURNAL] = SAME, [RIGHT_CONTENT] = SAME },
	[ROLE_AUDITOR] = { [RIGHT_LETTER_SEE] = SAME, [RIGHT_LETTER_PROOF] = SAME, [RIGHT_JOURNAL] = SAME, [RIGHT_HOLD] = SAME,
			   [RIGHT_TIMESTAMP] = SAME },
	[ROLE_ADMIN] = { [RIGHT_PEOPLE] = SAME },
};

static const char *const WHAT[RIGHT_COUNT] = {
	[RIGHT_DEPOSIT] = "write letters", [RIGHT_LETTER_SEE] = "see letters",
	[RIGHT_LETTER_RESEND] = "send letters again", [RIGHT_LETTER_PROOF] = "fetch proofs",
	[RIGHT_JOURNAL] = "see the journal", [RIGHT_CONTENT] = "read the content of letters",
	[RIGHT_HOLD] = "hold letters", [RIGHT_TIMESTAMP] = "ask for timestamps", [RIGHT_PEOPLE] = "manage people",
};

static enum pli_status unknown(struct err *err)
{
	return err_set(err, PLI_ABSENT, "There is nothing here under that id.");
}

enum pli_status principal_may(const struct principal *p, enum right right, const struct uuid *entity,
			      const struct uuid *owner, struct err *err)
{
	assert((size_t)right < RIGHT_COUNT);

	if (right == RIGHT_PEOPLE && p->instance_admin)
		return PLI_OK;
	if (entity && !uuid_same(entity, &p->entity))
		return unknown(err);
	/* A letter of somebody else: who may not even see it must not learn that it exists. */
	if (owner) {
		enum reach see = TABLE[p->role][RIGHT_LETTER_SEE];
		if (see == NONE || (see == OWN && !uuid_same(owner, &p->account)))
			return unknown(err);
	}
	if (TABLE[p->role][right] == NONE) {
		err_set(err, PLI_DENIED, "The role \"%s\" does not allow to %s.", role_name(p->role), WHAT[right]);
		return err_hint(err, "Ask an administrator of your entity for another role.");
	}
	return PLI_OK;
}

bool principal_sees_own_only(const struct principal *p)
{
	return TABLE[p->role][RIGHT_LETTER_SEE] == OWN;
}

bool principal_sees_bcc(const struct principal *p, const struct uuid *owner)
{
	return p->role == ROLE_AUDITOR || (p->role != ROLE_ADMIN && owner && uuid_same(owner, &p->account));
}
