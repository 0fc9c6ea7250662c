/* A message as the library's tree, for the files of this room alone. */
#ifndef PLI_MAIL_TREE_H
#define PLI_MAIL_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include <gmime/gmime.h>

#include "status.h"

struct buf;

/* The bytes are copied.  PLI_INVALID when they are too many parts or no message.  Given back by g_object_unref(). */
MUST enum pli_status mail_tree_parse(const void *p, size_t n, GMimeMessage **message_r, struct err *err);

/* Decoded bytes of a part, piece by piece. */
struct mail_content {
	GMimeStream *stream;	/* NULL: the part is empty */
};
void mail_content_open(struct mail_content *content, GMimePart *part);
/* 0 at the end. */
size_t mail_content_read(struct mail_content *content, char *room, size_t cap);
void mail_content_close(struct mail_content *content);

/* Appends at most max decoded bytes; false when there are more. */
bool mail_tree_bytes(GMimePart *part, size_t max, struct buf *out);
/* The words of a text part (plain or HTML) as UTF-8 with LF line ends.  False when it is longer than max bytes. */
bool mail_tree_words(GMimePart *part, size_t max, struct buf *out);
/* type may be NULL: any.  Case-insensitive. */
bool mail_tree_is(GMimeObject *object, const char *type, const char *subtype);
/* Text for the reader: text/plain or text/html, neither an attachment nor with a file name. */
bool mail_tree_is_words(GMimeObject *object);

#endif
