/* A message as a letter: who writes to whom, the words, the attachments. */
#include <string.h>
#include <strings.h>

#include <gmime/gmime.h>

#include "buf.h"
#include "text.h"

#include "mail_out.h"
#include "mail_text.h"
#include "mail_tree.h"

#include "mail_read.h"

struct reading {
	const struct mail_out *out;
	unsigned addresses;
	struct buf text;		/* the words so far, LF line ends */
	GPtrArray *files;		/* GMimeObject: what becomes a part, in order; borrowed */
};

void mail_read_prepare(struct mail_sets *sets)
{
	mail_sets_open(sets);
	g_mime_init();
}

static enum pli_status emit_field(const struct reading *r, enum mail_field field, const char *name, size_t name_n,
				  const char *value, size_t value_n, struct err *err)
{
	return r->out->emit(r->out->arg,
			    &(struct mail_frame){ .type = MAIL_FIELD, .field = field, .name = { name, name_n },
						  .value = { value, value_n } },
			    err);
}

/* A value from a header, whatever it holds, as one good line. */
static enum pli_status emit_line(const struct reading *r, enum mail_field field, const char *name, const char *value, size_t max,
				 struct err *err)
{
	AUTO_BUF clean_name = { 0 }, clean = { 0 };

	if (name)
		mail_text_one_line(&clean_name, name, strlen(name), 200);
	mail_text_one_line(&clean, value, strlen(value), max);
	return emit_field(r, field, clean_name.p ? clean_name.p : "", clean_name.n, clean.p ? clean.p : "", clean.n, err);
}

/* ---- addresses ---- */

static enum pli_status addresses(struct reading *r, enum mail_field field, InternetAddressList *list, int depth, struct err *err)
{
	int count = list ? internet_address_list_length(list) : 0;
	enum pli_status st = PLI_OK;

	for (int i = 0; st == PLI_OK && i < count; i++) {
		InternetAddress *a = internet_address_list_get_address(list, i);
		const char *addr;

		if (INTERNET_ADDRESS_IS_GROUP(a)) {
			if (depth < 4)
				st = addresses(r, field, internet_address_group_get_members(INTERNET_ADDRESS_GROUP(a)), depth + 1, err);
			continue;
		}
		addr = internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(a));
		if (!addr || !*addr)
			continue;
		if (++r->addresses > MAIL_ADDRESSES_MAX)
			return err_field(err, PLI_INVALID, "too-many-recipients", "to", "The message names too many addresses.");
		st = emit_line(r, field, internet_address_get_name(a), addr, 1000, err);
	}
	return st;
}

static enum pli_status head(struct reading *r, GMimeMessage *message, struct err *err)
{
	const char *subject = g_mime_message_get_subject(message), *id = g_mime_message_get_message_id(message);
	enum pli_status st = addresses(r, MAIL_FROM, g_mime_message_get_from(message), 0, err);

	if (st == PLI_OK)
		st = addresses(r, MAIL_TO, g_mime_message_get_to(message), 0, err);
	if (st == PLI_OK)
		st = addresses(r, MAIL_CC, g_mime_message_get_cc(message), 0, err);
	if (st == PLI_OK)
		st = addresses(r, MAIL_BCC, g_mime_message_get_bcc(message), 0, err);
	if (st == PLI_OK && subject)
		st = emit_line(r, MAIL_SUBJECT, NULL, subject, 8192, err);
	if (st == PLI_OK && id)
		st = emit_line(r, MAIL_MESSAGE_ID, NULL, id, 998, err);
	return st;
}

/* ---- the tree: what is read, what is attached ---- */

static enum pli_status words_add(struct reading *r, GMimePart *part, struct err *err)
{
	AUTO_BUF words = { 0 };

	if (!mail_tree_words(part, MAIL_TEXT_MAX, &words) || r->text.n + words.n + 2 > MAIL_TEXT_MAX) {
		err_field(err, PLI_LIMIT, "message-too-long", "message", "The text is longer than 1 MiB.");
		return err_hint(err, "Attach long texts as files.");
	}
	if (words.n && r->text.n)
		buf_str(&r->text, "\n\n");
	if (words.n)
		buf_add(&r->text, words.p, words.n);
	return PLI_OK;
}

/* Is it, or does it hold, words of that subtype (NULL: any)? */
static bool has_words(GMimeObject *object, const char *subtype, int depth)
{
	if (GMIME_IS_MULTIPART(object) && depth < MAIL_DEPTH_MAX) {
		int count = g_mime_multipart_get_count(GMIME_MULTIPART(object));
		for (int i = 0; i < count; i++)
			if (has_words(g_mime_multipart_get_part(GMIME_MULTIPART(object), i), subtype, depth + 1))
				return true;
		return false;
	}
	return mail_tree_is_words(object) && mail_tree_is(object, "text", subtype);
}

/* Of several forms of the same words: the plain one, else the last with words that we can read. */
static int chosen_of(GMimeMultipart *alternative)
{
	int count = g_mime_multipart_get_count(alternative), chosen = -1;

	for (int i = 0; i < count; i++)
		if (has_words(g_mime_multipart_get_part(alternative, i), "plain", 0))
			return i;
	for (int i = 0; i < count; i++)
		if (has_words(g_mime_multipart_get_part(alternative, i), NULL, 0))
			chosen = i;
	return chosen;
}

/* words: text of the reader is taken; else it is another form of what was taken and goes. */
static enum pli_status walk(struct reading *r, GMimeObject *object, bool words, int depth, struct err *err)
{
	bool alternative = mail_tree_is(object, "multipart", "alternative");
	enum pli_status st = PLI_OK;
	int count, chosen;

	if (depth > MAIL_DEPTH_MAX)
		return err_field(err, PLI_INVALID, "message-structure", "", "The message has too many parts within parts.");
	if (!GMIME_IS_MULTIPART(object)) {
		bool readable = mail_tree_is_words(object);
		bool other_form = !words && GMIME_IS_PART(object) && mail_tree_is(object, "text", NULL) &&
				  !mail_tree_is(object, "text", "calendar") && !g_mime_part_get_filename(GMIME_PART(object));
		if (readable && words)
			return words_add(r, GMIME_PART(object), err);
		if (!other_form)
			g_ptr_array_add(r->files, object);
		return PLI_OK;
	}
	count = g_mime_multipart_get_count(GMIME_MULTIPART(object));
	chosen = alternative ? chosen_of(GMIME_MULTIPART(object)) : -1;
	for (int i = 0; st == PLI_OK && i < count; i++)
		st = walk(r, g_mime_multipart_get_part(GMIME_MULTIPART(object), i), words && (!alternative || i == chosen), depth + 1,
			  err);
	return st;
}

static enum pli_status text_emit(struct reading *r, struct err *err)
{
	AUTO_BUF markdown = { 0 };
	enum pli_status st = PLI_OK;
	size_t at = 0;

	mail_text_markdown(&markdown, r->text.p ? r->text.p : "", r->text.n);
	while (st == PLI_OK && at < markdown.n) {
		size_t n = markdown.n - at < MAIL_VALUE_MAX ? markdown.n - at : MAIL_VALUE_MAX;
		/* Not in the middle of a character. */
		while (n < markdown.n - at && n > MAIL_VALUE_MAX - 4 && ((unsigned char)markdown.p[at + n] & 0xC0) == 0x80)
			n--;
		st = emit_field(r, MAIL_TEXT, "", 0, markdown.p + at, n, err);
		at += n;
	}
	return st;
}

/* ---- attachments ---- */

/* A name for what has none. */
static const char *standard_name(GMimeObject *object)
{
	static const struct {
		const char *type, *subtype, *name;
	} names[] = {
		{ "message", "rfc822", "message.eml" }, { "text", "plain", "text.txt" },	  { "text", "html", "text.html" },
		{ "text", "calendar", "invitation.ics" }, { "image", "png", "image.png" },	  { "image", "jpeg", "image.jpg" },
		{ "image", "gif", "image.gif" },	  { "application", "pdf", "document.pdf" }, { "application", "pgp-signature", "signature.asc" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (mail_tree_is(object, names[i].type, names[i].subtype))
			return names[i].name;
	return "document";
}

static enum pli_status emit_bytes(const struct reading *r, const char *p, size_t n, struct err *err)
{
	enum pli_status st = PLI_OK;

	while (st == PLI_OK && n > 0) {
		size_t piece = n < MAIL_FRAME_BYTES_MAX ? n : MAIL_FRAME_BYTES_MAX;

		st = r->out->emit(r->out->arg, &(struct mail_frame){ .type = MAIL_BYTES, .value = { p, piece } }, err);
		p += piece;
		n -= piece;
	}
	return st;
}

static enum pli_status part_bytes(const struct reading *r, GMimePart *part, struct err *err)
{
	struct mail_content content;
	AUTO_BUF room = { 0 };
	char *p = buf_reserve(&room, MAIL_FRAME_BYTES_MAX);
	enum pli_status st = PLI_OK;
	size_t n;

	mail_content_open(&content, part);
	while (st == PLI_OK && (n = mail_content_read(&content, p, MAIL_FRAME_BYTES_MAX)) > 0)
		st = emit_bytes(r, p, n, err);
	mail_content_close(&content);
	return st;
}

/* A forwarded message, as it came: the library gives line ends back as LF, which in a mail they never are. */
static enum pli_status message_bytes(const struct reading *r, GMimeMessage *inner, struct err *err)
{
	GMimeStream *mem = g_mime_stream_mem_new();
	GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(mem));
	GMimeFormatOptions *options = g_mime_format_options_new();
	enum pli_status st = PLI_OK;

	g_mime_format_options_set_newline_format(options, GMIME_NEWLINE_FORMAT_DOS);
	if (inner && g_mime_object_write_to_stream(GMIME_OBJECT(inner), options, mem) > 0)
		st = emit_bytes(r, (const char *)bytes->data, bytes->len, err);
	g_mime_format_options_free(options);
	g_object_unref(mem);
	return st;
}

static enum pli_status file_emit(const struct reading *r, GMimeObject *object, struct err *err)
{
	const char *name = GMIME_IS_PART(object) ? g_mime_part_get_filename(GMIME_PART(object)) : NULL;
	char *type = g_mime_content_type_get_mime_type(g_mime_object_get_content_type(object));
	AUTO_BUF clean = { 0 };
	size_t name_n;
	enum pli_status st;

	if (!name || !*name)
		name = g_mime_object_get_content_disposition_parameter(object, "filename");
	if (!name || !*name)
		name = standard_name(object);
	name_n = strlen(name);
	if (type)
		mail_text_one_line(&clean, type, strlen(type), 127);
	g_free(type);
	/* The end of a name says what the file is: of one that is too long, the end is kept. */
	if (name_n > MAIL_NAME_MAX)
		name += name_n - MAIL_NAME_MAX;
	st = r->out->emit(r->out->arg,
			  &(struct mail_frame){ .type = MAIL_PART, .name = { name, strlen(name) }, .value = { clean.p ? clean.p : "", clean.n } },
			  err);
	if (st == PLI_OK && GMIME_IS_PART(object))
		st = part_bytes(r, GMIME_PART(object), err);
	else if (st == PLI_OK && GMIME_IS_MESSAGE_PART(object))
		st = message_bytes(r, g_mime_message_part_get_message(GMIME_MESSAGE_PART(object)), err);
	return st == PLI_OK ? r->out->emit(r->out->arg, &(struct mail_frame){ .type = MAIL_PART_END }, err) : st;
}

enum pli_status mail_read_letter(const void *p, size_t n, const struct mail_out *out, struct err *err)
{
	struct reading r = { .out = out };
	GMimeMessage *message;
	enum pli_status st = mail_tree_parse(p, n, &message, err);

	if (st != PLI_OK)
		return st;
	r.files = g_ptr_array_new();
	st = head(&r, message, err);
	if (st == PLI_OK)
		st = walk(&r, g_mime_message_get_mime_part(message), true, 0, err);
	if (st == PLI_OK)
		st = text_emit(&r, err);
	for (guint i = 0; st == PLI_OK && i < r.files->len; i++)
		st = file_emit(&r, g_ptr_array_index(r.files, i), err);
	g_ptr_array_free(r.files, TRUE);
	buf_free(&r.text);
	g_object_unref(message);
	return st;
}
