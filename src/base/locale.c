/* Translations; see locale.h. */
#include <string.h>

#include "buf.h"
#include "web_table.h"

#include "locale.h"

#define STANDARD_LANG "fr"

const struct locale *locale_find(const char *lang)
{
	for (size_t i = 0; lang && i < web_locale_count; i++)
		if (strcmp(web_locales[i].lang, lang) == 0)
			return &web_locales[i];
	return NULL;
}

const struct locale *locale_get(const char *lang)
{
	const struct locale *l = locale_find(lang);

	if (!l)
		l = locale_find(STANDARD_LANG);
	return l ? l : &web_locales[0];
}

const char *locale_lang(const struct locale *l)
{
	return l->lang;
}

const char *locale_known(const struct locale *l, const char *key)
{
	size_t low = 0, high = l->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(l->entries[middle].key, key);

		if (order == 0)
			return l->entries[middle].text;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool locale_has(const struct locale *l, const char *key)
{
	return locale_known(l, key) != NULL;
}

const char *locale_text(const struct locale *l, const char *key)
{
	const char *text = locale_known(l, key);

	return text ? text : key;
}

void locale_add(struct buf *out, const struct locale *l, const char *key, const char *const *args,
		size_t count)
{
	const char *text = locale_text(l, key);

	while (*text) {
		size_t n = strcspn(text, "%");

		buf_add(out, text, n);
		text += n;
		if (!*text)
			break;
		if (text[1] >= '1' && text[1] <= '9') {
			size_t i = (size_t)(text[1] - '1');

			if (i < count && args[i])
				buf_str(out, args[i]);
		} else {
			buf_ch(out, '%');
		}
		text += text[1] ? 2 : 1;
	}
}
