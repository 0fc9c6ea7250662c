/* Lists of e-mail addresses, see address.h. */
#include <string.h>
#include <strings.h>

#include <idn2.h>
#include <unictype.h>

#include "pool.h"
#include "text.h"

#include "address.h"

#define LOCAL_MAX 64
#define DOMAIN_MAX 253
#define ELEMENTS_MAX 20000 /* with repetitions: bounds the work for one hostile field */

struct span {
	const char *p;
	size_t n;
};

static struct span trim(const char *p, size_t n)
{
	while (n && (*p == ' ' || *p == '\t')) {
		p++;
		n--;
	}
	while (n && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	return (struct span){ p, n };
}

/* What was typed, fit for a message: no control characters, at most 64 bytes. */
static void excerpt(char out[80], struct span s)
{
	const char *p = s.p, *end = s.p + s.n;
	size_t n = 0;

	while (p < end) {
		const char *from = p;
		uint32_t cp = utf8_next(&p, end);

		if (n + (size_t)(p - from) > 64) {
			memcpy(out + n, "\xE2\x80\xA6", 3);
			n += 3;
			break;
		}
		if (cp == (uint32_t)-1 || codepoint_is_control(cp)) {
			out[n++] = '?';
		} else {
			memcpy(out + n, from, (size_t)(p - from));
			n += (size_t)(p - from);
		}
	}
	out[n] = '\0';
}

static enum pli_status bad(struct err *err, const char *field, struct span s, const char *why)
{
	char shown[80];

	excerpt(shown, s);
	return err_field(err, PLI_INVALID, "bad-address", field, "\"%s\" is not a usable e-mail address: %s",
			 shown, why);
}

static bool is_atext(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* NULL when fine, else the reason. */
static const char *local_fault(struct span local)
{
	if (!local.n)
		return "nothing stands before the @";
	if (local.n > LOCAL_MAX)
		return "more than 64 characters stand before the @";
	for (size_t i = 0; i < local.n; i++) {
		unsigned char c = (unsigned char)local.p[i];

		if (c == '.') {
			if (i == 0 || i + 1 == local.n || local.p[i - 1] == '.')
				return "a dot stands at an end, or two together, before the @";
		} else if (c >= 0x80) {
			return "letters beyond ASCII before the @ are not carried by all mail systems";
		} else if (!is_atext(c)) {
			return "a character before the @ is not allowed there";
		}
	}
	return NULL;
}

/* The checks of RFC 1123 section 2.1 on a domain in ASCII. */
static const char *domain_fault(const char *domain)
{
	size_t n = strlen(domain);
	const char *label = domain, *last = domain;

	if (n > DOMAIN_MAX)
		return "the domain is too long";
	if (!strchr(domain, '.'))
		return "the domain has no dot";
	while (*label) {
		size_t len = strcspn(label, ".");

		if (!len)
			return "the domain has an empty label";
		if (len > 63)
			return "a label of the domain is too long";
		if (label[0] == '-' || label[len - 1] == '-')
			return "a label of the domain begins or ends with a hyphen";
		for (size_t i = 0; i < len; i++)
			if (!(label[i] == '-' || (label[i] >= '0' && label[i] <= '9') ||
			      (label[i] >= 'a' && label[i] <= 'z')))
				return "a character of the domain is not allowed there";
		last = label;
		label += len;
		if (*label == '.' && !*++label)
			return "the domain ends with a dot";
	}
	if (strspn(last, "0123456789") == strlen(last))
		return "an IP address is not accepted as a domain";
	return NULL;
}

/* Lower-case A-labels, or NULL and the reason. */
static char *domain_ascii(struct pool *pool, struct span typed, const char **why_r)
{
	char *plain = pool_strn(pool, typed.p, typed.n), *ascii = NULL;
	bool eight_bit = false;

	for (char *c = plain; *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 32);
		eight_bit |= (*c & 0x80) != 0;
	}
	*why_r = "the domain is not a valid internationalised name";
	if (eight_bit || strstr(plain, "xn--")) {
		if (typed.n > 4 * DOMAIN_MAX || idn2_lookup_u8((const uint8_t *)plain, (uint8_t **)&ascii,
							       IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL |
								       IDN2_USE_STD3_ASCII_RULES) != IDN2_OK)
			return NULL;
		plain = pool_str(pool, ascii);
		idn2_free(ascii);
	}
	*why_r = domain_fault(plain);
	return *why_r ? NULL : plain;
}

/* Letters that are read as what they are: ASCII and the accented Latin ones of Europe, or only
 * Han, kana and Hangul.  Everything else (Cyrillic, Greek, mixtures) is shown as A-label, where
 * nobody is fooled. */
static bool label_unambiguous(const char *p, const char *end)
{
	bool latin = false, asian = false;

	while (p < end) {
		uint32_t cp = utf8_next(&p, end);
		const uc_script_t *script;

		if (cp < 0x80) {
			latin |= (cp >= 'a' && cp <= 'z');
			continue;
		}
		if ((cp >= 0xdf && cp <= 0x17e && cp != 0xf7 && cp != 0x131 && cp != 0x138) || cp == 0x219 ||
		    cp == 0x21b) {
			latin = true;
			continue;
		}
		script = uc_script(cp);
		if (!script || (strcmp(script->name, "Han") != 0 && strcmp(script->name, "Hiragana") != 0 &&
				strcmp(script->name, "Katakana") != 0 && strcmp(script->name, "Hangul") != 0))
			return false;
		asian = true;
	}
	return !(latin && asian);
}

static const char *domain_show(struct pool *pool, const char *ascii)
{
	char *unicode = NULL;
	const char *shown = ascii;

	if (!strstr(ascii, "xn--") || idn2_to_unicode_8z8z(ascii, &unicode, 0) != IDN2_OK)
		return ascii;
	if (text_is_line(unicode, strlen(unicode)) && label_unambiguous(unicode, unicode + strlen(unicode)))
		shown = pool_str(pool, unicode);
	idn2_free(unicode);
	return shown;
}

/* Faults of the whole `local@domain` that have a better name than "a character is not allowed". */
static const char *shape_fault(struct span s)
{
	if (!text_is_line(s.p, s.n))
		return "it holds a control or direction character";
	if (!s.n)
		return "it is empty";
	if (s.n > 4 * ADDRESS_MAX)
		return "it is too long";
	if (s.p[0] == '"' || memchr(s.p, '"', s.n))
		return "quotation marks are not accepted in an address";
	if (memchr(s.p, '(', s.n) || memchr(s.p, ')', s.n))
		return "comments in parentheses are not accepted";
	if (memchr(s.p, ' ', s.n) || memchr(s.p, '\t', s.n) || memmem(s.p, s.n, "\xC2\xA0", 2))
		return "it holds a space";
	if (s.p[0] == '@' || memchr(s.p, ':', s.n))
		return "routes, groups and \"mailto:\" are not accepted";
	if (!memchr(s.p, '@', s.n))
		return "there is no @ in it";
	if (memchr(s.p, '@', s.n) != memrchr(s.p, '@', s.n))
		return "there is more than one @ in it";
	return NULL;
}

static enum pli_status spec_parse(struct pool *pool, struct span s, const char *field,
				  struct address *address, struct err *err)
{
	const char *why = shape_fault(s), *at;
	struct span local, domain;
	char *ascii;

	if (why)
		return bad(err, field, s, why);
	at = memchr(s.p, '@', s.n);
	local = (struct span){ s.p, (size_t)(at - s.p) };
	domain = (struct span){ at + 1, s.n - local.n - 1 };
	why = local_fault(local);
	if (why)
		return bad(err, field, s, why);
	if (!domain.n)
		return bad(err, field, s, "nothing stands behind the @");
	if (domain.p[0] == '[')
		return bad(err, field, s, "an IP address is not accepted as a domain");
	ascii = domain_ascii(pool, domain, &why);
	if (!ascii)
		return bad(err, field, s, why);
	if (local.n + 1 + strlen(ascii) > ADDRESS_MAX)
		return bad(err, field, s, "it is longer than 254 characters");
	address->addr = pool_fmt(pool, "%.*s@%s", (int)local.n, local.p, ascii);
	address->show = pool_fmt(pool, "%.*s@%s", (int)local.n, local.p, domain_show(pool, ascii));
	return PLI_OK;
}

/* The display name before `<`: quoted as a whole or not at all. */
static const char *name_parse(struct pool *pool, struct span s, const char **why_r)
{
	char *out = pool_alloc(pool, s.n + 1), *nfc;
	bool quoted = s.n && s.p[0] == '"';
	size_t n = 0, nfc_n;
	struct span bare;

	*why_r = "the name before < is malformed";
	if (quoted && (s.n < 2 || s.p[s.n - 1] != '"'))
		return NULL;
	for (size_t i = quoted; i < s.n - quoted; i++) {
		if (quoted && s.p[i] == '\\' && i + 2 < s.n)
			i++;
		else if (s.p[i] == '"' || (!quoted && strchr("<>@:", s.p[i])))
			return NULL;
		out[n++] = s.p[i];
	}
	bare = trim(out, n);
	if (!text_is_line(bare.p, bare.n)) {
		*why_r = "the name holds a control or direction character";
		return NULL;
	}
	nfc = text_nfc(bare.p, bare.n, &nfc_n);
	if (!nfc || nfc_n > ADDRESS_NAME_MAX) {
		mem_free(nfc);
		*why_r = "the name is longer than 128 bytes";
		return NULL;
	}
	out = pool_strn(pool, nfc, nfc_n);
	mem_free(nfc);
	return out;
}

/* One element, trimmed and not empty. */
static enum pli_status element_parse(struct pool *pool, struct span s, const char *field,
				     struct address *address, struct err *err)
{
	const char *open, *why;
	struct span name, spec;

	*address = (struct address){ .name = "" };
	if (s.p[s.n - 1] != '>')
		return memchr(s.p, '<', s.n) ? bad(err, field, s, "the < is not closed by a > at the end") :
					       spec_parse(pool, s, field, address, err);
	open = memrchr(s.p, '<', s.n);
	if (!open)
		return bad(err, field, s, "there is a > without a <");
	name = trim(s.p, (size_t)(open - s.p));
	spec = trim(open + 1, s.n - (size_t)(open - s.p) - 2);
	if (!spec.n)
		return bad(err, field, s, "nothing stands between < and >");
	if (spec_parse(pool, spec, field, address, err) != PLI_OK)
		return PLI_INVALID;
	/* Mail programs copy "a@b.fr <a@b.fr>": that is no name. */
	if (name.n == spec.n && memcmp(name.p, spec.p, spec.n) == 0)
		return PLI_OK;
	address->name = name_parse(pool, name, &why);
	return address->name ? PLI_OK : bad(err, field, s, why);
}

/* Length of the next element: up to a separator outside quotation marks and angle brackets.  Line
 * ends always separate, so that one forgotten quotation mark cannot swallow the lines behind it. */
static size_t element_length(const char *p, size_t n)
{
	bool quoted = false, angled = false;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n')
			return i;
		if (quoted) {
			if (p[i] == '\\' && i + 1 < n && p[i + 1] != '\n')
				i++;
			else if (p[i] == '"')
				quoted = false;
		} else if (p[i] == '"' && !angled) {
			quoted = true;
		} else if (p[i] == '<') {
			angled = true;
		} else if (p[i] == '>') {
			angled = false;
		} else if (!angled && (p[i] == ',' || p[i] == ';')) {
			return i;
		}
	}
	return n;
}

static enum pli_status list_add(struct pool *pool, struct address_list *list, const struct address *address,
				const char *field, size_t max, struct err *err)
{
	if (address_list_find(list, address->addr))
		return PLI_OK;
	if (list->count >= max)
		return err_field(err, PLI_INVALID, "too-many-recipients", field, "more than %zu recipients",
				 max);
	if (list->count == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 8;
		struct address *items = POOL_ARRAY(pool, struct address, cap);

		if (list->count)
			memcpy(items, list->items, list->count * sizeof(*items));
		list->items = items;
		list->cap = cap;
	}
	list->items[list->count++] = *address;
	return PLI_OK;
}

static enum pli_status text_check(const char *text, size_t n, const char *field, struct err *err)
{
	if (utf8_valid(text, n))
		return PLI_OK;
	return err_field(err, PLI_INPUT, "bad-utf8", field, "this field is not valid UTF-8 or holds a NUL");
}

enum pli_status address_list_parse(struct pool *pool, struct address_list *list, const char *text, size_t n,
				   const char *field, size_t max, struct err *err)
{
	enum pli_status status = text_check(text, n, field, err);
	size_t elements = 0;

	while (status == PLI_OK && n) {
		size_t len = element_length(text, n), kept = len;
		struct span s;

		if (kept && len < n && text[len] == '\n' && text[kept - 1] == '\r')
			kept--;
		s = trim(text, kept);
		if (s.n) {
			struct address address;

			if (++elements > ELEMENTS_MAX)
				return err_field(err, PLI_INVALID, "too-many-recipients", field,
						 "more than %zu recipients", max);
			status = element_parse(pool, s, field, &address, err);
			if (status == PLI_OK)
				status = list_add(pool, list, &address, field, max, err);
		}
		len += len < n;
		text += len;
		n -= len;
	}
	return status;
}

enum pli_status address_parse(struct pool *pool, const char *text, size_t n, const char *field,
			      struct address *address_r, struct err *err)
{
	enum pli_status status = text_check(text, n, field, err);
	struct span s = trim(text, n);
	struct address address;

	if (status != PLI_OK)
		return status;
	if (!s.n)
		return bad(err, field, s, "it is empty");
	if (element_length(s.p, s.n) != s.n)
		return bad(err, field, s, "exactly one address is wanted here");
	status = element_parse(pool, s, field, &address, err);
	if (status == PLI_OK)
		*address_r = address;
	return status;
}

bool address_same(const char *a, const char *b)
{
	return str_ieq(a, b);
}

const struct address *address_list_find(const struct address_list *list, const char *addr)
{
	for (size_t i = 0; i < list->count; i++)
		if (address_same(list->items[i].addr, addr))
			return &list->items[i];
	return NULL;
}

const char *address_key(struct pool *pool, const char *addr)
{
	char *key = pool_str(pool, addr);

	for (char *c = key; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 32);
	return key;
}
