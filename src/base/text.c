/* Text encodings and checks; see text.h.  Base 64 and base 32 are those of RFC 4648, read strictly:
 * each byte string has exactly one accepted spelling (base 32: letter case aside). */
#include <string.h>
#include <uninorm.h>

#include "pool.h"

#include "text.h"

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base32_digits[] = "abcdefghijklmnopqrstuvwxyz234567";

char *hex_encode(char *out, const void *p, size_t n)
{
	const uint8_t *bytes = p;

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = hex_digits[bytes[i] >> 4];
		out[2 * i + 1] = hex_digits[bytes[i] & 15];
	}
	out[2 * n] = 0;
	return out;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool hex_decode(void *out, size_t n, const char *s, size_t s_len)
{
	uint8_t *bytes = out;

	if (s_len / 2 != n || s_len % 2)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = hex_value(s[2 * i]), low = hex_value(s[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

char *base64_encode(char *out, const void *p, size_t n)
{
	const uint8_t *b = p;
	char *at = out;

	for (; n >= 3; n -= 3, b += 3) {
		*at++ = base64_digits[b[0] >> 2];
		*at++ = base64_digits[(b[0] & 3) << 4 | b[1] >> 4];
		*at++ = base64_digits[(b[1] & 15) << 2 | b[2] >> 6];
		*at++ = base64_digits[b[2] & 63];
	}
	if (n) {
		uint8_t second = n == 2 ? b[1] : 0;

		*at++ = base64_digits[b[0] >> 2];
		*at++ = base64_digits[(b[0] & 3) << 4 | second >> 4];
		*at++ = n == 2 ? base64_digits[(second & 15) << 2] : '=';
		*at++ = '=';
	}
	*at = 0;
	return out;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(void *out, size_t *n_r, const char *s, size_t s_len)
{
	uint8_t *bytes = out;
	size_t n = 0, padding = 0;

	if (s_len % 4)
		return false;
	if (s_len && s[s_len - 1] == '=')
		padding = s[s_len - 2] == '=' ? 2 : 1;
	for (size_t i = 0; i < s_len; i += 4) {
		size_t digits = i + 4 == s_len ? 4 - padding : 4;
		uint32_t word = 0;

		for (size_t k = 0; k < 4; k++) {
			int v = k < digits ? base64_value(s[i + k]) : 0;

			if (v < 0)
				return false;
			word = word << 6 | (uint32_t)v;
		}
		/* Bits that padding leaves over must be zero, else two spellings mean the same. */
		if ((digits == 3 && word & 0xFF) || (digits == 2 && word & 0xFFFF))
			return false;
		bytes[n++] = (uint8_t)(word >> 16);
		if (digits > 2)
			bytes[n++] = (uint8_t)(word >> 8);
		if (digits > 3)
			bytes[n++] = (uint8_t)word;
	}
	*n_r = n;
	return true;
}

char *base32_encode(char *out, const void *p, size_t n)
{
	const uint8_t *b = p;
	char *at = out;
	uint32_t word = 0;
	unsigned bits = 0;

	for (size_t i = 0; i < n; i++) {
		word = word << 8 | b[i];
		bits += 8;
		while (bits >= 5) {
			bits -= 5;
			*at++ = base32_digits[word >> bits & 31];
		}
	}
	if (bits)
		*at++ = base32_digits[word << (5 - bits) & 31];
	*at = 0;
	return out;
}

static int base32_value(char c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= '2' && c <= '7')
		return c - '2' + 26;
	return -1;
}

bool base32_decode(void *out, size_t n, const char *s, size_t s_len)
{
	uint8_t *bytes = out;
	uint32_t word = 0;
	unsigned bits = 0;
	size_t made = 0;

	if (n > SIZE_MAX / 8 - 4 || s_len != (n * 8 + 4) / 5)
		return false;
	for (size_t i = 0; i < s_len; i++) {
		int v = base32_value(s[i]);

		if (v < 0)
			return false;
		word = word << 5 | (uint32_t)v;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			bytes[made++] = (uint8_t)(word >> bits);
		}
	}
	return (word & ((1u << bits) - 1)) == 0;
}

uint32_t utf8_next(const char **s, const char *end)
{
	const uint8_t *p = (const uint8_t *)*s;
	size_t left = (size_t)(end - *s);
	size_t more;
	uint32_t cp, least;

	if (!left)
		return (uint32_t)-1;
	if (p[0] < 0x80) {
		*s += 1;
		return p[0];
	}
	if (p[0] >= 0xC2 && p[0] <= 0xDF) {
		more = 1, cp = p[0] & 0x1F, least = 0x80;
	} else if (p[0] >= 0xE0 && p[0] <= 0xEF) {
		more = 2, cp = p[0] & 0x0F, least = 0x800;
	} else if (p[0] >= 0xF0 && p[0] <= 0xF4) {
		more = 3, cp = p[0] & 0x07, least = 0x10000;
	} else {
		*s += 1;
		return (uint32_t)-1;
	}
	for (size_t i = 1; i <= more; i++) {
		if (i >= left || (p[i] & 0xC0) != 0x80) {
			*s += i;
			return (uint32_t)-1;
		}
		cp = cp << 6 | (p[i] & 0x3F);
	}
	*s += more + 1;
	if (cp < least || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
		return (uint32_t)-1;
	return cp;
}

/* Eight bytes of ASCII without NUL. */
static bool eight_plain(const char *s)
{
	uint64_t v;

	memcpy(&v, s, 8);
	return !((v | (v - UINT64_C(0x0101010101010101))) & UINT64_C(0x8080808080808080));
}

bool utf8_valid(const char *s, size_t n)
{
	const char *end = s + n;

	while (s < end) {
		while (end - s >= 8 && eight_plain(s))
			s += 8;
		if (s == end)
			break;
		if (*s == 0)
			return false;
		if ((unsigned char)*s < 0x80)
			s++;
		else if (utf8_next(&s, end) == (uint32_t)-1)
			return false;
	}
	return true;
}

bool codepoint_is_control(uint32_t cp)
{
	if (cp < 0x20 || (cp >= 0x7F && cp <= 0x9F))
		return true;
	if (cp < 0x61C)
		return false;
	if (cp == 0x61C || cp == 0x200E || cp == 0x200F)	/* bidi marks */
		return true;
	if (cp >= 0x2028 && cp <= 0x202E)	/* line and paragraph separators, bidi embeddings */
		return true;
	if (cp >= 0x2066 && cp <= 0x2069)	/* bidi isolates */
		return true;
	if (cp == 0xFEFF || (cp >= 0xFFF9 && cp <= 0xFFFB))
		return true;
	if ((cp & 0xFFFE) == 0xFFFE || (cp >= 0xFDD0 && cp <= 0xFDEF))	/* noncharacters */
		return true;
	return (cp >= 0xE0000 && cp <= 0xE007F) || cp > 0x10FFFF;
}

bool text_is_line(const char *s, size_t n)
{
	const char *end = s + n;

	while (s < end) {
		uint32_t cp = utf8_next(&s, end);

		if (cp == (uint32_t)-1 || codepoint_is_control(cp))
			return false;
	}
	return true;
}

char *text_nfc(const char *s, size_t n, size_t *n_r)
{
	uint8_t *normal;
	size_t length = 0;
	char *copy;

	if (!utf8_valid(s, n))
		return NULL;
	normal = n ? u8_normalize(UNINORM_NFC, (const uint8_t *)s, n, NULL, &length) : NULL;
	if (n && !normal)
		return NULL;
	copy = mem_alloc(length + 1);
	if (length)
		memcpy(copy, normal, length);
	mem_free(normal);
	if (n_r)
		*n_r = length;
	return copy;
}

bool str_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool str_ieq(const char *a, const char *b)
{
	if (a == b)
		return true;
	if (!a || !b)
		return false;
	while (*a && lower(*a) == lower(*b))
		a++, b++;
	return lower(*a) == lower(*b);
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

#define NEAR_MAX 48

/* Edits (insert, delete, replace, swap of neighbours) that turn a into b. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[3][NEAR_MAX + 1];
	size_t na = strlen(a), nb = strlen(b);

	for (size_t j = 0; j <= nb; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t best = before[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));

			if (before[j] + 1 < best)
				best = before[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]) && earlier[j - 2] + 1 < best)
				best = earlier[j - 2] + 1;
			now[j] = best;
		}
	}
	return row[na % 3][nb];
}

const char *str_nearest(const char *s, const char *const *names)
{
	const char *nearest = NULL;
	size_t length = strlen(s);
	size_t best = length / 3 + 1;

	if (!length || length > NEAR_MAX)
		return NULL;
	for (; *names; names++) {
		size_t distance;

		if (strlen(*names) > NEAR_MAX)
			continue;
		distance = edit_distance(s, *names);
		if (distance < best || (distance == best && !nearest)) {
			best = distance;
			nearest = *names;
		}
	}
	/* "xy" must not become "host": more than a third may not differ. */
	return nearest;
}
