#include <string.h>
#include <strings.h>

#include "buf.h"
#include "text.h"

#include "mail_scan.h"
#include "mail_text.h"

#include "mail_tree.h"

enum pli_status mail_tree_parse(const void *p, size_t n, GMimeMessage **message_r, struct err *err)
{
	enum pli_status st = mail_scan(p, n, err);
	GMimeStream *stream;
	GMimeParser *parser;

	if (st != PLI_OK)
		return st;
	stream = g_mime_stream_mem_new_with_buffer(p, n);
	parser = g_mime_parser_new_with_stream(stream);
	*message_r = g_mime_parser_construct_message(parser, NULL);
	g_object_unref(parser);
	g_object_unref(stream);
	if (!*message_r || !g_mime_message_get_mime_part(*message_r)) {
		if (*message_r)
			g_object_unref(*message_r);
		return err_field(err, PLI_INVALID, "message-structure", "", "The message cannot be read.");
	}
	return PLI_OK;
}

/* ---- content ---- */

void mail_content_open(struct mail_content *content, GMimePart *part)
{
	GMimeDataWrapper *wrapper = g_mime_part_get_content(part);
	GMimeStream *raw = wrapper ? g_mime_data_wrapper_get_stream(wrapper) : NULL;
	GMimeFilter *filter;

	content->stream = NULL;
	if (!raw)
		return;
	g_mime_stream_reset(raw);
	content->stream = g_mime_stream_filter_new(raw);
	switch (g_mime_data_wrapper_get_encoding(wrapper)) {
	case GMIME_CONTENT_ENCODING_BASE64:
	case GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE:
	case GMIME_CONTENT_ENCODING_UUENCODE:
		filter = g_mime_filter_basic_new(g_mime_data_wrapper_get_encoding(wrapper), FALSE);
		g_mime_stream_filter_add(GMIME_STREAM_FILTER(content->stream), filter);
		g_object_unref(filter);
		break;
	default:
		break;
	}
}

size_t mail_content_read(struct mail_content *content, char *room, size_t cap)
{
	ssize_t n = content->stream ? g_mime_stream_read(content->stream, room, cap) : 0;

	return n > 0 ? (size_t)n : 0;
}

void mail_content_close(struct mail_content *content)
{
	if (content->stream)
		g_object_unref(content->stream);
	content->stream = NULL;
}

bool mail_tree_bytes(GMimePart *part, size_t max, struct buf *out)
{
	struct mail_content content;
	size_t start = out->n, n;

	mail_content_open(&content, part);
	while (out->n - start <= max && (n = mail_content_read(&content, buf_reserve(out, 16384), 16384)) > 0)
		out->n += n;
	mail_content_close(&content);
	return out->n - start <= max;
}

bool mail_tree_words(GMimePart *part, size_t max, struct buf *out)
{
	GMimeContentType *type = g_mime_object_get_content_type(GMIME_OBJECT(part));
	const char *charset = g_mime_content_type_get_parameter(type, "charset");
	const char *format = g_mime_content_type_get_parameter(type, "format");
	const char *delsp = g_mime_content_type_get_parameter(type, "delsp");
	AUTO_BUF raw = { 0 }, utf8 = { 0 }, text = { 0 };
	bool html = mail_tree_is(GMIME_OBJECT(part), "text", "html");

	/* Markup is many times longer than its words. */
	if (!mail_tree_bytes(part, html ? 8 * max : max, &raw))
		return false;
	mail_text_decode(&utf8, charset, raw.p ? raw.p : "", raw.n);
	if (html)
		mail_text_html(&text, utf8.p ? utf8.p : "", utf8.n);
	else
		buf_add(&text, utf8.p ? utf8.p : "", utf8.n);
	mail_text_lines(out, text.p ? text.p : "", text.n, !html && str_ieq(format ? format : "", "flowed"),
			str_ieq(delsp ? delsp : "", "yes"));
	return out->n <= max;
}

/* ---- what a part is ---- */

bool mail_tree_is(GMimeObject *object, const char *type, const char *subtype)
{
	return g_mime_content_type_is_type(g_mime_object_get_content_type(object), type, subtype ? subtype : "*");
}

bool mail_tree_is_words(GMimeObject *object)
{
	const char *disposition = g_mime_object_get_disposition(object);

	if (!GMIME_IS_PART(object) || (!mail_tree_is(object, "text", "plain") && !mail_tree_is(object, "text", "html")))
		return false;
	return !(disposition && strcasecmp(disposition, "attachment") == 0) && !g_mime_part_get_filename(GMIME_PART(object));
}
