/* See archive_list.h.  Read loosely, written again, compared: so one list has one form. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "keygen.h"
#include "seal.h"
#include "token.h"

#include "archive_list.h"

static const char FIRST[] = "Pli-Archive: 1";

void archive_list_write(const struct archive_list *l, struct buf *out)
{
	char id[37], leaf[65], latest[65];

	buf_fmt(out, "%s\nOrigin: %s\nDate: %s\nEntity: %s\nScope: %s\nNumbers: %" PRIu64 " %" PRIu64 "\nLetters: %u\n", FIRST, l->origin, l->date,
		l->entity, l->scope, l->from, l->to, l->count);
	for (unsigned i = 0; i < l->count; i++) {
		const struct archive_list_letter *e = &l->letters[i];

		buf_fmt(out, "Letter: %s, %" PRIu64 ", sha256 %s, latest %" PRIu64 ", sha256 %s\n", uuid_format(id, &e->letter), e->seq + 1,
			hex_encode(leaf, e->leaf, 32), e->latest_seq + 1, hex_encode(latest, e->latest_leaf, 32));
	}
	buf_fmt(out, "Checkpoint-Size: %" PRIu64 "\nCheckpoint-Root: %s\n", l->tree_size, hex_encode(leaf, l->tree_root, 32));
}

struct lines {
	struct pool *pool;
	const char *p, *end;
	unsigned line;
};

/* The value of the next line, which must have that key; NULL: it has not. */
static const char *value_next(struct lines *in, const char *key)
{
	size_t key_n = strlen(key);
	const char *eol = in->p < in->end ? memchr(in->p, '\n', (size_t)(in->end - in->p)) : NULL;
	const char *value = NULL;

	in->line++;
	if (eol && (size_t)(eol - in->p) > key_n + 2 && memcmp(in->p, key, key_n) == 0 && memcmp(in->p + key_n, ": ", 2) == 0 &&
	    text_is_line(in->p, (size_t)(eol - in->p)))
		value = pool_strn(in->pool, in->p + key_n + 2, (size_t)(eol - in->p) - key_n - 2);
	if (eol)
		in->p = eol + 1;
	return value;
}

static bool numbers_read(const char *s, uint64_t *a, uint64_t *b)
{
	return s && sscanf(s, "%16" SCNu64 " %16" SCNu64, a, b) == 2;
}

static bool letter_read(const char *s, struct archive_list_letter *e)
{
	char leaf[65], latest[65];
	uint64_t number, newest;

	if (!s || strlen(s) < 40 || sscanf(s + 36, ", %16" SCNu64 ", sha256 %64[0-9a-f], latest %16" SCNu64 ", sha256 %64[0-9a-f]", &number, leaf,
					   &newest, latest) != 4)
		return false;
	e->seq = number - 1;
	e->latest_seq = newest - 1;
	return number && newest >= number && strlen(leaf) == 64 && strlen(latest) == 64 && hex_decode(e->leaf, 32, leaf, 64) &&
	       hex_decode(e->latest_leaf, 32, latest, 64);
}

static bool head_read(struct lines *in, struct archive_list *l)
{
	const char *size, *root, *count;
	uint64_t letters = 0, none;

	if (!str_eq(value_next(in, "Pli-Archive"), "1"))
		return false;
	l->origin = value_next(in, "Origin");
	l->date = l->origin ? value_next(in, "Date") : NULL;
	l->entity = l->date ? value_next(in, "Entity") : NULL;
	l->scope = l->entity ? value_next(in, "Scope") : NULL;
	if (!l->scope || !(str_eq(l->scope, "entity") || str_eq(l->scope, "own") || str_eq(l->scope, "chosen")) ||
	    !numbers_read(value_next(in, "Numbers"), &l->from, &l->to) || l->from > l->to)
		return false;
	count = value_next(in, "Letters");
	if (!count || !numbers_read(pool_fmt(in->pool, "%s 0", count), &letters, &none) || letters > ARCHIVE_LIST_MAX)
		return false;
	l->count = (unsigned)letters;
	struct archive_list_letter *list = POOL_ARRAY(in->pool, struct archive_list_letter, l->count + 1);

	l->letters = list;
	for (unsigned i = 0; i < l->count; i++) {
		const char *s = value_next(in, "Letter");

		if (!letter_read(s, &list[i]) || !uuid_parse(&list[i].letter, pool_strn(in->pool, s, 36)) || (i && list[i].seq <= list[i - 1].seq))
			return false;
		if (l->to && (list[i].seq + 1 < l->from || list[i].seq + 1 > l->to))
			return false;
	}
	size = value_next(in, "Checkpoint-Size");
	root = size ? value_next(in, "Checkpoint-Root") : NULL;
	return root && numbers_read(pool_fmt(in->pool, "%s 0", size), &l->tree_size, &none) && strlen(root) == 64 &&
	       hex_decode(l->tree_root, 32, root, 64) && in->p == in->end;
}

enum pli_status archive_list_parse(struct pool *pool, const void *p, size_t n, struct archive_list *list_r, struct err *err)
{
	struct lines in = { .pool = pool, .p = p, .end = (const char *)p + n };
	struct archive_list l = { 0 };
	AUTO_BUF again = { 0 };

	if (!head_read(&in, &l))
		return err_set(err, PLI_INPUT, "list: line %u is not one of an archive's list", in.line);
	for (unsigned i = 0; i < l.count; i++)
		if (l.letters[i].latest_seq >= l.tree_size)
			return err_set(err, PLI_INPUT, "list: an entry lies outside its checkpoint");
	archive_list_write(&l, &again);
	if (again.n != n || memcmp(again.p, p, n) != 0)
		return err_set(err, PLI_INPUT, "list: it is not in the one form that a list has");
	*list_r = l;
	return PLI_OK;
}

static enum pli_status certificates_check(const struct archive_list_signed *s, const char *root_given, struct err *err)
{
	uint8_t own[32], given[32];

	if (!seal_usage(s->seal_pem) || !seal_usage(s->operator_pem) || str_eq(s->seal_pem, s->operator_pem))
		return err_set(err, PLI_CONFLICT, "list: its signers are not two that are made for seals");
	if (!root_given)
		return PLI_OK;
	if (keygen_fingerprint(root_given, given, NULL) != PLI_OK)
		return err_set(err, PLI_INPUT, "list: the root given to compare cannot be read");
	if (keygen_fingerprint(s->root_pem, own, NULL) != PLI_OK || memcmp(own, given, 32) != 0)
		return err_set(err, PLI_CONFLICT, "list: its root is not the root given");
	return PLI_OK;
}

enum pli_status archive_list_verify(struct pool *pool, const struct archive_list_signed *s, const char *root_given,
				    struct archive_list *list_r, struct err *err)
{
	struct token_verifier *verifier = NULL;
	struct token_info info;
	enum pli_status status = certificates_check(s, root_given, err);

	if (status == PLI_OK)
		status = token_verifier_new(s->root_pem, s->tsa_pem, &verifier, err);
	if (status == PLI_OK)
		status = token_verify(verifier, s->token, s->token_n, s->p7s, s->p7s_n, &info, err);
	token_verifier_free(verifier);
	if (status == PLI_OK)
		status = seal_verify_two(s->p7s, s->p7s_n, s->text, s->text_n, s->root_pem, s->seal_pem, s->operator_pem, info.gen_time_us, err);
	return status == PLI_OK ? archive_list_parse(pool, s->text, s->text_n, list_r, err) : status;
}
