/* Short forms of entries and sheets; see paper_pack.h. */
#include <stdbool.h>
#include <string.h>

#include "buf.h"
#include "text.h"
#include "uuid.h"

#include "paper_pack.h"

#define HEX_SHORTEST 8		/* digits; what is shorter is not worth its two bytes */
enum { PACK_HEX = 1, PACK_UUID, PACK_WORD };

/* Longer words before those they begin with: the first that fits is taken.  Never change, only a new version may. */
static const char *const words[] = {
	"{\"act\":{\"lvl\":0,\"m\":\"system\"},\"ch\":\"system\",\"corr\":\"", "{\"act\":{\"lvl\":1,\"m\":\"api-token\",\"s\":\"",
	"{\"act\":{\"lvl\":1,\"m\":\"link\"},\"ch\":\"web\",\"corr\":\"", "{\"act\":{\"lvl\":", ",\"m\":\"password+totp\",\"s\":\"",
	",\"m\":\"password\",\"s\":\"", ",\"m\":\"link+password\"},\"ch\":\"", ",\"m\":\"", "\"},\"ch\":\"api\",\"corr\":\"",
	"\"},\"ch\":\"web\",\"corr\":\"", "\"},\"ch\":\"mail\",\"corr\":\"", "\"},\"ch\":\"", "\",\"corr\":\"", "\",\"d\":{", "},\"ent\":\"",
	"\",\"ent\":\"", "\",\"etsi\":\"SubmissionAcceptance\",\"ev\":\"deposit.accepted\",\"h\":{\"manifest\":\"",
	"\",\"etsi\":\"ContentConsignment\",\"ev\":\"consigned\",\"h\":{\"manifest\":\"",
	"\",\"etsi\":\"ConsignmentNotification\",\"ev\":\"notice.sent\",", "\",\"etsi\":\"ContentHandover\",\"ev\":\"handover\",",
	"\",\"etsi\":\"", "\",\"ev\":\"", "\",\"sheet\":\"", "\"},\"ip\":\"", "\"ip\":\"", "\"},\"log\":\"", "\"log\":\"", "/j/1\",\"prev\":\"",
	"/j/1\",\"r\":\"", "\",\"prev\":\"", "\",\"r\":\"", "\",\"salt\":\"", "\",\"seq\":", ",\"t\":\"20", "Z\",\"tls\":\"TLSv1.3\",\"v\":1}",
	"Z\",\"tls\":\"TLSv1.3 ", "Z\",\"tls\":\"", "Z\",\"v\":1}", "\",\"v\":1}", "TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256",
	"TLS_CHACHA20_POLY1305_SHA256", "\"state\":\"", "\"send\":1", "\"reply\":\"", "\"msgid\":\"<", "\"class\":\"simple\",\"mode\":\"link\",",
	"\"class\":\"registered\",", "\"class\":\"", "\"bcc\":", "\"cc\":", ",\"to\":", "\"pw\":\"none\"", "\"pw\":\"gate\"", "\"mode\":\"",
	"{\"class\":\"simple\",\"entity\":{\"name\":\"", "{\"class\":\"registered\",\"entity\":{\"name\":\"", "\",\"siren\":\"", "\"},\"manifest\":\"",
	"\",\"mode\":\"link\",\"password\":\"none\",\"recipient\":{\"address\":\"", "\",\"mode\":\"", "\",\"password\":\"none\",\"recipient\":{\"address\":\"",
	"\",\"password\":\"gate\",\"recipient\":{\"address\":\"", "\",\"kind\":\"to\",\"name\":\"", "\",\"kind\":\"to\"},\"sender\":{\"address\":\"",
	"\",\"kind\":\"", "\"},\"sender\":{\"address\":\"", "\",\"level\":1,\"method\":\"api-token\",\"name\":\"",
	"\",\"level\":2,\"method\":\"password+totp\",\"name\":\"", "\",\"level\":", ",\"method\":\"", "\",\"name\":\"", "\"},\"subject\":\"",
	"{\"message\":{\"sha256\":\"", "\",\"size\":", "},\"parts\":[{\"n\":1,\"name\":\"", "},{\"n\":", ",\"name\":\"", "\",\"sha256\":\"",
	",\"type\":\"application/pdf\"}", ",\"type\":\"text/plain\"}", ",\"type\":\"application/", ",\"type\":\"", "],\"v\":1}", "example.",
	".com\"", ".org\"", ".net\"", ".fr\"", "lre.accepted", "lre.refused", "lre.unclaimed", "ConsignmentAcceptance", "ConsignmentRejection",
	"AcceptanceRejectionExpiry", "\"at\":\"", "\"until\":\"", "\"profile\":\"fr-lre\"",
};
#define WORDS (sizeof(words) / sizeof(words[0]))
_Static_assert(WORDS < 256, "one byte names a word");

static bool lower_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Digits of the run at p, an even number of at most 510. */
static size_t hex_run(const char *p, const char *end)
{
	size_t n = 0;

	while (p + n < end && n < 510 && lower_hex(p[n]))
		n++;
	return n & ~(size_t)1;
}

static bool uuid_at(const char *p, const char *end, struct uuid *id_r)
{
	char text[37], again[37];

	if (end - p < 36 || p[8] != '-')
		return false;
	memcpy(text, p, 36);
	text[36] = '\0';
	return uuid_parse(id_r, text) && memcmp(uuid_format(again, id_r), text, 36) == 0;
}

void paper_pack(const char *text, size_t n, struct buf *out)
{
	const char *p = text, *end = text + n;

	while (p < end) {
		struct uuid id;
		uint8_t bytes[255];
		size_t digits = hex_run(p, end), word = 0;

		if (uuid_at(p, end, &id)) {
			buf_u8(out, PACK_UUID);
			buf_add(out, id.b, 16);
			p += 36;
			continue;
		}
		if (digits >= HEX_SHORTEST && hex_decode(bytes, digits / 2, p, digits)) {
			buf_u8(out, PACK_HEX);
			buf_u8(out, (uint8_t)(digits / 2));
			buf_add(out, bytes, digits / 2);
			p += digits;
			continue;
		}
		while (word < WORDS && ((size_t)(end - p) < strlen(words[word]) || memcmp(p, words[word], strlen(words[word])) != 0))
			word++;
		if (word < WORDS) {
			buf_u8(out, PACK_WORD);
			buf_u8(out, (uint8_t)word);
			p += strlen(words[word]);
		} else {
			buf_ch(out, *p++);
		}
	}
}

static enum pli_status bad(struct err *err)
{
	return err_set(err, PLI_INPUT, "paper: a short form is cut or malformed");
}

enum pli_status paper_unpack(const void *p, size_t n, size_t max, struct buf *out, struct err *err)
{
	struct cursor c;
	size_t start = out->n;

	cursor_init(&c, p, n);
	while (c.n) {
		uint8_t code = cursor_u8(&c), count;
		const uint8_t *bytes;
		char text[512];
		struct uuid id;

		switch (code) {
		case PACK_HEX:
			count = cursor_u8(&c);
			bytes = cursor_bytes(&c, count);
			if (!bytes || !count)
				return bad(err);
			buf_str(out, hex_encode(text, bytes, count));
			break;
		case PACK_UUID:
			bytes = cursor_bytes(&c, 16);
			if (!bytes)
				return bad(err);
			memcpy(id.b, bytes, 16);
			buf_str(out, uuid_format(text, &id));
			break;
		case PACK_WORD:
			count = cursor_u8(&c);
			if (c.bad || count >= WORDS)
				return bad(err);
			buf_str(out, words[count]);
			break;
		default:
			if (code < 0x20)
				return bad(err);
			buf_ch(out, (char)code);
		}
		if (out->n - start > max)
			return bad(err);
	}
	return PLI_OK;
}
