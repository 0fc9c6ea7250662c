/* See verify_mail.h. */
#include <stdatomic.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "view.h"

#include "stream.h"

#include "mail_frame.h"

#include "examine_mail.h"

#include "door.h"
#include "mail_link.h"
#include "verify_form.h"

#include "verify_mail.h"

#define COST 2			/* of a visitor's share */
#define MAIL_MAX (4u << 20)	/* our notices have ten KiB; forwarded, with what others add */
#define AT_ONCE 2		/* people's mails and bounces wait for the same reader */

struct reading {
	struct pool *pool;
	struct examine_mail mail;
	struct buf parts[2];		/* content, signature */
	int part;			/* -1: none of them */
};

bool verify_mail_is(const void *p, size_t n)
{
	const char *s = p;
	size_t at = 0;

	/* As mailboxes keep it. */
	if (n > 5 && memcmp(s, "From ", 5) == 0)
		return true;
	while (at < n && at < 78 && s[at] > ' ' && s[at] <= '~' && s[at] != ':')
		at++;
	return at > 1 && at < n && s[at] == ':' && !(at == 11 && memcmp(s, "Pli-Receipt", 11) == 0);
}

static void field_take(struct reading *r, const struct mail_frame *f)
{
	struct examine_mail *m = &r->mail;

	if (f->field == MAIL_ENCLOSED)
		m->enclosed = true;
	else if (f->field == MAIL_MESSAGE_ID)
		m->message_id = pool_strn(r->pool, f->value.p, f->value.n);
	else if (f->field == MAIL_HEAD && m->head_count < EXAMINE_MAIL_HEADS)
		m->heads[m->head_count++] = pool_strn(r->pool, f->value.p, f->value.n);
	else if (f->field == MAIL_LINK && m->link_count < EXAMINE_MAIL_LINKS)
		m->links[m->link_count++] = pool_strn(r->pool, f->value.p, f->value.n);
}

static int part_of(const struct mail_frame *f)
{
	static const char *const names[] = { "content", "signature" };

	for (int i = 0; i < 2; i++)
		if (f->name.n == strlen(names[i]) && memcmp(f->name.p, names[i], f->name.n) == 0)
			return i;
	return -1;
}

static enum pli_status frame_take(void *arg, const struct mail_frame *f, struct err *err)
{
	struct reading *r = arg;

	switch (f->type) {
	case MAIL_FIELD:
		field_take(r, f);
		break;
	case MAIL_PART:
		r->part = part_of(f);
		if (r->part >= 0)
			buf_reset(&r->parts[r->part]);
		break;
	case MAIL_BYTES:
		/* What was signed is no longer than the mail, but for line ends. */
		if (r->part >= 0 && r->parts[r->part].n + f->value.n > 2 * MAIL_MAX)
			return err_set(err, PLI_BUSY, "The reader of mails gave more than it was given.");
		if (r->part >= 0)
			buf_add(&r->parts[r->part], f->value.p, f->value.n);
		break;
	default:
		break;
	}
	return PLI_OK;
}

static enum pli_status read(struct door_call *c, const struct buf *file, struct reading *r, struct err *err)
{
	struct istream *is;
	enum pli_status st;

	if (atomic_fetch_add(&c->doors->suspects, 1) >= AT_ONCE) {
		atomic_fetch_sub(&c->doors->suspects, 1);
		return err_set(err, PLI_BUSY, "Other mails are being examined; try again in a moment.");
	}
	is = istream_memory(file->p, file->n);
	st = mail_link_read(c->doors->mail, MAIL_SUSPECT, is, file->n, frame_take, r, err);
	istream_close(is);
	atomic_fetch_sub(&c->doors->suspects, 1);
	if (r->parts[0].n && r->parts[1].n) {
		r->mail.content = r->parts[0].p;
		r->mail.content_n = r->parts[0].n;
		r->mail.signature = r->parts[1].p;
		r->mail.signature_n = r->parts[1].n;
	}
	return st;
}

static void show(struct view *v, const struct examine_mail_report *r)
{
	static const char *const verdicts[] = { [EXAMINE_MAIL_OURS] = "mail_ours", [EXAMINE_MAIL_ENCLOSED] = "mail_enclosed",
						[EXAMINE_MAIL_JOURNAL] = "mail_journal",
						[EXAMINE_MAIL_UNSIGNED] = "mail_unsigned", [EXAMINE_MAIL_ALTERED] = "mail_altered",
						[EXAMINE_MAIL_UNTOLD] = "mail_untold", [EXAMINE_MAIL_FOREIGN] = "mail_foreign" };
	static const char *const results[] = { "holds", "fails", "unreached" };

	view_str(v, "verdict", verdicts[r->verdict]);
	view_bool(v, "good", r->verdict == EXAMINE_MAIL_OURS);
	view_bool(v, "wait", r->verdict == EXAMINE_MAIL_ENCLOSED || r->verdict == EXAMINE_MAIL_JOURNAL || r->verdict == EXAMINE_MAIL_UNSIGNED ||
			     r->verdict == EXAMINE_MAIL_UNTOLD);
	view_bool(v, "bad", r->verdict == EXAMINE_MAIL_ALTERED || r->verdict == EXAMINE_MAIL_FOREIGN);
	view_bool(v, "phishing", r->verdict == EXAMINE_MAIL_ALTERED || r->verdict == EXAMINE_MAIL_FOREIGN);
	for (unsigned i = 0; i < sizeof(r->checks) / sizeof(*r->checks); i++) {
		const struct examine_check *check = &r->checks[i];
		struct view *item = view_item(v, "checks");

		view_str(item, "id", check->id);
		view_str(item, "result", check->result == EXAMINE_UNREACHED ? "absent" : results[check->result]);
		view_bool(item, "holds", check->result == EXAMINE_HOLDS);
		view_bool(item, "fails", check->result == EXAMINE_FAILS);
		view_str(item, "detail", check->result == EXAMINE_FAILS ? check->text : "");
		view_str(item, "rests_on", "");
		view_str(item, "command", check->command);
	}
	for (unsigned i = 0; i < r->foreign_count && i < 20; i++)
		view_str(view_item(v, "foreign"), "host", r->foreign[i]);
	view_bool(v, "has_foreign", r->foreign_count > 0);
}

/* What is no mail, or cannot be asked about, is an answer too. */
static void show_none(struct view *v, const char *verdict)
{
	view_str(v, "verdict", verdict);
	view_bool(v, "wait", true);
}

enum pli_status verify_mail(struct door_call *c, struct verify_form *form, struct view *v, struct err *err)
{
	struct reading r = { .pool = c->pool, .part = -1 };
	struct examine_mail_report *report = POOL_NEW(c->pool, struct examine_mail_report);
	enum pli_status st;

	view_bool(v, "examined", true);
	view_bool(v, "is_mail", true);
	if (!c->doors->mail) {
		show_none(v, "mail_off");
		return PLI_OK;
	}
	if (form->file.n > MAIL_MAX)
		return err_field(err, PLI_LIMIT, "proof-too-large", "mail", "A mail handed in here may have at most %u MiB.", MAIL_MAX >> 20);
	buf_init_secret(&r.parts[0]);	/* holds a link */
	buf_init_secret(&r.parts[1]);
	st = verify_form_admit(c, COST, err);
	if (st == PLI_OK)
		st = read(c, &form->file, &r, err);
	if (st == PLI_OK)
		st = examine_mail(c->doors->office, c->pool, &r.mail, report, err);
	if (st == PLI_OK)
		show(v, report);
	buf_free(&r.parts[0]);
	buf_free(&r.parts[1]);
	if (st != PLI_INVALID)
		return st;
	show_none(v, "mail_unread");
	return PLI_OK;
}
