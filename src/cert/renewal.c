/* Renewals of a proof, see renewal.h: their lists, and the walk over them.  renewal_token.c has the tokens. */
#include <string.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"
#include "zip.h"
#include "asic.h"
#include "bundle_facts.h"
#include "renewal_token.h"

#include "renewal.h"

const char *renewal_name(struct pool *pool, unsigned n, const char *ending)
{
	return pool_fmt(pool, "renewal-%u.%s", n, ending);
}

static void line(const struct bundle_facts *f, const char *name, struct buf *out)
{
	const struct zip_file *file = facts_file(f, name);
	uint8_t digest[64];
	char hex[129];

	SHA512(file->p, file->n, digest);
	buf_fmt(out, "%s  %s\n", hex_encode(hex, digest, 64), name);
}

void renewal_list(const struct bundle_facts *f, unsigned n, struct buf *out)
{
	static const char *const endings[] = { "sha512", "tst", "pem" };
	const char *name;

	line(f, "mimetype", out);
	for (size_t i = 0; (name = facts_listed(f, i)); i++)
		line(f, name, out);
	line(f, ASIC_MANIFEST_NAME, out);
	line(f, ASIC_SIGNATURE_NAME, out);
	for (unsigned k = 1; k < n; k++)
		for (int e = 0; e < 3; e++)
			line(f, renewal_name(f->pool, k, endings[e]), out);
}

/* The first line that differs names the file. */
static enum pli_status list_check(const struct bundle_facts *f, unsigned n, struct err *err)
{
	const char *name = renewal_name(f->pool, n, "sha512"), *eol;
	const struct zip_file *file = facts_file(f, name);
	AUTO_BUF must = { 0 };
	size_t at = 0, same = 0;

	renewal_list(f, n, &must);
	if (must.n == file->n && memcmp(must.p, file->p, must.n) == 0)
		return PLI_OK;
	while (same < must.n && same < file->n && must.p[same] == (char)file->p[same]) {
		at = must.p[same] == '\n' ? same + 1 : at;
		same++;
	}
	eol = memchr(must.p + at, '\n', must.n - at);
	if (!eol || eol - must.p < (ptrdiff_t)at + 130)
		return err_set(err, PLI_CONFLICT, "renewal: %s lists more than there is", name);
	return err_set(err, PLI_CONFLICT, "renewal: %.*s is not the file that %s lists", (int)(eol - must.p - (ptrdiff_t)at - 130),
		       must.p + at + 130, name);
}

enum pli_status renewal_walk(const struct bundle_facts *f, int64_t now_us, const char *tsa_root_pem, int64_t *good_us_r,
			     struct err *err)
{
	int64_t at_us = now_us;

	for (unsigned n = f->renewal_count; n > 0; n--) {
		const struct zip_file *list = facts_file(f, renewal_name(f->pool, n, "sha512"));
		const struct zip_file *token = facts_file(f, renewal_name(f->pool, n, "tst"));
		const struct zip_file *pem = facts_file(f, renewal_name(f->pool, n, "pem"));
		const char *chain = pool_strn(f->pool, (const char *)pem->p, pem->n);
		int64_t time_us;
		enum pli_status st = list_check(f, n, err);

		if (st == PLI_OK)
			st = renewal_token_check(token->p, token->n, list->p, list->n, chain, tsa_root_pem, at_us, &time_us, err);
		if (st == PLI_OK && time_us > at_us + BUNDLE_CLOCK_SLACK_US)
			st = err_set(err, PLI_CONFLICT, "it is later than what rests on it");
		if (st != PLI_OK && !str_starts(err->text, "renewal: "))
			return st == PLI_INPUT ? st : facts_failed(err, "renewal", pool_fmt(f->pool, "renewal-%u", n));
		if (st != PLI_OK)
			return st;
		at_us = time_us;
	}
	*good_us_r = at_us;
	return PLI_OK;
}

enum pli_status renewal_good(const char *name, const char *pem, int64_t at_us, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	time_t at = (time_t)(at_us / SECOND_US), ended = 0;
	struct tm tm;
	char t[25];
	enum pli_status st = PLI_OK;

	if (!cert || !ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm))
		st = err_set(err, PLI_CONFLICT, "renewal: %s cannot be read", name);
	else
		ended = timegm(&tm);
	if (st == PLI_OK && at > ended)
		st = err_set(err, PLI_CONFLICT, "renewal: the certificate %s ended on %.10s; this proof had to be renewed before (pli proof "
			     "renew): look for a copy that was", name, clock_rfc3339(t, (int64_t)ended * SECOND_US));
	X509_free(cert);
	BIO_free(bio);
	return st;
}

void renewal_root(const struct bundle_facts *f, unsigned n, char hex_r[65])
{
	const struct zip_file *pem = facts_file(f, renewal_name(f->pool, n, "pem"));

	renewal_token_root(pool_strn(f->pool, (const char *)pem->p, pem->n), hex_r);
}
