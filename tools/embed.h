/* Shared parts of the generator that compiles web/ and schema/ into web.c and web.h.  A build-time
 * program: it may end the process at the first fault, with file and line. */
#ifndef EMBED_H
#define EMBED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "web_table.h"

/* ---- files (embed.c) */
struct file {
	char *path;		/* "web/pages/landing.html" */
	const char *name;	/* "landing.html" */
	char *bytes;		/* NUL behind */
	size_t n;
};
/* Regular files of a folder whose names do not begin with a dot, sorted bytewise; none when the
 * folder is missing. */
struct file *files_read(const char *folder, size_t *count_r);
struct file *file_read(const char *path);	/* NULL when missing */
__attribute__((noreturn)) void fail(const char *path, unsigned line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
char *text_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *grow(void *p, size_t size);
void string_write(FILE *out, const char *s, size_t n);	/* as a C string literal */
/* "web/pages/a-b.html" less "web/" as part of a C name: pages_a_b_html */
char *c_name(const char *s);

/* ---- translations (embed_locale.c) */
struct text_locale {
	char *lang;
	struct locale_entry *entries;
	size_t count;
};
void locales_read(const char *web);
/* Largest %N of the key's text, 0 none, -1: no such key. */
int locale_arguments(const char *key);
/* The same for all keys with that beginning; -1: there is none. */
int locale_prefix_arguments(const char *prefix);
void locales_write(FILE *out);

/* ---- assets and schema (embed_asset.c) */
void assets_read(const char *web);
/* "/assets/style.css?v=0123456789abcdef" or NULL. */
const char *asset_address(const char *name);
void assets_write(FILE *out, const char *web, const char *schema);

/* ---- the HTML state machine (embed_html.c) */
enum html_state {
	H_TEXT, H_TAG_OPEN, H_TAG_NAME, H_IN_TAG, H_ATTR_NAME, H_AFTER_NAME, H_BEFORE_VALUE,
	H_VALUE_DOUBLE, H_VALUE_SINGLE, H_VALUE_BARE, H_COMMENT, H_DECLARATION, H_RAW, H_RCDATA,
	H_TAG_JOIN,
};
struct html {
	enum html_state state;
	char tag[32];
	char attr[32];
	char tail[16];		/* last characters of raw text or a comment */
	bool closing;		/* </tag */
	bool begun;		/* something of the attribute's value was written */
};
void html_begin(struct html *h);
/* NULL, or what is wrong. */
const char *html_feed(struct html *h, const char *s, size_t n);
/* Where a value would stand; NULL, or why it may not. */
const char *html_place(struct html *h, enum template_place *place_r);
/* Both branches of a condition end in a and b: go on in a.  False when they cannot be joined. */
bool html_join(struct html *a, const struct html *b);

/* ---- templates (embed_template.c) */
void templates_read(const char *web);
void templates_write(FILE *out);
void templates_declare(FILE *out);

#endif
