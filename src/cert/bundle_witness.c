/* The witnesses of a bundle's checkpoint: witness.txt, the signature lines that belong behind checkpoint.txt, and witness.pub, their keys. */
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "zip.h"
#include "checkpoint.h"

#include "bundle_facts.h"

static bool line_next(const char **p, const char *end, const char **s_r, size_t *n_r)
{
	const char *eol = *p < end ? memchr(*p, '\n', (size_t)(end - *p)) : NULL;

	if (!eol)
		return false;
	*s_r = *p;
	*n_r = (size_t)(eol + 1 - *p);
	*p = eol + 1;
	return true;
}

/* The line is a cosignature over checkpoint.txt by that key. */
static enum pli_status line_holds(const struct zip_file *checkpoint, const char *line, size_t n, const struct note_key *key, uint64_t *time_s_r,
				  struct err *err)
{
	AUTO_BUF note = { 0 };
	enum pli_status status;

	buf_add(&note, checkpoint->p, checkpoint->n);
	buf_add(&note, line, n);
	status = checkpoint_signed_by(note.p, note.n, key, time_s_r, err);
	if (status == PLI_OK)
		return PLI_OK;
	return err_set(err, PLI_CONFLICT, "witness: the line of %.80s in witness.txt is not its cosignature of this checkpoint", key->name);
}

enum pli_status facts_witnesses(struct bundle_facts *f, struct err *err)
{
	const struct zip_file *checkpoint = facts_file(f, "checkpoint.txt"), *lines, *keys;
	const char *p, *k, *line, *key;
	size_t line_n, key_n;

	f->witness_count = 0;
	if (!f->witnessed)
		return PLI_OK;
	lines = facts_file(f, "witness.txt");
	keys = facts_file(f, "witness.pub");
	f->witnesses = POOL_ARRAY(f->pool, struct facts_witness, CHECKPOINT_LINES_MAX);
	p = (const char *)lines->p;
	k = (const char *)keys->p;
	/* Line by line: as many keys as lines, none twice, nothing beside them. */
	while (line_next(&k, (const char *)keys->p + keys->n, &key, &key_n)) {
		struct facts_witness *w = &f->witnesses[f->witness_count];
		uint64_t time_s;

		if (f->witness_count == CHECKPOINT_LINES_MAX)
			return err_set(err, PLI_CONFLICT, "witness: witness.pub has too many lines");
		if (note_key_parse(key, key_n - 1, &w->key, err) != PLI_OK || w->key.type != NOTE_KEY_WITNESS)
			return err_set(err, PLI_CONFLICT, "witness: line %u of witness.pub is no witness's key", f->witness_count + 1);
		for (unsigned i = 0; i < f->witness_count; i++)
			if (memcmp(f->witnesses[i].key.public_key, w->key.public_key, 32) == 0)
				return err_set(err, PLI_CONFLICT, "witness: the key of %.80s stands twice in witness.pub", w->key.name);
		if (!line_next(&p, (const char *)lines->p + lines->n, &line, &line_n))
			return err_set(err, PLI_CONFLICT, "witness: witness.txt has no line for %.80s", w->key.name);
		if (line_holds(checkpoint, line, line_n, &w->key, &time_s, err) != PLI_OK)
			return PLI_CONFLICT;
		w->time_us = time_s > INT64_MAX / 1000000 ? INT64_MAX : (int64_t)time_s * 1000000;
		w->text = pool_strn(f->pool, key, key_n - 1);
		f->witness_count++;
	}
	if (!f->witness_count || k != (const char *)keys->p + keys->n || p != (const char *)lines->p + lines->n)
		return err_set(err, PLI_CONFLICT, "witness: witness.txt and witness.pub do not have the same lines");
	return PLI_OK;
}

bool facts_witness_given(const struct facts_witness *witness, const char *keys)
{
	size_t n = strlen(witness->text);

	for (const char *p = keys; p && *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (strcspn(p, " \r\n") == n && memcmp(p, witness->text, n) == 0)
			return true;
	return false;
}
