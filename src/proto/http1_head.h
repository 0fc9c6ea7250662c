/* The HTTP/1 grammar behind the head guard: llhttp in strict mode reads the same head a second time and must find the
 * very same method, target, fields and length, byte for byte.  Two parsers that agree leave no room for a third
 * reading.  This file alone knows llhttp. */
#ifndef PLI_HTTP1_HEAD_H
#define PLI_HTTP1_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "head_guard.h"

/* Whether anybody knows the method: the same names for every wire. */
bool http1_head_knows_method(struct head_span method);

/* Guard and grammar together, over a complete head.  Returns 0 or the status of the refusal (those of
 * head_guard_check(), and 501 for a method that no one knows), with a static sentence in *why_r. */
int http1_head_parse(const char *p, size_t n, struct head_guard *g_r, const char **why_r);

#endif
