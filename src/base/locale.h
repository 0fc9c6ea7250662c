/* Translations: web/locale/{fr,en}.txt, compiled in.  Lines `key = text`, UTF-8; `%1` … `%9` are
 * arguments, `%%` a percent sign, `\n` a line feed, `#` begins a comment line.  Texts are plain text,
 * never markup.  The generator demands the same keys, with the same arguments, in every language. */
#ifndef PLI_LOCALE_H
#define PLI_LOCALE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct locale;

/* "fr", "en"; anything else, or NULL: NULL. */
const struct locale *locale_find(const char *lang);
/* The same, but an unknown language gives French. */
const struct locale *locale_get(const char *lang);
/* "fr" */
const char *locale_lang(const struct locale *l);

const char *locale_known(const struct locale *l, const char *key);	/* NULL: there is none */
bool locale_has(const struct locale *l, const char *key);
/* The text as it stands, with its %1; static.  An unknown key is a mistake of ours and gives the key. */
const char *locale_text(const struct locale *l, const char *key);
/* Append the text with %1 … replaced by args[0] … as they are (not escaped: for plain text only).
 * A missing or NULL argument is empty. */
void locale_add(struct buf *out, const struct locale *l, const char *key, const char *const *args,
		size_t count);

#endif
