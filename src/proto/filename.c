/* Harmless file names, see filename.h. */
#include <string.h>
#include <strings.h>

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "uri.h"

#include "filename.h"

#define EXTENSION_MAX_BYTES 32

/* Last component that is not empty. */
static void last_component(const char **raw, size_t *n)
{
	const char *p = *raw;
	size_t end = *n, begin;

	while (end && (p[end - 1] == '/' || p[end - 1] == '\\'))
		end--;
	begin = end;
	while (begin && p[begin - 1] != '/' && p[begin - 1] != '\\')
		begin--;
	*raw = p + begin;
	*n = end - begin;
}

/* What looks like a separator or wildcard, or becomes one when a system converts to its code page. */
static bool is_lookalike(uint32_t cp)
{
	static const uint16_t list[] = { 0x2044, 0x2215, 0x2216, 0x29f5, 0x29f8, 0xfe68, 0xff02, 0xff0a,
					 0xff0f, 0xff1a, 0xff1c, 0xff1e, 0xff1f, 0xff3c, 0xff5c };

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (list[i] == cp)
			return true;
	return false;
}

static void filter(struct buf *out, const char *p, size_t n)
{
	const char *end = p + n;

	while (p < end) {
		const char *from = p;
		uint32_t cp = utf8_next(&p, end);

		if (cp == (uint32_t)-1) { /* p went past the bad bytes */
			buf_str(out, "\xEF\xBF\xBD");
		} else if (codepoint_is_control(cp) || uc_is_general_category(cp, UC_FORMAT) ||
			   (cp & 0xfffe) == 0xfffe) {
			continue;
		} else if (uc_is_general_category(cp, UC_SPACE_SEPARATOR)) {
			buf_ch(out, ' ');
		} else if ((cp < 0x80 && strchr("<>:\"|?*", (int)cp)) || is_lookalike(cp)) {
			buf_ch(out, '_');
		} else {
			buf_add(out, from, (size_t)(p - from));
		}
	}
}

/* Windows finds its devices by what stands before the first dot, trailing spaces aside. */
static bool is_device(const char *name)
{
	static const char *const devices[] = {
		"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$", NULL
	};
	size_t n = strcspn(name, ".");

	while (n && name[n - 1] == ' ')
		n--;
	for (const char *const *d = devices; *d; d++)
		if (strlen(*d) == n && strncasecmp(name, *d, n) == 0)
			return true;
	if (n < 4 || (strncasecmp(name, "COM", 3) != 0 && strncasecmp(name, "LPT", 3) != 0))
		return false;
	if (n == 4)
		return name[3] >= '0' && name[3] <= '9';
	/* the superscripts U+00B9, U+00B2, U+00B3 count as digits there */
	return n == 5 && name[3] == '\xC2' && (name[4] == '\xB9' || name[4] == '\xB2' || name[4] == '\xB3');
}

static void trim_ends(const char **p, size_t *n)
{
	while (*n && (**p == '.' || **p == ' ' || **p == '-')) {
		(*p)++;
		(*n)--;
	}
	while (*n && ((*p)[*n - 1] == '.' || (*p)[*n - 1] == ' '))
		(*n)--;
}

/* At most max bytes of p, cut between code points, no space or dot at the end. */
static size_t cut(const char *p, size_t n, size_t max)
{
	if (n > max) {
		n = max;
		while (n && ((unsigned char)p[n] & 0xc0) == 0x80)
			n--;
	}
	while (n && (p[n - 1] == ' ' || p[n - 1] == '.'))
		n--;
	return n;
}

/* Where the extension (with its dot) begins; n when there is none worth keeping. */
static size_t extension_at(const char *p, size_t n)
{
	const char *dot = memrchr(p, '.', n);
	size_t at = dot ? (size_t)(dot - p) : n;

	return at == 0 || n - at > EXTENSION_MAX_BYTES ? n : at;
}

/* stem + middle + extension within the limit. */
static const char *assemble(struct pool *pool, const char *p, size_t n, const char *middle)
{
	size_t at = extension_at(p, n), extension_n = n - at, middle_n = strlen(middle);
	size_t stem_n = cut(p, at, FILENAME_MAX_BYTES - extension_n - middle_n);

	return pool_fmt(pool, "%.*s%s%.*s", (int)stem_n, p, middle, (int)extension_n, p + at);
}

const char *filename_clean(struct pool *pool, const char *raw, size_t n)
{
	AUTO_BUF clean = { 0 };
	char *nfc;
	const char *p, *name;

	last_component(&raw, &n);
	filter(&clean, raw, n);
	if (!clean.n)
		return "document";
	nfc = text_nfc(clean.p, clean.n, &n);
	if (!nfc)
		return "document";
	p = nfc;
	trim_ends(&p, &n);
	name = n ? pool_strn(pool, p, n) : "document";
	mem_free(nfc);
	if (is_device(name))
		name = pool_fmt(pool, "_%s", name);
	return strlen(name) > FILENAME_MAX_BYTES ? assemble(pool, name, strlen(name), "") : name;
}

/* ---- different names ---- */

struct slot {
	const char *key; /* case-folded */
	unsigned next; /* first number that may be free */
};

static const char *fold(struct pool *pool, const char *name)
{
	size_t n;
	uint8_t *folded = u8_casefold((const uint8_t *)name, strlen(name), NULL, UNINORM_NFC, NULL, &n);
	const char *key = folded ? pool_strn(pool, (const char *)folded, n) : pool_str(pool, name);

	free(folded);
	return key;
}

/* The slot of key, or the free one where it belongs.  slots are a power of two, never full. */
static struct slot *slot_find(struct slot *slots, size_t mask, const char *key)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	size_t at;

	for (const char *c = key; *c; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
	for (at = hash & mask; slots[at].key && strcmp(slots[at].key, key) != 0; at = (at + 1) & mask)
		;
	return &slots[at];
}

void filename_unique(struct pool *pool, const char **names, size_t count)
{
	size_t size = 16;
	struct slot *slots;

	while (size < count * 2)
		size *= 2;
	slots = POOL_ARRAY(pool, struct slot, size);
	for (size_t i = 0; i < count; i++) {
		const char *name = names[i], *key = fold(pool, name);
		struct slot *first = slot_find(slots, size - 1, key), *slot = first;

		while (slot->key) {
			char middle[16];

			snprintf(middle, sizeof(middle), " (%u)", first->next++);
			name = assemble(pool, names[i], strlen(names[i]), middle);
			key = fold(pool, name);
			slot = slot_find(slots, size - 1, key);
		}
		slot->key = key;
		slot->next = 2;
		names[i] = name;
	}
}

void filename_disposition(struct buf *out, const char *name)
{
	buf_str(out, "attachment; filename=\"");
	for (const char *p = name; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if ((c & 0xc0) == 0x80)
			continue; /* one `_` for each character, not for each byte */
		/* some browsers decode %XX in the fallback too */
		buf_ch(out, c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '%' ? '_' : (char)c);
	}
	buf_str(out, "\"; filename*=UTF-8''");
	uri_encode(out, name, strlen(name));
}
