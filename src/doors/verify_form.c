/* A file handed in on /verify, see verify_form.h. */
#include <string.h>

#include "clock.h"
#include "pool.h"
#include "text.h"

#include "http.h"
#include "multipart.h"

#include "examine.h"

#include "door.h"
#include "door_form.h"
#include "portal.h"
#include "visitors.h"

#include "verify_form.h"

#define PIECE (64u << 10)
#define FIELD_MAX EXAMINE_TEXT_BYTES

static enum pli_status too_large(struct err *err)
{
	return err_field(err, PLI_LIMIT, "proof-too-large", "proof", "A proof handed in here may have at most %u MiB.", EXAMINE_MAX_BYTES >> 20);
}

static enum pli_status part_begin(void *arg, const struct multipart_part *part, struct err *err)
{
	struct verify_form *s = arg;

	buf_reset(&s->field);
	s->field_name = NULL;
	if (!part->filename) {
		s->field_name = pool_str(s->c->pool, part->name);
		return PLI_OK;
	}
	s->is_mail = str_eq(part->name, "mail");
	if (!s->is_mail && !str_eq(part->name, "proof"))
		return err_field(err, PLI_INVALID, "unknown-field", part->name, "The file goes in the field named `proof`, a mail in `mail`.");
	if (s->has_file)
		return err_field(err, PLI_INVALID, "one-file", "proof", "One file at a time.");
	s->has_file = true;
	return PLI_OK;
}

/* Room is asked for before the bytes are kept. */
static enum pli_status file_add(struct verify_form *s, const void *p, size_t n, struct err *err)
{
	if (n > EXAMINE_MAX_BYTES - s->file.n)
		return too_large(err);
	while (s->file.n + n > s->held) {
		if (!visitors_hold(s->c->doors->visitors, PIECE))
			return err_set(err, PLI_BUSY, "Too much is being examined; try again in a moment.");
		s->held += PIECE;
	}
	buf_add(&s->file, p, n);
	return PLI_OK;
}

static enum pli_status part_data(void *arg, const void *p, size_t n, struct err *err)
{
	struct verify_form *s = arg;

	if (!s->field_name)
		return file_add(s, p, n, err);
	buf_add(&s->field, p, n);
	return PLI_OK;
}

static enum pli_status part_end(void *arg, struct err *err)
{
	struct verify_form *s = arg;

	return s->field_name ? form_add(&s->form, s->field_name, s->field.p ? s->field.p : "", s->field.n, err) : PLI_OK;
}

static enum pli_status form_write(struct ostream *os, const void *p, size_t n, struct err *err)
{
	return multipart_feed(((struct verify_form *)os)->parser, p, n, err);
}

static enum pli_status form_finish(struct ostream *os, struct err *err)
{
	return multipart_finish(((struct verify_form *)os)->parser, err);
}

void verify_form_close(struct verify_form *s)
{
	buf_free(&s->file);
	buf_free(&s->field);
	visitors_release(s->c->doors->visitors, s->held);
	s->held = 0;
}

static void form_close(struct ostream *os)
{
	verify_form_close((struct verify_form *)os);
}

enum pli_status verify_form_admit(struct door_call *c, unsigned cost, struct err *err)
{
	unsigned wait_s = 0;

	if (visitors_admit(c->doors->visitors, portal_from(c), cost, clock_mono_us(), &wait_s))
		return PLI_OK;
	err_set(err, PLI_RATE, "Too much from your network at once; wait %u s.", wait_s);
	err->retry_after_s = wait_s;
	return PLI_RATE;
}

enum pli_status verify_form_open(struct door_call *c, struct ostream **sink_r, struct err *err)
{
	static const struct ostream_ops OPS = { "verify-form", form_write, form_finish, form_close };
	static const struct multipart_events EVENTS = { part_begin, part_data, part_end };
	static const struct multipart_limits LIMITS = { .files = 2, .fields = 8, .field_bytes = FIELD_MAX, .fields_bytes = 2 * FIELD_MAX };
	struct verify_form *s;
	enum pli_status st = door_same_site(c, err);

	if (st == PLI_OK)
		st = verify_form_admit(c, 1, err);
	if (st != PLI_OK)
		return st;
	if (c->x->req.content_length > (uint64_t)EXAMINE_MAX_BYTES + 4 * FIELD_MAX)
		return too_large(err);
	s = POOL_NEW(c->pool, struct verify_form);
	s->os.ops = &OPS;
	s->c = c;
	form_init(&s->form, c->pool);
	buf_init_secret(&s->file);
	buf_init(&s->field);
	st = multipart_new(c->pool, &LIMITS, http_field(&c->x->req, "content-type"), &EVENTS, s, &s->parser, err);
	if (st != PLI_OK)
		return st;
	c->sink_state = s;
	*sink_r = &s->os;
	return PLI_OK;
}
