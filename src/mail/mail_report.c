/* What a message that came back says of ours: a delivery report (RFC 3464), a plain bounce, or nothing of the kind. */
#include <string.h>
#include <strings.h>

#include <gmime/gmime.h>

#include "buf.h"
#include "text.h"

#include "mail_dsn.h"
#include "mail_out.h"
#include "mail_tree.h"

#include "mail_read.h"

static struct mail_bytes bytes_of(const char *s)
{
	return (struct mail_bytes){ s, strlen(s) };
}

static enum pli_status report_emit(void *arg, const struct mail_dsn *dsn, struct err *err)
{
	const struct mail_out *out = arg;

	return out->emit(out->arg,
			 &(struct mail_frame){ .type = MAIL_REPORT, .action = dsn->action, .status = bytes_of(dsn->status),
					       .diagnostic = bytes_of(dsn->diagnostic), .remote = bytes_of(dsn->remote) },
			 err);
}

static enum pli_status nothing(const struct mail_out *out, struct err *err)
{
	return report_emit((void *)(uintptr_t)out, &(struct mail_dsn){ MAIL_NONE, "", "", "" }, err);
}

/* The first part of that kind, outside of forwarded messages. */
static GMimePart *find_part(GMimeObject *object, bool (*wanted)(GMimeObject *object), int depth)
{
	if (GMIME_IS_MULTIPART(object) && depth < MAIL_DEPTH_MAX) {
		int count = g_mime_multipart_get_count(GMIME_MULTIPART(object));
		for (int i = 0; i < count; i++) {
			GMimePart *found = find_part(g_mime_multipart_get_part(GMIME_MULTIPART(object), i), wanted, depth + 1);
			if (found)
				return found;
		}
		return NULL;
	}
	return GMIME_IS_PART(object) && wanted(object) ? GMIME_PART(object) : NULL;
}

static bool is_status(GMimeObject *object)
{
	return mail_tree_is(object, "message", "delivery-status") || mail_tree_is(object, "message", "global-delivery-status");
}

/* RFC 3834: absence notes say so.  A report of a mail server says "auto-generated" or "auto-replied" too (RFC 3464 section 2
 * says nothing), so this is asked of messages without a report alone. */
static bool is_answer(GMimeMessage *message)
{
	const char *automatic = g_mime_object_get_header(GMIME_OBJECT(message), "Auto-Submitted");
	const char *suppressed = g_mime_object_get_header(GMIME_OBJECT(message), "X-Autoreply");
	const char *in_words = g_mime_object_get_header(GMIME_OBJECT(message), "X-Autorespond");

	return (automatic && strncasecmp(automatic, "auto-replied", 12) == 0) || suppressed || in_words;
}

static bool from_server(GMimeMessage *message)
{
	InternetAddressList *from = g_mime_message_get_from(message);
	InternetAddress *a = from && internet_address_list_length(from) > 0 ? internet_address_list_get_address(from, 0) : NULL;
	const char *addr = a && INTERNET_ADDRESS_IS_MAILBOX(a) ? internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(a)) : NULL;

	return addr && (strncasecmp(addr, "mailer-daemon", 13) == 0 || strncasecmp(addr, "postmaster", 10) == 0 ||
			strcasecmp(addr, "mailer") == 0);
}

static enum pli_status guess(GMimeMessage *message, const struct mail_out *out, struct err *err)
{
	bool named = g_mime_object_get_header(GMIME_OBJECT(message), "X-Failed-Recipients") != NULL;
	GMimePart *words = find_part(g_mime_message_get_mime_part(message), mail_tree_is_words, 0);
	AUTO_BUF text = { 0 }, line = { 0 };
	struct mail_dsn dsn = { .action = MAIL_NONE, .diagnostic = "", .remote = "" };
	char status[12] = "";

	if (is_answer(message) || (!named && !from_server(message)))
		return nothing(out, err);
	if (words)
		(void)mail_tree_words(words, MAIL_REPORT_MAX, &text);
	dsn.action = mail_dsn_guess(text.p ? text.p : "", text.n, status, &line);
	if (named)
		dsn.action = MAIL_FAILED;
	dsn.status = status;
	dsn.diagnostic = line.p ? line.p : "";
	return report_emit((void *)(uintptr_t)out, &dsn, err);
}

enum pli_status mail_read_bounce(const void *p, size_t n, const struct mail_out *out, struct err *err)
{
	AUTO_BUF body = { 0 };
	GMimeMessage *message;
	GMimePart *status;
	enum pli_status st = mail_tree_parse(p, n, &message, err);

	if (st != PLI_OK)
		return st;
	status = find_part(g_mime_message_get_mime_part(message), is_status, 0);
	if (!status) {
		st = guess(message, out, err);
	} else {
		if (!mail_tree_bytes(status, MAIL_REPORT_MAX, &body) && body.n > MAIL_REPORT_MAX)
			body.n = MAIL_REPORT_MAX;
		st = mail_dsn_parse(body.p ? body.p : "", body.n, report_emit, (void *)(uintptr_t)out, err);
	}
	g_object_unref(message);
	return st;
}
