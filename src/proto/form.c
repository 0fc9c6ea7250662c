/* Names and values of a form, see form.h. */
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "uri.h"

#include "form.h"

void form_init(struct form *form, struct pool *pool)
{
	*form = (struct form){ .pool = pool };
}

static void item_append(struct form *form, const char *name, const char *value)
{
	if (form->count == form->cap) {
		unsigned cap = form->cap ? form->cap * 2 : 16;
		struct form_item *items = POOL_ARRAY(form->pool, struct form_item, cap);

		if (form->count)
			memcpy(items, form->items, form->count * sizeof(*items));
		form->items = items;
		form->cap = cap;
	}
	form->items[form->count].name = name;
	form->items[form->count++].value = value;
}

enum pli_status form_add(struct form *form, const char *name, const char *value, size_t value_n,
			 struct err *err)
{
	size_t name_n = strlen(name);

	if (!name_n || name_n > FORM_NAME_MAX || !text_is_line(name, name_n))
		return err_set(err, PLI_INPUT, "a field's name is empty, over %d bytes or malformed",
			       FORM_NAME_MAX);
	if (!utf8_valid(value, value_n))
		return err_field(err, PLI_INPUT, "bad-utf8", name,
				 "this field is not valid UTF-8 or holds a NUL");
	if (form->count >= FORM_ITEMS_MAX)
		return err_set(err, PLI_INVALID, "more than %d fields", FORM_ITEMS_MAX);
	item_append(form, pool_str(form->pool, name), pool_strn(form->pool, value, value_n));
	return PLI_OK;
}

static enum pli_status pair_parse(struct form *form, const char *p, size_t n, struct err *err)
{
	const char *equals = memchr(p, '=', n);
	size_t name_n = equals ? (size_t)(equals - p) : n;
	AUTO_BUF name = { 0 };
	AUTO_BUF value = { 0 };

	if (!uri_decode(&name, p, name_n, true) ||
	    (equals && !uri_decode(&value, equals + 1, n - name_n - 1, true)))
		return err_set(err, PLI_INPUT, "malformed percent encoding in a form or query");
	if (!name.n || memchr(name.p, '\0', name.n))
		return err_set(err, PLI_INPUT, "a form or query has a field without a name");
	return form_add(form, name.p, value.n ? value.p : "", value.n, err);
}

enum pli_status form_parse(struct form *form, const char *p, size_t n, unsigned items_max, struct err *err)
{
	const char *end = p + n;
	unsigned count = 0;

	if (!items_max)
		items_max = FORM_ITEMS_MAX;
	while (p < end) {
		const char *amp = memchr(p, '&', (size_t)(end - p));
		size_t len = amp ? (size_t)(amp - p) : (size_t)(end - p);

		if (len) {
			enum pli_status status;

			if (++count > items_max)
				return err_field(err, PLI_INVALID, "too-many-fields", "",
						 "more than %u fields", items_max);
			status = pair_parse(form, p, len, err);
			if (status != PLI_OK)
				return status;
		}
		p += len + (amp ? 1 : 0);
	}
	return PLI_OK;
}

const char *form_get(const struct form *form, const char *name)
{
	for (unsigned i = 0; i < form->count; i++)
		if (strcmp(form->items[i].name, name) == 0)
			return form->items[i].value;
	return NULL;
}

enum pli_status form_one(const struct form *form, const char *name, const char **value_r, struct err *err)
{
	const char *value = NULL;

	for (unsigned i = 0; i < form->count; i++) {
		if (strcmp(form->items[i].name, name) != 0)
			continue;
		if (value)
			return err_field(err, PLI_INPUT, "repeated-field", name,
					 "this field may stand only once");
		value = form->items[i].value;
	}
	*value_r = value;
	return PLI_OK;
}

enum pli_status form_only(const struct form *form, const char *const *names, struct err *err)
{
	for (unsigned i = 0; i < form->count; i++) {
		const char *const *known = names;
		const char *near;

		while (*known && strcmp(*known, form->items[i].name) != 0)
			known++;
		if (*known)
			continue;
		near = str_nearest(form->items[i].name, names);
		err_field(err, PLI_INVALID, "unknown-field", form->items[i].name, "there is no field \"%s\"",
			  form->items[i].name);
		if (near)
			(void)err_hint(err, "did you mean \"%s\"?", near);
		return PLI_INVALID;
	}
	return PLI_OK;
}
