/* What front sends to the keeper, and the records of the keeper's own file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "head_record.h"
#include "keeper.h"
#include "keeper_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned sum;

static void touch(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += ((const uint8_t *)p)[i];
}

static void request(const struct keeper_frame *frame)
{
	static struct keeper_request r;

	if (keeper_request_parse(frame, &r, NULL) != PLI_OK)
		return;
	if (r.verb == KEEPER_WRAP || r.verb == KEEPER_UNWRAP || r.verb == KEEPER_TOTP_CHECK)
		for (unsigned i = 0; i < r.count; i++) {
			touch(r.items[i].kid, r.items[i].kid_n);
			touch(r.items[i].aad, r.items[i].aad_n);
			touch(r.items[i].key, r.items[i].key_n);
		}
	if (r.verb == KEEPER_APPEND)
		touch(r.leaves, (size_t)r.count * 32);
	if (r.verb == KEEPER_PASSWORD_CHECK)
		touch(r.hash, r.hash_n);
	if (r.verb == KEEPER_PASSWORD_CHECK || r.verb == KEEPER_PASSWORD_MAKE)
		touch(r.password, r.password_n);
	if (r.verb == KEEPER_MAIL_SIGN || r.verb == KEEPER_STAMP)
		for (unsigned i = 0; i < r.count; i++)
			touch(r.items[i].key, r.items[i].key_n);
	if (r.verb == KEEPER_KEY_PREPARE || r.verb == KEEPER_KEY_COMMIT)
		touch(r.text, r.text_n);
	if (r.verb == KEEPER_KEK_DESTROY) {
		touch(r.kid, r.kid_n);
		touch(r.text, r.text_n);
	}
	if (r.verb == KEEPER_SEAL)
		touch(r.manifest, r.manifest_n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct keeper_frame frame;
	struct head_record record;
	struct keeper_head head;
	struct cursor c;
	size_t at = 0, used;

	while (keeper_frame_next(data + at, size - at, &frame, &used, NULL) == PLI_OK && used) {
		touch(frame.body, frame.body_n);
		request(&frame);
		cursor_init(&c, frame.body, frame.body_n);
		if (keeper_frame_head_parse(&c, &head)) {
			touch(head.checkpoint, head.checkpoint_n);
			touch(head.token, head.token_n);
		}
		at += used;
	}
	if (head_record_parse(data, size, &record, &used)) {
		AUTO_BUF again = { 0 };

		head_record_write(&record, &again);
		if (again.n != used || memcmp(again.p, data, used) != 0)
			abort();
	}
	return 0;
}
