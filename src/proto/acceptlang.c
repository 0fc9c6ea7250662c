/* Accept-Language, see acceptlang.h. */
#include <string.h>
#include <strings.h>

#include "acceptlang.h"

#define HEADER_BYTES_MAX 1024

/* Weight in thousandths ("0.8" = 800), or -1. */
static int weight_parse(const char *p, size_t n)
{
	int weight, scale = 100;

	if (n < 1 || n > 5 || (p[0] != '0' && p[0] != '1') || (n > 1 && p[1] != '.'))
		return -1;
	weight = (p[0] - '0') * 1000;
	for (size_t i = 2; i < n; i++, scale /= 10) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		weight += (p[i] - '0') * scale;
	}
	return weight <= 1000 ? weight : -1;
}

/* Cuts spaces at both ends. */
static size_t trim(const char **p, size_t n)
{
	while (n && (**p == ' ' || **p == '\t')) {
		(*p)++;
		n--;
	}
	while (n && ((*p)[n - 1] == ' ' || (*p)[n - 1] == '\t'))
		n--;
	return n;
}

/* Weight of one range and the language it names (NULL when it is none of ours); -1 when malformed. */
static int range_parse(const char *p, size_t n, const char **lang_r)
{
	const char *semicolon = memchr(p, ';', n), *tag = p;
	size_t tag_n = trim(&tag, semicolon ? (size_t)(semicolon - p) : n);
	int weight = 1000;

	*lang_r = NULL;
	if (semicolon) {
		const char *q = semicolon + 1;
		size_t q_n = trim(&q, n - (size_t)(q - p));

		if (q_n < 3 || (q[0] != 'q' && q[0] != 'Q') || q[1] != '=')
			return -1;
		weight = weight_parse(q + 2, q_n - 2);
	}
	if (tag_n == 2 || (tag_n > 2 && tag[2] == '-')) {
		if (strncasecmp(tag, "fr", 2) == 0)
			*lang_r = "fr";
		else if (strncasecmp(tag, "en", 2) == 0)
			*lang_r = "en";
	}
	return weight;
}

const char *acceptlang_pick(const char *header, const char *fallback)
{
	const char *best = NULL, *p = header;
	int best_weight = 0;

	if (!header || strnlen(header, HEADER_BYTES_MAX + 1) > HEADER_BYTES_MAX)
		return fallback;
	while (*p) {
		size_t n = strcspn(p, ",");
		const char *lang;
		int weight = range_parse(p, n, &lang);

		if (weight < 0)
			return fallback;
		if (lang && weight > best_weight) {
			best = lang;
			best_weight = weight;
		}
		p += n + (p[n] == ',');
	}
	return best ? best : fallback;
}
