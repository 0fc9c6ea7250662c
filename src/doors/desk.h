/* What the pages of the desk share: where senders write letters and follow them. */
#ifndef PLI_DESK_H
#define PLI_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "letter.h"
#include "status.h"

struct door_call;
struct err;
struct view;

/* A text of the locale with its arguments put in; in the call's pool.  The list of arguments ends with NULL. */
const char *desk_text(struct door_call *c, const char *key, ...) __attribute__((sentinel));
/* "21/11/2026 13:47", "2026-11-21 13:47", in the instance's zone; with seconds where the order of things matters.  "" for 0. */
const char *desk_moment(const struct door_call *c, int64_t t_us, bool seconds);
/* What is wrong and how to mend it, in the reader's language. */
const char *desk_fault(struct door_call *c, const struct err *err);
/* A line of a list: href, subject, people, number, moment, badge and its colour, how far it is in words and as a bar. */
void desk_letter_put(struct door_call *c, struct view *item, const struct letter *letter);
/* How far: "Read by 1 of 3". */
const char *desk_progress(struct door_call *c, const struct letter *letter);
/* Colour class of a letter's or recipient's state: good, wait, bad or "". */
const char *desk_state_class(const char *state);
/* "a@…, b@… +1" out of what was typed or who is written to. */
const char *desk_people(struct door_call *c, const struct letter *letter);
bool desk_writes(const struct door_call *c);
/* The one main act of most pages: write a letter; nothing for who may not. */
void desk_act_put(struct door_call *c, struct view *v);

/* desk_hold.c: how long the letter is kept, whether it is held, whether the viewer may change that. */
struct letter;
MUST enum pli_status desk_retention_put(struct door_call *c, struct view *v, const struct letter *l, struct err *err);

#endif
