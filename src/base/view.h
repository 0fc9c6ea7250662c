/* What a page shows: a small tree of named values that a handler fills and a template renders.
 *
 * A view belongs to one request; all its memory comes from the pool given to view_new.  Names are
 * borrowed (string literals); values are copied.  A name set twice keeps the last value.
 * Values are plain text and are escaped where they are shown, by the place they stand in; only a
 * struct html_safe, made by a sanitiser of our own, is shown as it is. */
#ifndef PLI_VIEW_H
#define PLI_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool;
struct view;

/* Markup that our own code made or cleaned; the type is the promise.  Borrowed, not copied: the
 * bytes must live as long as the view's pool. */
struct html_safe {
	const char *p;
	size_t n;
};

struct view *view_new(struct pool *pool);

/* A NULL value is the empty string. */
void view_str(struct view *v, const char *name, const char *value);
void view_strn(struct view *v, const char *name, const char *value, size_t n);
void view_fmt(struct view *v, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void view_int(struct view *v, const char *name, int64_t value);
/* For {{#if}}; shown, it is "1" or "". */
void view_bool(struct view *v, const char *name, bool value);
/* For {{!name}} and, as a yes or no, for {{#if}}; {{name}} of it is a mistake and shows nothing. */
void view_html(struct view *v, const char *name, struct html_safe value);

/* Append an item to the list `name` (made when it is not there) and return it, to be filled in
 * turn.  The item belongs to v's pool. */
struct view *view_item(struct view *v, const char *name);

/* Reading side, for template.c and tests. */
enum view_kind { VIEW_NONE, VIEW_STR, VIEW_BOOL, VIEW_HTML, VIEW_LIST };
enum view_kind view_kind(const struct view *v, const char *name);
/* Borrowed bytes of a STR, BOOL or HTML value; NULL and 0 for the others. */
const char *view_text(const struct view *v, const char *name, size_t *n_r);
/* True: a string or markup that is not empty, true, or a list with items. */
bool view_true(const struct view *v, const char *name);
/* First item of a list (NULL: none) and the one after an item. */
const struct view *view_first(const struct view *v, const char *name);
const struct view *view_next(const struct view *item);

#endif
