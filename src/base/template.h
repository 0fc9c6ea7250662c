/* Pages and mails: templates compiled into the program when it is built, rendered from a view.
 *
 * The sources lie in web/pages/NAME.html, web/mail/NAME.txt, .subject and .html; a file whose name
 * begins with `_` is only ever included.  Each is a constant of web.h, named after its path:
 * web/pages/landing.html is &tpl_pages_landing_html, web/mail/notice.subject is
 * &tpl_mail_notice_subject; so a wrong name does not compile.
 *
 *   {{name}}                 the value, escaped for the place it stands in (below)
 *   {{!name}}                markup: only a value set by view_html
 *   {{lines name}}           several lines of text: <br> in HTML, line feeds in .txt
 *   {{#if name}} … {{else}} … {{/if}}         {{#unless name}} … {{/unless}}
 *   {{#each list}} … {{else}} … {{/each}}     else: when the list is empty.  Inside, names are the
 *                            item's; ../name is outside; @n counts from 1; @first and @last are for #if
 *   {{t key}} {{t key a b}}  the translation; %1, %2 in it become the values of a, b, escaped
 *   {{t key.$name}}          a key that ends in the value of name: {{t state.$state}}
 *   {{> name}}               web/<same folder>/_name.<same ending>
 *   {{asset style.css}}      its address with a version: /assets/style.css?v=…
 *   {{@lang}}                the language rendered in: fr, en
 *   {{-- text --}}           a comment
 * A tag of #, /, else, > or -- that has a line to itself leaves no empty line behind.
 *
 * Places, found by the generator with a small HTML state machine: text; attribute (must be quoted);
 * address (href src action formaction poster cite data): as the whole value only http, https, mailto
 * and relative addresses, anything else becomes "#", and after literal text (href="/l/{{token}}")
 * percent-encoded as one component; .subject: one line, control characters become spaces; .txt: the
 * same for {{name}}.  Refused at build time: a value inside <script>, <style>, a comment, a tag or
 * attribute name, an attribute without quotes, on…= or style= or srcdoc= or <meta content=>, branches of
 * an {{#if}} that end in different places, a key that is not in every locale, an unknown asset. */
#ifndef PLI_TEMPLATE_H
#define PLI_TEMPLATE_H

#include <stddef.h>

struct buf;
struct locale;
struct template;
struct view;

/* Append the rendered text to out.  A value that the view lacks shows as nothing and is counted:
 * returns how many were (0 in a right program; tests demand it).  #if and #each of a missing name
 * are false and empty and do not count.  Thread-safe; does not block. */
unsigned template_render(struct buf *out, const struct template *t, const struct view *v,
			 const struct locale *l);

/* "pages/landing.html" */
const char *template_name(const struct template *t);
/* By that name, or NULL; for tests and tools, handlers use the constants of web.h. */
const struct template *template_find(const char *name);
/* All of them, in order of name. */
const struct template *template_at(size_t i);
size_t template_count(void);

/* Each name that the template shows (not those that it only tests), wherever it stands: outside of
 * lists with depth 0.  For tests: every handler must set them. */
const char *template_field(const struct template *t, size_t i, int *depth_r);
size_t template_field_count(const struct template *t);

#endif
