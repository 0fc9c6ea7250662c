/* Making an instance's keys; see keygen.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "pool.h"

#include "cipher.h"

#include "counter.h"
#include "key_change.h"
#include "keyfile.h"
#include "keyring.h"
#include "note_key.h"
#include "pem.h"

#include "keygen.h"

#define ROOT_DAYS (30 * 365)
#define TSA_DAYS (10 * 365)
#define SEAL_DAYS (3 * 365)
#define TLS_CA_DAYS (10 * 365)
#define TLS_DAYS 820			/* the most that every browser takes from a private authority */

struct pair {
	EVP_PKEY *key;
	X509 *cert;
};

static void pair_free(struct pair *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
}

static bool extension(X509 *cert, X509 *issuer, const char *name, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	e = X509V3_EXT_conf(NULL, &ctx, name, value);
	ok = e && X509_add_ext(cert, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

struct extension_line {
	const char *name, *value;
};

static bool subject(X509 *cert, const char *role, const char *of)
{
	X509_NAME *name = X509_get_subject_name(cert);
	char cn[65];

	/* X.520 ends a common name at 64 characters; the origin stands there for people, nothing is looked up by it. */
	snprintf(cn, sizeof(cn), "%s %s", role, of);
	return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const uint8_t *)"Pli", -1, -1, 0) &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)cn, -1, -1, 0);
}

static bool serial(X509 *cert)
{
	uint8_t bytes[16];
	BIGNUM *n;
	bool ok;

	mem_random(bytes, sizeof(bytes));
	bytes[0] = (bytes[0] & 0x7f) | 0x40;
	n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
	BN_free(n);
	return ok;
}

/* A P-256 key (new when p has none) and its certificate by issuer (NULL: by itself). Begins an hour back, for clocks that differ. */
static bool pair_make(struct pair *p, const struct pair *issuer, const char *role, const char *of, int days,
		      const struct extension_line *lines)
{
	const struct pair *by = issuer ? issuer : p;

	if (!p->key)
		p->key = EVP_EC_gen("P-256");
	p->cert = X509_new();
	if (!p->key || !p->cert || !X509_set_version(p->cert, X509_VERSION_3) || !serial(p->cert) || !subject(p->cert, role, of) ||
	    !X509_set_issuer_name(p->cert, X509_get_subject_name(by->cert)) || !X509_gmtime_adj(X509_getm_notBefore(p->cert), -3600) ||
	    !X509_time_adj_ex(X509_getm_notAfter(p->cert), days, 0, NULL) || !X509_set_pubkey(p->cert, p->key))
		return false;
	for (; lines->name; lines++)
		if (!extension(p->cert, by->cert, lines->name, lines->value))
			return false;
	return X509_sign(p->cert, by->key, EVP_sha256()) > 0;
}

static enum pli_status put_bio(int dir_fd, const char *name, mode_t mode, BIO *bio, bool written, struct err *err)
{
	enum pli_status status;
	char *text;
	long n = BIO_get_mem_data(bio, &text);

	if (!written || n <= 0)
		status = err_set(err, PLI_BUG, "cannot encode %s", name);
	else
		status = keyfile_create(dir_fd, name, mode, text, (size_t)n, err);
	if (n > 0)
		mem_wipe(text, (size_t)n);
	BIO_free(bio);
	return status;
}

static enum pli_status put_key(int dir_fd, const char *name, EVP_PKEY *key, struct err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());

	return put_bio(dir_fd, name, 0600, bio, PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), err);
}

static enum pli_status put_cert(int dir_fd, const char *name, X509 *cert, X509 *next, struct err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());

	return put_bio(dir_fd, name, 0644, bio, PEM_write_bio_X509(bio, cert) && (!next || PEM_write_bio_X509(bio, next)), err);
}

static enum pli_status failed(struct err *err)
{
	ERR_clear_error();
	return err_set(err, PLI_BUG, "a key or certificate could not be made");
}

static enum pli_status make_signing(int keys, int public, const struct pair *root, const char *name, const char *role,
				    const char *of, int days, const struct extension_line *lines, struct err *err)
{
	struct pair p = { 0 };
	char file[32];
	enum pli_status status = PLI_OK;

	if (!pair_make(&p, root, role, of, days, lines))
		status = failed(err);
	snprintf(file, sizeof(file), "%s.key", name);
	if (status == PLI_OK)
		status = put_key(keys, file, p.key, err);
	snprintf(file, sizeof(file), "%s.pem", name);
	if (status == PLI_OK)
		status = put_cert(keys, file, p.cert, NULL, err);
	if (status == PLI_OK && public >= 0)
		status = put_cert(public, file, p.cert, NULL, err);
	pair_free(&p);
	return status;
}

/* Of both signers of receipts: the service's seal and the certification operator. */
static const struct extension_line seal_lines[] = {
	{ "basicConstraints", "critical,CA:FALSE" }, { "keyUsage", "critical,digitalSignature,nonRepudiation" },
	{ "subjectKeyIdentifier", "hash" }, { "authorityKeyIdentifier", "keyid:always" }, { NULL, NULL },
};
#define OPERATOR_ROLE "Certification operator of"
static const struct extension_line tsa_lines[] = {
	{ "basicConstraints", "critical,CA:FALSE" }, { "keyUsage", "critical,digitalSignature,nonRepudiation" },
	{ "extendedKeyUsage", "critical,timeStamping" }, { "subjectKeyIdentifier", "hash" },
	{ "authorityKeyIdentifier", "keyid:always" }, { NULL, NULL },
};

static enum pli_status make_evidence(int keys, int public, const char *origin, const char *mail_from, struct err *err)
{
	static const struct extension_line root_lines[] = {
		{ "basicConstraints", "critical,CA:TRUE,pathlen:0" }, { "keyUsage", "critical,keyCertSign,cRLSign" },
		{ "subjectKeyIdentifier", "hash" }, { NULL, NULL },
	};
	char address[320];
	const struct extension_line mail_lines[] = {
		{ "basicConstraints", "critical,CA:FALSE" }, { "keyUsage", "critical,digitalSignature,nonRepudiation" },
		{ "extendedKeyUsage", "emailProtection" }, { "subjectAltName", address }, { "subjectKeyIdentifier", "hash" },
		{ "authorityKeyIdentifier", "keyid:always" }, { NULL, NULL },
	};
	struct pair root = { 0 };
	enum pli_status status = PLI_OK;

	/* A comma would begin another name in the extension's little language. */
	if (strpbrk(mail_from, ",\n\r") || snprintf(address, sizeof(address), "email:%s", mail_from) >= (int)sizeof(address))
		return err_set(err, PLI_INVALID, "the mail address for the certificate is not usable");
	if (!pair_make(&root, NULL, "Evidence root of", origin, ROOT_DAYS, root_lines))
		status = failed(err);
	if (status == PLI_OK)
		status = put_key(keys, "root.key", root.key, err);
	if (status == PLI_OK)
		status = put_cert(public, "root.pem", root.cert, NULL, err);
	if (status == PLI_OK)
		status = make_signing(keys, public, &root, "seal", "Seal of", origin, SEAL_DAYS, seal_lines, err);
	if (status == PLI_OK)
		status = make_signing(keys, public, &root, "operator", OPERATOR_ROLE, origin, SEAL_DAYS, seal_lines, err);
	if (status == PLI_OK)
		status = make_signing(keys, public, &root, "tsa", "Time stamps of", origin, TSA_DAYS, tsa_lines, err);
	if (status == PLI_OK)
		status = make_signing(keys, -1, &root, "mail", "Mail of", origin, SEAL_DAYS, mail_lines, err);
	pair_free(&root);
	return status;
}

static bool is_there(int dir_fd, const char *name)
{
	return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum pli_status root_read(int keys, int public, struct pair *root, struct err *err)
{
	AUTO_BUF key = { .secret = 1 }, cert = { 0 };
	/* Without the pass phrase: of a protected one it is said. */
	enum pli_status status = keyring_read(&(struct keyring){ .dir_fd = keys }, "root.key", &key, err);
	BIO *bio;

	if (status == PLI_OK)
		status = keyfile_read(public, "root.pem", &cert, err);
	if (status != PLI_OK)
		return status;
	bio = BIO_new_mem_buf(key.p, (int)key.n);
	root->key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	bio = BIO_new_mem_buf(cert.p, (int)cert.n);
	root->cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	if (!root->key || !root->cert || X509_check_private_key(root->cert, root->key) != 1) {
		ERR_clear_error();
		return err_set(err, PLI_CONFLICT, "keys/root.key does not belong to public/root.pem");
	}
	return PLI_OK;
}

enum pli_status keygen_operator(int keys_dir_fd, int public_dir_fd, const char *origin, struct err *err)
{
	struct pair root = { 0 };
	enum pli_status status;

	if (key_change_has(keys_dir_fd, KEY_OPERATOR)) {
		AUTO_BUF cert = { 0 };

		if (is_there(public_dir_fd, "operator.pem"))
			return PLI_OK;
		status = keyfile_read(keys_dir_fd, "operator.pem", &cert, err);
		return status == PLI_OK ? keyfile_create(public_dir_fd, "operator.pem", 0644, cert.p, cert.n, err) : status;
	}
	status = root_read(keys_dir_fd, public_dir_fd, &root, err);
	if (status == PLI_OK) {
		/* A crash may have left one of the two. */
		(void)unlinkat(keys_dir_fd, "operator.key", 0);
		status = make_signing(keys_dir_fd, public_dir_fd, &root, "operator", OPERATOR_ROLE, origin, SEAL_DAYS, seal_lines, err);
	} else if (status == PLI_ABSENT) {
		(void)err_set(err, PLI_ABSENT, "keys/operator.key, the certification operator's key, is missing");
		status = err_hint(err, "bring keys/root.key back from your copy, start once (the key is made and certified), and take it away again");
	}
	pair_free(&root);
	return status;
}

static enum pli_status make_log(int keys, int public, struct err *err)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	enum pli_status status;
	BIO *bio;

	if (!key)
		return failed(err);
	status = put_key(keys, "log.key", key, err);
	if (status == PLI_OK) {
		bio = BIO_new(BIO_s_mem());
		status = put_bio(public, "log.pub", 0644, bio, PEM_write_bio_PUBKEY(bio, key), err);
	}
	EVP_PKEY_free(key);
	return status;
}

static enum pli_status make_dkim(int keys, const char *name, EVP_PKEY *key, struct err *err)
{
	enum pli_status status = key ? put_key(keys, name, key, err) : failed(err);

	EVP_PKEY_free(key);
	return status;
}

enum pli_status keygen_dkim(int keys_dir_fd, struct err *err)
{
	enum pli_status status = PLI_OK;

	if (faccessat(keys_dir_fd, "dkim.key", F_OK, AT_SYMLINK_NOFOLLOW) != 0)
		status = make_dkim(keys_dir_fd, "dkim.key", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), err);
	if (status == PLI_OK && faccessat(keys_dir_fd, "dkim-rsa.key", F_OK, AT_SYMLINK_NOFOLLOW) != 0)
		status = make_dkim(keys_dir_fd, "dkim-rsa.key", EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), err);
	return status;
}

static enum pli_status make_secret(int keys, const char *name, struct err *err)
{
	uint8_t secret[32];
	enum pli_status status;

	mem_random(secret, sizeof(secret));
	status = keyfile_create(keys, name, 0600, secret, sizeof(secret), err);
	mem_wipe(secret, sizeof(secret));
	return status;
}

enum pli_status keygen_init(int keys_dir_fd, int public_dir_fd, int journal_dir_fd, const char *origin, const char *mail_from,
			    struct err *err)
{
	enum pli_status status = make_evidence(keys_dir_fd, public_dir_fd, origin, mail_from, err);

	if (status == PLI_OK)
		status = make_log(keys_dir_fd, public_dir_fd, err);
	if (status == PLI_OK)
		status = make_secret(keys_dir_fd, "root.kek", err);
	if (status == PLI_OK)
		status = make_secret(keys_dir_fd, "pepper", err);
	if (status == PLI_OK && mkdirat(keys_dir_fd, "kek", 0700) != 0)
		status = errno == EEXIST ? err_set(err, PLI_CONFLICT, "keys/kek exists already") : err_errno(err, "cannot make keys/kek");
	if (status == PLI_OK)
		status = counter_create(keys_dir_fd, err);
	if (status == PLI_OK)
		status = keyfile_create(journal_dir_fd, "heads", 0640, "", 0, err);
	return status;
}

enum pli_status keygen_tls(int keys_dir_fd, int tls_dir_fd, const char *host, struct err *err)
{
	uint8_t binary[16];
	bool v4 = inet_pton(AF_INET, host, binary) == 1, v6 = !v4 && inet_pton(AF_INET6, host, binary) == 1;
	char names[600], permitted[700];
	const struct extension_line ca_lines[] = {
		{ "basicConstraints", "critical,CA:TRUE,pathlen:0" }, { "keyUsage", "critical,keyCertSign,cRLSign" },
		{ "extendedKeyUsage", "serverAuth" }, { "nameConstraints", permitted }, { "subjectKeyIdentifier", "hash" }, { NULL, NULL },
	};
	const struct extension_line leaf_lines[] = {
		{ "basicConstraints", "critical,CA:FALSE" }, { "keyUsage", "critical,digitalSignature" },
		{ "extendedKeyUsage", "serverAuth" }, { "subjectAltName", names }, { "subjectKeyIdentifier", "hash" },
		{ "authorityKeyIdentifier", "keyid:always" }, { NULL, NULL },
	};
	struct pair ca = { 0 }, leaf = { 0 };
	enum pli_status status = PLI_OK;

	if (!*host || strlen(host) > 253 || strpbrk(host, ",;\n\r\" "))
		return err_set(err, PLI_INVALID, "'%.80s' is not a host name", host);
	snprintf(names, sizeof(names), "DNS:localhost,IP:127.0.0.1,IP:::1,%s:%s", v4 || v6 ? "IP" : "DNS", host);
	snprintf(permitted, sizeof(permitted),
		 "critical,permitted;DNS:localhost,permitted;IP:127.0.0.1/255.255.255.255,"
		 "permitted;IP:::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,permitted;%s:%s%s", v4 || v6 ? "IP" : "DNS", host,
		 v4 ? "/255.255.255.255" : v6 ? "/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" : "");
	if (!pair_make(&ca, NULL, "Web authority of", host, TLS_CA_DAYS, ca_lines) ||
	    !pair_make(&leaf, &ca, "Web server", host, TLS_DAYS, leaf_lines))
		status = failed(err);
	if (status == PLI_OK)
		status = put_key(keys_dir_fd, "tls-ca.key", ca.key, err);
	if (status == PLI_OK)
		status = put_cert(tls_dir_fd, "ca.pem", ca.cert, NULL, err);
	if (status == PLI_OK)
		status = put_key(tls_dir_fd, "key.pem", leaf.key, err);
	if (status == PLI_OK)
		status = put_cert(tls_dir_fd, "cert.pem", leaf.cert, ca.cert, err);
	pair_free(&ca);
	pair_free(&leaf);
	return status;
}

enum pli_status keygen_witness(int keys_dir_fd, int public_dir_fd, const char *name, struct err *err)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	uint8_t public_key[32];
	size_t n = sizeof(public_key);
	enum pli_status status;
	struct note_key note;
	AUTO_BUF text = { 0 };

	if (!note_name_valid(name, strlen(name)))
		status = err_set(err, PLI_INVALID, "'%.80s' cannot be a witness's name", name);
	else if (!key || EVP_PKEY_get_raw_public_key(key, public_key, &n) != 1)
		status = failed(err);
	else
		status = put_key(keys_dir_fd, "witness.key", key, err);
	EVP_PKEY_free(key);
	if (status != PLI_OK)
		return status;
	note_key_init(&note, name, NOTE_KEY_WITNESS, public_key);
	note_key_write(&note, &text);
	buf_ch(&text, '\n');
	return keyfile_create(public_dir_fd, "witness.pub", 0644, text.p, text.n, err);
}

enum pli_status keygen_certificate(const char *root_pem, const char *root_key_pem, const char *name, const char *origin, EVP_PKEY *key,
				   struct buf *pem_out, struct err *err)
{
	BIO *cert_bio = BIO_new_mem_buf(root_pem, -1), *key_bio = BIO_new_mem_buf(root_key_pem, -1), *out = BIO_new(BIO_s_mem());
	struct pair root = { .cert = PEM_read_bio_X509(cert_bio, NULL, NULL, NULL),
			     .key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL) };
	struct pair p = { .key = EVP_PKEY_up_ref(key) ? key : NULL };
	bool tsa = strcmp(name, "tsa") == 0;
	const char *role = tsa ? "Time stamps of" : strcmp(name, "seal") == 0 ? "Seal of" : OPERATOR_ROLE;
	enum pli_status status = PLI_OK;
	char *text;

	if (!root.cert || !root.key || X509_check_private_key(root.cert, root.key) != 1)
		status = err_set(err, PLI_CONFLICT, "keys/root.key is not the key of the evidence root");
	else if (!pair_make(&p, &root, role, origin, tsa ? TSA_DAYS : SEAL_DAYS, tsa ? tsa_lines : seal_lines) ||
		 !PEM_write_bio_X509(out, p.cert))
		status = failed(err);
	if (status == PLI_OK) {
		long n = BIO_get_mem_data(out, &text);

		buf_add(pem_out, text, (size_t)n);
	}
	ERR_clear_error();
	pair_free(&root);
	pair_free(&p);
	BIO_free(cert_bio);
	BIO_free(key_bio);
	BIO_free(out);
	return status;
}

enum pli_status keygen_fingerprint(const char *pem, uint8_t digest_r[32], struct err *err)
{
	AUTO_BUF der = { 0 };
	size_t n = strlen(pem);

	if (!pem_der(pem, n, PEM_STRING_X509, &der) && !pem_der(pem, n, PEM_STRING_PUBLIC, &der))
		return err_set(err, PLI_INPUT, "neither a PEM certificate nor a PEM public key");
	cipher_sha256(der.p, der.n, digest_r);
	return PLI_OK;
}
