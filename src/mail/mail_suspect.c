/* A mail that somebody doubts: what tells whether it is one of ours, and nothing of what it says. */
#include <string.h>
#include <strings.h>

#include <gmime/gmime.h>

#include "buf.h"
#include "text.h"

#include "head_line.h"

#include "mail_heads.h"
#include "mail_href.h"
#include "mail_out.h"
#include "mail_text.h"
#include "mail_tree.h"

#include "mail_read.h"

#define SIGNATURE_MAX (1u << 20)
#define LINKS_SEEN_MAX 5000		/* the same ones again and again, too: each is compared with those told */

struct suspect {
	const struct mail_out *out;
	struct buf links;		/* those told, each ended by a line feed */
	unsigned link_count, links_seen;
};

static enum pli_status field(const struct suspect *s, enum mail_field which, const char *p, size_t n, struct err *err)
{
	return s->out->emit(s->out->arg, &(struct mail_frame){ .type = MAIL_FIELD, .field = which, .name = { "", 0 }, .value = { p, n } }, err);
}

/* ---- links ---- */

static bool link_ends(char c)
{
	return (unsigned char)c <= ' ' || strchr("<>\"'()[]{}", c);
}

static bool told_before(const struct suspect *s, const char *p, size_t n)
{
	const char *at = s->links.p, *end;

	if (!at)
		return false;
	end = at + s->links.n;
	while (at < end && (at = memmem(at, (size_t)(end - at), p, n))) {
		if ((at == s->links.p || at[-1] == '\n') && at[n] == '\n')
			return true;
		at++;
	}
	return false;
}

static enum pli_status link_tell(struct suspect *s, const char *p, size_t n, struct err *err)
{
	AUTO_BUF line = { 0 };

	if (++s->links_seen > LINKS_SEEN_MAX)
		return err_field(err, PLI_INVALID, "message-structure", "", "The mail has more than %d links.", LINKS_SEEN_MAX);
	while (n && strchr(".,;:!?", p[n - 1]))
		n--;
	mail_text_one_line(&line, p, n, MAIL_LINK_BYTES);
	if (!line.n || told_before(s, line.p, line.n))
		return PLI_OK;
	if (++s->link_count > MAIL_LINKS_MAX)
		return err_field(err, PLI_INVALID, "message-structure", "", "The mail has more than %d different links.", MAIL_LINKS_MAX);
	buf_add(&s->links, line.p, line.n);
	buf_ch(&s->links, '\n');
	return field(s, MAIL_LINK, line.p, line.n, err);
}

static enum pli_status links_of(struct suspect *s, const char *p, size_t n, struct err *err)
{
	const char *end = p + n;
	enum pli_status st = PLI_OK;

	while (st == PLI_OK && (p = memmem(p, (size_t)(end - p), "://", 3))) {
		const char *from = p, *to = p + 3;

		/* The scheme stands before it: http, https, or whatever else a mail program would open. */
		while (from > end - n && p - from < 12 && (from[-1] | 32) >= 'a' && (from[-1] | 32) <= 'z')
			from--;
		while (from < p && to < end && to - from < MAIL_LINK_BYTES && !link_ends(*to))
			to++;
		if (to > p + 3)
			st = link_tell(s, from, (size_t)(to - from), err);
		p = to;
	}
	return st;
}

static enum pli_status href_tell(void *arg, const char *p, size_t n, struct err *err)
{
	return link_tell(arg, p, n, err);
}

static bool is_html(GMimeObject *object)
{
	return mail_tree_is(object, "text", "html") || mail_tree_is(object, "application", "xhtml+xml") || mail_tree_is(object, "image", "svg+xml");
}

/* With a file name or without, shown or attached: whoever opens it meets its links. */
static enum pli_status part_links(struct suspect *s, GMimeObject *object, struct err *err)
{
	const char *charset = g_mime_content_type_get_parameter(g_mime_object_get_content_type(object), "charset");
	AUTO_BUF words = { 0 }, raw = { 0 }, html = { 0 };
	enum pli_status st;

	if (!mail_tree_words(GMIME_PART(object), MAIL_TEXT_MAX, &words))
		return err_field(err, PLI_INVALID, "message-structure", "", "The text of the mail is longer than 1 MiB.");
	st = links_of(s, words.p ? words.p : "", words.n, err);
	if (st != PLI_OK || !is_html(object))
		return st;
	if (!mail_tree_bytes(GMIME_PART(object), 8 * MAIL_TEXT_MAX, &raw))
		return err_field(err, PLI_INVALID, "message-structure", "", "The text of the mail is longer than 8 MiB.");
	mail_text_decode(&html, charset, raw.p ? raw.p : "", raw.n);
	return mail_href_each(html.p ? html.p : "", html.n, MAIL_LINK_BYTES, href_tell, s, err);
}

/* Of enclosed mails, too: it is not for us to say which of them is read. */
static enum pli_status links_walk(struct suspect *s, GMimeObject *object, int depth, struct err *err)
{
	enum pli_status st = PLI_OK;

	if (depth > MAIL_DEPTH_MAX)
		return err_field(err, PLI_INVALID, "message-structure", "", "The mail has parts in parts in parts, more than %d deep.", MAIL_DEPTH_MAX);
	if (GMIME_IS_MULTIPART(object)) {
		int count = g_mime_multipart_get_count(GMIME_MULTIPART(object));

		for (int i = 0; st == PLI_OK && i < count; i++)
			st = links_walk(s, g_mime_multipart_get_part(GMIME_MULTIPART(object), i), depth + 1, err);
	} else if (GMIME_IS_MESSAGE_PART(object)) {
		GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));

		if (inner && g_mime_message_get_mime_part(inner))
			st = links_walk(s, g_mime_message_get_mime_part(inner), depth + 1, err);
	} else if (GMIME_IS_PART(object) && (mail_tree_is(object, "text", "plain") || is_html(object))) {
		st = part_links(s, object, err);
	}
	return st;
}

/* ---- what was signed, and the signature ---- */

static enum pli_status part_tell(const struct suspect *s, const char *name, const char *p, size_t n, struct err *err)
{
	enum pli_status st = s->out->emit(s->out->arg, &(struct mail_frame){ .type = MAIL_PART, .name = { name, strlen(name) }, .value = { "", 0 } }, err);

	while (st == PLI_OK && n > 0) {
		size_t piece = n < MAIL_FRAME_BYTES_MAX ? n : MAIL_FRAME_BYTES_MAX;

		st = s->out->emit(s->out->arg, &(struct mail_frame){ .type = MAIL_BYTES, .value = { p, piece } }, err);
		p += piece;
		n -= piece;
	}
	return st == PLI_OK ? s->out->emit(s->out->arg, &(struct mail_frame){ .type = MAIL_PART_END }, err) : st;
}

/* As it came, with the line ends that a mail has while it is under way (RFC 8551 section 3.1.1). */
static enum pli_status content_tell(const struct suspect *s, GMimeObject *content, struct err *err)
{
	GMimeStream *mem = g_mime_stream_mem_new();
	GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(mem));
	GMimeFormatOptions *options = g_mime_format_options_new();
	enum pli_status st = PLI_OK;

	g_mime_format_options_set_newline_format(options, GMIME_NEWLINE_FORMAT_DOS);
	if (g_mime_object_write_to_stream(content, options, mem) > 0)
		st = part_tell(s, "content", (const char *)bytes->data, bytes->len, err);
	g_mime_format_options_free(options);
	g_object_unref(mem);
	return st;
}

static enum pli_status signed_tell(const struct suspect *s, GMimeObject *root, struct err *err)
{
	GMimeObject *signature;
	AUTO_BUF bytes = { 0 };
	enum pli_status st;

	if (!GMIME_IS_MULTIPART(root) || !mail_tree_is(root, "multipart", "signed") || g_mime_multipart_get_count(GMIME_MULTIPART(root)) != 2)
		return PLI_OK;
	signature = g_mime_multipart_get_part(GMIME_MULTIPART(root), 1);
	if (!GMIME_IS_PART(signature) || !mail_tree_bytes(GMIME_PART(signature), SIGNATURE_MAX, &bytes))
		return PLI_OK;
	st = content_tell(s, g_mime_multipart_get_part(GMIME_MULTIPART(root), 0), err);
	return st == PLI_OK ? part_tell(s, "signature", bytes.p ? bytes.p : "", bytes.n, err) : st;
}

/* ---- the mail ---- */

static bool has_marks(GMimeMessage *message)
{
	return g_mime_object_get_header(GMIME_OBJECT(message), HEAD_LINE_HEADER) ||
	       mail_tree_is(g_mime_message_get_mime_part(message), "multipart", "signed");
}

/* The first that is enclosed. */
static GMimeMessage *enclosed(GMimeObject *object, int depth)
{
	GMimeMessage *found = NULL;

	if (GMIME_IS_MESSAGE_PART(object))
		return g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
	if (GMIME_IS_MULTIPART(object) && depth < MAIL_DEPTH_MAX) {
		int count = g_mime_multipart_get_count(GMIME_MULTIPART(object));

		for (int i = 0; !found && i < count; i++)
			found = enclosed(g_mime_multipart_get_part(GMIME_MULTIPART(object), i), depth + 1);
	}
	return found;
}

static enum pli_status heads_tell(const struct suspect *s, GMimeMessage *message, struct err *err)
{
	struct head_line heads[MAIL_HEADS_MAX];
	enum pli_status st = PLI_OK;
	unsigned count;

	mail_heads_of(message, heads, &count);
	for (unsigned i = 0; st == PLI_OK && i < count; i++) {
		AUTO_BUF line = { 0 };

		head_line_write(&heads[i], true, &line);
		if (utf8_valid(line.p, line.n))
			st = field(s, MAIL_HEAD, line.p, line.n, err);
	}
	return st;
}

/* message: the one that is judged; whole: what carries it, or the same. */
static enum pli_status tell(struct suspect *s, GMimeMessage *message, GMimeMessage *whole, struct err *err)
{
	const char *id = g_mime_message_get_message_id(message);
	AUTO_BUF line = { 0 };
	enum pli_status st = PLI_OK;

	if (message != whole)
		st = field(s, MAIL_ENCLOSED, "1", 1, err);
	if (id)
		mail_text_one_line(&line, id, strlen(id), 998);
	if (st == PLI_OK && line.n)
		st = field(s, MAIL_MESSAGE_ID, line.p, line.n, err);
	if (st == PLI_OK)
		st = heads_tell(s, message, err);
	if (st == PLI_OK)
		st = links_walk(s, g_mime_message_get_mime_part(whole), 0, err);
	return st == PLI_OK ? signed_tell(s, g_mime_message_get_mime_part(message), err) : st;
}

enum pli_status mail_read_suspect(const void *p, size_t n, const struct mail_out *out, struct err *err)
{
	struct suspect s = { .out = out };
	GMimeMessage *message, *inner = NULL;
	enum pli_status st = mail_tree_parse(p, n, &message, err);

	if (st != PLI_OK)
		return st;
	if (!has_marks(message))
		inner = enclosed(g_mime_message_get_mime_part(message), 0);
	if (!inner || !g_mime_message_get_mime_part(inner))
		inner = message;
	st = tell(&s, inner, message, err);
	buf_free(&s.links);
	g_object_unref(message);
	return st;
}
