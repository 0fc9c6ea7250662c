/* An archive of letters (`pli archive export`) read from its beginning to its end and held against the proofs in it, without a server.
 *
 * A file of backup_file.h:
 *   lists/001/list.txt list.p7s list.tst root.pem seal.pem operator.pem tsa.pem     which letters there are (archive_list.h)
 *   letters/ID/letter.json                                     as the API gave it
 *   letters/ID/sender.asice  letters/ID/recipient-N.asice      proofs
 *   letters/ID/message.md  letters/ID/files/N                  content, where there is any
 * Each list stands before its letters, each letter's files one behind the other in this order. */
#ifndef PLI_ARCHIVE_CHECK_H
#define PLI_ARCHIVE_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

struct archive_list;
struct bundle_facts;

/* What is told of each letter while the archive is read; any may be NULL, what is not PLI_OK ends the reading.  Nothing that was told may be
 * believed before archive_check has ended without a fault, and nothing more is told after the first: a content may remain without its end. */
struct archive_sink {
	void *arg;
	/* The sender's proof holds; facts until letter_end.  list_sha256: of the list that names the letter. */
	enum pli_status (*letter)(void *arg, const struct uuid *letter, const struct bundle_facts *facts, const uint8_t list_sha256[32], struct err *err);
	enum pli_status (*proof)(void *arg, unsigned n, const void *zip, size_t zip_n, struct err *err);	/* n 0: the sender's, after letter */
	enum pli_status (*content)(void *arg, unsigned n, uint64_t size, struct err *err);	/* n 0: the message; then its bytes */
	enum pli_status (*bytes)(void *arg, const void *p, size_t n, struct err *err);
	enum pli_status (*content_end)(void *arg, struct err *err);
	enum pli_status (*letter_end)(void *arg, struct err *err);
};
struct archive_check {
	const char *root_pem, *log_pub_pem;	/* pinned, or NULL */
	const struct archive_sink *sink;	/* or NULL */
	void (*fault)(void *arg, const char *name, const char *what);	/* for people; may be NULL */
	void *arg;
	unsigned letters, proofs, files, faults;	/* out */
};
/* PLI_INPUT: it cannot be read, or what is in it does not belong there; PLI_OK: read, and faults says how many there are. */
MUST enum pli_status archive_check_run(struct archive_check *check, int fd, struct err *err);

#endif
