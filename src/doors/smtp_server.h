/* The doors for mail: submission by mail programs (implicit TLS, an API token as the password) and LMTP for what a local mail
 * server brings back.  Each connection is one thread's straight-line code with deadlines; there are at most as many as stand in
 * smtp_server.c.  What a message holds is read in another process (mail_link.h). */
#ifndef PLI_SMTP_SERVER_H
#define PLI_SMTP_SERVER_H

#include "status.h"

struct directory;
struct mail_link;
struct office;
struct settings;
struct smtp_server;
struct ssl_ctx_st;

struct smtp_server_config {
	struct office *office;		/* these four are borrowed for the server's life */
	struct directory *directory;
	const struct settings *settings;
	const char *host;		/* in greetings */
	struct mail_link *mail;		/* to the process that reads them; borrowed */
	int submission_fd, lmtp_fd;	/* listening sockets, borrowed; -1: none */
	const char *cert_pem, *key_pem;	/* for submission; borrowed for the call */
};
/* PLI_INPUT (certificate, key), PLI_IO. */
MUST enum pli_status smtp_server_start(const struct smtp_server_config *config, struct smtp_server **server_r, struct err *err);
/* A new certificate, in two steps: prepared, then used by new connections (NULL: nothing) or freed by SSL_CTX_free(). */
MUST enum pli_status smtp_server_certificate_prepare(struct smtp_server *server, const char *cert_pem, const char *key_pem,
						     struct ssl_ctx_st **ctx_r, struct err *err);
void smtp_server_certificate_use(struct smtp_server *server, struct ssl_ctx_st *ctx);
/* Takes no more connections, lets messages under way come to their answer for at most grace_ms, then cuts off.  NULL is allowed. */
void smtp_server_stop(struct smtp_server *server, unsigned grace_ms);

#endif
