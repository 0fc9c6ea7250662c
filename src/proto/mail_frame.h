/* What front asks of pli-mail, the process that reads strangers' mail, and what it gets back: typed, length-prefixed frames over
 * one stream socketpair.  Everything that comes back is of another process that has read hostile bytes: it is checked here, by
 * length and form, before anybody sees it.
 *
 * Frame: u32 length of what follows (1 … MAIL_FRAME_MAX), u8 type, body; integers big-endian, blob = u32 length and bytes.
 * To pli-mail, a message:
 *   1 OPEN      u8 kind (0 letter, 1 bounce, 2 suspect) · u64 bytes of the message
 *   2 DATA      bytes
 *   3 END
 * From it, after END:
 *   129 FIELD   u8 which · blob name · blob value     UTF-8 without NUL; which: enum mail_field
 *   130 PART    blob name · blob type                 begins an attachment (name as sent, any bytes)
 *   131 BYTES   bytes                                 of the attachment
 *   132 PART_END
 *   133 REPORT  u8 action · blob status · blob diagnostic · blob remote   one recipient of a delivery report; lines of text
 *   134 DONE
 *   135 REFUSED blob words                            the message cannot be taken; nothing follows
 * One message at a time; the next OPEN may come after DONE or REFUSED. */
#ifndef PLI_MAIL_FRAME_H
#define PLI_MAIL_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;

#define MAIL_FRAME_MAX (1024 * 1024)
#define MAIL_FRAME_BYTES_MAX 65536		/* of DATA and BYTES */
#define MAIL_NAME_MAX 1024			/* of a part, of a person */
#define MAIL_VALUE_MAX 65536			/* of a FIELD */
#define MAIL_WORDS_MAX 500			/* of REFUSED and REPORT */

enum mail_frame_type {
	MAIL_OPEN = 1, MAIL_DATA, MAIL_END,
	MAIL_FIELD = 129, MAIL_PART, MAIL_BYTES, MAIL_PART_END, MAIL_REPORT, MAIL_DONE, MAIL_REFUSED,
};
enum mail_kind { MAIL_LETTER, MAIL_BOUNCE, MAIL_SUSPECT, MAIL_KIND_COUNT };
enum mail_field {
	MAIL_FROM, MAIL_TO, MAIL_CC, MAIL_BCC,	/* name: display name or ""; value: the address.  One frame an address */
	MAIL_SUBJECT,
	MAIL_MESSAGE_ID,
	MAIL_TEXT,				/* a piece of the text; pieces follow each other */
	MAIL_HEAD,				/* of a journal, as head_line.h writes it */
	MAIL_LINK,				/* an address in the words or behind them */
	MAIL_ENCLOSED,				/* what is told is of a mail that this one carries, but for the links, which are of both */
	MAIL_FIELD_COUNT
};
/* RFC 3464 section 2.3.3; NONE: the message is no report of a failure or a delay. */
enum mail_action { MAIL_FAILED, MAIL_DELAYED, MAIL_DELIVERED, MAIL_NONE, MAIL_ACTION_COUNT };

struct mail_bytes {
	const char *p;		/* borrowed: of the frame, or of the writer's caller */
	size_t n;
};
struct mail_frame {
	enum mail_frame_type type;
	enum mail_kind kind;		/* OPEN */
	uint64_t size;			/* OPEN */
	enum mail_field field;		/* FIELD */
	struct mail_bytes name, value;	/* FIELD; PART: name and type; DATA, BYTES, REFUSED: value */
	enum mail_action action;	/* REPORT */
	struct mail_bytes status, diagnostic, remote;	/* REPORT */
};

/* Appends one frame; PLI_LIMIT, PLI_INPUT when it is not as above. */
MUST enum pli_status mail_frame_write(struct buf *out, const struct mail_frame *frame, struct err *err);
/* Reads one frame from p[0..n): PLI_OK with *used_r; PLI_AGAIN when it is not whole yet; PLI_INPUT when it is not as above. */
MUST enum pli_status mail_frame_read(const void *p, size_t n, struct mail_frame *frame_r, size_t *used_r, struct err *err);

#endif
