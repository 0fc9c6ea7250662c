/* What the generator (tools/embed) writes into web.c: templates as lists of small operations,
 * translations, assets, schema.  Read by template.c, locale.c, asset.c and migration.c alone. */
#ifndef PLI_WEB_TABLE_H
#define PLI_WEB_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "asset.h"
#include "migration.h"

enum template_code {
	OP_TEXT,	/* text, n bytes as they are */
	OP_VALUE,	/* text = name, escaped for place */
	OP_LINES,	/* the same, line ends kept */
	OP_RAW,		/* text = name of markup */
	OP_IF,		/* text = name; false: go to `to` */
	OP_UNLESS,	/* text = name; true: go to `to` */
	OP_JUMP,	/* go to `to` */
	OP_EACH,	/* text = name; no items: go to `to`; else enter the first */
	OP_NEXT,	/* another item: go to `to`; else leave the list */
	OP_TR,		/* text = key; n OP_ARG follow */
	OP_TR_NAMED,	/* text = beginning of a key; the first of n OP_ARG gives its end */
	OP_ARG,		/* text = name */
	OP_LANG,	/* the language's name */
};

enum template_place { PLACE_HTML, PLACE_ATTR, PLACE_URL, PLACE_URL_PART, PLACE_LINE, PLACE_PLAIN };

struct template_op {
	uint8_t code;		/* enum template_code */
	uint8_t place;		/* enum template_place */
	uint8_t up;		/* how often ../ */
	uint32_t to;
	uint32_t n;
	const char *text;
};

struct template_name {
	const char *name;
	int depth;		/* lists around it */
};

struct template {
	const char *name;
	const struct template_op *ops;
	size_t op_count;
	const struct template_name *fields;
	size_t field_count;
};

struct locale_entry {
	const char *key, *text;
};

struct locale {
	const char *lang;
	const struct locale_entry *entries;	/* sorted by key, bytewise */
	size_t count;
};

struct web_engine {
	const char *name;
	const struct migration *steps;
	size_t count;
};

extern const struct template *const web_templates[];	/* sorted by name */
extern const size_t web_template_count;
extern const struct locale web_locales[];
extern const size_t web_locale_count;
extern const struct asset web_assets[];		/* sorted by name */
extern const size_t web_asset_count;
extern const struct asset web_data[];		/* sorted by name */
extern const size_t web_data_count;
extern const struct web_engine web_engines[];
extern const size_t web_engine_count;

#endif
