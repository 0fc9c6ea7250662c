/* Proof bundles from outside.  Input, first byte:
 *   'Z'  an archive, as `pli proof verify` gets it
 *   'F'  files { name, NUL, u32 length (big-endian), bytes }…, given to each stage of the checks past the container,
 *        digests and signatures, which no fuzzer gets over.  A bundle that withholds who wrote and about what says so in every sheet
 *        alike, and its receipt says nothing else. */
#include <stdint.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "zip.h"
#include "bundle.h"
#include "bundle_facts.h"
#include "receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILES_MAX 64

static void archive(const uint8_t *data, size_t size)
{
	struct bundle_verify_options options = { 0 };
	struct err err;

	if (bundle_verify(data, size, &options, &err) == PLI_OK)
		return;	/* a seed may be right */
	if (err.status == PLI_OK)
		__builtin_trap();	/* refused without a reason */
}

static size_t files_read(struct pool *pool, const uint8_t *data, size_t size, struct zip_file *files)
{
	struct cursor c;
	size_t count = 0;

	cursor_init(&c, data, size);
	while (c.n && count < FILES_MAX) {
		const uint8_t *end = memchr(c.p, 0, c.n), *p;
		const char *name = (const char *)c.p;
		size_t n;

		if (!end || !cursor_bytes(&c, (size_t)(end - c.p) + 1))
			break;
		p = cursor_blob(&c, &n);
		if (c.bad)
			break;
		files[count].name = pool_str(pool, name);
		files[count].p = pool_dup(pool, p, n);
		files[count++].n = n;
	}
	return count;
}

/* What passes every stage gives a receipt whose stamps can be read back. */
static void receipt_holds(struct bundle_facts *f)
{
	struct err err;
	struct buf text;

	buf_init(&text);
	for (unsigned i = 0; i < f->entry_count; i++)
		f->entries[i].stamp_us = f->entries[i].v.e.t_us;
	receipt_write(f, &text);
	if (receipt_stamps(f, text.p, text.n, &err) != PLI_OK)
		__builtin_trap();
	buf_free(&text);
}

/* Named or opened everywhere, or nowhere, under one digest. */
static void naming_holds(const struct bundle_facts *f)
{
	for (unsigned i = 0; i < f->sheet_count; i++) {
		const struct bundle_sheet *s = &f->sheets[i].s;

		if ((f->naming == FACTS_WITHHELD) != !s->subject || !s->subject != !s->sender_address ||
		    (f->naming != FACTS_NAMED && s->withheld != f->withheld))
			__builtin_trap();
	}
	if (f->naming == FACTS_WITHHELD && f->part_count)
		__builtin_trap();
}

static void stages(const uint8_t *data, size_t size)
{
	struct pool *pool = pool_new();
	struct zip_file *files = POOL_ARRAY(pool, struct zip_file, FILES_MAX);
	struct bundle_facts f;
	struct err err;
	struct buf manifest;

	buf_init(&manifest);
	if (facts_files(pool, files, files_read(pool, data, size, files), &f, &err) == PLI_OK &&
	    facts_checkpoint(&f, &err) == PLI_OK) {
		bundle_manifest_of(&f, &manifest);
		if (facts_content(&f, &err) == PLI_OK && facts_sheets(&f, &err) == PLI_OK &&
		    facts_entries(&f, &err) == PLI_OK && facts_chains(&f, &err) == PLI_OK &&
		    facts_bindings(&f, &err) == PLI_OK) {
			naming_holds(&f);
			receipt_holds(&f);
		}
	}
	buf_free(&manifest);
	pool_free(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && data[0] == 'Z')
		archive(data + 1, size - 1);
	else if (size && data[0] == 'F')
		stages(data + 1, size - 1);
	return 0;
}
