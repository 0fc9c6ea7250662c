/* See pem.h. */
#include <limits.h>
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "buf.h"

#include "pem.h"

/* One SEQUENCE of a definite length, and nothing behind it. */
static bool whole(const unsigned char *der, long n)
{
	const unsigned char *p = der;
	long inner;
	int tag, class_;

	return n > 0 && ASN1_get_object(&p, &inner, &tag, &class_, n) == V_ASN1_CONSTRUCTED && tag == V_ASN1_SEQUENCE &&
	       class_ == V_ASN1_UNIVERSAL && p + inner == der + n;
}

bool pem_der(const char *pem, size_t n, const char *name, struct buf *out)
{
	BIO *bio = n <= INT_MAX ? BIO_new_mem_buf(pem, (int)n) : NULL;
	unsigned char *der = NULL;
	long der_n = 0;
	bool ok = bio && PEM_bytes_read_bio(&der, &der_n, NULL, name, bio, NULL, NULL) == 1 && whole(der, der_n);

	if (ok)
		buf_add(out, der, (size_t)der_n);
	OPENSSL_free(der);
	BIO_free(bio);
	ERR_clear_error();
	return ok;
}

bool pem_is_ed25519(const void *der, size_t n, uint8_t public_r[32])
{
	/* SEQUENCE { SEQUENCE { OID 1.3.101.112 } BIT STRING of 256 bits } */
	static const uint8_t before[] = { 0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0 };

	if (n != sizeof(before) + 32 || memcmp(der, before, sizeof(before)) != 0)
		return false;
	memcpy(public_r, (const uint8_t *)der + sizeof(before), 32);
	return true;
}
