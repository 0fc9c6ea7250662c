/* Words of a text, see words.h. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

#include "text.h"

#include "words.h"

/* One word being gathered. */
struct gather {
	char bytes[WORD_MAX_BYTES];
	size_t n;
	bool full;
	word_fn *fn;
	void *arg;
};

static void gather_end(struct gather *g)
{
	if (g->n)
		g->fn(g->arg, g->bytes, g->n);
	g->n = 0;
	g->full = false;
}

static void gather_add(struct gather *g, const char *p, size_t n)
{
	g->full = g->full || g->n + n > sizeof(g->bytes);
	if (g->full)
		return;
	memcpy(g->bytes + g->n, p, n);
	g->n += n;
}

static bool is_ascii(const char *s, size_t n)
{
	unsigned char all = 0;

	for (size_t i = 0; i < n; i++)
		all |= (unsigned char)s[i];
	return all < 0x80;
}

/* Most texts: no table is asked, nothing is allocated. */
static void ascii_each(const char *s, size_t n, struct gather *g)
{
	for (size_t i = 0; i < n; i++) {
		char c = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] + 32) : s[i];

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			gather_add(g, &c, 1);
		else
			gather_end(g);
	}
}

/* Letters that no table takes apart, as people type them who have no key for them. */
static bool plain_add(uint32_t cp, struct gather *g)
{
	const char *plain = cp == 0x153 ? "oe" : cp == 0xe6 ? "ae" : cp == 0xf8 ? "o" : cp == 0x142 ? "l" : cp == 0x111 ? "d" : NULL;

	if (plain)
		gather_add(g, plain, strlen(plain));
	return plain != NULL;
}

static void unicode_each(const char *s, size_t n, struct gather *g)
{
	const char *end = s + n;

	while (s < end) {
		const char *at = s;
		uint32_t cp = utf8_next(&s, end);

		if (uc_is_general_category_withtable(cp, UC_CATEGORY_MASK_M))
			continue;	/* an accent of the letter before */
		if (plain_add(cp, g))
			continue;
		if (uc_is_general_category_withtable(cp, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N))
			gather_add(g, at, (size_t)(s - at));
		else
			gather_end(g);
	}
}

void words_each(const char *text, size_t n, word_fn *fn, void *arg)
{
	struct gather g = { .fn = fn, .arg = arg };
	uint8_t *folded;
	size_t folded_n;

	if (is_ascii(text, n)) {
		ascii_each(text, n, &g);
	} else if (utf8_valid(text, n)) {
		folded = u8_casefold((const uint8_t *)text, n, NULL, UNINORM_NFKD, NULL, &folded_n);
		if (folded)
			unicode_each((const char *)folded, folded_n, &g);
		free(folded);
	}
	gather_end(&g);
}

size_t word_prefix(const char *word, size_t n, unsigned letters)
{
	size_t at = 0;

	for (; letters && at < n; letters--)
		do
			at++;
		while (at < n && ((unsigned char)word[at] & 0xc0) == 0x80);
	return letters ? 0 : at;
}
