/* The envelope of a deposit: addresses, subject, message, password, expiry, files.  Refusals here leave nothing behind. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "cipher.h"

#include "address_book.h"

#include "deposit_own.h"
#include "draft.h"
#include "office_own.h"

#define PASSWORD_MAX_CHARS 256

/* Blanks beyond the ASCII space that make a subject look empty. */
static bool is_blank(uint32_t cp)
{
	return cp == ' ' || cp == 0xA0 || cp == 0xAD || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200D) || cp == 0x202F ||
	       cp == 0x205F || cp == 0x2060 || cp == 0x2800 || cp == 0x3000 || cp == 0x3164;
}

static bool all_blank(const char *s, size_t n)
{
	const char *end = s + n;

	while (s < end)
		if (!is_blank(utf8_next(&s, end)))
			return false;
	return true;
}

static enum pli_status subject(struct deposit_work *w, struct err *err)
{
	const char *s = w->deposit->subject ? w->deposit->subject : "";
	size_t n = strlen(s);

	if (!utf8_valid(s, n))
		return err_field(err, PLI_INPUT, "bad-utf8", "subject", "The subject is not valid UTF-8.");
	while (n && s[0] == ' ') {
		s++;
		n--;
	}
	while (n && s[n - 1] == ' ')
		n--;
	if (all_blank(s, n)) {
		err_field(err, PLI_INVALID, "empty-subject", "subject", "The subject is empty.");
		return err_hint(err, "Say in a few words what the letter is about; recipients see it only after opening.");
	}
	if (!text_is_line(s, n))
		return err_field(err, PLI_INVALID, "bad-subject", "subject",
				 "The subject must be one line without control characters.");
	if (n > DEPOSIT_SUBJECT_MAX)
		return err_field(err, PLI_INVALID, "subject-too-long", "subject", "The subject has %zu bytes; at most %d are taken.",
				 n, DEPOSIT_SUBJECT_MAX);
	w->letter.subject = pool_strn(w->pool, s, n);
	return PLI_OK;
}

static enum pli_status message(struct deposit_work *w, struct err *err)
{
	w->message = w->deposit->message ? w->deposit->message : "";
	w->message_n = strlen(w->message);
	if (w->message_n > DEPOSIT_MESSAGE_MAX) {
		err_field(err, PLI_LIMIT, "message-too-long", "message", "The message is longer than 1 MiB.");
		return err_hint(err, "Attach long texts as files.");
	}
	if (!utf8_valid(w->message, w->message_n))
		return err_field(err, PLI_INPUT, "bad-utf8", "message", "The message is not valid UTF-8.");
	w->letter.message_size = w->message_n;
	cipher_sha256(w->message, w->message_n, w->letter.message_sha256);
	return PLI_OK;
}

static enum pli_status password(struct deposit_work *w, struct err *err)
{
	const char *given = w->deposit->password, *s, *end;
	size_t chars = 0;

	w->letter.password = "none";
	if (!given || !*given)
		return PLI_OK;
	w->password = letter_password_form(w->pool, given);
	if (!w->password)
		return err_field(err, PLI_INPUT, "bad-utf8", "password", "The password is not valid UTF-8.");
	end = w->password + strlen(w->password);
	for (s = w->password; s < end; chars++)
		(void)utf8_next(&s, end);
	if (chars > PASSWORD_MAX_CHARS || !text_is_line(w->password, strlen(w->password)))
		return err_field(err, PLI_INVALID, "bad-password", "password",
				 "The password must be one line of at most %d characters.", PASSWORD_MAX_CHARS);
	w->letter.password = "gate";
	return PLI_OK;
}

static bool is_registered(const struct deposit_work *w)
{
	return str_eq(w->letter.class_, "registered");
}

/* The class given, else the entity's; a class that is a profile's name is a registered letter of that profile. */
static enum pli_status class_(struct deposit_work *w, struct err *err)
{
	static const char *const CLASSES[] = { "simple", "registered", "fr-lre", NULL };
	const char *word = w->deposit->class_ && *w->deposit->class_ ? w->deposit->class_ :
			   w->who->letter_class ? w->who->letter_class : "simple";
	const char *profile = w->deposit->profile && *w->deposit->profile ? w->deposit->profile : NULL;

	if (!str_eq(word, "simple") && !str_eq(word, "registered") && !str_eq(word, "fr-lre")) {
		const char *near = str_nearest(word, CLASSES);

		err_field(err, PLI_INVALID, "bad-class", "class", "The class of a letter is simple or registered.");
		return near ? err_hint(err, "Did you mean \"%s\"?", near) : PLI_INVALID;
	}
	if (profile && !str_eq(profile, "fr-lre") && !str_eq(profile, "none"))
		return err_field(err, PLI_INVALID, "bad-profile", "profile", "The profile of a registered letter is fr-lre, or none.");
	w->letter.class_ = str_eq(word, "simple") ? "simple" : "registered";
	w->letter.profile = str_eq(word, "fr-lre") ? "fr-lre" : NULL;
	if (profile && str_eq(profile, "none"))
		w->letter.profile = NULL;
	else if (profile && !is_registered(w))
		return err_field(err, PLI_INVALID, "bad-profile", "profile", "Only a registered letter has a profile.");
	else if (profile)
		w->letter.profile = "fr-lre";
	return PLI_OK;
}

static enum pli_status expires(struct deposit_work *w, struct err *err)
{
	const struct settings *settings = w->office->parts.settings;
	const char *given = w->deposit->expires;
	unsigned days = settings->content_days;

	if (is_registered(w) && days < settings->registered_keep_days)
		days = settings->registered_keep_days;
	w->letter.expires_us = w->now_us + (int64_t)days * DAY_US;
	if (!given || !*given)
		return PLI_OK;
	w->expires_given = true;
	if (!clock_parse(given, &w->letter.expires_us)) {
		err_field(err, PLI_INVALID, "bad-date", "expires", "The expiry is not a date.");
		return err_hint(err, "Write 2026-12-31, or RFC 3339 with a zone: 2026-12-31T18:00:00Z.");
	}
	return PLI_OK;
}

/* Until when it is kept, whatever its links do.  When the last of the two goes the content goes, and evidence outlives content. */
static enum pli_status retention(struct deposit_work *w, struct err *err)
{
	struct letter *l = &w->letter;
	struct retention_span span;
	enum pli_status st = retention_find(w->office, &l->entity, w->deposit->retention ? w->deposit->retention : l->class_, &span, err);

	if (st == PLI_OK && is_registered(w)) {
		struct retention_span least;

		st = retention_find(w->office, &l->entity, l->class_, &least, err);
		if (st == PLI_OK && span.content_days < least.content_days)
			span.content_days = least.content_days;
		if (st == PLI_OK && span.evidence_days < least.evidence_days)
			span.evidence_days = least.evidence_days;
	}
	if (st != PLI_OK)
		return st;
	l->retention = pool_str(w->pool, span.name);
	l->content_until_us = w->now_us + (int64_t)span.content_days * DAY_US;
	l->evidence_until_us = w->now_us + (int64_t)span.evidence_days * DAY_US;
	w->due_us = l->content_until_us > l->expires_us ? l->content_until_us : l->expires_us;
	if (l->evidence_until_us < w->due_us)
		l->evidence_until_us = w->due_us;
	return PLI_OK;
}

enum pli_status deposit_expiry(struct deposit_work *w, struct err *err)
{
	const struct settings *settings = w->office->parts.settings;
	int64_t last_us = w->now_us + (int64_t)settings->evidence_days * DAY_US;

	if (!w->expires_given)
		return retention(w, err);
	if (w->letter.expires_us <= w->now_us)
		return err_field(err, PLI_INVALID, "expires-past", "expires", "The expiry lies in the past.");
	if (is_registered(w) && w->letter.expires_us < w->now_us + (int64_t)settings->registered_keep_days * DAY_US) {
		err_field(err, PLI_INVALID, "expires-early", "expires", "A registered letter is kept longer than that.");
		return err_hint(err, "Its content is kept for at least %u days; leave the date out for exactly that.", settings->registered_keep_days);
	}
	if (is_registered(w) && last_us < w->now_us + (int64_t)settings->registered_keep_days * DAY_US)
		last_us = w->now_us + (int64_t)settings->registered_keep_days * DAY_US;
	if (w->letter.expires_us > last_us) {
		err_field(err, PLI_INVALID, "expires-late", "expires", "The expiry lies too far ahead.");
		return err_hint(err, "Letters are kept at most %u days here.", settings->evidence_days);
	}
	return retention(w, err);
}

static enum pli_status recipients(struct deposit_work *w, struct err *err)
{
	const struct deposit *d = w->deposit;
	const char *const *const fields[ADDRESS_KIND_COUNT] = { d->to, d->cc, d->bcc };
	struct letter *l = &w->letter;
	enum pli_status st = address_book_parse(w->pool, fields, DEPOSIT_RECIPIENTS_MAX, &w->book, err);

	if (st != PLI_OK)
		return st;
	l->recipient_count = w->book.count;
	l->recipients = POOL_ARRAY(w->pool, struct letter_recipient, w->book.count);
	for (unsigned i = 0; i < w->book.count; i++) {
		const struct address_book_item *item = &w->book.items[i];
		struct letter_recipient *r = &l->recipients[i];
		r->n = i + 1;
		r->name = item->name;
		r->address = item->address;
		r->kind = address_kind_name(item->kind);
		r->state = "pending";
		uuid_make(&r->recipient);
	}
	return PLI_OK;
}

static enum pli_status uploads(struct deposit_work *w, struct err *err)
{
	unsigned count = 0;
	struct uuid *ids;

	while (w->deposit->uploads && w->deposit->uploads[count])
		count++;
	if (w->deposit->part_count + count > DEPOSIT_PARTS_MAX)
		return err_field(err, PLI_INVALID, "too-many-parts", "file", "A letter has at most %d files.", DEPOSIT_PARTS_MAX);
	ids = POOL_ARRAY(w->pool, struct uuid, count + 1);
	for (unsigned i = 0; i < count; i++) {
		if (!uuid_parse(&ids[i], w->deposit->uploads[i]))
			return err_field(err, PLI_INVALID, "unknown-upload", "uploads", "There is no upload with that id.");
		for (unsigned k = 0; k < i; k++)
			if (uuid_same(&ids[k], &ids[i]))
				return err_field(err, PLI_INVALID, "repeated-upload", "uploads",
						 "An upload is named twice.");
	}
	w->uploads = ids;
	w->upload_count = count;
	return PLI_OK;
}

static void parts(struct deposit_work *w)
{
	struct letter *l = &w->letter;

	l->part_count = w->deposit->part_count;
	l->parts = POOL_ARRAY(w->pool, struct letter_part, l->part_count + w->upload_count + 1);
	for (unsigned i = 0; i < l->part_count; i++) {
		const struct deposit_part *from = &w->deposit->parts[i];
		struct letter_part *p = &l->parts[i];
		*p = (struct letter_part){ .n = i + 1, .name = from->name, .type = from->type, .size = from->size,
					   .crc32 = from->crc32, .object = from->object };
		memcpy(p->sha256, from->sha256, 32);
	}
	if (w->deposit->draft) {
		l->parts = w->deposit->draft->parts;
		l->part_count = w->deposit->draft->part_count;
	}
}

void deposit_content(const struct deposit_work *w, struct buf *out)
{
	const struct letter *l = &w->letter;

	for (unsigned i = 0; i < l->recipient_count; i++) {
		buf_blob(out, l->recipients[i].kind, strlen(l->recipients[i].kind));
		buf_blob(out, l->recipients[i].address, strlen(l->recipients[i].address));
		buf_blob(out, l->recipients[i].name, strlen(l->recipients[i].name));
	}
	buf_u8(out, 0);
	buf_blob(out, l->subject, strlen(l->subject));
	buf_u64(out, l->message_size);
	buf_add(out, l->message_sha256, 32);
	buf_blob(out, w->password, w->password ? strlen(w->password) : 0);
	buf_u64(out, w->expires_given ? (uint64_t)l->expires_us : 0);
	if (w->deposit->retention)
		buf_blob(out, w->deposit->retention, strlen(w->deposit->retention));
	buf_u32(out, w->deposit->part_count);
	for (unsigned i = 0; i < w->deposit->part_count; i++) {
		const struct deposit_part *p = &w->deposit->parts[i];
		buf_blob(out, p->name, strlen(p->name));
		buf_blob(out, p->type, strlen(p->type));
		buf_u64(out, p->size);
		buf_add(out, p->sha256, 32);
	}
	/* As asked: what the entity is set to may change between a request and its repeat. */
	if ((w->deposit->class_ && *w->deposit->class_) || (w->deposit->profile && *w->deposit->profile)) {
		const char *class_ = w->deposit->class_ ? w->deposit->class_ : "", *profile = w->deposit->profile ? w->deposit->profile : "";

		buf_blob(out, class_, strlen(class_));
		buf_blob(out, profile, strlen(profile));
	}
	buf_u32(out, w->upload_count);
	buf_add(out, w->uploads, w->upload_count * sizeof(struct uuid));
}

enum pli_status deposit_envelope(struct deposit_work *w, struct err *err)
{
	struct letter *l = &w->letter;
	const struct principal *who = w->who;
	enum pli_status st;

	l->entity = who->entity;
	l->account = who->account;
	l->state = "created";
	l->mode = "link";
	l->sender_name = who->name;
	l->sender_email = who->email;
	l->sender_method = w->actor->method;
	l->sender_level = w->actor->level;
	l->entity_name = who->entity_name;
	l->siren = who->siren ? who->siren : "";
	w->now_us = l->created_us = clock_now_us();
	if (w->deposit->draft) {
		l->letter = w->deposit->draft->draft;
		l->created_us = w->deposit->draft->created_us;
	}
	st = class_(w, err);
	if (st == PLI_OK)
		st = recipients(w, err);
	if (st == PLI_OK)
		st = subject(w, err);
	if (st == PLI_OK)
		st = message(w, err);
	if (st == PLI_OK)
		st = password(w, err);
	if (st == PLI_OK)
		st = expires(w, err);
	if (st == PLI_OK)
		st = uploads(w, err);
	if (st == PLI_OK)
		parts(w);
	return st;
}
