/* The letter's message and parts themselves, put beside the proof by whoever holds them. */
#include <openssl/sha.h>
#include <stdbool.h>
#include <string.h>

#include "pool.h"
#include "text.h"
#include "zip.h"

#include "bundle_facts.h"

/* documents/message.md, or documents/ and the part's number in at least three digits, with any short ending. */
static bool document_name(const char *name, unsigned *n_r)
{
	static const char folder[] = "documents/";
	const char *p = name + sizeof(folder) - 1;
	size_t digits, ending;

	if (strncmp(name, folder, sizeof(folder) - 1) != 0)
		return false;
	*n_r = 0;
	if (str_eq(p, "message.md"))
		return true;
	digits = strspn(p, "0123456789");
	if (digits < 3 || digits > 4 || (digits > 3 && *p == '0'))
		return false;
	for (size_t i = 0; i < digits; i++)
		*n_r = *n_r * 10 + (unsigned)(p[i] - '0');
	p += digits;
	ending = *p == '.' ? strspn(p + 1, "abcdefghijklmnopqrstuvwxyz0123456789") : 0;
	return *n_r > 0 && (!*p || (ending > 0 && ending <= 8 && !p[1 + ending]));
}

void facts_documents_find(struct bundle_facts *f)
{
	f->documents = POOL_ARRAY(f->pool, struct facts_document, f->file_count);
	for (size_t i = 0; f->naming != FACTS_WITHHELD && i < f->file_count; i++) {
		bool before = false;
		unsigned n;

		if (!document_name(f->files[i]->name, &n))
			continue;
		for (unsigned k = 0; k < f->document_count && !before; k++)
			before = f->documents[k].n == n;
		if (!before)
			f->documents[f->document_count++] = (struct facts_document){ f->files[i], n };
	}
}

enum pli_status facts_documents_check(const struct bundle_facts *f, struct err *err)
{
	for (unsigned i = 0; i < f->document_count; i++) {
		const struct facts_document *d = &f->documents[i];
		const uint8_t *wanted = d->n ? NULL : f->message_sha256;
		uint64_t size = f->message_size;
		uint8_t digest[32];

		if (d->n > f->part_count)
			return err_set(err, PLI_CONFLICT, "content: %s is of no part of the letter", d->file->name);
		if (d->n) {
			wanted = f->parts[d->n - 1].sha256;
			size = f->parts[d->n - 1].size;
		}
		SHA256(d->file->p, d->file->n, digest);
		if (d->file->n != size || memcmp(digest, wanted, sizeof(digest)) != 0)
			return err_set(err, PLI_CONFLICT, "content: %s is not what was deposited", d->file->name);
	}
	return PLI_OK;
}
