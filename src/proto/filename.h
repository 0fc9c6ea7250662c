/* Names of files as strangers send them, made harmless for every system that will see them. */
#ifndef PLI_FILENAME_H
#define PLI_FILENAME_H

#include <stddef.h>

struct buf;
struct pool;

#define FILENAME_MAX_BYTES 255

/* A harmless name in pool: the last component behind `/` or `\`, valid UTF-8 in NFC (bad bytes
 * become U+FFFD); control, bidi and invisible format characters are left out, every kind of space
 * becomes a space, each of `< > : " | ? *` and what looks like them or like a slash becomes `_`;
 * no dots or spaces at either end, no dash first; a device name of Windows (CON, NUL, COM1, with
 * or without extension) gets a `_` before it; at most 255 bytes, cut between code points with the
 * extension kept; never empty ("document").  Of its own result it changes nothing. */
const char *filename_clean(struct pool *pool, const char *raw, size_t n);

/* Makes count names different from each other, also where case is not told apart: "a.txt", "a
 * (2).txt". The array is rewritten in place, new strings live in pool.  Names are clean and stay
 * so. */
void filename_unique(struct pool *pool, const char **names, size_t count);

/* Value of Content-Disposition (RFC 6266): attachment; filename="ASCII fallback";
 * filename*=UTF-8''…. name is clean. */
void filename_disposition(struct buf *out, const char *name);

#endif
