/* Views; see view.h.  A view has few names, so they are a plain list, newest first. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "pool.h"

#include "view.h"

struct field {
	struct field *next;
	const char *name;
	enum view_kind kind;
	bool truth;
	const char *p;
	size_t n;
	struct view *first, *last;	/* VIEW_LIST */
};

struct view {
	struct pool *pool;
	struct field *fields;
	struct view *next;	/* as an item of a list */
};

struct view *view_new(struct pool *pool)
{
	struct view *v = POOL_NEW(pool, struct view);

	v->pool = pool;
	return v;
}

static struct field *find(const struct view *v, const char *name)
{
	struct field *f;

	for (f = v->fields; f && (f->name[0] != name[0] || strcmp(f->name, name) != 0); f = f->next)
		;
	return f;
}

static struct field *add(struct view *v, const char *name, enum view_kind kind)
{
	struct field *f = find(v, name);

	if (!f) {
		f = POOL_NEW(v->pool, struct field);
		f->next = v->fields;
		f->name = name;
		v->fields = f;
	}
	f->kind = kind;
	f->first = NULL;
	f->last = NULL;
	return f;
}

void view_strn(struct view *v, const char *name, const char *value, size_t n)
{
	struct field *f = add(v, name, VIEW_STR);

	f->p = pool_strn(v->pool, value ? value : "", value ? n : 0);
	f->n = value ? n : 0;
	f->truth = f->n > 0;
}

void view_str(struct view *v, const char *name, const char *value)
{
	view_strn(v, name, value, value ? strlen(value) : 0);
}

void view_fmt(struct view *v, const char *name, const char *fmt, ...)
{
	va_list ap;
	struct field *f = add(v, name, VIEW_STR);

	va_start(ap, fmt);
	f->p = pool_vfmt(v->pool, fmt, ap);
	va_end(ap);
	f->n = strlen(f->p);
	f->truth = f->n > 0;
}

void view_int(struct view *v, const char *name, int64_t value)
{
	view_fmt(v, name, "%" PRId64, value);
}

void view_bool(struct view *v, const char *name, bool value)
{
	struct field *f = add(v, name, VIEW_BOOL);

	f->p = value ? "1" : "";
	f->n = value;
	f->truth = value;
}

void view_html(struct view *v, const char *name, struct html_safe value)
{
	struct field *f = add(v, name, VIEW_HTML);

	f->p = value.p ? value.p : "";
	f->n = value.p ? value.n : 0;
	f->truth = f->n > 0;
}

struct view *view_item(struct view *v, const char *name)
{
	struct view *item = view_new(v->pool);
	struct field *f = find(v, name);

	if (!f)
		f = add(v, name, VIEW_LIST);
	assert(f->kind == VIEW_LIST);
	if (f->last)
		f->last->next = item;
	else
		f->first = item;
	f->last = item;
	f->truth = true;
	return item;
}

enum view_kind view_kind(const struct view *v, const char *name)
{
	const struct field *f = find(v, name);

	return f ? f->kind : VIEW_NONE;
}

const char *view_text(const struct view *v, const char *name, size_t *n_r)
{
	const struct field *f = find(v, name);

	*n_r = 0;
	if (!f || f->kind == VIEW_LIST)
		return NULL;
	*n_r = f->n;
	return f->p;
}

bool view_true(const struct view *v, const char *name)
{
	const struct field *f = find(v, name);

	return f && f->truth;
}

const struct view *view_first(const struct view *v, const char *name)
{
	const struct field *f = find(v, name);

	return f && f->kind == VIEW_LIST ? f->first : NULL;
}

const struct view *view_next(const struct view *item)
{
	return item->next;
}
