/* See tls_context.h.  Everything is done through OpenSSL's own checks; nothing here reads a file. */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "status.h"

#include "tls_tickets.h"

#include "tls_context.h"

static const char tls_suites_12[] =
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char tls_suites_13[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char tls_groups[] = "X25519:P-256:P-384";

static enum pli_status tls_fault(struct err *err, enum pli_status status, const char *what)
{
	char text[160] = "";
	unsigned long code = ERR_peek_last_error();

	if (code)
		ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	return err_set(err, status, "%s%s%s", what, text[0] ? ": " : "", text);
}

/* As tls_fault, for one of the two texts. */
static enum pli_status tls_bad_text(struct err *err, const char *field, const char *what)
{
	struct err why;

	tls_fault(&why, PLI_INPUT, what);
	return err_field(err, PLI_INPUT, "bad-tls", field, "%s", why.text);
}

/* Encrypted keys are refused instead of asking a terminal. */
static int tls_no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

static const unsigned char tls_protocols[] = "\x02h2\x08http/1.1";
#define TLS_H2_BYTES 3u

/* arg: where our list begins. */
static int tls_choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
			   unsigned int in_len, void *arg)
{
	const unsigned char *ours = arg;
	unsigned n = (unsigned)(tls_protocols + sizeof(tls_protocols) - 1 - ours);

	(void)ssl;
	if (SSL_select_next_proto((unsigned char **)out, out_len, ours, n, in, in_len) == OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_OK;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* A session begun under another certificate is not taken up again: who comes back after a change sees the new one. */
static int tls_bind_sessions(SSL_CTX *ctx, const X509 *leaf)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n;

	return X509_digest(leaf, EVP_sha256(), digest, &n) == 1 && SSL_CTX_set_session_id_context(ctx, digest, n) == 1;
}

static enum pli_status tls_use_chain(SSL_CTX *ctx, const char *pem, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *leaf = bio ? PEM_read_bio_X509(bio, NULL, tls_no_passphrase, NULL) : NULL;
	X509 *more;
	int ok = leaf && SSL_CTX_use_certificate(ctx, leaf) == 1 && tls_bind_sessions(ctx, leaf);

	while (ok && (more = PEM_read_bio_X509(bio, NULL, tls_no_passphrase, NULL)))
		ok = SSL_CTX_add0_chain_cert(ctx, more) == 1;
	X509_free(leaf);
	BIO_free(bio);
	if (!ok)
		return tls_bad_text(err, TLS_CERTIFICATE, "the TLS certificate cannot be used");
	ERR_clear_error();	/* the end of the PEM text is left there as an error */
	return PLI_OK;
}

static enum pli_status tls_use_key(SSL_CTX *ctx, const char *pem, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, tls_no_passphrase, NULL) : NULL;
	const char *wrong = NULL;

	if (!key)
		wrong = "the TLS key cannot be read";
	else if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
		wrong = "the TLS key is not that of the certificate";
	EVP_PKEY_free(key);
	BIO_free(bio);
	return wrong ? tls_bad_text(err, TLS_KEY, wrong) : PLI_OK;
}

static enum pli_status tls_harden(SSL_CTX *ctx, bool http2, struct err *err)
{
	int ok = SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
		 SSL_CTX_set_cipher_list(ctx, tls_suites_12) == 1 &&
		 SSL_CTX_set_ciphersuites(ctx, tls_suites_13) == 1 && SSL_CTX_set1_groups_list(ctx, tls_groups) == 1 &&
		 SSL_CTX_set_num_tickets(ctx, 1) == 1;

	if (!ok)
		return tls_fault(err, PLI_BUG, "OpenSSL refuses a TLS setting");
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF |
					 SSL_OP_CLEANSE_PLAINTEXT);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_security_level(ctx, 2);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	/* One system call a record instead of two; with RELEASE_BUFFERS an idle connection still keeps no buffer. */
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_alpn_select_cb(ctx, tls_choose_alpn, (void *)(uintptr_t)(tls_protocols + (http2 ? 0 : TLS_H2_BYTES)));
	return PLI_OK;
}

enum pli_status tls_context_new(const char *cert_pem, const char *key_pem, struct tls_tickets *tickets,
				bool http2, struct ssl_ctx_st **ctx_r, struct err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	enum pli_status st;

	if (!ctx)
		return tls_fault(err, PLI_BUG, "no TLS context");
	tls_tickets_use(tickets, ctx);
	st = tls_harden(ctx, http2, err);
	if (st == PLI_OK)
		st = tls_use_chain(ctx, cert_pem, err);
	if (st == PLI_OK)
		st = tls_use_key(ctx, key_pem, err);
	if (st != PLI_OK) {
		SSL_CTX_free(ctx);
		return st;
	}
	*ctx_r = ctx;
	return PLI_OK;
}

int64_t tls_certificate_end_us(const char *cert_pem)
{
	BIO *bio = BIO_new_mem_buf(cert_pem, -1);
	X509 *leaf = bio ? PEM_read_bio_X509(bio, NULL, tls_no_passphrase, NULL) : NULL;
	int64_t end_us = 0;
	struct tm tm;

	if (leaf && ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &tm) == 1)
		end_us = (int64_t)timegm(&tm) * 1000000;
	X509_free(leaf);
	BIO_free(bio);
	ERR_clear_error();
	return end_us;
}
