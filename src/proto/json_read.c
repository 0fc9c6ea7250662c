/* See json_read.h. */
#include <inttypes.h>
#include <string.h>

#include "pool.h"
#include "text.h"

#include "json_parse.h"

#include "json_read.h"

#define SHOWN_MAX 47 /* bytes of an unknown name that an error repeats */

struct json_read {
	struct pool *pool;
	const struct json_value *json;
};

static enum pli_status names_check(const struct json_value *json, const char *const *names, struct err *err)
{
	if (!names)
		return PLI_OK;
	for (const struct json_value *v = json->in.first; v; v = v->next) {
		const char *const *known = names;
		const char *key = v->name;
		bool plain = strlen(key) <= SHOWN_MAX && text_is_line(key, strlen(key));
		const char *near;

		while (*known && strcmp(*known, key) != 0)
			known++;
		if (*known)
			continue;
		near = str_nearest(key, names);
		err_field(err, PLI_INVALID, "unknown-field", plain ? key : "", "there is no field \"%s\"",
			  plain ? key : "(over-long or malformed)");
		if (near)
			(void)err_hint(err, "did you mean \"%s\"?", near);
		return PLI_INVALID;
	}
	return PLI_OK;
}

static struct json_read *wrap(struct pool *pool, const struct json_value *json)
{
	struct json_read *object = POOL_NEW(pool, struct json_read);

	object->pool = pool;
	object->json = json;
	return object;
}

enum pli_status json_read_open(struct pool *pool, const void *p, size_t n, size_t max_bytes,
			       const char *const *names, struct json_read **object_r, struct err *err)
{
	struct json_value *json;
	enum pli_status status;

	if (n > max_bytes)
		return err_set(err, PLI_LIMIT, "the JSON text is over %zu bytes", max_bytes);
	status = json_parse(pool, n ? p : "", n, JSON_READ_DEPTH_MAX, &json, err);
	if (status != PLI_OK)
		return status;
	if (json->kind != JSON_IS_OBJECT)
		return err_field(err, PLI_INPUT, "bad-json", "", "the JSON text is not an object");
	status = names_check(json, names, err);
	if (status == PLI_OK)
		*object_r = wrap(pool, json);
	return status;
}

/* The member, or NULL when absent or null. */
static const struct json_value *member(const struct json_read *object, const char *name)
{
	const struct json_value *json = object->json->in.first;

	while (json && strcmp(json->name, name) != 0)
		json = json->next;
	return json && json->kind != JSON_IS_NULL ? json : NULL;
}

static enum pli_status wrong(struct err *err, const char *name, const char *wanted)
{
	return err_field(err, PLI_INVALID, "wrong-type", name, "\"%s\" must be %s", name, wanted);
}

bool json_read_has(const struct json_read *object, const char *name)
{
	return member(object, name) != NULL;
}

enum pli_status json_read_str(const struct json_read *object, const char *name, const char **s_r,
			      struct err *err)
{
	const struct json_value *json = member(object, name);

	if (!json)
		return PLI_OK;
	if (json->kind != JSON_IS_STRING)
		return wrong(err, name, "a string");
	*s_r = json->text;
	return PLI_OK;
}

enum pli_status json_read_bool(const struct json_read *object, const char *name, bool *b_r, struct err *err)
{
	const struct json_value *json = member(object, name);

	if (!json)
		return PLI_OK;
	if (json->kind != JSON_IS_TRUE && json->kind != JSON_IS_FALSE)
		return wrong(err, name, "true or false");
	*b_r = json->kind == JSON_IS_TRUE;
	return PLI_OK;
}

enum pli_status json_read_int(const struct json_read *object, const char *name, int64_t min, int64_t max,
			      int64_t *n_r, struct err *err)
{
	const struct json_value *json = member(object, name);
	int64_t n;

	if (!json)
		return PLI_OK;
	if (json->kind != JSON_IS_WHOLE)
		return wrong(err, name, "a whole number");
	n = json->whole;
	if (n < min || n > max)
		return err_field(err, PLI_INVALID, "out-of-range", name,
				 "\"%s\" must be from %" PRId64 " to %" PRId64, name, min, max);
	*n_r = n;
	return PLI_OK;
}

enum pli_status json_read_strs(const struct json_read *object, const char *name, size_t max,
			       const char ***items_r, size_t *count_r, struct err *err)
{
	const struct json_value *json = member(object, name);
	size_t count;
	const char **items;

	if (!json)
		return PLI_OK;
	if (json->kind != JSON_IS_STRING && json->kind != JSON_IS_ARRAY)
		return wrong(err, name, "an array of strings");
	count = json->kind == JSON_IS_STRING ? 1 : json->in.count;
	if (count > max)
		return err_field(err, PLI_INVALID, "too-many", name, "\"%s\" has more than %zu items", name,
				 max);
	items = POOL_ARRAY(object->pool, const char *, count + 1);
	if (json->kind == JSON_IS_ARRAY)
		json = json->in.first;
	for (size_t i = 0; i < count; i++, json = json->next) {
		if (json->kind != JSON_IS_STRING)
			return wrong(err, name, "an array of strings");
		items[i] = json->text;
	}
	*items_r = items;
	*count_r = count;
	return PLI_OK;
}

enum pli_status json_read_object(const struct json_read *object, const char *name, const char *const *names,
				 struct json_read **child_r, struct err *err)
{
	const struct json_value *json = member(object, name);
	enum pli_status status;

	if (!json)
		return PLI_OK;
	if (json->kind != JSON_IS_OBJECT)
		return wrong(err, name, "an object");
	status = names_check(json, names, err);
	if (status == PLI_OK)
		*child_r = wrap(object->pool, json);
	return status;
}

enum pli_status json_read_objects(const struct json_read *object, const char *name, const char *const *names,
				  size_t max, struct json_read ***items_r, size_t *count_r, struct err *err)
{
	const struct json_value *json = member(object, name);
	struct json_read **items;
	size_t count;

	if (!json)
		return PLI_OK;
	if (json->kind != JSON_IS_ARRAY)
		return wrong(err, name, "an array of objects");
	count = json->in.count;
	if (count > max)
		return err_field(err, PLI_INVALID, "too-many", name, "\"%s\" has more than %zu items", name,
				 max);
	items = POOL_ARRAY(object->pool, struct json_read *, count + 1);
	json = json->in.first;
	for (size_t i = 0; i < count; i++, json = json->next) {
		enum pli_status status;

		if (json->kind != JSON_IS_OBJECT)
			return wrong(err, name, "an array of objects");
		status = names_check(json, names, err);
		if (status != PLI_OK)
			return status;
		items[i] = wrap(object->pool, json);
	}
	*items_r = items;
	*count_r = count;
	return PLI_OK;
}
