/* A signed tree head: C2SP tlog-checkpoint in a signed note, byte for byte
 *
 *   <origin>\n <size, decimal>\n <root, base64>\n \n — <origin> <base64(key id 4 ‖ Ed25519 signature 64)>\n
 *
 * The signature is over the text up to and with the newline before the blank line.  Key id = first four bytes of
 * SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key 32); the key's name is the origin.  Behind the log's own lines stand those of witnesses (C2SP
 * tlog-cosignature, Ed25519, key type 0x04): base64(key id 4 ‖ u64 seconds ‖ signature 64), the signature over "cosignature/v1\n",
 * "time SECONDS\n" and the same text.  Lines of other kinds and keys are read over. */
#ifndef PLI_CHECKPOINT_H
#define PLI_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "note_key.h"
#include "status.h"

struct buf;

#define CHECKPOINT_MAX_BYTES 32768
#define CHECKPOINT_LINES_MAX 32		/* of signatures */
#define CHECKPOINT_ORIGIN_MAX NOTE_NAME_MAX

/* secret: libsodium's 64-byte form (seed ‖ public key). */
void checkpoint_write(const char *origin, uint64_t size, const uint8_t root[32], const uint8_t secret[64], struct buf *out);
/* The same in pieces: the text that is signed; after an empty line, the log's own line of each of its keys. */
void checkpoint_text_write(const char *origin, uint64_t size, const uint8_t root[32], struct buf *out);
void checkpoint_line_write(const char *origin, const uint8_t public_key[32], const uint8_t signature[64], struct buf *out);
void checkpoint_key_id(const char *name, const uint8_t public_key[32], uint8_t id_r[4]);

struct checkpoint {
	char origin[CHECKPOINT_ORIGIN_MAX + 1];
	uint64_t size;
	uint8_t root[32];
	size_t signed_bytes;		/* length of the signed text */
	size_t own_bytes;		/* up to the last of the leading lines under the origin's name: what the log itself wrote, and what
					 * a token stamps */
	unsigned signatures;		/* lines; those of other keys (witnesses) may follow or precede ours */
	unsigned extensions;		/* further lines of the signed text; 0 but with checkpoint_read */
};
/* Strict; no signature is checked.  PLI_INPUT. */
MUST enum pli_status checkpoint_parse(const char *text, size_t n, struct checkpoint *checkpoint_r, struct err *err);
/* The same for any log, whose text may have lines of its own behind the root. */
MUST enum pli_status checkpoint_read(const char *text, size_t n, struct checkpoint *checkpoint_r, struct err *err);
/* Parses, and checks that exactly one line is by this key (name = origin) and holds.  origin NULL: any.  PLI_INPUT, PLI_CONFLICT. */
MUST enum pli_status checkpoint_verify(const char *text, size_t n, const char *origin, const uint8_t public_key[32],
				       struct checkpoint *checkpoint_r, struct err *err);

/* Appends a witness's line over a checkpoint's text; secret as above. */
void checkpoint_cosign(const char *text, size_t signed_bytes, const char *name, const uint8_t secret[64], uint64_t time_s, struct buf *out);
/* The line by this key, of either type, in the note: *time_s_r is when a witness signed (else 0).  Extension lines are allowed.
 * PLI_ABSENT: there is none; PLI_CONFLICT: it does not hold, or there are two; PLI_INPUT. */
MUST enum pli_status checkpoint_signed_by(const char *text, size_t n, const struct note_key *key, uint64_t *time_s_r, struct err *err);
/* Signature line number i of a checkpoint (of text that checkpoint_parse took), with its newline. */
const char *checkpoint_line(const char *text, size_t n, const struct checkpoint *checkpoint, unsigned i, size_t *line_n_r);

/* The 32 raw bytes of a PEM SubjectPublicKeyInfo of an Ed25519 key.  PLI_INPUT. */
MUST enum pli_status checkpoint_public_key(const char *pem, size_t n, uint8_t public_key_r[32], struct err *err);

#endif
