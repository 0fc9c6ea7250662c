/* A backup's file: whatever is accepted to its end was made of members with names of ours; nothing is read beyond it. */
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backup_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct backup_reader r;
	struct err err = { 0 };
	enum pli_status st;
	uint64_t total = 0;
	uint8_t piece[100];
	int fd = memfd_create("backup", 0);
	size_t n = 0;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	st = backup_reader_begin(&r, fd, &err);
	while (st == PLI_OK && (st = backup_reader_next(&r, &err)) == PLI_OK) {
		assert(tar_name_valid(r.entry.name) && !strstr(r.entry.name, "..") && r.entry.name[0] != '/');
		/* Some are read, some are skipped. */
		do {
			st = r.entry.size % 2 ? backup_reader_read(&r, piece, sizeof(piece), &n, &err) : PLI_OK;
			total += n;
		} while (st == PLI_OK && n && r.entry.size % 2);
		n = 0;
	}
	assert(total <= size);
	assert(st == PLI_ABSENT || st == PLI_INPUT);
	assert(st != PLI_ABSENT || r.ended);
	close(fd);
	return 0;
}
