/* Numbers and headers of the ZIP format (APPNOTE 6.3.10), shared by zip.c (writers) and
 * zip_read.c. */
#ifndef PLI_ZIP_FORMAT_H
#define PLI_ZIP_FORMAT_H

#include <stdint.h>

enum {
	ZIP_LOCAL_SIGNATURE = 0x04034b50,
	ZIP_CENTRAL_SIGNATURE = 0x02014b50,
	ZIP_END_SIGNATURE = 0x06054b50,
	ZIP_END64_SIGNATURE = 0x06064b50,
	ZIP_LOCATOR64_SIGNATURE = 0x07064b50,
	ZIP_LOCAL_BYTES = 30,
	ZIP_CENTRAL_BYTES = 46,
	ZIP_END_BYTES = 22,
	ZIP_END64_BYTES = 56,
	ZIP_LOCATOR64_BYTES = 20,
	ZIP_FLAG_UTF8 = 0x0800,
	ZIP_VERSION = 20, /* 2.0: what plain archives need */
	ZIP_VERSION_64 = 45,
	ZIP_STORED = 0,
	ZIP_DEFLATED = 8,
	ZIP_EXTRA_64 = 0x0001,
	ZIP_EXTRA_TIME = 0x5455,
};
#define ZIP_U16_FULL 0xffffU
#define ZIP_U32_FULL UINT32_C(0xffffffff)

#endif
