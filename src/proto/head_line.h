/* A journal's head in one line, as mails carry it: "ORIGIN SIZE ROOT" (root in base64), and behind it, where there is room, the log's signature
 * as on the note's signature line, base64(key id 4 ‖ Ed25519 signature 64), which makes the line a whole checkpoint. */
#ifndef PLI_HEAD_LINE_H
#define PLI_HEAD_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAD_LINE_ORIGIN_MAX 200
#define HEAD_LINE_HEADER "Pli-Checkpoint"	/* name of the header that holds the whole */

struct buf;

struct head_line {
	char origin[HEAD_LINE_ORIGIN_MAX + 1];
	uint64_t size;
	uint8_t root[32];
	bool has_signature;
	uint8_t signature[68];
};
void head_line_write(const struct head_line *line, bool with_signature, struct buf *out);
/* The last three or four words of the text, whatever stands before them; false when they are not of that form. */
bool head_line_parse(const char *text, size_t n, struct head_line *line_r);

#endif
