/* See note_key.h. */
#include <assert.h>
#include <string.h>

#include "buf.h"
#include "text.h"

#include "cipher.h"

#include "note_key.h"

bool note_name_valid(const char *s, size_t n)
{
	const char *end = s + n;

	if (!n || n > NOTE_NAME_MAX || !text_is_line(s, n) || memchr(s, '+', n))
		return false;
	while (s < end) {
		uint32_t cp = utf8_next(&s, end);

		/* White space of Unicode; text_is_line has refused its line separators. */
		if (cp == ' ' || cp == 0x85 || cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) || cp == 0x202f || cp == 0x205f ||
		    cp == 0x3000)
			return false;
	}
	return true;
}

void note_key_init(struct note_key *key_r, const char *name, uint8_t type, const uint8_t public_key[32])
{
	AUTO_BUF b = { 0 };
	uint8_t digest[32];
	size_t n = strlen(name);

	assert(note_name_valid(name, n));
	memset(key_r, 0, sizeof(*key_r));
	memcpy(key_r->name, name, n);
	key_r->type = type;
	memcpy(key_r->public_key, public_key, 32);
	buf_add(&b, name, n);
	buf_ch(&b, '\n');
	buf_u8(&b, type);
	buf_add(&b, public_key, 32);
	cipher_sha256(b.p, b.n, digest);
	memcpy(key_r->id, digest, 4);
}

void note_key_write(const struct note_key *key, struct buf *out)
{
	uint8_t blob[33] = { key->type };
	char hex[9], base64[48];

	memcpy(blob + 1, key->public_key, 32);
	buf_fmt(out, "%s+%s+%s", key->name, hex_encode(hex, key->id, 4), base64_encode(base64, blob, sizeof(blob)));
}

enum pli_status note_key_parse(const char *text, size_t n, struct note_key *key_r, struct err *err)
{
	const char *plus = memchr(text, '+', n), *end = text + n;
	char name[NOTE_NAME_MAX + 1] = "", hex[9];
	uint8_t id[4], blob[36];
	size_t name_n = plus ? (size_t)(plus - text) : 0, got = 0;

	if (!plus || !note_name_valid(text, name_n) || end - plus != 1 + 8 + 1 + 44 || plus[9] != '+' ||
	    !hex_decode(id, 4, plus + 1, 8) || !base64_decode(blob, &got, plus + 10, 44) || got != 33)
		return err_set(err, PLI_INPUT, "'%.*s' is no verifier key (NAME+ID+KEY)", (int)(n < 80 ? n : 80), text);
	memcpy(name, text, name_n);
	if (memcmp(hex_encode(hex, id, 4), plus + 1, 8) != 0)	/* one key has one form */
		return err_set(err, PLI_INPUT, "the id of %.80s is not in lower case", name);
	if (blob[0] != NOTE_KEY_LOG && blob[0] != NOTE_KEY_WITNESS)
		return err_set(err, PLI_INPUT, "the key of %.80s is of a kind (%u) that is not understood here", name, blob[0]);
	note_key_init(key_r, name, blob[0], blob + 1);
	if (memcmp(key_r->id, id, 4) != 0)
		return err_set(err, PLI_INPUT, "the key of %.80s does not fit its id: it was copied wrongly", name);
	return PLI_OK;
}
