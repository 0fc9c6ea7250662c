/* A letter's form on its way in, as multipart/form-data: fields are kept, files are staged as they arrive. */
#include <string.h>

#include "pool.h"
#include "text.h"

#include "filename.h"
#include "http.h"
#include "mediatype.h"
#include "multipart.h"

#include "door.h"

#include "letter_form.h"

static enum pli_status file_begin(struct letter_form *s, const struct multipart_part *part, struct err *err)
{
	struct deposit_part *p;

	s->field_name = NULL;
	if (!str_eq(part->name, "file"))
		return err_field(err, PLI_INVALID, "unknown-field", part->name, "Files go in fields named `file`.");
	/* What a browser sends for a file field where no file was chosen. */
	s->skip = s->of_page && part->filename_n == 0;
	if (s->skip)
		return PLI_OK;
	if (s->part_count == s->part_cap) {
		unsigned cap = s->part_cap ? s->part_cap * 2 : 8;
		struct deposit_part *grown = POOL_ARRAY(s->c->pool, struct deposit_part, cap);

		if (s->part_count)
			memcpy(grown, s->parts, s->part_count * sizeof *grown);
		s->parts = grown;
		s->part_cap = cap;
	}
	p = &s->parts[s->part_count];
	*p = (struct deposit_part){ .name = filename_clean(s->c->pool, part->filename, part->filename_n),
				    .type = mediatype_clean(s->c->pool, part->type) };
	return deposit_stage_open(s->c->doors->office, &s->c->principal, &s->file, p, err);
}

static enum pli_status part_begin(void *arg, const struct multipart_part *part, struct err *err)
{
	struct letter_form *s = arg;

	buf_reset(&s->field);
	s->skip = false;
	if (s->of_page && !s->form.count && (part->filename || !str_eq(part->name, "form")))
		return s->first_field(s->c, NULL, err);
	if (part->filename)
		return file_begin(s, part, err);
	s->field_name = pool_str(s->c->pool, part->name);
	return PLI_OK;
}

static enum pli_status part_data(void *arg, const void *p, size_t n, struct err *err)
{
	struct letter_form *s = arg;

	if (s->file)
		return ostream_write(s->file, p, n, err);
	if (s->skip)
		return PLI_OK;
	buf_add(&s->field, p, n);
	return PLI_OK;
}

static enum pli_status field_end(struct letter_form *s, struct err *err)
{
	const char *value = s->field.p ? s->field.p : "";
	enum pli_status st = form_add(&s->form, s->field_name, value, s->field.n, err);

	if (st == PLI_OK && s->of_page && s->form.count == 1)
		st = s->first_field(s->c, s->form.items[0].value, err);
	return st;
}

static enum pli_status part_end(void *arg, struct err *err)
{
	struct letter_form *s = arg;
	enum pli_status st;

	if (s->skip)
		return PLI_OK;
	if (!s->file)
		return field_end(s, err);
	st = deposit_stage_close(s->file, &s->parts[s->part_count], err);
	ostream_close(s->file);
	s->file = NULL;
	if (st == PLI_OK)
		s->part_count++;
	return st;
}

static const struct multipart_events EVENTS = { part_begin, part_data, part_end };

static enum pli_status form_write(struct ostream *os, const void *p, size_t n, struct err *err)
{
	return multipart_feed(((struct letter_form *)os)->parser, p, n, err);
}

static enum pli_status form_finish(struct ostream *os, struct err *err)
{
	return multipart_finish(((struct letter_form *)os)->parser, err);
}

void letter_form_abandon(struct letter_form *s)
{
	if (s->file)
		ostream_close(s->file);
	s->file = NULL;
	if (!s->given && s->part_count)
		deposit_stage_discard(s->c->doors->office, &s->c->principal, s->parts, s->part_count);
	s->part_count = 0;
	buf_free(&s->field);
}

static void form_close(struct ostream *os)
{
	letter_form_abandon((struct letter_form *)os);
}

static const struct ostream_ops OPS = { "letter-form", form_write, form_finish, form_close };

static const struct multipart_limits API_LIMITS = { .files = DEPOSIT_PARTS_MAX };
/* A page keeps what was typed even where it is too long, and says so beside the field. */
static const struct multipart_limits PAGE_LIMITS = { .files = DEPOSIT_PARTS_MAX, .field_bytes = 2 * DEPOSIT_MESSAGE_MAX,
						     .fields_bytes = 4 * DEPOSIT_MESSAGE_MAX };

enum pli_status letter_form_open(struct door_call *c, letter_form_first_fn *first_field, struct ostream **sink_r, struct err *err)
{
	struct letter_form *s = POOL_NEW(c->pool, struct letter_form);
	enum pli_status st;

	s->os.ops = &OPS;
	s->c = c;
	s->of_page = first_field != NULL;
	s->first_field = first_field;
	form_init(&s->form, c->pool);
	buf_init_secret(&s->field);
	st = principal_may(&c->principal, RIGHT_DEPOSIT, &c->principal.entity, NULL, err);
	if (st == PLI_OK)
		st = multipart_new(c->pool, first_field ? &PAGE_LIMITS : &API_LIMITS, http_field(&c->x->req, "content-type"),
				   &EVENTS, s, &s->parser, err);
	if (st != PLI_OK)
		return st;
	c->sink_state = s;
	*sink_r = &s->os;
	return PLI_OK;
}

const char *const *letter_form_all(const struct form *form, struct pool *pool, const char *name)
{
	const char **all = POOL_ARRAY(pool, const char *, form->count + 1);
	unsigned n = 0;

	for (unsigned i = 0; i < form->count; i++)
		if (str_eq(form->items[i].name, name))
			all[n++] = form->items[i].value;
	return all;
}
