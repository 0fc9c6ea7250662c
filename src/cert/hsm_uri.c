/* See hsm_uri.h. */
#include <string.h>

#include "text.h"

#include "hsm_uri.h"

#define SCHEME "pkcs11:"

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 7512 section 2.3: pk11-path-res-avail, besides letters and digits. */
static bool stands_for_itself(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~:[]@!$'()*+,=&", c));
}

static bool decode(const char *p, size_t n, uint8_t *out, size_t cap, size_t *n_r)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t byte = (uint8_t)p[i];

		if (p[i] == '%') {
			if (i + 2 >= n || digit(p[i + 1]) < 0 || digit(p[i + 2]) < 0)
				return false;
			byte = (uint8_t)(digit(p[i + 1]) << 4 | digit(p[i + 2]));
			i += 2;
		} else if (!stands_for_itself(p[i])) {
			return false;
		}
		if (at == cap)
			return false;
		out[at++] = byte;
	}
	*n_r = at;
	return at > 0;
}

static bool put(char *field, size_t size, const char *p, size_t n)
{
	size_t got;

	/* Once only. */
	if (*field || !decode(p, n, (uint8_t *)field, size - 1, &got))
		return false;
	field[got] = 0;
	return strlen(field) == got && text_is_line(field, got);
}

static bool is(const char *name, size_t n, const char *what)
{
	return strlen(what) == n && memcmp(name, what, n) == 0;
}

static bool attribute(const char *p, size_t n, struct hsm_uri *u)
{
	const char *value = memchr(p, '=', n);
	size_t name_n = value ? (size_t)(value - p) : 0, value_n;

	if (!value)
		return false;
	value++;
	value_n = n - name_n - 1;
	if (is(p, name_n, "token"))
		return put(u->token, sizeof(u->token), value, value_n);
	if (is(p, name_n, "manufacturer"))
		return put(u->manufacturer, sizeof(u->manufacturer), value, value_n);
	if (is(p, name_n, "serial"))
		return put(u->serial, sizeof(u->serial), value, value_n);
	if (is(p, name_n, "model"))
		return put(u->model, sizeof(u->model), value, value_n);
	if (is(p, name_n, "object"))
		return put(u->object, sizeof(u->object), value, value_n);
	if (is(p, name_n, "id"))
		return !u->id_n && decode(value, value_n, u->id, sizeof(u->id), &u->id_n);
	/* What kind it is, we know. */
	return is(p, name_n, "type") && (is(value, value_n, "private") || is(value, value_n, "secret-key"));
}

enum pli_status hsm_uri_parse(const char *text, struct hsm_uri *uri_r, struct err *err)
{
	struct hsm_uri u = { 0 };
	const char *p = text + strlen(SCHEME);

	if (!str_starts(text, SCHEME))
		return err_set(err, PLI_INPUT, "a PKCS#11 URI begins with %s", SCHEME);
	if (strchr(text, '?')) {
		(void)err_set(err, PLI_INPUT, "a PKCS#11 URI here has no part behind a question mark");
		return err_hint(err, "The module stands in [keys] module, the PIN in the file of [keys] pin_file.");
	}
	for (;;) {
		size_t n = strcspn(p, ";");

		if (!attribute(p, n, &u))
			return err_set(err, PLI_INPUT, "'%.*s' in a PKCS#11 URI is not understood", (int)(n < 80 ? n : 80), p);
		if (!p[n])
			break;
		p += n + 1;
	}
	if (!u.token[0] && !u.serial[0])
		return err_set(err, PLI_INPUT, "a PKCS#11 URI names the token: token=LABEL or serial=NUMBER");
	*uri_r = u;
	return PLI_OK;
}
