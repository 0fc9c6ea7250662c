/* The ZIP of a whole letter: the letter as a page and as a mail, every document, the recipient's proof.  Stored, exact length, any offset. */
#ifndef PLI_ARCHIVE_H
#define PLI_ARCHIVE_H

#include <stdint.h>

#include "status.h"

struct archive;
struct delivery_view;
struct door_call;
struct istream;
struct view;

/* Lives in the call's pool.  The proof is the one of the moment; its digest is part of the entity tag. */
MUST enum pli_status archive_new(struct door_call *c, const struct delivery_view *view, struct archive **archive_r, struct err *err);
uint64_t archive_length(const struct archive *archive);
const char *archive_etag(const struct archive *archive);
/* Each document's `access` entry is written before its first byte. */
struct istream *archive_stream(struct archive *archive, uint64_t offset);
/* Accounts what went out: sent_bytes of the archive from offset on. */
void archive_sent(struct archive *archive, uint64_t offset, uint64_t sent_bytes);

/* In page_letter.c: everything the letter template shows. */
void letter_page_fill(struct door_call *c, const struct delivery_view *view, struct view *v);

#endif
