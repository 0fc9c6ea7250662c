/* Parameters in header values: see mediatype.h. */
#include <string.h>
#include <strings.h>

#include "pool.h"
#include "text.h"

#include "mediatype.h"

static bool is_token_char(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static size_t skip_space(const char *p, size_t at, size_t n)
{
	while (at < n && (p[at] == ' ' || p[at] == '\t'))
		at++;
	return at;
}

static size_t token_end(const char *p, size_t at, size_t n)
{
	while (at < n && is_token_char((unsigned char)p[at]))
		at++;
	return at;
}

static char *lower_copy(struct pool *pool, const char *p, size_t n)
{
	char *s = pool_strn(pool, p, n);

	for (char *c = s; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + ('a' - 'A'));
	return s;
}

/* The quoted string whose opening quote is at p[*at]; *at ends behind the closing one. */
static const char *quoted_string(struct pool *pool, const char *p, size_t *at, size_t n)
{
	char *out = pool_alloc(pool, n - *at + 1), *w = out;
	size_t i = *at + 1;

	while (i < n && p[i] != '"') {
		if (p[i] == '\\' && i + 1 < n && (p[i + 1] == '"' || p[i + 1] == '\\'))
			i++;
		if (p[i] == '\0' || p[i] == '\r' || p[i] == '\n')
			return NULL;
		*w++ = p[i++];
	}
	if (i >= n)
		return NULL;
	*at = i + 1;
	return out;
}

/* "; name=value" with the semicolon already read. */
static bool param_parse(struct pool *pool, const char *p, size_t *at, size_t n, struct mediatype *type)
{
	struct mediatype_param *param = &type->params[type->param_count];
	size_t begin = *at, end = token_end(p, begin, n);

	if (end == begin || end >= n || p[end] != '=' || type->param_count == MEDIATYPE_PARAMS_MAX)
		return false;
	param->name = lower_copy(pool, p + begin, end - begin);
	if (mediatype_param(type, param->name))
		return false;
	*at = end + 1;
	param->quoted = *at < n && p[*at] == '"';
	if (param->quoted) {
		param->value = quoted_string(pool, p, at, n);
	} else {
		end = token_end(p, *at, n);
		param->value = end > *at ? pool_strn(pool, p + *at, end - *at) : NULL;
		*at = end;
	}
	if (!param->value)
		return false;
	type->param_count++;
	return true;
}

static bool value_parse(struct pool *pool, const char *p, size_t n, struct mediatype *type)
{
	size_t begin = skip_space(p, 0, n), at = token_end(p, begin, n);

	if (at == begin)
		return false;
	if (at < n && p[at] == '/') {
		size_t sub = at + 1;

		at = token_end(p, sub, n);
		if (at == sub)
			return false;
	}
	type->type = lower_copy(pool, p + begin, at - begin);
	for (;;) {
		at = skip_space(p, at, n);
		if (at == n)
			return true;
		if (p[at++] != ';')
			return false;
		at = skip_space(p, at, n);
		if (at == n)
			return true;
		if (!param_parse(pool, p, &at, n, type))
			return false;
	}
}

enum pli_status mediatype_parse(struct pool *pool, const char *value, size_t n, struct mediatype *type_r,
				struct err *err)
{
	struct mediatype type = { 0 };

	if (!value_parse(pool, value, n, &type))
		return err_set(err, PLI_INPUT, "malformed media type or disposition");
	*type_r = type;
	return PLI_OK;
}

const char *mediatype_param(const struct mediatype *type, const char *name)
{
	for (int i = 0; i < type->param_count; i++)
		if (strcmp(type->params[i].name, name) == 0)
			return type->params[i].value;
	return NULL;
}

bool mediatype_is(const char *value, const char *type)
{
	size_t n = strlen(type);

	if (!value)
		return false;
	while (*value == ' ' || *value == '\t')
		value++;
	if (strncasecmp(value, type, n) != 0)
		return false;
	value += n;
	return *value == '\0' || *value == ';' || *value == ' ' || *value == '\t';
}

bool mediatype_is_utf8(const struct mediatype *type)
{
	const char *charset = mediatype_param(type, "charset");

	return !charset || str_ieq(charset, "utf-8") || str_ieq(charset, "utf8") ||
	       str_ieq(charset, "us-ascii");
}

const char *mediatype_clean(struct pool *pool, const char *raw)
{
	struct mediatype type = { 0 };

	if (raw && value_parse(pool, raw, strlen(raw), &type) && strchr(type.type, '/') &&
	    strlen(type.type) <= 127)
		return type.type;
	return "application/octet-stream";
}
