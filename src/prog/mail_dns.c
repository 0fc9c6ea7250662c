#include <arpa/nameser.h>
#include <ctype.h>
#include <netdb.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <resolv.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "dkim.h"

#include "keyring.h"

#include "mail_dns.h"

#define ANSWER_MAX 8192

static const char *const begins[] = { [MAIL_DNS_SPF] = "v=spf1", [MAIL_DNS_DKIM] = "v=DKIM1", [MAIL_DNS_DMARC] = "v=DMARC1" };

/* ------------------------------------------------------------------ what should be there */

static enum pli_status public_key(const struct keyring *ring, const char *name, bool rsa, struct buf *out, struct err *err)
{
	AUTO_BUF pem = { .secret = 1 };
	enum pli_status st = keyring_read(ring, name, &pem, err);
	BIO *bio = st == PLI_OK ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	uint8_t raw[32], *der = NULL;
	size_t raw_n = sizeof(raw);
	int n = 0;

	BIO_free(bio);
	if (key && rsa && (n = i2d_PUBKEY(key, &der)) > 0)
		buf_add(out, der, (size_t)n);
	else if (key && !rsa && EVP_PKEY_get_raw_public_key(key, raw, &raw_n) == 1)
		buf_add(out, raw, raw_n);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	return out->n ? PLI_OK : err_set(err, PLI_ABSENT, "keys/%s cannot be read", name);
}

static enum pli_status dkim_line(struct pool *pool, const struct settings *s, const struct keyring *ring, bool rsa,
				 struct mail_dns_line *line_r, struct err *err)
{
	AUTO_BUF key = { 0 }, text = { 0 };
	bool both = str_eq(s->mail_dkim, "both");
	enum pli_status st = public_key(ring, rsa ? "dkim-rsa.key" : "dkim.key", rsa, &key, err);

	if (st != PLI_OK)
		return st;
	dkim_record(&text, rsa ? DKIM_RSA : DKIM_ED25519, key.p, key.n);
	*line_r = (struct mail_dns_line){ MAIL_DNS_DKIM,
					  pool_fmt(pool, "%s%s._domainkey.%s", s->mail_dkim_selector, rsa && both ? "-rsa" : "",
						   settings_dkim_domain(s)), pool_str(pool, text.p) };
	return PLI_OK;
}

/* Whoever hands our mails on to the world: this machine, or the relay. */
static const char *sending_host(struct pool *pool, const struct settings *s)
{
	const char *host = strstr(s->mail, "://");
	char *copy;

	if (!host || settings_relay_is_here(s))
		return s->host;
	copy = pool_str(pool, host + 3);
	*strrchr(copy, ':') = '\0';
	return copy;
}

enum pli_status mail_dns_lines(struct pool *pool, const struct settings *s, const struct keyring *ring,
				struct mail_dns_line lines_r[MAIL_DNS_LINES_MAX],
			       unsigned *count_r, struct err *err)
{
	const char *from = strrchr(s->mail_from, '@') + 1, *envelope = s->mail_bounce_domain ? s->mail_bounce_domain : from;
	bool both = str_eq(s->mail_dkim, "both"), one = settings_dkim_domain(s) != NULL;
	enum pli_status st = PLI_OK;
	unsigned count = 0;

	lines_r[count++] = (struct mail_dns_line){ MAIL_DNS_SPF, envelope, pool_fmt(pool, "v=spf1 a:%s -all", sending_host(pool, s)) };
	if (one && (both || str_eq(s->mail_dkim, "ed25519")))
		st = dkim_line(pool, s, ring, false, &lines_r[count++], err);
	if (st == PLI_OK && one && (both || str_eq(s->mail_dkim, "rsa")))
		st = dkim_line(pool, s, ring, true, &lines_r[count++], err);
	if (st != PLI_OK)
		return st;
	lines_r[count++] = (struct mail_dns_line){ MAIL_DNS_DMARC, pool_fmt(pool, "_dmarc.%s", from),
						   pool_fmt(pool, "v=DMARC1; p=quarantine; rua=mailto:postmaster@%s", from) };
	*count_r = count;
	return PLI_OK;
}

/* ------------------------------------------------------------------ what is there */

/* The strings of one TXT record, put together; NULL when malformed. */
static char *txt_join(struct pool *pool, const uint8_t *p, size_t n)
{
	char *text = pool_alloc(pool, n + 1), *to = text;

	while (n > 0) {
		size_t piece = *p;

		if (piece + 1 > n)
			return NULL;
		memcpy(to, p + 1, piece);
		to += piece;
		p += piece + 1;
		n -= piece + 1;
	}
	*to = '\0';
	return text;
}

static const char *answer_find(struct pool *pool, const uint8_t *answer, int n, const char *with)
{
	ns_msg msg;
	ns_rr rr;

	if (ns_initparse(answer, n, &msg) != 0)
		return NULL;
	for (int i = 0; i < ns_msg_count(msg, ns_s_an); i++) {
		char *text;

		if (ns_parserr(&msg, ns_s_an, i, &rr) != 0 || ns_rr_type(rr) != ns_t_txt)
			continue;
		text = txt_join(pool, ns_rr_rdata(rr), ns_rr_rdlen(rr));
		if (text && str_starts(text, with))
			return text;
	}
	return NULL;
}

/* *n_r 0: there is no such record. */
static enum pli_status query(const char *name, int type, uint8_t answer[ANSWER_MAX], int *n_r, struct err *err)
{
	struct __res_state res = { 0 };
	int n, why;

	*n_r = 0;
	if (res_ninit(&res) != 0)
		return err_set(err, PLI_BUSY, "no resolver is configured");
	res.retrans = 2;
	res.retry = 1;
	n = res_nquery(&res, name, ns_c_in, type, answer, ANSWER_MAX);
	why = res.res_h_errno;
	res_nclose(&res);
	if (n > 0)
		*n_r = n < ANSWER_MAX ? n : ANSWER_MAX;
	else if (why != HOST_NOT_FOUND && why != NO_DATA)
		return err_set(err, PLI_BUSY, "the DNS does not answer");
	return PLI_OK;
}

enum pli_status mail_dns_published(struct pool *pool, const struct mail_dns_line *line, const char **text_r, struct err *err)
{
	uint8_t *answer = pool_alloc(pool, ANSWER_MAX);
	int n;
	enum pli_status st = query(line->name, ns_t_txt, answer, &n, err);

	*text_r = st == PLI_OK && n ? answer_find(pool, answer, n, begins[line->kind]) : NULL;
	return st;
}

enum pli_status mail_dns_exchanger(struct pool *pool, const char *domain, const char **host_r, struct err *err)
{
	uint8_t *answer = pool_alloc(pool, ANSWER_MAX);
	char name[NS_MAXDNAME];
	unsigned best = 0x10000, preference;
	ns_msg msg;
	ns_rr rr;
	int n;
	enum pli_status st = query(domain, ns_t_mx, answer, &n, err);

	*host_r = NULL;
	if (st != PLI_OK || !n || ns_initparse(answer, n, &msg) != 0)
		return st;
	for (int i = 0; i < ns_msg_count(msg, ns_s_an); i++) {
		if (ns_parserr(&msg, ns_s_an, i, &rr) != 0 || ns_rr_type(rr) != ns_t_mx || ns_rr_rdlen(rr) < 3)
			continue;
		preference = ns_get16(ns_rr_rdata(rr));
		if (preference >= best || dn_expand(answer, answer + n, ns_rr_rdata(rr) + 2, name, sizeof(name)) < 0 || !*name)
			continue;
		best = preference;
		*host_r = pool_str(pool, name);
	}
	return st;
}

enum pli_status mail_dns_address(const char *host, bool *has_r, struct err *err)
{
	AUTO_POOL pool = pool_new();
	uint8_t *answer = pool_alloc(pool, ANSWER_MAX);
	static const int types[] = { ns_t_a, ns_t_aaaa };
	ns_msg msg;
	ns_rr rr;

	*has_r = false;
	for (size_t k = 0; k < 2 && !*has_r; k++) {
		int n;
		enum pli_status st = query(host, types[k], answer, &n, err);

		if (st != PLI_OK)
			return st;
		for (int i = 0; n && ns_initparse(answer, n, &msg) == 0 && i < ns_msg_count(msg, ns_s_an); i++)
			*has_r |= ns_parserr(&msg, ns_s_an, i, &rr) == 0 && (int)ns_rr_type(rr) == types[k];
	}
	return PLI_OK;
}

static char *without_blanks(struct pool *pool, const char *text)
{
	char *copy = pool_str(pool, text), *to = copy;

	for (const char *c = text; *c; c++)
		if (!isspace((unsigned char)*c) && *c != ';')
			*to++ = *c;
	*to = '\0';
	return copy;
}

bool mail_dns_agrees(const struct mail_dns_line *line, const char *published)
{
	AUTO_POOL pool = pool_new();

	if (line->kind != MAIL_DNS_DKIM)
		return str_starts(published, begins[line->kind]);
	return str_eq(without_blanks(pool, line->text), without_blanks(pool, published));
}
