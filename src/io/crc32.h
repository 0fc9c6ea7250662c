/* CRC-32 of ZIP and gzip (ISO 3309, reflected 0xEDB88320), fast enough to run beside SHA-256 in
 * the same pass. */
#ifndef PLI_CRC32_H
#define PLI_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Running value: begin with 0, give back what was returned; the last value is the checksum.
 * The running value is the whole state, so that it may be stored and continued later. */
uint32_t crc32_add(uint32_t crc, const void *p, size_t n);

#endif
