/* See head_line.h. */
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "text.h"

#include "head_line.h"

void head_line_write(const struct head_line *line, bool with_signature, struct buf *out)
{
	char base64[96];

	buf_fmt(out, "%s %" PRIu64 " %s", line->origin, line->size, base64_encode(base64, line->root, 32));
	if (with_signature && line->has_signature)
		buf_fmt(out, " %s", base64_encode(base64, line->signature, sizeof(line->signature)));
}

struct word {
	const char *p;
	size_t n;
};

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The last words of the text, last first; how many. */
static unsigned words_last(const char *text, size_t n, struct word words[4])
{
	unsigned count = 0;

	while (count < 4) {
		while (n && blank(text[n - 1]))
			n--;
		if (!n)
			break;
		words[count].n = 0;
		while (n && !blank(text[n - 1])) {
			n--;
			words[count].n++;
		}
		words[count++].p = text + n;
	}
	return count;
}

static bool decode(struct word w, uint8_t *out, size_t wanted)
{
	uint8_t bytes[72];
	size_t n;

	if (w.n != (wanted + 2) / 3 * 4 || !base64_decode(bytes, &n, w.p, w.n) || n != wanted)
		return false;
	memcpy(out, bytes, wanted);
	return true;
}

static bool size_parse(struct word w, uint64_t *size_r)
{
	uint64_t v = 0;

	if (!w.n || w.n > 18 || (*w.p == '0' && w.n > 1))
		return false;
	for (size_t i = 0; i < w.n; i++) {
		if (w.p[i] < '0' || w.p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(w.p[i] - '0');
	}
	*size_r = v;
	return true;
}

bool head_line_parse(const char *text, size_t n, struct head_line *line_r)
{
	struct word words[4], *w = words;
	struct head_line line = { 0 };
	unsigned count = words_last(text, n, words);

	if (count == 4 && decode(words[0], line.signature, sizeof(line.signature))) {
		line.has_signature = true;
		w++;
		count--;
	}
	if (count < 3 || !decode(w[0], line.root, 32) || !size_parse(w[1], &line.size) || w[2].n > HEAD_LINE_ORIGIN_MAX ||
	    !text_is_line(w[2].p, w[2].n))
		return false;
	memcpy(line.origin, w[2].p, w[2].n);
	*line_r = line;
	return true;
}
