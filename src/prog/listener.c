#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "listener.h"

#define BACKLOG 1024

/* "host:port" into two strings; brackets around IPv6 go away. */
static bool split(const char *address, char host[64], char port[8])
{
	const char *colon = strrchr(address, ':');
	size_t n = colon ? (size_t)(colon - address) : 0;

	if (!colon || strlen(colon + 1) == 0 || strlen(colon + 1) > 5 || n >= 64)
		return false;
	if (n >= 2 && address[0] == '[' && address[n - 1] == ']') {
		address++;
		n -= 2;
	}
	memcpy(host, address, n);
	host[n] = '\0';
	memcpy(port, colon + 1, strlen(colon + 1) + 1);
	return true;
}

static enum pli_status bind_fault(const char *address, struct err *err)
{
	if (errno == EADDRINUSE)
		return err_field(err, PLI_BUSY, "address-in-use", "listen", "%s is taken by another program", address);
	if (errno == EACCES)
		return err_set(err, PLI_DENIED, "%s: a port below 1024 needs root or CAP_NET_BIND_SERVICE", address);
	return err_set(err, PLI_INPUT, "cannot listen on %s: %s", address, strerror(errno));
}

static enum pli_status open_one(const struct addrinfo *ai, const char *address, int *fd_r, struct err *err)
{
	int one = 1, fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return bind_fault(address, err);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (ai->ai_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
		enum pli_status st = bind_fault(address, err);
		close(fd);
		return st;
	}
	*fd_r = fd;
	return PLI_OK;
}

enum pli_status listener_tcp(const char *address, int *fd_r, struct err *err)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
				  .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char host[64], port[8];
	enum pli_status st;

	if (!split(address, host, port))
		return err_set(err, PLI_INPUT, "'%s' is no ADDRESS:PORT to listen on", address);
	if (getaddrinfo(host[0] ? host : NULL, port, &hints, &found) != 0 || !found)
		return err_set(err, PLI_INPUT, "'%s' is no ADDRESS:PORT to listen on", address);
	st = open_one(found, address, fd_r, err);
	freeaddrinfo(found);
	return st;
}

/* A path in a directory known by descriptor, short enough for sun_path. */
static bool unix_address(int dir_fd, const char *name, struct sockaddr_un *address_r)
{
	int n;

	*address_r = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(address_r->sun_path, sizeof(address_r->sun_path), "/proc/self/fd/%d/%s", dir_fd, name);
	return n > 0 && (size_t)n < sizeof(address_r->sun_path);
}

enum pli_status listener_unix(int dir_fd, const char *name, int *fd_r, struct err *err)
{
	struct sockaddr_un address;
	mode_t before;
	int fd, r;

	if (!unix_address(dir_fd, name, &address))
		return err_set(err, PLI_BUG, "socket name too long");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(err, "socket");
	if (unlinkat(dir_fd, name, 0) != 0 && errno != ENOENT) {
		close(fd);
		return err_errno(err, name);
	}
	before = umask(0177);
	r = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(before);
	if (r != 0 || listen(fd, 16) != 0) {
		close(fd);
		return err_errno(err, name);
	}
	*fd_r = fd;
	return PLI_OK;
}

enum pli_status listener_unix_path(const char *path, int *fd_r, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat sb;
	mode_t before;
	int fd, r;

	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >= (int)sizeof(address.sun_path))
		return err_set(err, PLI_INPUT, "'%s' is too long for a socket", path);
	/* What a server left behind that was killed; nothing else is removed. */
	if (lstat(path, &sb) == 0 && S_ISSOCK(sb.st_mode))
		(void)unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(err, "socket");
	before = umask(0111);
	r = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(before);
	if (r != 0 || listen(fd, BACKLOG) != 0) {
		enum pli_status st = bind_fault(path, err);
		close(fd);
		return st;
	}
	*fd_r = fd;
	return PLI_OK;
}

enum pli_status listener_connect_unix(int dir_fd, const char *name, int *fd_r, struct err *err)
{
	struct sockaddr_un address;
	int fd;

	if (!unix_address(dir_fd, name, &address))
		return err_set(err, PLI_BUG, "socket name too long");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, "socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		enum pli_status st = err_set(err, PLI_BUSY, "the server does not answer on its control socket: %s",
					     strerror(errno));
		close(fd);
		return st;
	}
	*fd_r = fd;
	return PLI_OK;
}
