/* Proofs in PDF from outside.  What is read is within the bytes given: the signed ranges and the hole between them are the whole file. */
#include <stdint.h>

#include "buf.h"
#include "pdf_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pdf_seal seal;
	AUTO_BUF out = { 0 };
	struct err err;

	if (pdf_seal_read(data, size, &seal, &err) == PLI_OK &&
	    (seal.over[0] != data || seal.over[0] + seal.over_n[0] >= seal.over[1] || seal.over[1] + seal.over_n[1] != data + size ||
	     seal.der_n > sizeof(seal.der)))
		__builtin_trap();
	if (pdf_attached(data, size, MOST, &out, &err) == PLI_OK && out.n > MOST)
		__builtin_trap();
	return 0;
}
