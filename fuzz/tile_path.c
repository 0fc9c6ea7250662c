/* Addresses of hash tiles: each tile has one. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

#include "tiles.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF path = { 0 };
	char again[96];
	unsigned level, width;
	uint64_t n;

	buf_add(&path, data, size);
	buf_ch(&path, 0);
	if (!tiles_path_parse(path.p, &level, &n, &width))
		return 0;
	if (level > 63 || !width || width > TILE_HASHES)
		abort();
	tiles_path(again, level, n);
	if (width < TILE_HASHES)
		snprintf(again + strlen(again), sizeof(again) - strlen(again), ".p/%u", width);
	if (strcmp(again + strlen("tile/"), path.p) != 0)
		abort();
	return 0;
}
