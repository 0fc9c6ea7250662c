/* Look-up of the files that the program carries; see asset.h. */
#include <string.h>

#include "web_table.h"

#include "asset.h"

static const struct asset *find(const struct asset *assets, size_t count, const char *name)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(assets[middle].name, name);

		if (order == 0)
			return &assets[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct asset *asset_find(const char *name)
{
	return find(web_assets, web_asset_count, name);
}

const struct asset *asset_data(const char *name)
{
	return find(web_data, web_data_count, name);
}

const struct asset *asset_at(size_t i)
{
	return i < web_asset_count ? &web_assets[i] : NULL;
}

size_t asset_count(void)
{
	return web_asset_count;
}
