/* Text encodings and checks used everywhere: hex, base64, base 32, UTF-8. */
#ifndef PLI_TEXT_H
#define PLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lower hex; out holds 2n+1 bytes.  Returns out. */
char *hex_encode(char *out, const void *p, size_t n);
/* Exactly 2n lower- or upper-case digits into n bytes; false otherwise. */
bool hex_decode(void *out, size_t n, const char *s, size_t s_len);

/* Standard base64 with padding; out holds 4*((n+2)/3)+1 bytes.  Returns out. */
char *base64_encode(char *out, const void *p, size_t n);
/* Strict (canonical, padded).  out holds 3*(len/4) bytes. */
bool base64_decode(void *out, size_t *n_r, const char *s, size_t s_len);

/* RFC 4648 base 32, lower case, no padding: 32 bytes give 52 characters. */
char *base32_encode(char *out, const void *p, size_t n);
/* Case-insensitive; exactly n bytes, unused bits zero. */
bool base32_decode(void *out, size_t n, const char *s, size_t s_len);

/* Well-formed UTF-8 (no surrogates, no overlong, <= U+10FFFF) and no NUL. */
bool utf8_valid(const char *s, size_t n);
/* Next code point; *s is advanced; (uint32_t)-1 on malformed input. */
uint32_t utf8_next(const char **s, const char *end);
/* Control characters: C0, DEL, C1, U+2028, U+2029, bidi controls, BOM, U+FFFE/F, tags. */
bool codepoint_is_control(uint32_t cp);
/* No control character at all (subjects, names, addresses). */
bool text_is_line(const char *s, size_t n);
/* NFC in place-like: returns malloc-ed normalised copy (mem_free), or NULL when s is not valid UTF-8. */
char *text_nfc(const char *s, size_t n, size_t *n_r);

bool str_eq(const char *a, const char *b);		/* NULL-safe */
bool str_ieq(const char *a, const char *b);		/* ASCII case-insensitive */
bool str_starts(const char *s, const char *prefix);
/* Nearest of the NULL-terminated names to s by edit distance, or NULL when none is near ("did you mean"). */
const char *str_nearest(const char *s, const char *const *names);

#endif
