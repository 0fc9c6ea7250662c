/* Files that the program carries in itself: web/assets/ (served under /assets/NAME) and web/data/
 * (texts for our own use, never served by name).  Everything is static and read-only. */
#ifndef PLI_ASSET_H
#define PLI_ASSET_H

#include <stddef.h>

struct asset {
	const char *name;	/* "style.css" */
	const char *type;	/* "text/css; charset=utf-8" */
	const char *etag;	/* strong, with its quotes; `"…"` */
	const char *etag_gz;	/* of the gzip copy, "" when there is none */
	const char *version;	/* 16 hex digits of the digest; ?v= in addresses */
	const unsigned char *bytes;	/* followed by a NUL that is not counted */
	size_t n;
	const unsigned char *gz;	/* gzip copy; NULL when it would not be smaller */
	size_t gz_n;
};

/* web/assets/NAME, or NULL. */
const struct asset *asset_find(const char *name);
/* web/data/NAME, or NULL; no gzip copy. */
const struct asset *asset_data(const char *name);
const struct asset *asset_at(size_t i);
size_t asset_count(void);

#endif
