#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "load.h"

#include "wire.h"

#define TIMEOUT_S 60

void wire_target_init(struct wire_target *target, const char *address, const char *ca)
{
	char *copy = load_dup(address), *colon = strrchr(copy, ':');

	if (!colon)
		load_die("an address is HOST:PORT, not '%s'", address);
	*colon = 0;
	target->host = copy;
	target->port = colon + 1;
	target->tls = SSL_CTX_new(TLS_client_method());
	if (!target->tls || SSL_CTX_load_verify_locations(target->tls, ca, NULL) != 1)
		load_die("cannot trust '%s'", ca);
	SSL_CTX_set_verify(target->tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(target->tls, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_session_cache_mode(target->tls, SSL_SESS_CACHE_OFF);
}

static int dial(const struct wire_target *target)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV }, *list, *a;
	struct timeval patience = { .tv_sec = TIMEOUT_S };
	int fd = -1, one = 1;

	if (getaddrinfo(target->host, target->port, &hints, &list) != 0)
		return -1;
	for (a = list; a; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0)
			break;
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	if (fd >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	}
	return fd;
}

bool wire_dial(struct wire *w, const struct wire_target *target)
{
	w->target = target;
	w->n = 0;
	w->ssl = NULL;
	w->fd = dial(target);
	return w->fd >= 0;
}

bool wire_secure(struct wire *w)
{
	w->ssl = SSL_new(w->target->tls);
	SSL_set_fd(w->ssl, w->fd);
	SSL_set_tlsext_host_name(w->ssl, w->target->host);
	if (SSL_set1_host(w->ssl, w->target->host) == 1 && SSL_connect(w->ssl) == 1)
		return true;
	wire_close(w);
	return false;
}

bool wire_open(struct wire *w, const struct wire_target *target)
{
	return wire_dial(w, target) && wire_secure(w);
}

void wire_close(struct wire *w)
{
	if (w->ssl) {
		SSL_shutdown(w->ssl);
		SSL_free(w->ssl);
	}
	if (w->fd >= 0)
		close(w->fd);
	w->ssl = NULL;
	w->fd = -1;
}

bool wire_send(struct wire *w, const void *p, size_t n)
{
	const char *at = p;

	while (n) {
		int piece = n > 1 << 20 ? 1 << 20 : (int)n;
		int sent = w->ssl ? SSL_write(w->ssl, at, piece) : (int)send(w->fd, at, (size_t)piece, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		at += sent;
		n -= (size_t)sent;
	}
	return true;
}

static bool more(struct wire *w)
{
	int room = (int)(sizeof(w->buf) - w->n), got = 0;

	if (room > 0)
		got = w->ssl ? SSL_read(w->ssl, w->buf + w->n, room) : (int)recv(w->fd, w->buf + w->n, (size_t)room, 0);
	if (got <= 0)
		return false;
	w->n += (size_t)got;
	return true;
}

static void take(struct wire *w, size_t n)
{
	w->n -= n;
	memmove(w->buf, w->buf + n, w->n);
}

/* The value of a field line, up to any of the bytes in end. */
static void field(const char *line, const char *name, const char *end, char *value, size_t cap)
{
	size_t n = strlen(name);

	if (strncasecmp(line, name, n) != 0)
		return;
	line += n + strspn(line + n, " ");
	n = strcspn(line, end);
	if (n >= cap)
		n = cap - 1;
	memcpy(value, line, n);
	value[n] = 0;
}

bool wire_head(struct wire *w, struct wire_reply *reply)
{
	char length[24] = "0", *end, *line;

	while (!(end = memmem(w->buf, w->n, "\r\n\r\n", 4)))
		if (!more(w))
			return false;
	memset(reply, 0, sizeof(*reply));
	*end = 0;
	if (end - w->buf < 12 || strncmp(w->buf, "HTTP/1.1 ", 9) != 0)
		return false;
	reply->status = atoi(w->buf + 9);
	for (line = strstr(w->buf, "\r\n"); line; line = strstr(line, "\r\n")) {
		line += 2;
		field(line, "content-length:", " \r", length, sizeof(length));
		field(line, "location:", "\r", reply->location, sizeof(reply->location));
		field(line, "set-cookie:", ";\r", reply->cookie, sizeof(reply->cookie));
	}
	reply->body_bytes = strtoull(length, NULL, 10);
	take(w, (size_t)(end + 4 - w->buf));
	return true;
}

bool wire_body(struct wire *w, const struct wire_reply *reply, char *into, size_t cap)
{
	uint64_t left = reply->body_bytes;
	size_t kept = 0;

	while (left) {
		size_t n = w->n < left ? w->n : (size_t)left;

		if (into && kept + 1 < cap) {
			size_t room = cap - 1 - kept, keep = n < room ? n : room;

			memcpy(into + kept, w->buf, keep);
			kept += keep;
		}
		take(w, n);
		left -= n;
		if (left && !more(w))
			return false;
	}
	if (into && cap)
		into[kept] = 0;
	return true;
}

int wire_smtp(struct wire *w)
{
	for (;;) {
		char *end = memmem(w->buf, w->n, "\r\n", 2);
		bool last;
		int code;

		if (!end) {
			if (!more(w))
				return 0;
			continue;
		}
		*end = 0;
		code = atoi(w->buf);
		last = w->buf[3] != '-';
		take(w, (size_t)(end + 2 - w->buf));
		if (last)
			return code;
	}
}

bool wire_talk(struct wire *w, const void *request, size_t n, struct wire_reply *reply, char *into, size_t cap)
{
	return wire_send(w, request, n) && wire_head(w, reply) && wire_body(w, reply, into, cap);
}
