/* How handlers answer: JSON, pages, redirects, and the headers that every response carries. */
#ifndef PLI_ANSWER_H
#define PLI_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct door_call;
struct doors;
struct html_safe;
struct http_response;
struct letter;
struct letter_part;
struct range;
struct template;
struct view;

/* How long an answer may be kept by whoever carries it: not at all, for ever (it never changes), for some seconds. */
enum answer_cache { ANSWER_NO_STORE, ANSWER_FOREVER, ANSWER_MOMENT };

/* Headers of every response (OWASP ASVS 3.4): CSP without any inline, HSTS for real names, nosniff, no-referrer, isolation, and whether it may be kept. */
void answer_security(const struct doors *doors, struct http_response *res, enum answer_cache cache);

/* c->x->res.body already holds the JSON. */
void answer_json(struct door_call *c, int code);
/* Bytes that are always a download: nosniff, attachment. name: clean. */
void answer_download(struct door_call *c, const char *type, const char *name);
/* Status, Content-Range and ETag of a download of size bytes; false when the answer needs no body (304, 416). */
bool answer_ranged(struct door_call *c, const char *etag, uint64_t size, struct range *range);
/* The document of the letter that the path's second parameter numbers: its download is begun, and the caller gives range_r's bytes as the
 * response's source.  *part_r NULL: the whole answer is made already (304, 416, HEAD).  PLI_ABSENT: there is none. */
MUST enum pli_status answer_part(struct door_call *c, const struct letter *letter, const struct letter_part **part_r,
				 struct range *range_r, struct err *err);
void answer_text(struct door_call *c, const char *type, const char *text);
void answer_see_other(struct door_call *c, const char *location);
void answer_empty(struct door_call *c, int code);
/* Renders a page; view must hold what the template needs; title, instance and language links are set here. */
void answer_page(struct door_call *c, int code, const struct template *t, struct view *v, const char *title);
/* "?lang=fr" where the person has chosen, else "": the choice goes along to the next page. */
const char *answer_lang_query(const struct door_call *c);
/* The parts of a page that every page has. */
void answer_frame(const struct doors *doors, struct view *v, const char *lang, const char *path, const char *title);

/* A view's date: NAME = "21 novembre 2026, 14:47", NAME_iso for <time>. */
void answer_date(const struct door_call *c, struct view *v, const char *name, const char *iso_name, int64_t t_us);
/* The words alone; out in the call's pool. */
/* The day alone, as people write it. */
const char *answer_day_text(const struct door_call *c, int64_t t_us);
const char *answer_date_text(const struct door_call *c, int64_t t_us);
/* "12,4 Mio"; in the call's pool. */
const char *answer_size_text(const struct door_call *c, uint64_t bytes);

#endif
