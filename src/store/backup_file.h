/* The file of a backup: a tar archive whose last member, `end`, holds the number of members and a digest over name, size and SHA-256 of
 * each, so that a cut, a changed byte or a missing member is noticed whatever else checks itself.
 *
 *   pli-backup      "pli-backup/1\n", first
 *   …
 *   end             "<members> <64 hex digits>\n"; the digest is SHA-256 over the lines "<sha256> <size> <name>\n" of all before
 *
 * Constant memory, any size.  Writing can go over from one process to another between two members (backup_writer_state). */
#ifndef PLI_BACKUP_FILE_H
#define PLI_BACKUP_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

#include "tar.h"

#include "digest.h"

#define BACKUP_STATE_CHARS (2 * (8 + DIGEST_STORED_BYTES) + 1)

struct backup_writer {
	int fd;				/* borrowed; written at its offset */
	uint64_t members, bytes;
	struct digest lines;
};
/* Writes the first member. */
MUST enum pli_status backup_writer_begin(struct backup_writer *writer, int fd, struct err *err);
/* Goes on where another writer was; PLI_INPUT when text is not what backup_writer_state gave. */
MUST enum pli_status backup_writer_resume(struct backup_writer *writer, int fd, const char *text, struct err *err);
void backup_writer_state(const struct backup_writer *writer, char text_r[BACKUP_STATE_CHARS]);
MUST enum pli_status backup_writer_add(struct backup_writer *writer, const char *name, const void *p, size_t n, struct err *err);
/* The first `size` bytes of a file; PLI_IO when it is shorter. */
MUST enum pli_status backup_writer_add_fd(struct backup_writer *writer, const char *name, int from_fd, uint64_t size, struct err *err);
/* The last member; all of it is durable then. */
MUST enum pli_status backup_writer_end(struct backup_writer *writer, struct err *err);

struct backup_reader {
	int fd;				/* borrowed; read in order */
	struct tar_entry entry;		/* the present member */
	uint64_t left;			/* of it */
	uint64_t members;
	struct digest lines, content;
	bool open, ended;
};
/* Reads the first member; PLI_INPUT when this is no backup. */
MUST enum pli_status backup_reader_begin(struct backup_reader *reader, int fd, struct err *err);
/* The next member (what was left of the present one is skipped and counted); PLI_ABSENT after `end`, which was right.  PLI_INPUT: damaged
 * or cut off. */
MUST enum pli_status backup_reader_next(struct backup_reader *reader, struct err *err);
/* Content of the present member; *n_r 0: its end. */
MUST enum pli_status backup_reader_read(struct backup_reader *reader, void *buf, size_t cap, size_t *n_r, struct err *err);

#endif
