#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control.h"

enum pli_status control_send(int fd, enum control_type type, const char *text, int pass_fd, struct err *err)
{
	char packet[1 + CONTROL_TEXT_MAX];
	size_t n = text ? strnlen(text, CONTROL_TEXT_MAX) : 0;
	struct iovec iov = { packet, 1 + n };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} anc = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t sent;

	packet[0] = (char)type;
	if (n)
		memcpy(packet + 1, text, n);
	if (pass_fd >= 0) {
		struct cmsghdr *c;
		msg.msg_control = anc.bytes;
		msg.msg_controllen = sizeof(anc.bytes);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
	}
	do {
		sent = sendmsg(fd, &msg, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return PLI_OK;
	if (errno == EAGAIN)
		return err_set(err, PLI_AGAIN, "the other process does not read its control line");
	return err_errno(err, "control line");
}

/* Takes the first descriptor, closes any other. */
static int descriptor_of(struct msghdr *msg)
{
	int found = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len; at += sizeof(int)) {
			int fd;
			memcpy(&fd, (char *)c + at, sizeof(fd));
			if (found < 0)
				found = fd;
			else
				close(fd);
		}
	}
	return found;
}

enum pli_status control_receive(int fd, struct control_message *message_r, struct err *err)
{
	char packet[1 + CONTROL_TEXT_MAX];
	struct iovec iov = { packet, sizeof(packet) };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} anc = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = anc.bytes,
			      .msg_controllen = sizeof(anc.bytes) };
	ssize_t n;

	/* A peer that ended with words of ours unread is told first, once, as a reset: its own last words come after. */
	do {
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0 && errno == EAGAIN)
		return err_set(err, PLI_AGAIN, "nothing on the control line");
	if (n < 0)
		return err_errno(err, "control line");
	if (n <= 0)
		return err_set(err, PLI_GONE, "the other end of the control line is closed");
	message_r->type = (enum control_type)packet[0];
	memcpy(message_r->text, packet + 1, (size_t)n - 1);
	message_r->text[n - 1] = '\0';
	message_r->fd = descriptor_of(&msg);
	return PLI_OK;
}
