/* A mail becomes a letter: the same staging and the same commit as by every other door.
 *
 * Who gets it is what the envelope says; To and Cc are those of its recipients that stand in these headers, and the others are
 * hidden copies.  The Message-ID is the Idempotency-Key: a mail that is handed over again makes no second letter. */
#include <string.h>

#include "clock.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "stream.h"

#include "filename.h"
#include "json_read.h"
#include "mail_frame.h"
#include "mediatype.h"

#include "deposit.h"
#include "mail_spool.h"

#include "mail_link.h"
#include "smtp_own.h"

#define ROUTE_SCOPE "SMTP"
#define NAMED_MAX 5000		/* addresses in headers that are looked at */

struct named {
	const char *name, *addr;	/* addr: as the envelope's, or NULL: it is none that could be in one */
	enum mail_field field;
};
struct letter_reading {
	struct smtp_session *s;
	struct pool *pool;
	struct named *named;
	unsigned named_count;
	const char *subject, *message_id;
	struct buf text;
	struct ostream *file;
	struct deposit_part *parts;
	unsigned part_count;
};

/* ---- what the message holds ---- */

static enum pli_status address_take(struct letter_reading *r, const struct mail_frame *f, struct err *err)
{
	struct named *n;
	struct address address;

	if (r->named_count == NAMED_MAX)
		return err_field(err, PLI_INVALID, "too-many-recipients", "to", "The mail names too many addresses.");
	if (!r->named)
		r->named = POOL_ARRAY(r->pool, struct named, NAMED_MAX);
	n = &r->named[r->named_count++];
	n->field = f->field;
	n->name = pool_strn(r->pool, f->name.p, f->name.n);
	n->addr = address_parse(r->pool, f->value.p, f->value.n, "to", &address, NULL) == PLI_OK ? address.addr : NULL;
	return PLI_OK;
}

static enum pli_status field_take(struct letter_reading *r, const struct mail_frame *f, struct err *err)
{
	switch (f->field) {
	case MAIL_FROM:
	case MAIL_TO:
	case MAIL_CC:
	case MAIL_BCC:
		return address_take(r, f, err);
	case MAIL_SUBJECT:
		r->subject = pool_strn(r->pool, f->value.p, f->value.n);
		return PLI_OK;
	case MAIL_MESSAGE_ID:
		r->message_id = pool_strn(r->pool, f->value.p, f->value.n);
		return PLI_OK;
	case MAIL_TEXT:
		if (r->text.n + f->value.n > DEPOSIT_MESSAGE_MAX + 1)
			return err_field(err, PLI_LIMIT, "message-too-long", "message", "The text is longer than 1 MiB; attach it as a file.");
		buf_add(&r->text, f->value.p, f->value.n);
		return PLI_OK;
	case MAIL_HEAD:
	case MAIL_LINK:
	case MAIL_ENCLOSED:
	case MAIL_FIELD_COUNT:
		break;
	}
	return PLI_OK;
}

static enum pli_status part_begin(struct letter_reading *r, const struct mail_frame *f, struct err *err)
{
	struct deposit_part *p;

	if (r->part_count == DEPOSIT_PARTS_MAX)
		return err_field(err, PLI_INVALID, "too-many-parts", "file", "A letter has at most %d files.", DEPOSIT_PARTS_MAX);
	if (!r->parts)
		r->parts = POOL_ARRAY(r->pool, struct deposit_part, DEPOSIT_PARTS_MAX);
	p = &r->parts[r->part_count];
	*p = (struct deposit_part){ .name = filename_clean(r->pool, f->name.p, f->name.n),
				    .type = mediatype_clean(r->pool, pool_strn(r->pool, f->value.p, f->value.n)) };
	return deposit_stage_open(r->s->house->office, &r->s->who, &r->file, p, err);
}

static enum pli_status part_end(struct letter_reading *r, struct err *err)
{
	enum pli_status st = deposit_stage_close(r->file, &r->parts[r->part_count], err);

	ostream_close(r->file);
	r->file = NULL;
	if (st == PLI_OK)
		r->part_count++;
	return st;
}

static enum pli_status frame_take(void *arg, const struct mail_frame *f, struct err *err)
{
	struct letter_reading *r = arg;

	switch (f->type) {
	case MAIL_FIELD:
		return field_take(r, f, err);
	case MAIL_PART:
		return part_begin(r, f, err);
	case MAIL_BYTES:
		return ostream_write(r->file, f->value.p, f->value.n, err);
	case MAIL_PART_END:
		return part_end(r, err);
	default:
		return PLI_OK;
	}
}

/* ---- who gets it ---- */

/* The From line must name the depositor alone: it is what his mail program shows as the sender. */
static enum pli_status from_check(const struct letter_reading *r, struct err *err)
{
	unsigned count = 0;

	for (unsigned i = 0; i < r->named_count; i++) {
		if (r->named[i].field != MAIL_FROM)
			continue;
		if (++count > 1 || !r->named[i].addr || !address_same(r->named[i].addr, r->s->who.email))
			count = 2;
	}
	if (count == 1)
		return PLI_OK;
	err_field(err, PLI_DENIED, "not-your-address", "from", "The From line is not the address of your account.");
	return err_hint(err, "Send as %.200s.", r->s->who.email);
}

static const struct named *named_as(const struct letter_reading *r, const char *addr, enum mail_field field)
{
	for (unsigned i = 0; i < r->named_count; i++)
		if (r->named[i].field == field && r->named[i].addr && address_same(r->named[i].addr, addr))
			return &r->named[i];
	return NULL;
}

/* `"Name" <addr>`; a name that no letter can show is left out. */
static const char *with_name(struct pool *pool, const char *name, const char *addr)
{
	struct address checked;
	const char *text;
	char *clean = pool_str(pool, name);

	for (char *p = clean; *p; p++)
		if (*p == '"' || *p == '\\')
			*p = '\'';
	if (!*clean)
		return addr;
	text = pool_fmt(pool, "\"%s\" <%s>", clean, addr);
	return address_parse(pool, text, strlen(text), "to", &checked, NULL) == PLI_OK ? text : addr;
}

static bool in_envelope(const struct smtp_session *s, const char *addr)
{
	return addr && address_list_find(&s->recipients, addr);
}

/* To and Cc in the order of the headers, the rest in that of the envelope. */
static void recipients_sort(const struct letter_reading *r, struct deposit *d)
{
	const struct address_list *all = &r->s->recipients;
	const char **to = POOL_ARRAY(r->pool, const char *, r->named_count + 1);
	const char **cc = POOL_ARRAY(r->pool, const char *, r->named_count + 1);
	const char **bcc = POOL_ARRAY(r->pool, const char *, all->count + 1);
	unsigned to_n = 0, cc_n = 0, bcc_n = 0;

	for (unsigned i = 0; i < r->named_count; i++) {
		const struct named *n = &r->named[i];

		if ((n->field != MAIL_TO && n->field != MAIL_CC) || !in_envelope(r->s, n->addr))
			continue;
		if (n->field == MAIL_TO)
			to[to_n++] = with_name(r->pool, n->name, n->addr);
		else
			cc[cc_n++] = with_name(r->pool, n->name, n->addr);
	}
	for (size_t i = 0; i < all->count; i++) {
		const char *addr = all->items[i].addr;
		const struct named *hidden = named_as(r, addr, MAIL_BCC);

		if (!named_as(r, addr, MAIL_TO) && !named_as(r, addr, MAIL_CC))
			bcc[bcc_n++] = hidden ? with_name(r->pool, hidden->name, addr) : addr;
	}
	d->to = to;
	d->cc = cc;
	d->bcc = bcc;
}

/* The Message-ID, or what tells this mail from every other. */
static const char *key_of(const struct letter_reading *r, const uint8_t sha256[32])
{
	const char *id = r->message_id;
	size_t n = id ? strlen(id) : 0;
	char hex[65];

	for (size_t i = 0; i < n; i++)
		if (id[i] <= ' ' || id[i] > '~')
			n = 0;
	if (n >= 1 && n <= 250)
		return pool_fmt(r->pool, "<%s>", id);
	return pool_fmt(r->pool, "sha256:%s", hex_encode(hex, sha256, 32));
}

/* ---- the deposit ---- */

static int64_t number_of(struct pool *pool, const struct buf *body)
{
	struct json_read *o;
	int64_t number = 0;

	if (json_read_open(pool, body->p, body->n, body->n, NULL, &o, NULL) != PLI_OK ||
	    json_read_int(o, "number", 0, INT64_MAX, &number, NULL) != PLI_OK)
		return 0;
	return number;
}

static enum pli_status deposit(struct letter_reading *r, const uint8_t sha256[32], int64_t *number_r, struct err *err)
{
	struct smtp_session *s = r->s;
	struct deposit d = { .subject = r->subject, .message = r->text.p, .parts = r->parts, .part_count = r->part_count,
			     .idempotency_key = key_of(r, sha256), .route = ROUTE_SCOPE };
	struct uuid letter;
	AUTO_BUF body;
	enum pli_status st = from_check(r, err);

	buf_init_secret(&body);
	if (st != PLI_OK)
		return st;
	recipients_sort(r, &d);
	st = deposit_commit(s->house->office, &s->who, &s->actor, r->pool, &d, &letter, &body, err);
	if (st == PLI_OK)
		*number_r = number_of(r->pool, &body);
	return st;
}

static enum pli_status message_read(struct letter_reading *r, struct ostream *message, struct err *err)
{
	struct istream *is;
	uint64_t size;
	enum pli_status st = mail_spool_read(message, &is, &size, err);

	if (st != PLI_OK)
		return st;
	st = mail_link_read(r->s->house->mail, MAIL_LETTER, is, size, frame_take, r, err);
	istream_close(is);
	return st;
}

void smtp_letter(struct smtp_session *s, struct ostream *message, const uint8_t sha256[32])
{
	struct letter_reading r = { .s = s, .pool = s->pool };
	struct err err = { 0 };
	int64_t number = 0;
	enum pli_status st;

	buf_init_secret(&r.text);
	st = message_read(&r, message, &err);
	if (r.file) {
		ostream_close(r.file);
		r.file = NULL;
	}
	if (st == PLI_OK)
		st = deposit(&r, sha256, &number, &err);
	/* Committed, though perhaps not confirmed: the files are the letter's. */
	if (st != PLI_OK && st != PLI_UNCERTAIN && r.part_count)
		deposit_stage_discard(s->house->office, &s->who, r.parts, r.part_count);
	if (st == PLI_OK)
		smtp_reply(s, 250, "2.0.0", "Deposited as letter %lld.", (long long)number);
	else
		smtp_reply_err(s, &err);
	/* Nothing of whom or what: the reply says that to who sends. */
	log_info("mail.letter", "a mail handed over: %s%s%s", st == PLI_OK ? "deposited" : pli_status_name(st), err.type ? ", " : "",
		 err.type ? err.type : "");
	buf_free(&r.text);
}
