/* Outgoing mail, see mime.h.
 *
 * Bodies are quoted-printable (RFC 2045 section 6.7), or 7bit where they are that already; beyond
 * the RFC a dot and "From " at the begin of a line are encoded, so that no relay changes them.
 * The boundary begins with "=_", which quoted-printable cannot contain, and goes on with a digest
 * of Message-ID and bodies. */
#include <string.h>
#include <strings.h>

#include <openssl/sha.h>

#include "buf.h"
#include "clock.h"
#include "text.h"

#include "mime.h"

#define LINE_MAX_CHARS 76
#define LINK_MAX_CHARS 120
#define VALUE_MAX_BYTES 2000
#define HEADERS_MAX 32

/* ---- header values ---- */

static bool is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if (*s & 0x80)
			return false;
	return true;
}

/* Bytes on the line that is being written. */
static size_t column(const struct buf *out)
{
	const char *lf = memrchr(out->p, '\n', out->n);

	return lf ? (size_t)(out->p + out->n - lf) - 1 : out->n;
}

/* Encoded words of RFC 2047, Q encoding with the letters that are allowed in phrases too; each at
 * most 75 characters, cut between code points, the next one on the next line. */
static void encoded_words(struct buf *out, const char *s)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *p = s, *end = s + strlen(s);
	bool open = false;

	while (p < end) {
		const char *from = p;
		bool bare = is_alnum((unsigned char)*p) || strchr("!*+-/", *p) || *p == ' ';
		size_t cost;

		(void)utf8_next(&p, end);
		cost = bare ? 1 : 3 * (size_t)(p - from);
		if (open && column(out) + cost + 2 > LINE_MAX_CHARS) {
			buf_str(out, "?=\r\n ");
			open = false;
		}
		if (!open) {
			if (column(out) + 10 + cost + 2 > LINE_MAX_CHARS)
				buf_str(out, "\r\n ");
			buf_str(out, "=?UTF-8?Q?");
			open = true;
		}
		if (bare) {
			buf_ch(out, *from == ' ' ? '_' : *from);
			continue;
		}
		for (; from < p; from++) {
			buf_ch(out, '=');
			buf_ch(out, digits[(unsigned char)*from >> 4]);
			buf_ch(out, digits[(unsigned char)*from & 15]);
		}
	}
	if (open)
		buf_str(out, "?=");
}

/* One word behind what stands, on a new line when it would not fit. */
static void word_add(struct buf *out, const char *word, size_t n)
{
	if (column(out) + 1 + n > LINE_MAX_CHARS)
		buf_str(out, "\r\n");
	buf_ch(out, ' ');
	buf_add(out, word, n);
}

/* ASCII words with single spaces between them. */
static void words_add(struct buf *out, const char *s)
{
	while (*s) {
		size_t n = strcspn(s, " ");

		word_add(out, s, n);
		s += n + (s[n] == ' ');
	}
}

/* Text that survives folding at its spaces and is not taken for an encoded word. */
static bool is_foldable(const char *s)
{
	size_t n = strlen(s);

	return n && is_ascii(s) && s[0] != ' ' && s[n - 1] != ' ' && !strstr(s, "  ") && !strstr(s, "=?") &&
	       !strchr(s, '\t');
}

static bool has_long_word(const char *s)
{
	while (*s) {
		size_t n = strcspn(s, " ");

		if (n > LINE_MAX_CHARS - 1)
			return true;
		s += n + (s[n] == ' ');
	}
	return false;
}

static enum pli_status value_check(const char *name, const char *value, struct err *err)
{
	size_t n = strlen(value);

	if (n > VALUE_MAX_BYTES)
		return err_field(err, PLI_INVALID, "bad-header", name, "the mail header %s is too long",
				 name);
	if (!text_is_line(value, n))
		return err_field(err, PLI_INVALID, "bad-header", name,
				 "the mail header %s holds control characters or is not UTF-8", name);
	return PLI_OK;
}

/* Free text: folded, or encoded.  Machine-readable values (further headers in ASCII) keep long
 * words whole. */
static enum pli_status text_header(struct buf *out, const char *name, const char *value, bool keep_words,
				   struct err *err)
{
	enum pli_status status = value_check(name, value, err);

	if (status != PLI_OK)
		return status;
	buf_fmt(out, "%s:", name);
	if (is_foldable(value) && (keep_words || !has_long_word(value))) {
		words_add(out, value);
	} else {
		buf_ch(out, ' ');
		encoded_words(out, value);
	}
	buf_str(out, "\r\n");
	return PLI_OK;
}

/* dot-atom "@" domain, as address.h makes them. */
static bool addr_valid(const char *addr)
{
	const char *at = strchr(addr, '@');

	if (!at || at == addr || !at[1] || strchr(at + 1, '@') || strlen(addr) > 254)
		return false;
	for (const char *c = addr; c < at; c++)
		if (!is_alnum((unsigned char)*c) && !strchr("!#$%&'*+-/=?^_`{|}~.", *c))
			return false;
	for (const char *c = at + 1; *c; c++)
		if (!is_alnum((unsigned char)*c) && *c != '-' && *c != '.')
			return false;
	return addr[0] != '.' && at[-1] != '.';
}

/* A phrase: atoms, a quoted string, or encoded words. */
static void phrase_add(struct buf *out, const char *name)
{
	bool atoms = true;

	for (const char *c = name; *c; c++)
		atoms &= is_alnum((unsigned char)*c) || *c == ' ' ||
			 strchr("!#$%&'*+-/=?^_`{|}~", *c) != NULL;
	if (!is_foldable(name) || strlen(name) > 60) {
		buf_ch(out, ' ');
		encoded_words(out, name);
	} else if (atoms) {
		words_add(out, name);
	} else {
		buf_str(out, " \"");
		for (const char *c = name; *c; c++) {
			if (*c == '"' || *c == '\\')
				buf_ch(out, '\\');
			buf_ch(out, *c);
		}
		buf_ch(out, '"');
	}
}

static enum pli_status mailbox_header(struct buf *out, const char *field, const struct mime_mailbox *mailbox,
				      struct err *err)
{
	const char *name = mailbox->name ? mailbox->name : "";
	enum pli_status status = value_check(field, name, err);
	size_t at;

	if (status != PLI_OK)
		return status;
	if (!mailbox->addr || !addr_valid(mailbox->addr))
		return err_field(err, PLI_INVALID, "bad-header", field,
				 "the address for %s is not usable in mail", field);
	buf_fmt(out, "%s:", field);
	if (*name)
		phrase_add(out, name);
	at = column(out);
	if (at + strlen(mailbox->addr) + 3 > LINE_MAX_CHARS)
		buf_str(out, "\r\n");
	buf_fmt(out, *name ? " <%s>\r\n" : " %s\r\n", mailbox->addr);
	return PLI_OK;
}

static enum pli_status id_check(const char *id, struct err *err)
{
	const char *at = id ? strchr(id, '@') : NULL;

	if (!at || at == id || !at[1] || strchr(at + 1, '@') || strlen(id) > 250)
		return err_field(err, PLI_INVALID, "bad-header", "Message-ID", "malformed Message-ID");
	for (; *id; id++)
		if (!is_alnum((unsigned char)*id) && !strchr("@.-_+", *id))
			return err_field(err, PLI_INVALID, "bad-header", "Message-ID",
					 "malformed Message-ID");
	return PLI_OK;
}

void mime_date(struct buf *out, int64_t t_us, int offset_min)
{
	static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t t = (time_t)(t_us / SECOND_US) + (time_t)offset_min * 60;
	int away = offset_min < 0 ? -offset_min : offset_min;
	struct tm tm;

	gmtime_r(&t, &tm);
	buf_fmt(out, "%s, %d %s %04d %02d:%02d:%02d %c%02d%02d", days[tm.tm_wday], tm.tm_mday,
		months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec,
		offset_min < 0 ? '-' : '+', away / 60, away % 60);
}

/* A further header may carry a name that is a token and none of those that have a place of their
 * own. */
static enum pli_status name_check(const struct mime_mail *mail, size_t at, struct err *err)
{
	static const char *const own[] = { "From",         "To",       "Cc",          "Bcc",
					   "Sender",       "Subject",  "Date",        "Message-ID",
					   "MIME-Version", "Received", "Return-Path", NULL };
	const char *name = mail->headers[at].name;
	size_t n = strlen(name);
	bool good = n && n <= 64 && strncasecmp(name, "Content-", 8) != 0 &&
		    strncasecmp(name, "Resent-", 7) != 0;

	for (const char *c = name; *c; c++)
		good &= is_alnum((unsigned char)*c) || *c == '-';
	for (const char *const *o = own; *o; o++)
		good &= strcasecmp(name, *o) != 0;
	for (size_t i = 0; i < at; i++)
		good &= strcasecmp(name, mail->headers[i].name) != 0;
	if (good)
		return PLI_OK;
	return err_field(err, PLI_INVALID, "bad-header", "", "a mail header's name is malformed or taken");
}

static enum pli_status head_write(struct buf *out, const struct mime_mail *mail, struct err *err)
{
	enum pli_status status = mailbox_header(out, "From", &mail->from, err);

	if (status == PLI_OK)
		status = mailbox_header(out, "To", &mail->to, err);
	if (status == PLI_OK)
		status = text_header(out, "Subject", mail->subject, false, err);
	if (status == PLI_OK)
		status = id_check(mail->message_id, err);
	if (status != PLI_OK)
		return status;
	buf_str(out, "Date: ");
	mime_date(out, mail->date_us, mail->offset_min);
	buf_fmt(out,
		strlen(mail->message_id) > 60 ? "\r\nMessage-ID:\r\n <%s>\r\n" : "\r\nMessage-ID: <%s>\r\n",
		mail->message_id);
	if (mail->header_count > HEADERS_MAX)
		return err_set(err, PLI_INVALID, "too many mail headers");
	for (size_t i = 0; i < mail->header_count && status == PLI_OK; i++) {
		status = name_check(mail, i, err);
		if (status == PLI_OK)
			status = text_header(out, mail->headers[i].name, mail->headers[i].value, true, err);
	}
	return status;
}

/* ---- bodies ---- */

/* Length of the line at p (without its end) and of the end itself: CRLF, LF, CR or nothing. */
static size_t line_length(const char *p, size_t *end_r)
{
	size_t n = strcspn(p, "\r\n");

	*end_r = p[n] == '\r' && p[n + 1] == '\n' ? 2 : p[n] != '\0';
	return n;
}

static bool is_7bit(const char *s)
{
	while (*s) {
		size_t end, n = line_length(s, &end);

		if (n > LINE_MAX_CHARS || (n && (s[n - 1] == ' ' || s[n - 1] == '\t')) || s[0] == '.' ||
		    strncmp(s, "From ", 5) == 0)
			return false;
		for (size_t i = 0; i < n; i++)
			if (s[i] != '\t' && (s[i] < ' ' || s[i] > '~'))
				return false;
		s += n + end;
	}
	return true;
}

static void line_7bit(struct buf *out, const char *p, size_t n)
{
	buf_add(out, p, n);
}

/* A line that is one address and nothing else.  It stays whole, beyond the 76 characters of RFC 2045 section 6.7 where it must (decoders
 * take it, and the 998 of RFC 5322 hold): who copies a link out of the raw mail gets all of it. */
static bool line_is_link(const char *line, size_t n)
{
	if (n < 9 || n > LINK_MAX_CHARS || strncmp(line, "https://", 8) != 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (line[i] <= ' ' || line[i] > '~' || line[i] == '=')
			return false;
	return true;
}

/* Quoted-printable.  Soft line breaks do not part the bytes of a character. */
static void line_quoted(struct buf *out, const char *line, size_t n)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *p = line, *end = line + n;
	char *to, *start;
	size_t used = 0;

	if (line_is_link(line, n)) {
		buf_add(out, line, n);
		return;
	}
	/* At most three bytes for each of them, and a soft break after at least 60. */
	start = to = buf_reserve(out, 3 * n + 3 * (3 * n / 60 + 1));
	while (p < end) {
		const char *from = p;
		bool bare, last;

		if ((unsigned char)*p < 0x80)
			p++;
		else
			(void)utf8_next(&p, end);
		last = p == end;
		bare = *from != '=' &&
		       ((*from > ' ' && *from <= '~') || ((*from == ' ' || *from == '\t') && !last));
		if (used == 0 && (*from == '.' || (end - from >= 5 && strncmp(from, "From ", 5) == 0)))
			bare = false;
		if (used + (bare ? 1 : 3 * (size_t)(p - from)) > LINE_MAX_CHARS - (last ? 0 : 1)) {
			to = mempcpy(to, "=\r\n", 3);
			used = 0;
			if (*from == '.')
				bare = false;
		}
		used += bare ? 1 : 3 * (size_t)(p - from);
		if (bare) {
			*to++ = *from;
			continue;
		}
		for (; from < p; from++) {
			*to++ = '=';
			*to++ = digits[(unsigned char)*from >> 4];
			*to++ = digits[(unsigned char)*from & 15];
		}
	}
	*to = '\0';
	out->n += (size_t)(to - start);
}

/* Headers, empty line, body; the body ends with CRLF. */
static void entity_write(struct buf *out, const char *type, const char *s)
{
	bool plain = is_7bit(s);

	buf_fmt(out, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n", type,
		plain ? "7bit" : "quoted-printable");
	while (*s) {
		size_t end, n = line_length(s, &end);

		(plain ? line_7bit : line_quoted)(out, s, n);
		buf_str(out, "\r\n");
		s += n + end;
	}
}

static void boundary_make(char out[40], const struct mime_mail *mail)
{
	AUTO_BUF all = { .secret = 1 };		/* the text holds a link */
	unsigned char digest[SHA256_DIGEST_LENGTH];

	buf_blob(&all, mail->message_id, strlen(mail->message_id));
	buf_blob(&all, mail->text, strlen(mail->text));
	buf_blob(&all, mail->html, strlen(mail->html));
	SHA256((const unsigned char *)all.p, all.n, digest);
	memcpy(out, "=_", 2);
	hex_encode(out + 2, digest, 16);
}

static enum pli_status content_write(struct buf *out, const struct mime_mail *mail, struct err *err)
{
	char boundary[40];

	if (!utf8_valid(mail->text, strlen(mail->text)) ||
	    (mail->html && !utf8_valid(mail->html, strlen(mail->html))))
		return err_set(err, PLI_INVALID, "the mail's text is not valid UTF-8");
	if (!mail->html) {
		entity_write(out, "text/plain", mail->text);
		return PLI_OK;
	}
	boundary_make(boundary, mail);
	buf_fmt(out, "Content-Type: multipart/alternative;\r\n boundary=\"%s\"\r\n\r\n", boundary);
	buf_fmt(out, "--%s\r\n", boundary);
	entity_write(out, "text/plain", mail->text);
	buf_fmt(out, "\r\n--%s\r\n", boundary);
	entity_write(out, "text/html", mail->html);
	buf_fmt(out, "\r\n--%s--\r\n", boundary);
	return PLI_OK;
}

void mime_signed(struct buf *out, const void *content, size_t content_n, const void *p7s, size_t p7s_n)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char boundary[40], line[4 * 19 + 1];

	/* Nobody can have known it when he wrote the content. */
	SHA256(p7s, p7s_n, digest);
	memcpy(boundary, "=_", 2);
	hex_encode(boundary + 2, digest, 16);
	buf_fmt(out, "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\";\r\n micalg=sha-256; boundary=\"%s\"\r\n\r\n"
		"--%s\r\n", boundary, boundary);
	buf_add(out, content, content_n);
	buf_fmt(out, "\r\n--%s\r\nContent-Type: application/pkcs7-signature; name=\"smime.p7s\"\r\n"
		"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"smime.p7s\"\r\n\r\n", boundary);
	for (size_t at = 0; at < p7s_n; at += 57) {
		buf_str(out, base64_encode(line, (const char *)p7s + at, p7s_n - at < 57 ? p7s_n - at : 57));
		buf_str(out, "\r\n");
	}
	buf_fmt(out, "\r\n--%s--\r\n", boundary);
}

/* On failure nothing stays behind. */
static enum pli_status undo(struct buf *out, size_t n, enum pli_status status)
{
	if (status != PLI_OK && out->n > n) {
		out->n = n;
		out->p[n] = '\0';
	}
	return status;
}

enum pli_status mime_head(struct buf *out, const struct mime_mail *mail, struct err *err)
{
	AUTO_BUF head = { 0 };
	enum pli_status status = head_write(&head, mail, err);

	if (status == PLI_OK)
		buf_add(out, head.p, head.n);
	return status;
}

enum pli_status mime_content(struct buf *out, const struct mime_mail *mail, struct err *err)
{
	size_t n = out->n;
	enum pli_status status = id_check(mail->message_id, err);

	if (status == PLI_OK)
		status = content_write(out, mail, err);
	return undo(out, n, status);
}

enum pli_status mime_build(struct buf *out, const struct mime_mail *mail, struct err *err)
{
	size_t n = out->n;
	enum pli_status status = mime_head(out, mail, err);

	if (status == PLI_OK) {
		buf_str(out, "MIME-Version: 1.0\r\n");
		status = mime_content(out, mail, err);
	}
	return undo(out, n, status);
}
