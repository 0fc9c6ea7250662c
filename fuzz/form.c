/* Forms and query strings. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "pool.h"
#include "text.h"
#include "form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "to", "subject", NULL };
	AUTO_POOL pool = pool_new();
	struct form form;
	struct err err = { 0 };
	const char *value = NULL;

	form_init(&form, pool);
	if (form_parse(&form, (const char *)data, size, 20, &err) == PLI_OK)
		assert(form.count <= 20);
	for (unsigned i = 0; i < form.count; i++) {
		size_t n = strlen(form.items[i].name);

		assert(n && n <= FORM_NAME_MAX && text_is_line(form.items[i].name, n));
		assert(utf8_valid(form.items[i].value, strlen(form.items[i].value)));
		assert(form_get(&form, form.items[i].name));
	}
	if (form_one(&form, "to", &value, &err) != PLI_OK || form_only(&form, names, &err) != PLI_OK)
		assert(text_is_line(err.text, strlen(err.text)));
	return 0;
}
