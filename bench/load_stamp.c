/* Timestamps (RFC 3161) by POST /tsa: each client asks for the next when the last was granted. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "loop.h"

#include "load.h"

#define REPLY_MAX 16384

/* SHA-256 with 32 bytes to come, then a nonce of 8 bytes, which begins with 1. */
static const unsigned char HEAD[] = { 0x30, 0x3e, 0x02, 0x01, 0x01, 0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
				      0x04, 0x02, 0x01, 0x04, 0x20 };
static const unsigned char NONCE[] = { 0x02, 0x08, 0x01 };
#define QUERY_BYTES (sizeof(HEAD) + 32 + sizeof(NONCE) + 7)

struct client {
	struct wire wire;
	char request[1024];
	size_t head_n;
	char reply[REPLY_MAX];
};

static void *client_begin(const struct load *l, unsigned number)
{
	struct client *c = calloc(1, sizeof(*c));
	int n;

	(void)number;
	if (!c || !wire_open(&c->wire, &l->target))
		load_die("no connection to %s:%s", l->target.host, l->target.port);
	n = snprintf(c->request, sizeof(c->request), "POST /tsa HTTP/1.1\r\nHost: %s:%s\r\nAuthorization: Bearer %.200s\r\n"
		     "Content-Type: application/timestamp-query\r\nContent-Length: %zu\r\n\r\n", l->target.host, l->target.port, l->token, QUERY_BYTES);
	if (n < 0 || (size_t)n + QUERY_BYTES > sizeof(c->request))
		load_die("a request is too long");
	c->head_n = (size_t)n;
	return c;
}

/* TimeStampResp { PKIStatusInfo { granted }, token }, and our nonce is in it. */
static bool granted(const char *reply, size_t n, const unsigned char *nonce)
{
	static const char STATUS[] = { 0x30, 0x03, 0x02, 0x01, 0x00 };

	return n > 9 && memcmp(reply, "\x30\x82", 2) == 0 && memcmp(reply + 4, STATUS, sizeof(STATUS)) == 0 &&
	       memmem(reply, n, nonce, sizeof(NONCE) + 7);
}

static bool client_once(void *client, unsigned long serial)
{
	struct client *c = client;
	struct wire_reply reply;
	const struct wire_target *target = c->wire.target;
	unsigned char *query = (unsigned char *)c->request + c->head_n, *nonce = query + sizeof(HEAD) + 32;
	bool answered;

	(void)serial;
	memcpy(query, HEAD, sizeof(HEAD));
	memcpy(nonce, NONCE, sizeof(NONCE));
	if (RAND_bytes(query + sizeof(HEAD), 32) != 1 || RAND_bytes(nonce + sizeof(NONCE), 7) != 1)
		load_die("no random bytes");
	answered = wire_talk(&c->wire, c->request, c->head_n + QUERY_BYTES, &reply, c->reply, sizeof(c->reply));
	if (answered && reply.status == 200 && granted(c->reply, reply.body_bytes < REPLY_MAX ? reply.body_bytes : 0, nonce))
		return true;
	fprintf(stderr, "load: timestamp: %d %.300s\n", answered ? reply.status : 0, answered && reply.status != 200 ? c->reply : "");
	wire_close(&c->wire);
	if (!wire_open(&c->wire, target))
		load_die("no connection any more");
	return false;
}

static void client_end(void *client)
{
	struct client *c = client;

	wire_close(&c->wire);
	free(c);
}

int load_stamp(struct load *l)
{
	return loop_run(l, &(struct loop_job){ client_begin, client_once, client_end, "timestamps" });
}
