/* JSON from outside by jansson, see json_read.h. */
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include <jansson.h>

#include "pool.h"
#include "text.h"

#include "json_read.h"

#define SHOWN_MAX 47 /* bytes of an unknown name that an error repeats */

struct json_read {
	struct pool *pool;
	json_t *json; /* borrowed from the root, which the pool's cleanup frees */
};

/* Seeds jansson's hash tables, so that nobody can choose names that collide.  Left alone it would
 * read /dev/urandom, which a confined process may not have. */
static void seed(void)
{
	size_t value;

	mem_random(&value, sizeof(value));
	json_object_seed(value | 1);
}

static void root_free(void *arg)
{
	json_decref(arg);
}

/* Brackets open at once, outside strings, before anything is allocated for them. */
static bool too_deep(const char *p, size_t n)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < n; i++) {
		if (in_string) {
			if (p[i] == '\\')
				i++;
			else if (p[i] == '"')
				in_string = false;
		} else if (p[i] == '"') {
			in_string = true;
		} else if (p[i] == '{' || p[i] == '[') {
			if (++depth > JSON_READ_DEPTH_MAX)
				return true;
		} else if (p[i] == '}' || p[i] == ']') {
			depth--;
		}
	}
	return false;
}

static enum pli_status names_check(json_t *json, const char *const *names, struct err *err)
{
	const char *key;
	json_t *value;

	if (!names)
		return PLI_OK;
	json_object_foreach(json, key, value)
	{
		const char *const *known = names;
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

static struct json_read *wrap(struct pool *pool, json_t *json)
{
	struct json_read *object = POOL_NEW(pool, struct json_read);

	object->pool = pool;
	object->json = json;
	return object;
}

enum pli_status json_read_open(struct pool *pool, const void *p, size_t n, size_t max_bytes,
			       const char *const *names, struct json_read **object_r, struct err *err)
{
	static pthread_once_t seeded = PTHREAD_ONCE_INIT;
	enum pli_status status;
	json_error_t fault;
	json_t *json;

	pthread_once(&seeded, seed);
	if (n > max_bytes)
		return err_set(err, PLI_LIMIT, "the JSON text is over %zu bytes", max_bytes);
	if (too_deep(p, n))
		return err_field(err, PLI_INPUT, "bad-json", "",
				 "the JSON text is nested deeper than %d levels", JSON_READ_DEPTH_MAX);
	json = json_loadb(n ? p : "", n, JSON_REJECT_DUPLICATES, &fault);
	if (!json)
		return err_field(
			err, PLI_INPUT, "bad-json", "", "malformed JSON: line %d, column %d%s", fault.line,
			fault.column,
			json_error_code(&fault) == json_error_duplicate_key ? ", a name stands twice" : "");
	pool_cleanup(pool, root_free, json);
	if (!json_is_object(json))
		return err_field(err, PLI_INPUT, "bad-json", "", "the JSON text is not an object");
	status = names_check(json, names, err);
	if (status == PLI_OK)
		*object_r = wrap(pool, json);
	return status;
}

/* The member, or NULL when absent or null. */
static json_t *member(const struct json_read *object, const char *name)
{
	json_t *json = json_object_get(object->json, name);

	return json_is_null(json) ? NULL : json;
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
	json_t *json = member(object, name);

	if (!json)
		return PLI_OK;
	if (!json_is_string(json))
		return wrong(err, name, "a string");
	*s_r = json_string_value(json);
	return PLI_OK;
}

enum pli_status json_read_bool(const struct json_read *object, const char *name, bool *b_r, struct err *err)
{
	json_t *json = member(object, name);

	if (!json)
		return PLI_OK;
	if (!json_is_boolean(json))
		return wrong(err, name, "true or false");
	*b_r = json_is_true(json);
	return PLI_OK;
}

enum pli_status json_read_int(const struct json_read *object, const char *name, int64_t min, int64_t max,
			      int64_t *n_r, struct err *err)
{
	json_t *json = member(object, name);
	json_int_t n;

	if (!json)
		return PLI_OK;
	if (!json_is_integer(json))
		return wrong(err, name, "a whole number");
	n = json_integer_value(json);
	if (n < min || n > max)
		return err_field(err, PLI_INVALID, "out-of-range", name,
				 "\"%s\" must be from %" PRId64 " to %" PRId64, name, min, max);
	*n_r = n;
	return PLI_OK;
}

enum pli_status json_read_strs(const struct json_read *object, const char *name, size_t max,
			       const char ***items_r, size_t *count_r, struct err *err)
{
	json_t *json = member(object, name);
	size_t count;
	const char **items;

	if (!json)
		return PLI_OK;
	if (!json_is_string(json) && !json_is_array(json))
		return wrong(err, name, "an array of strings");
	count = json_is_string(json) ? 1 : json_array_size(json);
	if (count > max)
		return err_field(err, PLI_INVALID, "too-many", name, "\"%s\" has more than %zu items", name,
				 max);
	items = POOL_ARRAY(object->pool, const char *, count + 1);
	for (size_t i = 0; i < count; i++) {
		items[i] = json_string_value(json_is_string(json) ? json : json_array_get(json, i));
		if (!items[i])
			return wrong(err, name, "an array of strings");
	}
	*items_r = items;
	*count_r = count;
	return PLI_OK;
}

enum pli_status json_read_object(const struct json_read *object, const char *name, const char *const *names,
				 struct json_read **child_r, struct err *err)
{
	json_t *json = member(object, name);
	enum pli_status status;

	if (!json)
		return PLI_OK;
	if (!json_is_object(json))
		return wrong(err, name, "an object");
	status = names_check(json, names, err);
	if (status == PLI_OK)
		*child_r = wrap(object->pool, json);
	return status;
}

enum pli_status json_read_objects(const struct json_read *object, const char *name, const char *const *names,
				  size_t max, struct json_read ***items_r, size_t *count_r, struct err *err)
{
	json_t *json = member(object, name);
	struct json_read **items;
	size_t count;

	if (!json)
		return PLI_OK;
	if (!json_is_array(json))
		return wrong(err, name, "an array of objects");
	count = json_array_size(json);
	if (count > max)
		return err_field(err, PLI_INVALID, "too-many", name, "\"%s\" has more than %zu items", name,
				 max);
	items = POOL_ARRAY(object->pool, struct json_read *, count + 1);
	for (size_t i = 0; i < count; i++) {
		json_t *item = json_array_get(json, i);
		enum pli_status status;

		if (!json_is_object(item))
			return wrong(err, name, "an array of objects");
		status = names_check(item, names, err);
		if (status != PLI_OK)
			return status;
		items[i] = wrap(object->pool, item);
	}
	*items_r = items;
	*count_r = count;
	return PLI_OK;
}
