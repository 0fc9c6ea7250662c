/* The line between the parent and each of its processes: one SOCK_SEQPACKET pair, one short message a packet,
 * at most one descriptor with it.  It never carries anything from outside.
 *
 * Packet: 1 byte of type, then text (at most CONTROL_TEXT_MAX bytes, no NUL).  The end of the line means that the
 * other side is dead: a child then ends at once. */
#ifndef PLI_CONTROL_H
#define PLI_CONTROL_H

#include <stddef.h>

#include "status.h"

#define CONTROL_TEXT_MAX 1023

enum control_type {
	/* parent to child */
	CONTROL_STOP = 'S',		/* finish and exit 0 */
	CONTROL_LINK_FRONT = 'F',	/* with a descriptor: the new end towards front */
	CONTROL_LINK_KEEPER = 'K',
	CONTROL_LINK_COURIER = 'C',
	CONTROL_LINK_MAIL = 'I',
	CONTROL_PREPARE = 'P',		/* with a descriptor: new settings; text: the round, which every word about it repeats */
	CONTROL_COMMIT = 'c',		/* what was prepared holds from now on */
	CONTROL_DROP = 'd',		/* what was prepared is forgotten */
	CONTROL_METRICS = 'M',		/* to front, with a descriptor: the metrics page's listener */
	CONTROL_RESTARTS = 'r',		/* to front; text: how often each process was started again, in their order */
	CONTROL_BACKUP = 'B',		/* to front, which asked: with a descriptor the newest backup; else text: why there is none */
	CONTROL_RELOADED = 'L',		/* to front, which asked; text: "" or why not */
	/* child to parent */
	CONTROL_READY = 'R',		/* serving; text: "" or what is limited ("verify-only") */
	CONTROL_FAILED = 'E',		/* text: why the process ends, and on a second line what to do; its exit status follows */
	CONTROL_KEEPER_HUNG = 'H',	/* front: the keeper gives no sign of life */
	CONTROL_MAIL_HUNG = 'h',	/* front: the reader of mails hangs, or breaks the rules */
	CONTROL_RELOAD = 'l',		/* front: an operator asks for a reload */
	CONTROL_BACKUP_ASK = 'b',	/* front: the newest backup is wanted */
	CONTROL_PREPARED = 'p',		/* text: the round */
	CONTROL_REFUSED = 'n',		/* text: the round, and on a second line why */
	CONTROL_COMMITTED = 'k',	/* text: the round */
};

struct control_message {
	enum control_type type;
	char text[CONTROL_TEXT_MAX + 1];
	int fd;				/* -1: none; the receiver owns it */
};

/* pass_fd: -1 for none; stays the sender's.  text NULL = "".  PLI_IO when the other side is gone; PLI_AGAIN when it does not
 * read (the line is full; only on a non-blocking line). */
MUST enum pli_status control_send(int fd, enum control_type type, const char *text, int pass_fd, struct err *err);
/* Blocks unless the line is non-blocking (PLI_AGAIN).  PLI_GONE at the end of the line. */
MUST enum pli_status control_receive(int fd, struct control_message *message_r, struct err *err);

#endif
