/* See dkim.h. */
#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include <openssl/sha.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "head_line.h"

#include "dkim.h"

#define LINE_CHARS 72

/* Signed as often as they are there and once more (RFC 6376 section 5.4.2); those that are never there: so that they cannot be added. */
static const char *const signed_names[] = {
	"From", "To", "Cc", "Reply-To", "Sender", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
	"Content-Transfer-Encoding", "Auto-Submitted", "In-Reply-To", "References", "List-Unsubscribe", "List-Unsubscribe-Post",
	HEAD_LINE_HEADER,
};

struct header {
	const char *p;
	size_t n;		/* with its folded lines and CRLF */
	size_t name_n;
};

/* The header at p; n 0 at the empty line or where there is none. */
static struct header header_at(const char *p, const char *end)
{
	struct header h = { .p = p };
	const char *q = p, *colon;

	while (q < end && (q == p || *q == ' ' || *q == '\t')) {
		const char *lf = memchr(q, '\n', (size_t)(end - q));

		q = lf ? lf + 1 : end;
	}
	if (p == end || *p == '\r' || *p == '\n')
		return h;
	h.n = (size_t)(q - p);
	colon = memchr(p, ':', h.n);
	h.name_n = colon ? (size_t)(colon - p) : h.n;
	return h;
}

static bool is_named(const struct header *h, const char *name)
{
	return h->name_n == strlen(name) && strncasecmp(h->p, name, h->name_n) == 0;
}

/* RFC 6376 section 3.4.2, without the CRLF at the end. */
static void header_relaxed(struct buf *out, const char *p, size_t n, size_t name_n)
{
	bool space = false;
	size_t value_at;

	for (size_t i = 0; i < name_n; i++)
		if (p[i] != ' ' && p[i] != '\t')
			buf_ch(out, (char)tolower((unsigned char)p[i]));
	buf_ch(out, ':');
	value_at = out->n;
	for (size_t i = name_n + 1; i < n; i++) {
		if (p[i] == '\r' || p[i] == '\n')
			continue;
		if (p[i] == ' ' || p[i] == '\t') {
			space = true;
			continue;
		}
		if (space && out->n > value_at)
			buf_ch(out, ' ');
		space = false;
		buf_ch(out, p[i]);
	}
}

/* RFC 6376 section 3.4.4. */
static void body_digest(const char *p, const char *end, uint8_t digest_r[SHA256_DIGEST_LENGTH])
{
	AUTO_BUF body = { .secret = 1 };
	size_t kept = 0;	/* up to the last line that is not empty */

	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p)), *stop = lf ? lf : end;
		bool space = false;

		for (; p < stop && *p != '\r'; p++) {
			if (*p == ' ' || *p == '\t') {
				space = true;
				continue;
			}
			if (space)
				buf_ch(&body, ' ');
			space = false;
			buf_ch(&body, *p);
		}
		if (body.n > kept && body.p[body.n - 1] != '\n') {
			buf_str(&body, "\r\n");
			kept = body.n;
		} else {
			buf_str(&body, "\r\n");
		}
		p = lf ? lf + 1 : end;
	}
	SHA256((const uint8_t *)body.p, kept, digest_r);
}

/* The h= list, folded, and the signed headers in its order: of several with one name the last first. */
static unsigned headers_add(struct buf *list, struct buf *text, const char *mail, const char *end, const char *name)
{
	struct header found[8];
	unsigned count = 0;

	for (struct header h = header_at(mail, end); h.n; h = header_at(h.p + h.n, end))
		if (is_named(&h, name) && count < 8)
			found[count++] = h;
	for (unsigned i = count; i > 0; i--) {
		header_relaxed(text, found[i - 1].p, found[i - 1].n, found[i - 1].name_n);
		buf_str(text, "\r\n");
	}
	for (unsigned i = 0; i <= count; i++) {
		const char *lf = memrchr(list->p, '\n', list->n);

		bool full = list->n - (size_t)(lf ? lf - list->p : 0) + strlen(name) > LINE_CHARS;

		buf_fmt(list, "%s%s:", full ? "\r\n\t" : "", name);
	}
	return count;
}

enum pli_status dkim_prepare(const struct dkim_signer *signer, const char *mail, size_t n, struct buf *header_out, struct buf *text_out,
			     struct err *err)
{
	const char *end = mail + n, *body = memmem(mail, n, "\r\n\r\n", 4);
	uint8_t digest[SHA256_DIGEST_LENGTH];
	char digest_text[4 * ((SHA256_DIGEST_LENGTH + 2) / 3) + 1];
	AUTO_BUF list = { 0 };
	size_t start = header_out->n;

	if (!body)
		return err_set(err, PLI_INPUT, "a mail without an end of its headers cannot be signed");
	body_digest(body + 4, end, digest);
	buf_fmt(header_out, "DKIM-Signature: v=1; a=%s; c=relaxed/relaxed;\r\n\td=%s; s=%s; t=%" PRId64 ";\r\n\th=",
		signer->algorithm == DKIM_RSA ? "rsa-sha256" : "ed25519-sha256", signer->domain, signer->selector,
		signer->time_us / SECOND_US);
	buf_str(&list, "\n");	/* the folding counts from here */
	for (size_t i = 0; i < sizeof(signed_names) / sizeof(signed_names[0]); i++)
		if (headers_add(&list, text_out, mail, body + 2, signed_names[i]) == 0 && i == 0)
			return err_set(err, PLI_INPUT, "a mail without From cannot be signed");
	buf_add(header_out, list.p + 1, list.n - 2);	/* without the last colon */
	buf_fmt(header_out, ";\r\n\tbh=%s;\r\n\tb=", base64_encode(digest_text, digest, sizeof(digest)));
	header_relaxed(text_out, header_out->p + start, header_out->n - start, strlen("DKIM-Signature"));
	return PLI_OK;
}

void dkim_finish(struct buf *header, const void *signature, size_t n)
{
	char *text = mem_alloc(4 * ((n + 2) / 3) + 1);
	size_t left;

	base64_encode(text, signature, n);
	left = strlen(text);
	for (const char *p = text; left; ) {
		size_t piece = left < LINE_CHARS ? left : LINE_CHARS;

		buf_add(header, p, piece);
		p += piece;
		left -= piece;
		buf_str(header, left ? "\r\n\t" : "\r\n");
	}
	mem_free(text);
}

void dkim_record(struct buf *out, enum dkim_algorithm algorithm, const void *key, size_t n)
{
	char *text = mem_alloc(4 * ((n + 2) / 3) + 1);

	buf_fmt(out, "v=DKIM1; k=%s; p=%s", algorithm == DKIM_RSA ? "rsa" : "ed25519", base64_encode(text, key, n));
	mem_free(text);
}
