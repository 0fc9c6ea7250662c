/* A signed tree head: C2SP tlog-checkpoint in a signed note, byte for byte
 *
 *   <origin>\n <size, decimal>\n <root, base64>\n \n — <origin> <base64(key id 4 ‖ Ed25519 signature 64)>\n
 *
 * The signature is over the text up to and with the newline before the blank line.  Key id = first four bytes of
 * SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key 32); the key's name is the origin. */
#ifndef PLI_CHECKPOINT_H
#define PLI_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;

#define CHECKPOINT_MAX_BYTES 4096
#define CHECKPOINT_ORIGIN_MAX 200

/* secret: libsodium's 64-byte form (seed ‖ public key). */
void checkpoint_write(const char *origin, uint64_t size, const uint8_t root[32], const uint8_t secret[64], struct buf *out);
void checkpoint_key_id(const char *name, const uint8_t public_key[32], uint8_t id_r[4]);

struct checkpoint {
	char origin[CHECKPOINT_ORIGIN_MAX + 1];
	uint64_t size;
	uint8_t root[32];
	size_t signed_bytes;		/* length of the signed text */
	unsigned signatures;		/* lines; those of other keys (witnesses) may follow or precede ours */
};
/* Strict; no signature is checked.  PLI_INPUT. */
MUST enum pli_status checkpoint_parse(const char *text, size_t n, struct checkpoint *checkpoint_r, struct err *err);
/* Parses, and checks that exactly one line is by this key (name = origin) and holds.  origin NULL: any.  PLI_INPUT, PLI_CONFLICT. */
MUST enum pli_status checkpoint_verify(const char *text, size_t n, const char *origin, const uint8_t public_key[32],
				       struct checkpoint *checkpoint_r, struct err *err);

/* The 32 raw bytes of a PEM SubjectPublicKeyInfo of an Ed25519 key.  PLI_INPUT. */
MUST enum pli_status checkpoint_public_key(const char *pem, size_t n, uint8_t public_key_r[32], struct err *err);

#endif
