/* Where in an HTML text are we?  A small part of the WHATWG tokenizer (section 13.2.5), enough for
 * templates that we write ourselves: what it cannot follow it refuses. */
#include <string.h>
#include <strings.h>

#include "embed.h"

void html_begin(struct html *h)
{
	memset(h, 0, sizeof(*h));
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static const char *name_add(char *name, size_t cap, char c)
{
	size_t n = strlen(name);

	if (n + 1 >= cap)
		return "a tag or attribute name is too long";
	name[n] = lower(c);
	name[n + 1] = 0;
	return NULL;
}

static void tail_add(struct html *h, char c)
{
	size_t n = strlen(h->tail);

	if (n + 1 >= sizeof(h->tail)) {
		memmove(h->tail, h->tail + 1, n);
		n--;
	}
	h->tail[n] = lower(c);
	h->tail[n + 1] = 0;
}

static bool tail_is(const struct html *h, const char *before, const char *name)
{
	size_t n = strlen(h->tail), b = strlen(before), m = strlen(name);

	return n >= b + m && strcmp(h->tail + n - m, name) == 0 &&
	       memcmp(h->tail + n - m - b, before, b) == 0;
}

static void tag_end(struct html *h)
{
	h->state = H_TEXT;
	h->tail[0] = 0;
	if (h->closing)
		return;
	if (strcmp(h->tag, "script") == 0 || strcmp(h->tag, "style") == 0)
		h->state = H_RAW;
	else if (strcmp(h->tag, "title") == 0 || strcmp(h->tag, "textarea") == 0)
		h->state = H_RCDATA;
}

static const char *attr_begin(struct html *h, char c)
{
	if (c == '"' || c == '\'' || c == '<' || c == '=')
		return "a character that does not belong into an attribute's name";
	h->state = H_ATTR_NAME;
	h->attr[0] = 0;
	return name_add(h->attr, sizeof(h->attr), c);
}

static const char *in_tag(struct html *h, char c)
{
	if (is_space(c) || c == '/') {
		if (h->state == H_TAG_JOIN || h->state == H_TAG_NAME)
			h->state = H_IN_TAG;
		return NULL;
	}
	if (c == '>') {
		tag_end(h);
		return NULL;
	}
	if (h->state == H_TAG_JOIN)
		return "after {{/if}} within a tag a space, / or > must follow";
	return attr_begin(h, c);
}

static const char *after_attr_name(struct html *h, char c)
{
	if (c == '=') {
		h->state = H_BEFORE_VALUE;
		h->begun = false;
		return NULL;
	}
	if (is_space(c)) {
		h->state = H_AFTER_NAME;
		return NULL;
	}
	if (c == '>' || c == '/') {
		h->state = H_IN_TAG;
		return in_tag(h, c);
	}
	if (h->state == H_AFTER_NAME)
		return attr_begin(h, c);
	return name_add(h->attr, sizeof(h->attr), c);
}

static const char *before_value(struct html *h, char c)
{
	if (is_space(c))
		return NULL;
	if (c == '>')
		return "an attribute without a value";
	h->state = c == '"' ? H_VALUE_DOUBLE : c == '\'' ? H_VALUE_SINGLE : H_VALUE_BARE;
	return NULL;
}

static const char *in_value(struct html *h, char c)
{
	bool ends = (h->state == H_VALUE_DOUBLE && c == '"') || (h->state == H_VALUE_SINGLE && c == '\'');

	if (h->state == H_VALUE_BARE) {
		if (is_space(c) || c == '>') {
			h->state = H_IN_TAG;
			return in_tag(h, c);
		}
		return NULL;
	}
	if (ends)
		h->state = H_TAG_JOIN;	/* the same rule: a space, / or > */
	else
		h->begun = true;
	return NULL;
}

static const char *tag_open(struct html *h, char c)
{
	if (c == '/' && !h->closing) {
		h->closing = true;
		return NULL;
	}
	if (c == '!' && !h->closing) {
		h->state = H_DECLARATION;
		h->tail[0] = 0;
		return NULL;
	}
	if (!is_letter(c))
		return "a `<` that begins no tag; write &lt;";
	h->state = H_TAG_NAME;
	h->tag[0] = 0;
	return name_add(h->tag, sizeof(h->tag), c);
}

static const char *one(struct html *h, char c)
{
	switch (h->state) {
	case H_TEXT:
		if (c == '<') {
			h->state = H_TAG_OPEN;
			h->closing = false;
		}
		return NULL;
	case H_TAG_OPEN:
		return tag_open(h, c);
	case H_TAG_NAME:
		if (is_space(c) || c == '/' || c == '>')
			return in_tag(h, c);
		return name_add(h->tag, sizeof(h->tag), c);
	case H_IN_TAG:
	case H_TAG_JOIN:
		return in_tag(h, c);
	case H_ATTR_NAME:
	case H_AFTER_NAME:
		return after_attr_name(h, c);
	case H_BEFORE_VALUE:
		return before_value(h, c);
	case H_VALUE_DOUBLE:
	case H_VALUE_SINGLE:
	case H_VALUE_BARE:
		return in_value(h, c);
	case H_DECLARATION:
		tail_add(h, c);
		if (strcmp(h->tail, "--") == 0) {
			h->state = H_COMMENT;
			h->tail[0] = 0;
		} else if (c == '>') {
			h->state = H_TEXT;
		}
		return NULL;
	case H_COMMENT:
		tail_add(h, c);
		if (tail_is(h, "--", ">"))
			h->state = H_TEXT;
		return NULL;
	case H_RAW:
	case H_RCDATA:
		if ((is_space(c) || c == '/' || c == '>') && tail_is(h, "</", h->tag)) {
			h->closing = true;
			h->state = H_IN_TAG;
			return in_tag(h, c);
		}
		tail_add(h, c);
		return NULL;
	}
	return "lost";
}

const char *html_feed(struct html *h, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *wrong = one(h, s[i]);

		if (wrong)
			return wrong;
	}
	return NULL;
}

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

const char *html_place(struct html *h, enum template_place *place_r)
{
	static const char *const urls[] = { "href", "src", "action", "formaction", "poster", "cite",
					    "data", "manifest", "background", "xlink:href", NULL };
	static const char *const refused[] = { "style", "srcdoc", "srcset", "ping", "http-equiv", NULL };

	switch (h->state) {
	case H_TEXT:
	case H_RCDATA:
		*place_r = PLACE_HTML;
		return NULL;
	case H_VALUE_DOUBLE:
	case H_VALUE_SINGLE:
		break;
	case H_RAW:
		return "no value may stand inside <script> or <style>";
	case H_COMMENT:
	case H_DECLARATION:
		return "no value may stand inside a comment";
	case H_BEFORE_VALUE:
	case H_VALUE_BARE:
		return "an attribute that shows a value must be in quotes";
	case H_TAG_OPEN:
	case H_TAG_NAME:
	case H_IN_TAG:
	case H_ATTR_NAME:
	case H_AFTER_NAME:
	case H_TAG_JOIN:
		return "no value may stand among the names of a tag";
	}
	if (strncmp(h->attr, "on", 2) == 0)
		return "no value may stand inside an event handler";
	if (is_one_of(h->attr, refused))
		return "no value may stand inside this attribute";
	if (strcmp(h->tag, "meta") == 0 && strcmp(h->attr, "content") == 0)
		return "no value may stand inside <meta content=>";
	if (strcmp(h->tag, "script") == 0 && strcmp(h->attr, "src") == 0)
		return "a script's address is never a value; use {{asset}}";
	*place_r = !is_one_of(h->attr, urls) ? PLACE_ATTR : h->begun ? PLACE_URL_PART : PLACE_URL;
	h->begun = true;
	return NULL;
}

static bool between_attributes(enum html_state s)
{
	return s == H_IN_TAG || s == H_ATTR_NAME || s == H_AFTER_NAME || s == H_TAG_JOIN || s == H_TAG_NAME;
}

bool html_join(struct html *a, const struct html *b)
{
	if (between_attributes(a->state) && between_attributes(b->state)) {
		if (strcmp(a->tag, b->tag) != 0 || a->closing != b->closing)
			return false;
		if (a->state != H_IN_TAG || b->state != H_IN_TAG)
			a->state = H_TAG_JOIN;
		return true;
	}
	if (a->state != b->state)
		return false;
	switch (a->state) {
	case H_TEXT:
		return true;
	case H_VALUE_DOUBLE:
	case H_VALUE_SINGLE:
		return a->begun == b->begun && strcmp(a->attr, b->attr) == 0 && strcmp(a->tag, b->tag) == 0;
	case H_RAW:
	case H_RCDATA:
		/* Half an end tag on one side only would be lost. */
		a->tail[0] = 0;
		return strcmp(a->tag, b->tag) == 0 && !strchr(b->tail, '<');
	default:
		return false;
	}
}
