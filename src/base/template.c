/* Running the operations of a template; see template.h for the language, web_table.h for the form. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "escape.h"
#include "locale.h"
#include "view.h"
#include "web_table.h"

#include "template.h"

#define DEPTH_MAX 8
#define KEY_MAX 128

struct frame {
	const struct view *view;
	size_t number;		/* of the item, from 1 */
};

struct run {
	struct buf *out;
	const struct locale *l;
	struct frame frames[DEPTH_MAX];
	unsigned depth;
	unsigned missing;
};

static const struct frame *frame_of(const struct run *r, const struct template_op *op)
{
	assert(op->up <= r->depth);
	return &r->frames[r->depth - op->up];
}

static bool is_true(const struct run *r, const struct template_op *op)
{
	const struct frame *f = frame_of(r, op);

	if (op->text[0] != '@')
		return view_true(f->view, op->text);
	if (strcmp(op->text, "@first") == 0)
		return f->number == 1;
	return !view_next(f->view);	/* @last */
}

/* number: 24 bytes for @n. */
static const char *value_of(struct run *r, const struct template_op *op, char *number, size_t *n_r)
{
	const struct frame *f = frame_of(r, op);
	const char *p;

	if (op->text[0] == '@') {
		*n_r = (size_t)snprintf(number, 24, "%zu", f->number);
		return number;
	}
	p = view_text(f->view, op->text, n_r);
	/* Markup where text belongs is as wrong as nothing at all. */
	if (!p || (op->code != OP_RAW) != (view_kind(f->view, op->text) != VIEW_HTML)) {
		r->missing++;
		*n_r = 0;
		return "";
	}
	return p;
}

static void escape(struct buf *out, uint8_t place, bool lines, const char *p, size_t n)
{
	switch ((enum template_place)place) {
	case PLACE_HTML:
		if (lines)
			escape_html_lines(out, p, n);
		else
			escape_html(out, p, n);
		break;
	case PLACE_ATTR:
		escape_html(out, p, n);
		break;
	case PLACE_URL:
		escape_url(out, p, n);
		break;
	case PLACE_URL_PART:
		escape_url_part(out, p, n);
		break;
	case PLACE_LINE:
		escape_line(out, p, n);
		break;
	case PLACE_PLAIN:
		if (lines)
			escape_lines(out, p, n);
		else
			escape_line(out, p, n);
		break;
	}
}

/* The text of a translation belongs to us, but stands in the same place as its arguments: both are
 * escaped for it. */
static void translate(struct run *r, const struct template_op *op, const struct template_op *args)
{
	char named[KEY_MAX], number[24];
	const char *key = op->text, *text, *p;
	size_t n, count = op->n;

	if (op->code == OP_TR_NAMED) {
		p = value_of(r, args, number, &n);
		snprintf(named, sizeof(named), "%s%.*s", op->text, n < KEY_MAX ? (int)n : KEY_MAX, p);
		key = named;
		args++;
		count--;
	}
	text = locale_known(r->l, key);
	if (!text) {
		/* Only a key made from a value can be unknown here; show that value. */
		r->missing++;
		escape(r->out, op->place, false, key + strlen(op->text), strlen(key + strlen(op->text)));
		return;
	}
	for (; *text; text += text[1] ? 2 : 1) {
		n = strcspn(text, "%");
		escape(r->out, op->place, op->place != PLACE_ATTR, text, n);
		text += n;
		if (!*text)
			break;
		if (text[1] >= '1' && text[1] <= '9') {
			size_t i = (size_t)(text[1] - '1');

			if (i >= count) {
				r->missing++;
				continue;
			}
			p = value_of(r, &args[i], number, &n);
			escape(r->out, op->place, false, p, n);
		} else {
			buf_ch(r->out, '%');
		}
	}
}

/* One operation; returns the index of the next. */
static uint32_t step(struct run *r, const struct template_op *ops, uint32_t at)
{
	const struct template_op *op = &ops[at];
	struct frame *f = &r->frames[r->depth];
	const struct view *item;
	char number[24];
	const char *p;
	size_t n;

	switch ((enum template_code)op->code) {
	case OP_TEXT:
		buf_add(r->out, op->text, op->n);
		return at + 1;
	case OP_VALUE:
	case OP_LINES:
		p = value_of(r, op, number, &n);
		escape(r->out, op->place, op->code == OP_LINES, p, n);
		return at + 1;
	case OP_RAW:
		p = value_of(r, op, number, &n);
		buf_add(r->out, p, n);
		return at + 1;
	case OP_IF:
		return is_true(r, op) ? at + 1 : op->to;
	case OP_UNLESS:
		return is_true(r, op) ? op->to : at + 1;
	case OP_JUMP:
		return op->to;
	case OP_EACH:
		item = view_first(frame_of(r, op)->view, op->text);
		if (!item)
			return op->to;
		assert(r->depth + 1 < DEPTH_MAX);
		r->depth++;
		r->frames[r->depth] = (struct frame){ item, 1 };
		return at + 1;
	case OP_NEXT:
		item = view_next(f->view);
		if (!item) {
			r->depth--;
			return at + 1;
		}
		f->view = item;
		f->number++;
		return op->to;
	case OP_TR:
	case OP_TR_NAMED:
		translate(r, op, op + 1);
		return at + 1 + op->n;
	case OP_ARG:
		return at + 1;
	case OP_LANG:
		buf_str(r->out, locale_lang(r->l));
		return at + 1;
	}
	assert(!"unknown operation");
	return at + 1;
}

unsigned template_render(struct buf *out, const struct template *t, const struct view *v,
			 const struct locale *l)
{
	struct run r = { .out = out, .l = l, .frames = { { v, 0 } } };

	for (uint32_t at = 0; at < t->op_count;)
		at = step(&r, t->ops, at);
	return r.missing;
}

const char *template_name(const struct template *t)
{
	return t->name;
}

const struct template *template_find(const char *name)
{
	for (size_t i = 0; i < web_template_count; i++)
		if (strcmp(web_templates[i]->name, name) == 0)
			return web_templates[i];
	return NULL;
}

const struct template *template_at(size_t i)
{
	return i < web_template_count ? web_templates[i] : NULL;
}

size_t template_count(void)
{
	return web_template_count;
}

const char *template_field(const struct template *t, size_t i, int *depth_r)
{
	if (i >= t->field_count)
		return NULL;
	if (depth_r)
		*depth_r = t->fields[i].depth;
	return t->fields[i].name;
}

size_t template_field_count(const struct template *t)
{
	return t->field_count;
}
