/* The schema's steps; see migration.h. */
#include <string.h>

#include "web_table.h"

#include "migration.h"

const struct migration *migration_list(const char *engine, size_t *count_r)
{
	for (size_t i = 0; i < web_engine_count; i++) {
		if (strcmp(web_engines[i].name, engine) == 0) {
			*count_r = web_engines[i].count;
			return web_engines[i].steps;
		}
	}
	*count_r = 0;
	return NULL;
}
