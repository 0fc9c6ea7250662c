/* Compiling templates (language: src/base/template.h) into operations (src/base/web_table.h). */
#include <stdlib.h>
#include <string.h>

#include "embed.h"

#define INCLUDE_DEPTH_MAX 8
#define LIST_DEPTH_MAX 6

enum form { FORM_HTML, FORM_TXT, FORM_SUBJECT };

struct compiled {
	char *name;		/* "pages/landing.html" */
	struct template_op *ops;
	size_t count;
	struct template_name *fields;
	size_t field_count;
};

/* Where an #if, #unless or #each began. */
struct block {
	char kind;		/* 'i' if, 'u' unless, 'e' each */
	size_t at;		/* its operation */
	size_t body_end;	/* the OP_JUMP over the else branch; 0: no else yet */
	struct html before;	/* state where it began */
	struct html first_end;	/* state at the end of the first branch */
	unsigned line;
};

struct source {
	const struct file *file;
	const char *at, *end;
	unsigned line;
};

struct compiler {
	struct compiled *t;
	enum form form;
	const char *folder;	/* "web/pages" */
	const char *ending;	/* ".html" */
	struct html html;
	unsigned lists;		/* depth of #each */
	unsigned includes;
};

static struct compiled *templates;
static size_t template_total;

/* ---- operations */

static struct template_op *op_add(struct compiler *c, enum template_code code, const char *text)
{
	struct compiled *t = c->t;
	struct template_op *op;

	t->ops = grow(t->ops, (t->count + 1) * sizeof(*t->ops));
	op = &t->ops[t->count++];
	memset(op, 0, sizeof(*op));
	op->code = (uint8_t)code;
	op->text = text;
	return op;
}

static void literal_add(struct compiler *c, const struct source *s, const char *p, size_t n)
{
	const char *wrong;

	if (!n)
		return;
	if (c->form == FORM_HTML && (wrong = html_feed(&c->html, p, n)))
		fail(s->file->path, s->line, "%s", wrong);
	if (c->form == FORM_SUBJECT && memchr(p, '\n', n))
		fail(s->file->path, s->line, "a subject is one line");
	op_add(c, OP_TEXT, text_format("%.*s", (int)n, p))->n = (uint32_t)n;
}

static void field_note(struct compiler *c, const char *name, unsigned up)
{
	struct compiled *t = c->t;
	int depth = (int)(c->lists - up);

	if (name[0] == '@')
		return;
	for (size_t i = 0; i < t->field_count; i++)
		if (t->fields[i].depth == depth && strcmp(t->fields[i].name, name) == 0)
			return;
	t->fields = grow(t->fields, (t->field_count + 1) * sizeof(*t->fields));
	t->fields[t->field_count++] = (struct template_name){ name, depth };
}

/* "../name" to name and up; checks the letters. */
static const char *name_read(struct compiler *c, const struct source *s, const char *word, uint8_t *up_r)
{
	unsigned up = 0;
	const char *bare;

	for (; strncmp(word, "../", 3) == 0; word += 3)
		up++;
	if (up > c->lists)
		fail(s->file->path, s->line, "../ leads out of the page");
	bare = word + (*word == '@');
	if (!*bare || bare[strspn(bare, "abcdefghijklmnopqrstuvwxyz0123456789_")])
		fail(s->file->path, s->line, "a name is made of a-z 0-9 _, not '%s'", word);
	if (*word == '@') {
		if (strcmp(word, "@n") != 0 && strcmp(word, "@first") != 0 && strcmp(word, "@last") != 0)
			fail(s->file->path, s->line, "unknown '%s'", word);
		if (up >= c->lists)
			fail(s->file->path, s->line, "%s has a meaning only inside {{#each}}", word);
	}
	*up_r = (uint8_t)up;
	return text_format("%s", word);
}

static enum template_place place_here(struct compiler *c, const struct source *s)
{
	enum template_place place = PLACE_PLAIN;
	const char *wrong;

	if (c->form == FORM_SUBJECT)
		return PLACE_LINE;
	if (c->form == FORM_HTML && (wrong = html_place(&c->html, &place)))
		fail(s->file->path, s->line, "%s", wrong);
	return place;
}

static void value_add(struct compiler *c, const struct source *s, enum template_code code, const char *word)
{
	uint8_t up;
	const char *name = name_read(c, s, word, &up);
	enum template_place place = place_here(c, s);
	struct template_op *op;

	if (name[0] == '@' && (code != OP_VALUE || strcmp(name, "@n") != 0))
		fail(s->file->path, s->line, "%s cannot be shown so", name);
	if (code == OP_RAW && place != PLACE_HTML)
		fail(s->file->path, s->line, "markup may stand only in the text of a page");
	if (code == OP_RAW && c->html.state == H_RCDATA)
		fail(s->file->path, s->line, "markup has no meaning inside <%s>", c->html.tag);
	if (code == OP_LINES && place != PLACE_HTML && place != PLACE_PLAIN)
		fail(s->file->path, s->line, "several lines cannot stand here");
	if (code == OP_LINES && c->form == FORM_HTML && c->html.state == H_RCDATA)
		fail(s->file->path, s->line, "use {{name}} inside <%s>", c->html.tag);
	op = op_add(c, code, name);
	op->place = (uint8_t)place;
	op->up = up;
	field_note(c, name, up);
}

/* ---- tags */

/* Next word of a tag, or NULL. */
static char *word_next(char **rest)
{
	char *word = *rest + strspn(*rest, " \t\n");
	size_t n = strcspn(word, " \t\n");

	if (!n)
		return NULL;
	*rest = word + n;
	if (**rest)
		*(*rest)++ = 0;
	return word;
}

static void translation_add(struct compiler *c, const struct source *s, char *rest)
{
	char *key = word_next(&rest), *word, *dollar;
	enum template_place place;
	size_t at = c->t->count;
	int wanted, given = 0;
	uint8_t up;

	if (!key)
		fail(s->file->path, s->line, "{{t}} needs a key");
	place = place_here(c, s);
	if (place == PLACE_URL || place == PLACE_URL_PART)
		fail(s->file->path, s->line, "a translation is not an address");
	dollar = strchr(key, '$');
	if (dollar) {
		const char *name = name_read(c, s, dollar + 1, &up);
		struct template_op *op;

		*dollar = 0;
		wanted = locale_prefix_arguments(key);
		op_add(c, OP_TR_NAMED, text_format("%s", key));
		op = op_add(c, OP_ARG, name);
		op->up = up;
		field_note(c, name, up);
	} else {
		wanted = locale_arguments(key);
		op_add(c, OP_TR, text_format("%s", key));
	}
	if (wanted < 0)
		fail(s->file->path, s->line, "no translation has the key %s%s", key, dollar ? "…" : "");
	while ((word = word_next(&rest))) {
		const char *name = name_read(c, s, word, &up);

		if (strcmp(name, "@first") == 0 || strcmp(name, "@last") == 0)
			fail(s->file->path, s->line, "%s cannot be shown", name);
		op_add(c, OP_ARG, name)->up = up;
		field_note(c, name, up);
		given++;
	}
	if (given != wanted)
		fail(s->file->path, s->line, "%s takes %d values, not %d", key, wanted, given);
	c->t->ops[at].n = (uint32_t)(c->t->count - at - 1);
	c->t->ops[at].place = (uint8_t)place;
}

static void block_begin(struct compiler *c, const struct source *s, struct block *b, char kind, char *rest)
{
	char *word = word_next(&rest);
	struct template_op *op;
	const char *name;
	uint8_t up;

	if (!word || word_next(&rest))
		fail(s->file->path, s->line, "one name must follow");
	name = name_read(c, s, word, &up);
	if (name[0] == '@' && (kind == 'e' || strcmp(name, "@n") == 0))
		fail(s->file->path, s->line, "%s cannot be asked so", name);
	memset(b, 0, sizeof(*b));
	b->kind = kind;
	b->at = c->t->count;
	b->before = c->html;
	b->line = s->line;
	op = op_add(c, kind == 'i' ? OP_IF : kind == 'u' ? OP_UNLESS : OP_EACH, name);
	op->up = up;
	if (kind == 'e' && ++c->lists > LIST_DEPTH_MAX)
		fail(s->file->path, s->line, "lists in lists in lists");
}

/* The first branch ends, at {{else}} or at the end. */
static void block_turn(struct compiler *c, const struct source *s, struct block *b)
{
	if (b->kind == 'e') {
		struct html around = b->before;

		if (c->form == FORM_HTML && !html_join(&around, &c->html))
			fail(s->file->path, s->line, "{{#each}} of line %u ends in another place than it began",
			     b->line);
		op_add(c, OP_NEXT, NULL)->to = (uint32_t)b->at + 1;
		c->lists--;
	}
	b->first_end = c->html;
}

static void block_else(struct compiler *c, const struct source *s, struct block *b)
{
	if (b->body_end)
		fail(s->file->path, s->line, "a second {{else}}");
	block_turn(c, s, b);
	b->body_end = c->t->count;
	op_add(c, OP_JUMP, NULL);
	c->t->ops[b->at].to = (uint32_t)c->t->count;
	c->html = b->before;
}

static void block_end(struct compiler *c, const struct source *s, struct block *b)
{
	if (b->body_end) {
		c->t->ops[b->body_end].to = (uint32_t)c->t->count;
	} else {
		block_turn(c, s, b);
		c->t->ops[b->at].to = (uint32_t)c->t->count;
		c->html = b->before;
	}
	if (c->form == FORM_HTML && !html_join(&c->html, &b->first_end))
		fail(s->file->path, s->line, "the branches that began in line %u end in different places", b->line);
}

static void source_compile(struct compiler *c, const struct file *file);

static void include_add(struct compiler *c, const struct source *s, char *rest)
{
	char *word = word_next(&rest);
	struct file *file;

	if (!word || word_next(&rest) || word[strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_-")])
		fail(s->file->path, s->line, "{{> name}} takes one name");
	file = file_read(text_format("%s/_%s%s", c->folder, word, c->ending));
	if (!file)
		fail(s->file->path, s->line, "there is no %s/_%s%s", c->folder, word, c->ending);
	if (++c->includes > INCLUDE_DEPTH_MAX)
		fail(s->file->path, s->line, "includes in a circle");
	source_compile(c, file);
	c->includes--;
}

static void asset_add(struct compiler *c, const struct source *s, char *rest)
{
	char *word = word_next(&rest);
	const char *address = word ? asset_address(word) : NULL;

	if (!address)
		fail(s->file->path, s->line, "there is no asset %s", word ? word : "");
	literal_add(c, s, address, strlen(address));
}

/* A tag inside {{ }}; returns 'b' when a block began, '|' at {{else}}, at {{/each}} and the like the first
 * letter of their word, else 0. */
static char tag_compile(struct compiler *c, const struct source *s, char *tag, struct block *b)
{
	char *rest = tag, *word;

	if (*tag == '!') {
		value_add(c, s, OP_RAW, tag + 1);
		return 0;
	}
	if (*tag == '>') {
		rest++;
		include_add(c, s, rest);
		return 0;
	}
	word = word_next(&rest);
	if (!word)
		fail(s->file->path, s->line, "an empty tag");
	if (strcmp(word, "#if") == 0 || strcmp(word, "#unless") == 0 || strcmp(word, "#each") == 0) {
		block_begin(c, s, b, word[1], rest);
		return 'b';
	}
	if (strcmp(word, "else") == 0)
		return '|';
	if (strcmp(word, "/if") == 0 || strcmp(word, "/unless") == 0 || strcmp(word, "/each") == 0)
		return word[1];
	if (word[0] == '/' || word[0] == '#')
		fail(s->file->path, s->line, "unknown {{%s}}", word);
	if (strcmp(word, "t") == 0) {
		translation_add(c, s, rest);
		return 0;
	}
	if (strcmp(word, "asset") == 0) {
		asset_add(c, s, rest);
		return 0;
	}
	if (strcmp(word, "@lang") == 0) {
		op_add(c, OP_LANG, NULL);
		if (c->form == FORM_HTML)
			place_here(c, s);
		return 0;
	}
	if (strcmp(word, "lines") == 0 && (word = word_next(&rest)))
		value_add(c, s, OP_LINES, word);
	else
		value_add(c, s, OP_VALUE, word);
	if (word_next(&rest))
		fail(s->file->path, s->line, "too many words");
	return 0;
}

/* ---- text between tags */

static unsigned lines_in(const char *p, const char *end)
{
	unsigned n = 0;

	for (; p < end; p++)
		n += *p == '\n';
	return n;
}

static bool is_blank(const char *p, const char *end)
{
	for (; p < end; p++)
		if (*p != ' ' && *p != '\t' && *p != '\r')
			return false;
	return true;
}

/* A tag that shows nothing and has its line to itself takes the line with it. */
static void cut_line(const struct source *s, const char *open, const char **literal_end, const char **after)
{
	const char *line = open, *end = *after;

	while (line > s->file->bytes && line[-1] != '\n')
		line--;
	while (end < s->end && *end != '\n')
		end++;
	if (line < s->at || !is_blank(line, open) || !is_blank(*after, end))
		return;
	*literal_end = line;
	*after = end < s->end ? end + 1 : end;
}

static bool shows_nothing(const char *tag)
{
	return *tag == '#' || *tag == '/' || *tag == '>' || strncmp(tag, "--", 2) == 0 ||
	       strcmp(tag, "else") == 0;
}

static char stretch_compile(struct compiler *c, struct source *s);

static void block_compile(struct compiler *c, struct source *s, struct block *b)
{
	char what = stretch_compile(c, s);

	if (what == '|') {
		block_else(c, s, b);
		what = stretch_compile(c, s);
	}
	if (what == '|')
		fail(s->file->path, s->line, "a second {{else}}");
	if (!what)
		fail(s->file->path, b->line, "this block has no end");
	if (what != b->kind)
		fail(s->file->path, s->line, "this does not end the block of line %u", b->line);
	block_end(c, s, b);
}

/* Cut the tag at open out of the source; *literal_end is where the text before it ends. */
static char *tag_cut(const struct source *s, const char *open, const char **literal_end, const char **after_r)
{
	bool comment = strncmp(open, "{{--", 4) == 0;
	const char *close = strstr(open, comment ? "--}}" : "}}");
	char *tag, *end;

	if (!close)
		fail(s->file->path, s->line + lines_in(s->at, open), "{{ without }}");
	*after_r = close + (comment ? 4 : 2);
	tag = text_format("%.*s", (int)(close - open) - 2, open + 2);
	tag += strspn(tag, " \t\n");
	for (end = tag + strlen(tag); end > tag && strchr(" \t\n", end[-1]); end--)
		;
	*end = 0;
	*literal_end = open;
	if (shows_nothing(tag))
		cut_line(s, open, literal_end, after_r);
	return tag;
}

/* Everything up to the end of the source (returns 0) or to a tag that ends or turns a block around it
 * (returns that, see tag_compile). */
static char stretch_compile(struct compiler *c, struct source *s)
{
	const char *open, *after, *literal_end;

	while ((open = strstr(s->at, "{{"))) {
		char *tag = tag_cut(s, open, &literal_end, &after);
		struct block block;
		char what = 0;

		literal_add(c, s, s->at, (size_t)(literal_end - s->at));
		s->line += lines_in(s->at, open);
		if (strncmp(tag, "--", 2) != 0)
			what = tag_compile(c, s, tag, &block);
		s->line += lines_in(open, after);
		s->at = after;
		if (what == 'b')
			block_compile(c, s, &block);
		else if (what)
			return what;
	}
	literal_add(c, s, s->at, (size_t)(s->end - s->at));
	s->line += lines_in(s->at, s->end);
	s->at = s->end;
	return 0;
}

static void source_compile(struct compiler *c, const struct file *file)
{
	struct source s = { file, file->bytes, file->bytes + file->n, 1 };

	if (strlen(file->bytes) != file->n)
		fail(file->path, 0, "holds a NUL");
	/* The line end of a subject's only line is not part of it. */
	if (c->form == FORM_SUBJECT && file->n && s.end[-1] == '\n')
		*(char *)--s.end = 0;
	if (stretch_compile(c, &s))
		fail(file->path, s.line, "{{else}} or {{/}} without a beginning");
}

/* ---- all */

static void folder_read(const char *web, const char *folder)
{
	static const struct { const char *ending; enum form form; } forms[] = {
		{ ".html", FORM_HTML }, { ".txt", FORM_TXT }, { ".subject", FORM_SUBJECT },
	};
	char *path = text_format("%s/%s", web, folder);
	size_t count;
	struct file *files = files_read(path, &count);

	for (size_t i = 0; i < count; i++) {
		struct compiler c = { .folder = path };
		struct compiled t = { 0 };
		const char *dot = strrchr(files[i].name, '.');

		for (size_t k = 0; dot && k < 3; k++) {
			if (strcmp(forms[k].ending, dot) == 0) {
				c.ending = forms[k].ending;
				c.form = forms[k].form;
			}
		}
		if (!c.ending)
			fail(files[i].path, 0, "a template ends in .html, .txt or .subject");
		if (files[i].name[0] == '_')
			continue;
		t.name = text_format("%s/%s", folder, files[i].name);
		c.t = &t;
		html_begin(&c.html);
		source_compile(&c, &files[i]);
		if (c.form == FORM_HTML && c.html.state != H_TEXT)
			fail(files[i].path, 0, "ends inside a tag, a comment or <%s>", c.html.tag);
		templates = grow(templates, (template_total + 1) * sizeof(*templates));
		templates[template_total++] = t;
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct compiled *)a)->name, ((const struct compiled *)b)->name);
}

void templates_read(const char *web)
{
	folder_read(web, "pages");
	folder_read(web, "mail");
	if (template_total)
		qsort(templates, template_total, sizeof(*templates), by_name);
}

void templates_declare(FILE *out)
{
	for (size_t i = 0; i < template_total; i++)
		fprintf(out, "extern const struct template tpl_%s;\n", c_name(templates[i].name));
}

static void op_write(FILE *out, const struct template_op *op)
{
	static const char *const codes[] = {
		"OP_TEXT", "OP_VALUE", "OP_LINES", "OP_RAW", "OP_IF", "OP_UNLESS", "OP_JUMP", "OP_EACH",
		"OP_NEXT", "OP_TR", "OP_TR_NAMED", "OP_ARG", "OP_LANG",
	};
	static const char *const places[] = {
		"PLACE_HTML", "PLACE_ATTR", "PLACE_URL", "PLACE_URL_PART", "PLACE_LINE", "PLACE_PLAIN",
	};

	fprintf(out, "\t{ %s, %s, %u, %u, %u, ", codes[op->code], places[op->place], op->up,
		(unsigned)op->to, (unsigned)op->n);
	if (op->text)
		string_write(out, op->text, strlen(op->text));
	else
		fputc('0', out);
	fputs(" },\n", out);
}

void templates_write(FILE *out)
{
	for (size_t i = 0; i < template_total; i++) {
		const struct compiled *t = &templates[i];
		char *c = c_name(t->name);

		fprintf(out, "static const struct template_op ops_%s[] = {\n", c);
		for (size_t k = 0; k < t->count; k++)
			op_write(out, &t->ops[k]);
		fprintf(out, "\t{ 0 }\n};\nstatic const struct template_name fields_%s[] = {\n", c);
		for (size_t k = 0; k < t->field_count; k++)
			fprintf(out, "\t{ \"%s\", %d },\n", t->fields[k].name, t->fields[k].depth);
		fprintf(out, "\t{ 0 }\n};\nconst struct template tpl_%s = { \"%s\", ops_%s, %zu, fields_%s, %zu };\n\n",
			c, t->name, c, t->count, c, t->field_count);
	}
	fputs("const struct template *const web_templates[] = {\n", out);
	for (size_t i = 0; i < template_total; i++)
		fprintf(out, "\t&tpl_%s,\n", c_name(templates[i].name));
	fprintf(out, "\t0\n};\nconst size_t web_template_count = %zu;\n\n", template_total);
}
