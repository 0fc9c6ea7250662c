/* META-INF/ASiCManifest.xml of a proof bundle (ETSI EN 319 162-1, A.4): the text that the seal signs.
 *
 * Exactly these lines, each ended by a line feed, no other form is accepted:
 *   <?xml version="1.0" encoding="UTF-8"?>
 *   <ASiCManifest xmlns="http://uri.etsi.org/02918/v1.2.1#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
 *   <!-- checkpoint SIZE ROOT -->		decimal size, root in lower hex: of the log's head in the bundle
 *   <SigReference URI="META-INF/signature.p7s" MimeType="application/pkcs7-signature"/>
 *   <DataObjectReference URI="NAME"><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>
 *   	<ds:DigestValue>BASE64</ds:DigestValue></DataObjectReference>		on one line, without the tab; one a file
 *   </ASiCManifest>
 * NAME is made of letters, digits, `.`, `_`, `-` and `/`; SHA-256 digests in base64. */
#ifndef PLI_ASIC_H
#define PLI_ASIC_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;
struct pool;

#define ASIC_MIMETYPE "application/vnd.etsi.asic-e+zip"
#define ASIC_MANIFEST_NAME "META-INF/ASiCManifest.xml"
#define ASIC_SIGNATURE_NAME "META-INF/signature.p7s"
#define ASIC_NAME_MAX 64

struct asic_reference {
	const char *name;
	uint8_t sha256[32];
};
struct asic_manifest {
	uint64_t checkpoint_size;
	uint8_t checkpoint_root[32];
	const struct asic_reference *references;
	size_t count;
};

/* Names must be of the form above (asserted). */
void asic_manifest_write(const struct asic_manifest *manifest, struct buf *out);

/* Reads only what asic_manifest_write writes, byte for byte, with at most 65,000 distinct references.  The keeper
 * calls this on what it is asked to seal and compares the checkpoint with its own tree; verifiers call it to say
 * which file differs.  PLI_INPUT with the line at fault. */
MUST enum pli_status asic_manifest_parse(struct pool *pool, const void *p, size_t n,
					 struct asic_manifest *manifest_r, struct err *err);

#endif
