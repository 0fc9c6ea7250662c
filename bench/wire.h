/* One client connection over TLS, blocking, kept alive: what a load thread talks HTTP/1.1 or SMTP through. */
#ifndef PLI_BENCH_WIRE_H
#define PLI_BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

struct wire_target {
	const char *host;		/* borrowed; also the name in the certificate */
	const char *port;
	SSL_CTX *tls;
};

struct wire {
	const struct wire_target *target;
	int fd;				/* -1: closed */
	SSL *ssl;
	size_t n;			/* bytes in buf that no reply has taken */
	char buf[65536];
};

struct wire_reply {
	int status;
	uint64_t body_bytes;		/* as Content-Length says */
	char location[512], cookie[256];	/* cookie: NAME=VALUE of the last Set-Cookie; empty: none */
};

/* "HOST:PORT"; ca: a file of PEM certificates, the only ones trusted.  Ends the program when that is not possible. */
void wire_target_init(struct wire_target *target, const char *address, const char *ca);

/* w must be zeroed before the first use.  With a full handshake, no session is resumed.  False: no connection. */
bool wire_open(struct wire *w, const struct wire_target *target);
/* The two halves of wire_open, for STARTTLS: in clear until the second. */
bool wire_dial(struct wire *w, const struct wire_target *target);
bool wire_secure(struct wire *w);
void wire_close(struct wire *w);
bool wire_send(struct wire *w, const void *p, size_t n);
/* The head of a reply; of its body's first bytes what came with it is kept for wire_body. */
bool wire_head(struct wire *w, struct wire_reply *reply);
/* Reads the whole body; into, of cap bytes, gets its beginning and a final 0 (NULL: dropped). */
bool wire_body(struct wire *w, const struct wire_reply *reply, char *into, size_t cap);
/* The code of the next SMTP reply, all its lines taken (RFC 5321, 4.2.1); 0: the connection is gone. */
int wire_smtp(struct wire *w);
/* The three steps together: true when the reply has come whole, whatever its status. */
bool wire_talk(struct wire *w, const void *request, size_t n, struct wire_reply *reply, char *into, size_t cap);

#endif
