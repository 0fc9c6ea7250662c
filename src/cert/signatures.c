#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "buf.h"
#include "pool.h"

#include "signatures.h"

#define FILE_NAME "signatures"
#define SLOT_BYTES_OF(kinds) (4 + 8 + 8 * (kinds) + 4)
#define SLOT_BYTES SLOT_BYTES_OF(SIGNATURE_KINDS)
#define KINDS_BEFORE 4
#define SLOT_OFFSET 512

struct signatures {
	int fd;
	pthread_mutex_t lock;
	uint64_t generation, counts[SIGNATURE_KINDS];
};

static void slot_write(const struct signatures *s, uint8_t slot[SLOT_BYTES])
{
	AUTO_BUF b = { 0 };

	buf_str(&b, "PLIS");
	buf_u64(&b, s->generation);
	for (int i = 0; i < SIGNATURE_KINDS; i++)
		buf_u64(&b, s->counts[i]);
	buf_u32(&b, (uint32_t)crc32(0, (const Bytef *)b.p, (uInt)b.n));
	memcpy(slot, b.p, SLOT_BYTES);
}

static bool whole(const uint8_t slot[SLOT_BYTES], unsigned kinds)
{
	size_t n = SLOT_BYTES_OF(kinds) - 4;
	struct cursor c;

	cursor_init(&c, slot + n, 4);
	return memcmp(slot, "PLIS", 4) == 0 && cursor_u32(&c) == (uint32_t)crc32(0, slot, (uInt)n);
}

/* Takes the slot when it is whole and newer. */
static void slot_read(const uint8_t slot[SLOT_BYTES], struct signatures *s)
{
	unsigned kinds = whole(slot, SIGNATURE_KINDS) ? SIGNATURE_KINDS : whole(slot, KINDS_BEFORE) ? KINDS_BEFORE : 0;
	uint64_t generation;
	struct cursor c;

	cursor_init(&c, slot + 4, SLOT_BYTES - 4);
	generation = cursor_u64(&c);
	if (!kinds || generation <= s->generation)
		return;
	s->generation = generation;
	memset(s->counts, 0, sizeof(s->counts));
	for (unsigned i = 0; i < kinds; i++)
		s->counts[i] = cursor_u64(&c);
}

enum pli_status signatures_open(int keys_dir_fd, struct signatures **signatures_r, struct err *err)
{
	int fd = openat(keys_dir_fd, FILE_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	uint8_t slot[SLOT_BYTES];
	struct signatures *s;

	if (fd < 0)
		return err_errno(err, "cannot open keys/signatures");
	s = mem_alloc(sizeof(*s));
	s->fd = fd;
	pthread_mutex_init(&s->lock, NULL);
	for (int i = 0; i < 2; i++) {
		memset(slot, 0, sizeof(slot));
		if (pread(fd, slot, sizeof(slot), i * SLOT_OFFSET) > 0)
			slot_read(slot, s);
	}
	*signatures_r = s;
	return PLI_OK;
}

void signatures_close(struct signatures *s)
{
	if (!s)
		return;
	(void)!fdatasync(s->fd);
	close(s->fd);
	pthread_mutex_destroy(&s->lock);
	mem_free(s);
}

/* A count that cannot be written is still counted, and written with the next one. */
void signatures_add(struct signatures *s, enum signature_kind kind, unsigned count)
{
	uint8_t slot[SLOT_BYTES];

	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->counts[kind] += count;
	s->generation++;
	slot_write(s, slot);
	(void)!pwrite(s->fd, slot, sizeof(slot), (off_t)(s->generation & 1) * SLOT_OFFSET);
	pthread_mutex_unlock(&s->lock);
}

void signatures_get(struct signatures *s, uint64_t counts_r[SIGNATURE_KINDS])
{
	memset(counts_r, 0, SIGNATURE_KINDS * sizeof(*counts_r));
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	memcpy(counts_r, s->counts, sizeof(s->counts));
	pthread_mutex_unlock(&s->lock);
}
