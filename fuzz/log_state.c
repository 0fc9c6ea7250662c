/* What a monitor has kept of a log: what is read is written back as the same bytes; and verifier keys. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

#include "log_monitor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct log_state state = { 0 };
	struct note_key key;
	AUTO_BUF again = { 0 }, text = { 0 };

	if (log_state_parse((const char *)data, size, &state, NULL) == PLI_OK) {
		log_state_write(&state, &again);
		if (state.note.n > size || memcmp(again.p + again.n - state.note.n, data + size - state.note.n, state.note.n) != 0)
			abort();
	}
	buf_free(&state.note);
	if (note_key_parse((const char *)data, size, &key, NULL) == PLI_OK) {
		note_key_write(&key, &text);
		if (text.n != size)
			abort();
	}
	return 0;
}
