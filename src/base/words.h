/* Words of a text, as a search compares them: without case, without accents, letters and digits only.
 *
 * "L’Hôtel-Dieu n° 12" gives l, hotel, dieu, n, 12.  A run of a script without spaces is one word.  Words longer than WORD_MAX_BYTES are
 * cut there, between characters. */
#ifndef PLI_WORDS_H
#define PLI_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#define WORD_MAX_BYTES 64

/* word is borrowed for the call, n bytes, not terminated. */
typedef void word_fn(void *arg, const char *word, size_t n);
/* Calls fn for each word in order; a text that is not valid UTF-8 has none. */
void words_each(const char *text, size_t n, word_fn *fn, void *arg);
/* Bytes of the first `letters` characters of a word; 0 when it has fewer. */
size_t word_prefix(const char *word, size_t n, unsigned letters);

#endif
