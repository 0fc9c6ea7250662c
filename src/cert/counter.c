/* See counter.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "buf.h"

#include "keyfile.h"
#include "tree.h"

#include "counter.h"

#define FILE_NAME "counter"
#define SLOT_BYTES 56
#define SLOT_OFFSET 512
#define FILE_BYTES 1024

static void slot_write(const struct counter *c, uint8_t slot[SLOT_BYTES])
{
	AUTO_BUF b = { 0 };

	buf_str(&b, "PLIC");
	buf_u64(&b, c->generation);
	buf_u64(&b, c->size);
	buf_add(&b, c->root, 32);
	buf_u32(&b, (uint32_t)crc32(0, (const Bytef *)b.p, (uInt)b.n));
	memcpy(slot, b.p, SLOT_BYTES);
}

static bool slot_read(const uint8_t slot[SLOT_BYTES], struct counter *c)
{
	struct cursor cur;

	cursor_init(&cur, slot + 4, SLOT_BYTES - 4);
	c->generation = cursor_u64(&cur);
	c->size = cursor_u64(&cur);
	memcpy(c->root, cursor_bytes(&cur, 32), 32);
	return memcmp(slot, "PLIC", 4) == 0 && cursor_u32(&cur) == (uint32_t)crc32(0, slot, SLOT_BYTES - 4);
}

enum pli_status counter_create(int keys_dir_fd, struct err *err)
{
	struct counter c = { .generation = 1 };
	uint8_t file[FILE_BYTES] = { 0 };
	struct tree empty;

	tree_init(&empty);
	tree_root(&empty, c.root);
	slot_write(&c, file + SLOT_OFFSET);	/* odd generations lie in the second slot */
	return keyfile_create(keys_dir_fd, FILE_NAME, 0600, file, sizeof(file), err);
}

enum pli_status counter_open(int keys_dir_fd, struct counter *counter_r, struct err *err)
{
	struct counter best = { .fd = -1 }, c;
	uint8_t file[FILE_BYTES];
	int fd = openat(keys_dir_fd, FILE_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? err_set(err, PLI_ABSENT, "keys/counter is not there") : err_errno(err, "cannot open keys/counter");
	if (pread(fd, file, sizeof(file), 0) != sizeof(file)) {
		close(fd);
		return err_set(err, PLI_CONFLICT, "keys/counter is damaged");
	}
	for (int slot = 0; slot < 2; slot++)
		if (slot_read(file + slot * SLOT_OFFSET, &c) && c.generation > best.generation)
			best = c;
	if (!best.generation) {
		close(fd);
		return err_set(err, PLI_CONFLICT, "keys/counter is damaged");
	}
	best.fd = fd;
	*counter_r = best;
	return PLI_OK;
}

void counter_close(struct counter *counter)
{
	if (counter->fd >= 0)
		close(counter->fd);
	counter->fd = -1;
}

enum pli_status counter_advance(struct counter *counter, uint64_t size, const uint8_t root[32], struct err *err)
{
	struct counter next = *counter;
	uint8_t slot[SLOT_BYTES];

	next.generation++;
	next.size = size;
	memcpy(next.root, root, 32);
	slot_write(&next, slot);
	if (pwrite(next.fd, slot, sizeof(slot), (off_t)(next.generation & 1) * SLOT_OFFSET) != sizeof(slot) || fdatasync(next.fd) != 0)
		return err_errno(err, "cannot write keys/counter");
	*counter = next;
	return PLI_OK;
}
