/* The qcStatements of a certificate: SEQUENCE OF SEQUENCE { statementId OID, statementInfo ANY OPTIONAL }. */
#include <stdint.h>
#include <string.h>

#include <openssl/asn1t.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "qualified.h"

#define COMPLIANCE "0.4.0.1862.1.1"
#define TYPE "0.4.0.1862.1.6"
#define TYPE_ESEAL "0.4.0.1862.1.6.2"
#define TIMESTAMPS "0.4.0.19422.1.1"

static bool is_oid(const ASN1_TYPE *t, const char *dotted)
{
	char text[64];

	return t && ASN1_TYPE_get(t) == V_ASN1_OBJECT && OBJ_obj2txt(text, sizeof(text), t->value.object, 1) > 0 && strcmp(text, dotted) == 0;
}

static ASN1_SEQUENCE_ANY *sequence_of(const ASN1_TYPE *t)
{
	const unsigned char *p;

	if (!t || ASN1_TYPE_get(t) != V_ASN1_SEQUENCE)
		return NULL;
	p = t->value.sequence->data;
	return d2i_ASN1_SEQUENCE_ANY(NULL, &p, t->value.sequence->length);
}

static void sequence_free(ASN1_SEQUENCE_ANY *s)
{
	sk_ASN1_TYPE_pop_free(s, ASN1_TYPE_free);
}

/* Is there the statement, and (info not NULL) does its list of types hold that one? */
static bool states(const ASN1_SEQUENCE_ANY *all, const char *id, const char *info)
{
	bool found = false;

	for (int i = 0; !found && i < sk_ASN1_TYPE_num(all); i++) {
		ASN1_SEQUENCE_ANY *one = sequence_of(sk_ASN1_TYPE_value(all, i)), *types = NULL;

		found = one && sk_ASN1_TYPE_num(one) > 0 && is_oid(sk_ASN1_TYPE_value(one, 0), id);
		if (found && info) {
			found = false;
			types = sk_ASN1_TYPE_num(one) > 1 ? sequence_of(sk_ASN1_TYPE_value(one, 1)) : NULL;
			for (int k = 0; types && k < sk_ASN1_TYPE_num(types); k++)
				found = found || is_oid(sk_ASN1_TYPE_value(types, k), info);
		}
		sequence_free(types);
		sequence_free(one);
	}
	return found;
}

static ASN1_SEQUENCE_ANY *statements_of(X509 *x)
{
	int at = X509_get_ext_by_NID(x, NID_qcStatements, -1);
	const ASN1_OCTET_STRING *octets = at < 0 ? NULL : X509_EXTENSION_get_data(X509_get_ext(x, at));
	const unsigned char *p = octets ? ASN1_STRING_get0_data(octets) : NULL;

	return p ? d2i_ASN1_SEQUENCE_ANY(NULL, &p, ASN1_STRING_length(octets)) : NULL;
}

bool qualified_certificate(const char *pem, enum qualified_use use)
{
	BIO *bio = pem ? BIO_new_mem_buf(pem, -1) : NULL;
	X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	ASN1_SEQUENCE_ANY *all = x ? statements_of(x) : NULL;
	bool compliant = all && states(all, COMPLIANCE, NULL), good;

	good = use == QUALIFIED_SEAL ? compliant && states(all, TYPE, TYPE_ESEAL) : compliant || (all && states(all, TIMESTAMPS, NULL));
	sequence_free(all);
	X509_free(x);
	BIO_free(bio);
	return good;
}
