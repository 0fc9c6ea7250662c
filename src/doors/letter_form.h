/* The body of a letter or draft as multipart/form-data, streamed: one piece for the API and the pages. */
#ifndef PLI_LETTER_FORM_H
#define PLI_LETTER_FORM_H

#include <stdbool.h>

#include "buf.h"
#include "form.h"
#include "stream.h"

#include "deposit.h"

struct door_call;
struct multipart;

/* Of a page's form: value of the field `form`, which must come first, or NULL when something else did.  Nothing is staged before it is good. */
typedef enum pli_status letter_form_first_fn(struct door_call *c, const char *value, struct err *err);

struct letter_form {
	struct ostream os;		/* its bytes are the request's body */
	struct door_call *c;
	struct multipart *parser;
	struct form form;
	struct buf field;		/* value of the field being read; may hold a password */
	const char *field_name;		/* NULL while a file is read */
	struct ostream *file;
	bool skip;			/* a file field without a file */
	bool of_page;
	letter_form_first_fn *first_field;
	struct deposit_part *parts;
	unsigned part_count, part_cap;
	bool given;			/* the parts belong to a letter or draft: set by whoever gave them away */
};

/* For a route's sink_open: rights are asked before a byte is taken; becomes c->sink_state.  first_field NULL: of the API. */
MUST enum pli_status letter_form_open(struct door_call *c, letter_form_first_fn *first_field, struct ostream **sink_r, struct err *err);
/* Gives back what nobody took; again does nothing. */
void letter_form_abandon(struct letter_form *form);
/* All values of a repeatable field, NULL-terminated. */
const char *const *letter_form_all(const struct form *form, struct pool *pool, const char *name);

#endif
