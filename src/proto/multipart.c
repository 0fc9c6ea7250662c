/* multipart/form-data, see multipart.h.
 *
 * The delimiter is CRLF "--" boundary.  The body is read as if a CRLF stood before its first byte,
 * so that the first delimiter is like every other.  What may be the beginning of a delimiter at
 * the end of a piece is kept in `held` (always a prefix of the delimiter) until the next piece
 * decides. */
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "uri.h"
#include "mediatype.h"

#include "multipart.h"

#define BOUNDARY_MAX 70
#define HEAD_MAX 8192
#define NAME_MAX_BYTES 47
#define FILENAME_RAW_MAX 4096

enum state {
	STATE_START, /* before the first delimiter: nothing but one CRLF may come */
	STATE_DATA, /* inside a part's content */
	STATE_AFTER, /* two bytes behind a delimiter: CRLF or "--" */
	STATE_HEAD, /* a part's head, until CRLF CRLF */
	STATE_END, /* behind the closing delimiter: one CRLF at most */
};

struct multipart {
	struct multipart_limits limits;
	const struct multipart_events *events;
	void *arg;
	enum state state;
	char delimiter[BOUNDARY_MAX + 4];
	size_t delimiter_n;
	char held[BOUNDARY_MAX + 4];
	size_t held_n;
	char pair[2]; /* STATE_AFTER, STATE_END, STATE_START's CRLF */
	size_t pair_n;
	struct buf head;
	bool in_part;
	bool is_field;
	char name[NAME_MAX_BYTES + 1];
	unsigned files, fields;
	uint64_t field_bytes, fields_bytes;
	struct err fault; /* status PLI_OK: none yet */
};

static void head_free(void *arg)
{
	buf_free(arg);
}

static bool boundary_valid(const char *s, size_t n)
{
	if (n < 1 || n > BOUNDARY_MAX || s[n - 1] == ' ')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!strchr("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'()+_,-./:=? ",
			    s[i]))
			return false;
	return true;
}

static void limits_default(struct multipart_limits *limits)
{
	if (!limits->files)
		limits->files = 500;
	if (!limits->fields)
		limits->fields = 2000;
	if (!limits->field_bytes)
		limits->field_bytes = 1024 * 1024;
	if (!limits->fields_bytes)
		limits->fields_bytes = 4 * 1024 * 1024;
}

enum pli_status multipart_new(struct pool *pool, const struct multipart_limits *limits,
			      const char *content_type, const struct multipart_events *events, void *arg,
			      struct multipart **mp_r, struct err *err)
{
	struct mediatype type;
	const char *boundary;
	struct multipart *mp;

	if (!mediatype_is(content_type, "multipart/form-data"))
		return err_set(err, PLI_TYPE, "the content type must be multipart/form-data");
	if (mediatype_parse(pool, content_type, strlen(content_type), &type, err) != PLI_OK)
		return PLI_INPUT;
	boundary = mediatype_param(&type, "boundary");
	if (!boundary || !boundary_valid(boundary, strlen(boundary)))
		return err_set(err, PLI_INPUT, "multipart/form-data without a usable boundary");
	mp = POOL_NEW(pool, struct multipart);
	if (limits)
		mp->limits = *limits;
	limits_default(&mp->limits);
	mp->events = events;
	mp->arg = arg;
	mp->state = STATE_START;
	mp->delimiter_n = strlen(boundary) + 4;
	memcpy(mp->delimiter, "\r\n--", 4);
	memcpy(mp->delimiter + 4, boundary, mp->delimiter_n - 4);
	mp->held_n = 2; /* the CRLF that stands before the body */
	memcpy(mp->held, "\r\n", 2);
	buf_init(&mp->head);
	pool_cleanup(pool, head_free, &mp->head);
	*mp_r = mp;
	return PLI_OK;
}

/* ---- one part's head ---- */

/* Browsers send `"`, CR and LF in names as %22, %0D, %0A and leave every other `%` as it is
 * (WHATWG HTML, multipart/form-data encoding algorithm). */
static size_t unescape_browser(char *out, const char *s)
{
	size_t n = 0;

	while (*s) {
		if (s[0] == '%' && s[1] == '2' && s[2] == '2') {
			out[n++] = '"';
			s += 3;
		} else if (s[0] == '%' && s[1] == '0' && (s[2] == 'D' || s[2] == 'd')) {
			out[n++] = '\r';
			s += 3;
		} else if (s[0] == '%' && s[1] == '0' && (s[2] == 'A' || s[2] == 'a')) {
			out[n++] = '\n';
			s += 3;
		} else {
			out[n++] = *s++;
		}
	}
	out[n] = '\0';
	return n;
}

/* RFC 8187: UTF-8'lang'percent-encoded. */
static bool filename_extended(struct pool *pool, const char *value, struct multipart_part *part)
{
	AUTO_BUF b = { 0 };
	const char *lang;

	if (strncasecmp(value, "utf-8'", 6) != 0)
		return false;
	lang = strchr(value + 6, '\'');
	if (!lang || !uri_decode(&b, lang + 1, strlen(lang + 1), false))
		return false;
	part->filename = pool_strn(pool, b.n ? b.p : "", b.n);
	part->filename_n = b.n;
	return true;
}

static enum pli_status disposition_read(struct pool *pool, const char *value, size_t n,
					struct multipart_part *part, struct err *err)
{
	struct mediatype disposition;
	const char *name, *plain, *extended;

	if (mediatype_parse(pool, value, n, &disposition, err) != PLI_OK)
		return err_set(err, PLI_INPUT, "malformed Content-Disposition in a part");
	if (strcmp(disposition.type, "form-data") != 0)
		return err_set(err, PLI_INPUT, "a part is not form-data");
	name = mediatype_param(&disposition, "name");
	if (!name || !*name || strlen(name) > NAME_MAX_BYTES)
		return err_set(err, PLI_INPUT, "a part has no usable name");
	for (const char *c = name; *c; c++)
		if (!strchr("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.-[]", *c))
			return err_set(err, PLI_INPUT,
				       "a part's name has characters outside A-Z a-z 0-9 _ . - [ ]");
	part->name = name;
	plain = mediatype_param(&disposition, "filename");
	extended = mediatype_param(&disposition, "filename*");
	if (plain) {
		char *s = pool_alloc(pool, strlen(plain) + 1);

		part->filename_n = unescape_browser(s, plain);
		part->filename = s;
	}
	if (extended && !filename_extended(pool, extended, part))
		return err_field(err, PLI_INPUT, NULL, name, "malformed or non-UTF-8 filename* in a part");
	if (part->filename_n > FILENAME_RAW_MAX)
		return err_field(err, PLI_INPUT, NULL, name, "a file name of more than %d bytes",
				 FILENAME_RAW_MAX);
	return PLI_OK;
}

struct head {
	bool has_disposition, has_type, has_encoding;
	struct mediatype type;
};

static enum pli_status head_line(struct pool *pool, const char *line, size_t n, struct head *head,
				 struct multipart_part *part, struct err *err)
{
	const char *colon = memchr(line, ':', n), *value;
	size_t value_n, name_n;
	bool *seen = NULL;

	if (!colon || colon == line)
		return err_set(err, PLI_INPUT, "malformed header line in a part");
	name_n = (size_t)(colon - line);
	for (size_t i = 0; i < name_n; i++)
		if ((unsigned char)line[i] <= ' ' || (unsigned char)line[i] >= 0x7f)
			return err_set(err, PLI_INPUT, "malformed or folded header line in a part");
	value = colon + 1;
	value_n = n - name_n - 1;
	if (name_n == 19 && strncasecmp(line, "Content-Disposition", 19) == 0)
		seen = &head->has_disposition;
	else if (name_n == 12 && strncasecmp(line, "Content-Type", 12) == 0)
		seen = &head->has_type;
	else if (name_n == 25 && strncasecmp(line, "Content-Transfer-Encoding", 25) == 0)
		seen = &head->has_encoding;
	else
		return PLI_OK;
	if (*seen)
		return err_set(err, PLI_INPUT, "a header line stands twice in a part");
	*seen = true;
	if (seen == &head->has_disposition)
		return disposition_read(pool, value, value_n, part, err);
	if (mediatype_parse(pool, value, value_n, &head->type, err) != PLI_OK)
		return err_set(err, PLI_INPUT, "malformed Content-Type in a part");
	if (seen == &head->has_type) {
		if (strchr(head->type.type, '/'))
			part->type = head->type.type;
		return PLI_OK;
	}
	if (str_eq(head->type.type, "binary") || str_eq(head->type.type, "8bit") ||
	    str_eq(head->type.type, "7bit"))
		return PLI_OK;
	return err_set(err, PLI_INPUT,
		       "a part has a transfer encoding; form-data parts are sent as they are");
}

/* Lines of the head; it ends with CRLF CRLF, or is CRLF alone. */
static enum pli_status head_read(struct pool *pool, struct multipart *mp, struct multipart_part *part,
				 struct err *err)
{
	const char *p = mp->head.p, *end = p + mp->head.n - 2;
	struct head head = { 0 };

	while (p < end) {
		const char *eol = memchr(p, '\r', (size_t)(end - p));
		size_t n = (size_t)(eol - p);
		enum pli_status status;

		if (memchr(p, '\n', n) || memchr(p, '\0', n) || eol[1] != '\n')
			return err_set(err, PLI_INPUT, "a bare CR or LF, or NUL, in the head of a part");
		status = head_line(pool, p, n, &head, part, err);
		if (status != PLI_OK)
			return status;
		p = eol + 2;
	}
	if (!head.has_disposition)
		return err_set(err, PLI_INPUT, "a part without Content-Disposition");
	if (part->filename)
		return PLI_OK;
	if (head.has_type && !mediatype_is_utf8(&head.type))
		return err_field(err, PLI_INPUT, NULL, part->name, "fields must be sent in UTF-8");
	if (head.has_type && str_starts(head.type.type, "multipart/"))
		return err_field(err, PLI_INPUT, NULL, part->name,
				 "multipart inside multipart is not accepted");
	return PLI_OK;
}

static enum pli_status part_count(struct multipart *mp, struct err *err)
{
	if (!mp->is_field && ++mp->files > mp->limits.files)
		return err_field(err, PLI_INVALID, "too-many-files", mp->name, "more than %u files",
				 mp->limits.files);
	if (mp->is_field && ++mp->fields > mp->limits.fields)
		return err_field(err, PLI_INVALID, "too-many-fields", mp->name, "more than %u fields",
				 mp->limits.fields);
	return PLI_OK;
}

static enum pli_status part_open(struct multipart *mp, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct multipart_part part = { 0 };
	enum pli_status status = head_read(pool, mp, &part, err);

	if (status != PLI_OK)
		return status;
	mp->is_field = part.filename == NULL;
	mp->field_bytes = 0;
	memcpy(mp->name, part.name, strlen(part.name) + 1);
	status = part_count(mp, err);
	if (status != PLI_OK)
		return status;
	mp->in_part = true;
	return mp->events->part_begin(mp->arg, &part, err);
}

/* ---- the bytes ---- */

static enum pli_status data_out(struct multipart *mp, const char *p, size_t n, struct err *err)
{
	if (!n)
		return PLI_OK;
	if (mp->state == STATE_START)
		return err_set(err, PLI_INPUT, "the body does not begin with its boundary");
	if (mp->is_field) {
		mp->field_bytes += n;
		mp->fields_bytes += n;
		if (mp->field_bytes > mp->limits.field_bytes || mp->fields_bytes > mp->limits.fields_bytes)
			return err_field(err, PLI_LIMIT, NULL, mp->name, "this field is too long");
	}
	return mp->events->part_data(mp->arg, p, n, err);
}

static enum pli_status delimiter_found(struct multipart *mp, struct err *err)
{
	mp->state = STATE_AFTER;
	mp->pair_n = 0;
	mp->held_n = 0;
	if (!mp->in_part)
		return PLI_OK;
	mp->in_part = false;
	return mp->events->part_end(mp->arg, err);
}

/* Longest suffix of p that is a proper prefix of the delimiter.  CR stands in it only at its
 * begin, so the last CR among the last bytes is the only candidate. */
static size_t prefix_at_end(const struct multipart *mp, const char *p, size_t n)
{
	size_t most = n < mp->delimiter_n - 1 ? n : mp->delimiter_n - 1;
	const char *cr = memrchr(p + n - most, '\r', most);
	size_t len;

	if (!cr)
		return 0;
	len = (size_t)(p + n - cr);
	return memcmp(cr, mp->delimiter, len) == 0 ? len : 0;
}

/* With held bytes: extend them while they match, else let them go as data.  Gives the bytes taken
 * from p. */
static enum pli_status held_step(struct multipart *mp, const char *p, size_t n, size_t *taken_r,
				 struct err *err)
{
	size_t i = 0;

	while (i < n && mp->held_n < mp->delimiter_n && p[i] == mp->delimiter[mp->held_n])
		mp->held[mp->held_n++] = p[i++];
	*taken_r = i;
	if (mp->held_n == mp->delimiter_n)
		return delimiter_found(mp, err);
	if (i < n) { /* a mismatch: CR cannot stand inside, so nothing held can begin another delimiter */
		size_t held_n = mp->held_n;

		mp->held_n = 0;
		return data_out(mp, mp->held, held_n, err);
	}
	return PLI_OK;
}

static enum pli_status data_step(struct multipart *mp, const char *p, size_t n, size_t *taken_r,
				 struct err *err)
{
	const char *hit;
	size_t keep, out;
	enum pli_status status;

	if (mp->held_n)
		return held_step(mp, p, n, taken_r, err);
	hit = memmem(p, n, mp->delimiter, mp->delimiter_n);
	if (hit) {
		*taken_r = (size_t)(hit - p) + mp->delimiter_n;
		status = data_out(mp, p, (size_t)(hit - p), err);
		return status == PLI_OK ? delimiter_found(mp, err) : status;
	}
	keep = prefix_at_end(mp, p, n);
	out = n - keep;
	memcpy(mp->held, p + out, keep);
	mp->held_n = keep;
	*taken_r = n;
	return data_out(mp, p, out, err);
}

/* The body begins with "--boundary", or with one CRLF before it. */
static enum pli_status start_step(struct multipart *mp, const char *p, size_t n, size_t *taken_r,
				  struct err *err)
{
	if (mp->pair_n == 0 && mp->held_n == 2 && p[0] == '\r') {
		mp->held_n = 1;
		mp->pair_n = 1;
		*taken_r = 1;
		return PLI_OK;
	}
	mp->pair_n = 1;
	return held_step(mp, p, n, taken_r, err);
}

static enum pli_status after_step(struct multipart *mp, const char *p, size_t *taken_r, struct err *err)
{
	*taken_r = 1;
	mp->pair[mp->pair_n++] = p[0];
	if (mp->pair_n < 2)
		return PLI_OK;
	mp->pair_n = 0;
	if (memcmp(mp->pair, "--", 2) == 0) {
		mp->state = STATE_END;
	} else if (memcmp(mp->pair, "\r\n", 2) == 0) {
		mp->state = STATE_HEAD;
		buf_reset(&mp->head);
	} else {
		return err_set(err, PLI_INPUT, "stray bytes behind a boundary");
	}
	return PLI_OK;
}

/* Takes bytes up to the empty line. */
static enum pli_status head_step(struct multipart *mp, const char *p, size_t n, size_t *taken_r,
				 struct err *err)
{
	struct buf *head = &mp->head;
	size_t i = 0;
	bool whole = false;
	enum pli_status status;

	while (i < n && !whole) {
		const char *lf = memchr(p + i, '\n', n - i);
		size_t end = lf ? (size_t)(lf - p) + 1 : n;

		if (head->n + (end - i) > HEAD_MAX)
			return err_set(err, PLI_INPUT, "the head of a part is over %d bytes", HEAD_MAX);
		buf_add(head, p + i, end - i);
		i = end;
		if (!lf)
			break;
		if (head->n < 2 || head->p[head->n - 2] != '\r')
			return err_set(err, PLI_INPUT, "a bare LF in the head of a part");
		whole = head->n == 2 || (head->n >= 4 && memcmp(head->p + head->n - 4, "\r\n\r\n", 4) == 0);
	}
	*taken_r = i;
	if (!whole)
		return PLI_OK;
	status = part_open(mp, err);
	mp->state = STATE_DATA;
	return status;
}

static enum pli_status end_step(struct multipart *mp, const char *p, size_t *taken_r, struct err *err)
{
	*taken_r = 1;
	if (mp->pair_n >= 2 || p[0] != "\r\n"[mp->pair_n])
		return err_set(err, PLI_INPUT, "bytes behind the closing boundary");
	mp->pair_n++;
	return PLI_OK;
}

static enum pli_status step(struct multipart *mp, const char *p, size_t n, size_t *taken_r, struct err *err)
{
	switch (mp->state) {
	case STATE_START: return start_step(mp, p, n, taken_r, err);
	case STATE_DATA: return data_step(mp, p, n, taken_r, err);
	case STATE_AFTER: return after_step(mp, p, taken_r, err);
	case STATE_HEAD: return head_step(mp, p, n, taken_r, err);
	case STATE_END: return end_step(mp, p, taken_r, err);
	}
	return err_set(err, PLI_BUG, "multipart state");
}

static enum pli_status fault_keep(struct multipart *mp, enum pli_status status, struct err *err)
{
	mp->fault = *err;
	mp->fault.status = status;
	return status;
}

enum pli_status multipart_feed(struct multipart *mp, const void *data, size_t n, struct err *err)
{
	const char *p = data;
	struct err unused = { 0 };

	if (!err)
		err = &unused;
	if (mp->fault.status != PLI_OK) {
		*err = mp->fault;
		return err->status;
	}
	while (n) {
		size_t taken = 0;
		enum pli_status status = step(mp, p, n, &taken, err);

		if (status != PLI_OK)
			return fault_keep(mp, status, err);
		p += taken;
		n -= taken;
	}
	return PLI_OK;
}

enum pli_status multipart_finish(struct multipart *mp, struct err *err)
{
	if (mp->fault.status != PLI_OK) {
		if (err)
			*err = mp->fault;
		return mp->fault.status;
	}
	if (mp->state != STATE_END)
		return err_set(err, PLI_INPUT, "the body ends before its closing boundary");
	return PLI_OK;
}
