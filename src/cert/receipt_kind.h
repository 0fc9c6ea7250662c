/* The kinds of proof that people ask for by name, and the events of the journal that they are about. */
#ifndef PLI_RECEIPT_KIND_H
#define PLI_RECEIPT_KIND_H

#include <stdbool.h>
#include <stddef.h>

#define RECEIPT_EVENTS_MAX 2

struct receipt_kind {
	const char *name;			/* deposit sending available receipt failure acceptance refusal unclaimed */
	const char *document;			/* event of the document's chain, NULL: only for one recipient */
	const char *recipient[RECEIPT_EVENTS_MAX];	/* events of a recipient's chain, the first that happened counts; NULL-padded */
};
/* NULL when unknown. */
const struct receipt_kind *receipt_kind_find(const char *name);
/* In the order in which they happen. */
const struct receipt_kind *receipt_kind_table(size_t *count_r);
/* The event is one that this proof is about. */
bool receipt_kind_is(const struct receipt_kind *kind, bool document, const char *event);

#endif
