/* ASiCManifest.xml: written, and read by writing it again and comparing (asic.h has the format). */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "asic.h"

#define MANIFEST_HEAD \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" \
	"<ASiCManifest xmlns=\"http://uri.etsi.org/02918/v1.2.1#\"" \
	" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\n"
#define COMMENT_START "<!-- checkpoint "
#define COMMENT_END " -->\n"
#define SIGNATURE_LINE \
	"<SigReference URI=\"" ASIC_SIGNATURE_NAME "\" MimeType=\"application/pkcs7-signature\"/>\n"
#define REFERENCE_START "<DataObjectReference URI=\""
#define REFERENCE_MIDDLE \
	"\"><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue>"
#define REFERENCE_END "</ds:DigestValue></DataObjectReference>\n"
#define MANIFEST_END "</ASiCManifest>\n"

#define REFERENCES_MAX 65000
#define DIGEST_BASE64 44

static bool name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
	       c == '_' || c == '-' || c == '/';
}

static bool name_valid(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n >= ASIC_NAME_MAX || name[0] == '.' || name[0] == '/' || name[n - 1] == '/' ||
	    strstr(name, "..") || strstr(name, "//"))
		return false;
	while (*name)
		if (!name_byte(*name++))
			return false;
	return true;
}

void asic_manifest_write(const struct asic_manifest *manifest, struct buf *out)
{
	char text[65];

	buf_str(out, MANIFEST_HEAD);
	hex_encode(text, manifest->checkpoint_root, 32);
	buf_fmt(out, COMMENT_START "%" PRIu64 " %s" COMMENT_END, manifest->checkpoint_size, text);
	buf_str(out, SIGNATURE_LINE);
	for (size_t i = 0; i < manifest->count; i++) {
		assert(name_valid(manifest->references[i].name));
		base64_encode(text, manifest->references[i].sha256, 32);
		buf_fmt(out, REFERENCE_START "%s" REFERENCE_MIDDLE "%s" REFERENCE_END,
			manifest->references[i].name, text);
	}
	buf_str(out, MANIFEST_END);
}

/* What is left to read. */
struct rest {
	const char *p;
	const char *end;
};

static bool take(struct rest *rest, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(rest->end - rest->p) < n || memcmp(rest->p, text, n) != 0)
		return false;
	rest->p += n;
	return true;
}

static bool take_checkpoint(struct rest *rest, struct asic_manifest *manifest)
{
	uint64_t size = 0;
	int digits = 0;

	if (!take(rest, COMMENT_START))
		return false;
	for (; rest->p < rest->end && *rest->p >= '0' && *rest->p <= '9'; rest->p++) {
		if (++digits > 16 || (digits == 2 && size == 0))
			return false;
		size = size * 10 + (uint64_t)(*rest->p - '0');
	}
	if (!digits || !take(rest, " ") || rest->end - rest->p < 64 ||
	    !hex_decode(manifest->checkpoint_root, 32, rest->p, 64))
		return false;
	rest->p += 64;
	manifest->checkpoint_size = size;
	return take(rest, COMMENT_END);
}

static bool take_reference(struct rest *rest, struct pool *pool, struct asic_reference *reference)
{
	const char *name;
	uint8_t digest[3 * (DIGEST_BASE64 / 4)];
	size_t n = 0;

	if (!take(rest, REFERENCE_START))
		return false;
	name = rest->p;
	while (rest->p < rest->end && name_byte(*rest->p) && n < ASIC_NAME_MAX) {
		rest->p++;
		n++;
	}
	reference->name = pool_strn(pool, name, n);
	if (!name_valid(reference->name) || !take(rest, REFERENCE_MIDDLE) ||
	    rest->end - rest->p < DIGEST_BASE64 ||
	    !base64_decode(digest, &n, rest->p, DIGEST_BASE64) || n != 32)
		return false;
	memcpy(reference->sha256, digest, 32);
	rest->p += DIGEST_BASE64;
	return take(rest, REFERENCE_END);
}

static int by_name(const void *a, const void *b)
{
	const struct asic_reference *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static bool all_distinct(struct pool *pool, const struct asic_reference *references, size_t count)
{
	const struct asic_reference **sorted = POOL_ARRAY(pool, const struct asic_reference *, count + 1);

	for (size_t i = 0; i < count; i++)
		sorted[i] = &references[i];
	qsort(sorted, count, sizeof(*sorted), by_name);
	for (size_t i = 1; i < count; i++)
		if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
			return false;
	return true;
}

/* Numbers and digests can be written in more ways than one; only ours is taken. */
static bool same_again(const struct asic_manifest *manifest, const void *p, size_t n)
{
	AUTO_BUF again;

	buf_init(&again);
	asic_manifest_write(manifest, &again);
	return again.n == n && memcmp(again.p, p, n) == 0;
}

enum pli_status asic_manifest_parse(struct pool *pool, const void *p, size_t n,
				    struct asic_manifest *manifest_r, struct err *err)
{
	struct rest rest = {p, (const char *)p + n};
	struct asic_manifest m = {0};
	struct asic_reference *references;
	size_t lines = 0;

	for (const char *c = rest.p; c < rest.end; c++)
		lines += *c == '\n';
	if (lines > REFERENCES_MAX)
		return err_set(err, PLI_INPUT, "manifest: more than %d lines", REFERENCES_MAX);
	if (!take(&rest, MANIFEST_HEAD))
		return err_set(err, PLI_INPUT, "manifest: the first two lines are not as they should be");
	if (!take_checkpoint(&rest, &m))
		return err_set(err, PLI_INPUT, "manifest: line 3 is not as it should be");
	if (!take(&rest, SIGNATURE_LINE))
		return err_set(err, PLI_INPUT, "manifest: line 4 is not as it should be");
	references = POOL_ARRAY(pool, struct asic_reference, lines + 1);
	while (!take(&rest, MANIFEST_END)) {
		if (!take_reference(&rest, pool, &references[m.count]))
			return err_set(err, PLI_INPUT, "manifest: line %zu is not as it should be", m.count + 5);
		m.count++;
	}
	if (rest.p != rest.end)
		return err_set(err, PLI_INPUT, "manifest: something stands after its end");
	if (!all_distinct(pool, references, m.count))
		return err_set(err, PLI_INPUT, "manifest: a file is listed twice");
	m.references = references;
	if (!same_again(&m, p, n))
		return err_set(err, PLI_INPUT, "manifest: not in the one form it may have");
	*manifest_r = m;
	return PLI_OK;
}
