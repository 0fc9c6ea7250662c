/* A verifier key of C2SP signed-note: NAME+HEX+BASE64, where HEX is the key id (four bytes: SHA-256(name ‖ 0x0A ‖ type ‖ key)) and BASE64
 * the type byte and the key.  Ed25519 alone: 0x01 signs notes (a log), 0x04 cosigns checkpoints with a time (a witness). */
#ifndef PLI_NOTE_KEY_H
#define PLI_NOTE_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;

#define NOTE_NAME_MAX 200
#define NOTE_KEY_LOG 1
#define NOTE_KEY_WITNESS 4
#define NOTE_KEY_TEXT_MAX (NOTE_NAME_MAX + 1 + 8 + 1 + 44)

struct note_key {
	char name[NOTE_NAME_MAX + 1];
	uint8_t type;
	uint8_t public_key[32];
	uint8_t id[4];
};

/* A key's name: not empty, one line, no space, no plus sign. */
bool note_name_valid(const char *s, size_t n);
/* name must be valid (asserted). */
void note_key_init(struct note_key *key_r, const char *name, uint8_t type, const uint8_t public_key[32]);
void note_key_write(const struct note_key *key, struct buf *out);
/* Strict; the id must be that of the key.  PLI_INPUT says what is wrong. */
MUST enum pli_status note_key_parse(const char *text, size_t n, struct note_key *key_r, struct err *err);

#endif
