/* What time-stamping authorities answer, tokens and certificates of renewals: from outside.  Input, first byte:
 *   'A'  an answer to a request with the nonce of the seed · 'T'  a token over the seed's list · 'P'  certificates, as PEM */
#include <stdint.h>
#include <stdlib.h>

#include "buf.h"
#include "renewal.h"
#include "renewal_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NONCE UINT64_C(0xa7ad0361f9437bb4)
#define NOW_US INT64_C(1795331842000000)

static const char ROOT[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBhTCCASugAwIBAgIUHyVbnMHs4ULrsGL35Zi9z5HFSXIwCgYIKoZIzj0EAwIw\n"
	"DzENMAsGA1UEAwwEUm9vdDAgFw0yNjExMjIwNzE2MThaGA8yMDcwMDkxMjA3MTYx\n"
	"OFowDzENMAsGA1UEAwwEUm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABHcK\n"
	"bkTbgK44AtNbsyID/o/FQ2kkPJ/Vq9SCXk7XtqTHj0bvao+S5NyQ5gSndCYmRPN2\n"
	"oEkqRtBLCt2LdvuIG+OjYzBhMB0GA1UdDgQWBBSmVFtopfPhOYIB66CUL9rRMg4F\n"
	"MDAfBgNVHSMEGDAWgBSmVFtopfPhOYIB66CUL9rRMg4FMDAPBgNVHRMBAf8EBTAD\n"
	"AQH/MA4GA1UdDwEB/wQEAwICBDAKBggqhkjOPQQDAgNIADBFAiEA/P9pAMR7rmTb\n"
	"B+BI+DhLytHdzWM7rRbVLB3MwDS7az4CIHdrmoAcppAGf2zT0L6YH+GoHWemyuaj\n"
	"Uhh+haMWDM3p\n"
	"-----END CERTIFICATE-----\n";
static const char LEAF[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBejCCAR+gAwIBAgIBBzAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARSb290MCAX\n"
	"DTI2MTEyMjA3MTYxOVoYDzIwNjcxMjE3MDcxNjE5WjAPMQ0wCwYDVQQDDARUaW1l\n"
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+np1XDsu5hzCGv89ONwlVmuehjrd\n"
	"n4PIWdKHFpCEw8HfKo4rkqnbaz0MLsKqI4k/pH+bYCPT2JHRZag4zbrK1KNqMGgw\n"
	"FgYDVR0lAQH/BAwwCgYIKwYBBQUHAwgwDgYDVR0PAQH/BAQDAgeAMB0GA1UdDgQW\n"
	"BBSF8BqiX6bVUFPq+7dsD7YPJ3IL7DAfBgNVHSMEGDAWgBSmVFtopfPhOYIB66CU\n"
	"L9rRMg4FMDAKBggqhkjOPQQDAgNJADBGAiEAoyrUziHkzg7BTZBA1oAjQ30lA/lV\n"
	"WpLF1jjM2hp3xUQCIQDkFv/yJALQleM+T8enJNLY9L6VSXsqULyUOCPod5X/Ow==\n"
	"-----END CERTIFICATE-----\n";
static const char LIST[] = "list\n";

static void answer(const uint8_t *data, size_t size)
{
	AUTO_BUF token = { 0 }, pem = { 0 };
	struct err err = { 0 };
	int64_t time_us;

	if (renewal_answer(data, size, NONCE, LIST, sizeof(LIST) - 1, ROOT, NOW_US, &token, &pem, &time_us, &err) == PLI_OK) {
		char hex[65];

		/* What is taken names its root. */
		renewal_token_root(pem.p, hex);
		if (!hex[0])
			abort();
	} else if (err.status == PLI_OK) {
		abort();	/* refused without a reason */
	}
}

static void token(const uint8_t *data, size_t size)
{
	AUTO_BUF pem = { 0 };
	struct err err = { 0 };
	int64_t time_us;

	buf_str(&pem, LEAF);
	buf_str(&pem, ROOT);
	if (renewal_token_check(data, size, LIST, sizeof(LIST) - 1, pem.p, ROOT, NOW_US, &time_us, &err) != PLI_OK && err.status == PLI_OK)
		abort();
}

static void chain(const uint8_t *data, size_t size)
{
	AUTO_BUF text = { 0 };
	char hex[65];
	int64_t time_us;

	buf_add(&text, data, size);
	renewal_token_root(text.p ? text.p : "", hex);
	if (renewal_token_check("x", 1, LIST, sizeof(LIST) - 1, text.p ? text.p : "", NULL, NOW_US, &time_us, NULL) == PLI_OK)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && data[0] == 'A')
		answer(data + 1, size - 1);
	else if (size && data[0] == 'T')
		token(data + 1, size - 1);
	else if (size && data[0] == 'P')
		chain(data + 1, size - 1);
	return 0;
}
