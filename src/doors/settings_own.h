/* What the pages of the settings share. */
#ifndef PLI_SETTINGS_OWN_H
#define PLI_SETTINGS_OWN_H

#include "status.h"

struct door_call;
struct template;
struct view;

/* Renders one page of the settings with its tabs; tab: profile | password | factor | sessions | tokens. */
void settings_page(struct door_call *c, int code, const struct template *t, struct view *v, const char *tab);
/* Back to a page of the settings, with a notice (a key of done.…). */
void settings_done(struct door_call *c, const char *path, const char *done);

#endif
