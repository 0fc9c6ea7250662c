/* What a stranger hands in on /verify: one file, held in memory and nowhere else, and a few words. */
#ifndef PLI_VERIFY_FORM_H
#define PLI_VERIFY_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "form.h"
#include "status.h"
#include "stream.h"

struct door_call;
struct multipart;

struct verify_form {
	struct ostream os;	/* c->sink_state is the whole */
	struct door_call *c;
	struct multipart *parser;
	struct form form;	/* its fields */
	struct buf file, field;	/* file: wiped when closed */
	const char *field_name;	/* NULL: the part under way is the file */
	size_t held;		/* bytes asked for at c->doors->visitors */
	bool has_file;
	bool is_mail;		/* handed in as a mail */
};

/* The sink of POST /verify.  PLI_RATE, PLI_BUSY, PLI_LIMIT, PLI_TYPE. */
MUST enum pli_status verify_form_open(struct door_call *c, struct ostream **sink_r, struct err *err);
/* What costs more than a look at a proof is counted as so many.  PLI_RATE. */
MUST enum pli_status verify_form_admit(struct door_call *c, unsigned cost, struct err *err);
/* Gives the memory back; called once in any case. */
void verify_form_close(struct verify_form *form);

#endif
