/* See mail_check.h. */
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "buf.h"
#include "text.h"
#include "head_line.h"
#include "checkpoint.h"
#include "pem_list.h"

#include "mail_check.h"

#define KEYS_MAX 16

static CMS_ContentInfo *decode(const void *p7s, size_t n)
{
	const unsigned char *p = p7s;
	CMS_ContentInfo *cms = n < INT_MAX ? d2i_CMS_ContentInfo(NULL, &p, (long)n) : NULL;
	STACK_OF(CMS_SignerInfo) *signers;
	bool one = false;

	if (cms && p == (const unsigned char *)p7s + n && OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_signed) {
		signers = CMS_get0_SignerInfos(cms);
		one = signers && sk_CMS_SignerInfo_num(signers) == 1 && CMS_is_detached(cms) == 1;
	}
	if (one)
		return cms;
	CMS_ContentInfo_free(cms);
	return NULL;
}

static X509_STORE *store_of(const char *root_pem)
{
	BIO *bio = BIO_new_mem_buf(root_pem, -1);
	X509 *root = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	X509_STORE *store = root ? X509_STORE_new() : NULL;

	if (store && (!X509_STORE_add_cert(store, root) || !X509_STORE_set_purpose(store, X509_PURPOSE_SMIME_SIGN) ||
		      !X509_STORE_set_flags(store, X509_V_FLAG_NO_CHECK_TIME))) {
		X509_STORE_free(store);
		store = NULL;
	}
	X509_free(root);
	BIO_free(bio);
	return store;
}

static bool holds(CMS_ContentInfo *cms, X509_STORE *store, const void *content, size_t n)
{
	BIO *in = BIO_new_mem_buf(content, (int)n), *out = BIO_new(BIO_s_null());
	bool ok = in && out && CMS_verify(cms, NULL, store, in, out, CMS_BINARY | (store ? 0 : CMS_NO_SIGNER_CERT_VERIFY)) == 1;

	BIO_free(in);
	BIO_free(out);
	return ok;
}

enum pli_status mail_check_signature(const char *root_pem, const void *content, size_t n, const void *p7s, size_t p7s_n, struct err *err)
{
	CMS_ContentInfo *cms = decode(p7s, p7s_n);
	X509_STORE *store = cms ? store_of(root_pem) : NULL;
	enum pli_status st = PLI_OK;

	if (!cms || n > INT_MAX)
		st = err_set(err, PLI_INPUT, "its signature cannot be read");
	else if (!store)
		st = err_set(err, PLI_IO, "the root certificate cannot be read");
	else if (!holds(cms, NULL, content, n))
		st = err_set(err, PLI_CONFLICT, "the content is not what was signed");
	else if (!holds(cms, store, content, n))
		st = err_set(err, PLI_DENIED, "it is signed, but not by this service");
	X509_STORE_free(store);
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	return st;
}

/* The certificate that the only signer means, among those inside; NULL: none.  Lives with cms. */
static X509 *signer_of(CMS_ContentInfo *cms, STACK_OF(X509) *certs)
{
	CMS_SignerInfo *signer = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0);

	for (int i = 0; certs && i < sk_X509_num(certs); i++)
		if (CMS_SignerInfo_cert_cmp(signer, sk_X509_value(certs, i)) == 0)
			return sk_X509_value(certs, i);
	return NULL;
}

bool mail_check_same_signer(const void *a, size_t a_n, const void *b, size_t b_n)
{
	CMS_ContentInfo *cms[2] = { decode(a, a_n), decode(b, b_n) };
	STACK_OF(X509) *certs[2] = { cms[0] ? CMS_get1_certs(cms[0]) : NULL, cms[1] ? CMS_get1_certs(cms[1]) : NULL };
	X509 *x = certs[0] ? signer_of(cms[0], certs[0]) : NULL, *y = certs[1] ? signer_of(cms[1], certs[1]) : NULL;
	bool same = x && y && X509_cmp(x, y) == 0;

	for (int i = 0; i < 2; i++) {
		sk_X509_pop_free(certs[i], X509_free);
		CMS_ContentInfo_free(cms[i]);
	}
	ERR_clear_error();
	return same;
}

bool mail_check_head(struct pool *pool, const char *line, size_t n, const char *log_pubs, uint64_t *size_r, uint8_t root_r[32])
{
	uint8_t keys[KEYS_MAX][32];
	unsigned count = pem_list_publics(pool, log_pubs, keys, KEYS_MAX);
	char root[45], signature[93];
	struct head_line head;
	struct checkpoint c;
	AUTO_BUF note = { 0 };

	if (!head_line_parse(line, n, &head) || !head.has_signature)
		return false;
	buf_fmt(&note, "%s\n%" PRIu64 "\n%s\n\n— %s %s\n", head.origin, head.size, base64_encode(root, head.root, 32), head.origin,
		base64_encode(signature, head.signature, sizeof(head.signature)));
	for (unsigned i = 0; i < count; i++)
		if (checkpoint_verify(note.p, note.n, head.origin, keys[i], &c, NULL) == PLI_OK) {
			*size_r = head.size;
			memcpy(root_r, head.root, 32);
			return true;
		}
	return false;
}
