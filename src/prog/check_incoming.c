/* Whether mail that comes in arrives: the listeners for mail programs and for the local mail server are there, under the certificate that lies
 * in tls/, and what bounces finds its way back. */
#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "pool.h"
#include "text.h"

#include "instance.h"
#include "listener.h"
#include "mail_dns.h"

#include "check.h"

#define PATIENCE_S 5
#define LINE_MAX_BYTES 512
#define PEM_MAX_BYTES 262144

/* ---- reaching them ---- */

static int dial_unix(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* What listens on every address is reached on this machine's own. */
static int dial_tcp(struct pool *pool, const char *address)
{
	const char *colon = strrchr(address, ':');
	const char *host = pool_strn(pool, address, (size_t)(colon - address));
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV }, *a;
	int fd = -1;

	if (!*host || str_eq(host, "0.0.0.0"))
		host = "127.0.0.1";
	else if (host[0] == '[')
		host = str_eq(host, "[::]") ? "::1" : pool_strn(pool, host + 1, strlen(host) - 2);
	if (getaddrinfo(host, colon + 1, &hints, &a) != 0)
		return -1;
	fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		const struct timeval patience = { .tv_sec = PATIENCE_S };

		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	}
	if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
		int why = errno;

		close(fd);
		errno = why;
		fd = -1;
	}
	freeaddrinfo(a);
	return fd;
}

static int dial(struct pool *pool, const char *address)
{
	return str_starts(address, "unix:") ? dial_unix(address + 5) : dial_tcp(pool, address);
}

/* Is there a server that should be listening? */
static bool runs(const struct check *c)
{
	int fd = -1;

	if (listener_connect_unix(c->instance->folder_fd[FOLDER_RUN], "ctl", &fd, NULL) != PLI_OK)
		return false;
	close(fd);
	return true;
}

/* The first line, as far as it came. */
static void line_read(int fd, SSL *ssl, char line[LINE_MAX_BYTES])
{
	size_t n = 0;

	while (n < LINE_MAX_BYTES - 1) {
		long got = ssl ? SSL_read(ssl, line + n, 1) : (long)recv(fd, line + n, 1, 0);

		if (got <= 0 || line[n] == '\n')
			break;
		n++;
	}
	line[n] = '\0';
	line[strcspn(line, "\r")] = '\0';
}

static void unreached(struct check *c, const char *what, const char *address)
{
	int why = errno;

	if (runs(c))
		check_say(c, CHECK_WRONG, "The log says why; after a change of pli.conf the server must be started again.", "%s: nobody listens at %s (%s)",
			  what, address, strerror(why));
	else
		check_say(c, CHECK_WEAK, "Start the server, then look again.", "%s: not tried, as the server does not run", what);
}

/* ---- mail programs ---- */

static X509 *own_certificate(struct check *c)
{
	char *text;
	size_t n;
	BIO *bio;
	X509 *x;

	if (instance_read(c->pool, c->instance->folder_fd[FOLDER_TLS], "cert.pem", PEM_MAX_BYTES, &text, &n, NULL) != PLI_OK)
		return NULL;
	bio = BIO_new_mem_buf(text, (int)n);
	x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	return x;
}

static void certificate_compare(struct check *c, SSL *ssl)
{
	X509 *shown = SSL_get1_peer_certificate(ssl), *own = own_certificate(c);

	if (shown && own && X509_cmp(shown, own) != 0)
		check_say(c, CHECK_WRONG, "pli reload DIR takes the new one.", "mail programs are shown another certificate than the one in tls/");
	else if (shown && X509_check_host(shown, c->instance->settings.host, 0, 0, NULL) != 1 &&
		 X509_check_ip_asc(shown, c->instance->settings.host, 0) != 1)
		check_say(c, CHECK_WEAK, "Mail programs compare the name that they were given.",
			  "the certificate does not name %s", c->instance->settings.host);
	X509_free(shown);
	X509_free(own);
}

static void submission_talk(struct check *c, int fd, const char *address)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = ctx ? SSL_new(ctx) : NULL;
	char line[LINE_MAX_BYTES] = "";

	if (ssl && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1) {
		line_read(fd, ssl, line);
		certificate_compare(c, ssl);
		if (str_starts(line, "220 "))
			check_say(c, CHECK_GOOD, NULL, "mail programs are answered at %s, under %s", address, SSL_get_version(ssl));
		else
			check_say(c, CHECK_WRONG, "The log says why.", "mail programs are greeted at %s by '%.80s'", address, line);
		(void)SSL_shutdown(ssl);
	} else {
		check_say(c, CHECK_WRONG, "Is another service listening there?  The log says more.", "no TLS for mail programs at %s", address);
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	ERR_clear_error();
}

static void submission_check(struct check *c, const char *address)
{
	int fd = dial(c->pool, address);

	if (fd < 0) {
		unreached(c, "mail programs ([submission])", address);
		return;
	}
	submission_talk(c, fd, address);
	close(fd);
}

/* ---- what comes back ---- */

static void lmtp_check(struct check *c, const char *address)
{
	char line[LINE_MAX_BYTES];
	int fd = dial(c->pool, address);

	if (fd < 0) {
		unreached(c, "the local mail server ([lmtp])", address);
		return;
	}
	line_read(fd, NULL, line);
	close(fd);
	if (str_starts(line, "220 "))
		check_say(c, CHECK_GOOD, NULL, "the local mail server is answered at %s", address);
	else
		check_say(c, CHECK_WRONG, "The log says why.", "the local mail server is greeted at %s by '%.80s'", address, line);
}

static void mx_check(struct check *c, const char *domain)
{
	const char *host = NULL, *publish = pool_fmt(c->pool, "Publish: %s. MX 10 %s.  (the mail server that delivers to [lmtp])", domain,
						     c->instance->settings.host);
	bool address = false;
	struct err err = { 0 };
	enum pli_status st = mail_dns_exchanger(c->pool, domain, &host, &err);

	if (st == PLI_OK)
		st = mail_dns_address(host ? host : domain, &address, &err);
	if (st != PLI_OK)
		check_say(c, CHECK_WEAK, publish, "%s: where mail for %s goes was not looked up", err.text, domain);
	else if (host && address)
		check_say(c, CHECK_GOOD, NULL, "mail for %s goes to %s", domain, host);
	else if (host)
		check_say(c, CHECK_WRONG, publish, "mail for %s goes to %s, which has no address", domain, host);
	else if (address)
		check_say(c, CHECK_WEAK, publish, "no MX is published for %s; mail goes to its own address", domain);
	else
		check_say(c, CHECK_WRONG, publish, "what bounces is lost: nothing is published for %s", domain);
}

void check_incoming(struct check *c)
{
	const struct settings *s = &c->instance->settings;

	if (s->submission_listen)
		submission_check(c, s->submission_listen);
	if (s->lmtp_listen)
		lmtp_check(c, s->lmtp_listen);
	if (s->mail_bounce_domain && !s->lmtp_listen)
		check_say(c, CHECK_WRONG, "[lmtp] listen = 127.0.0.1:2424, and let the mail server of this machine deliver there.",
			  "notices ask for bounces to %s, and nothing takes them", s->mail_bounce_domain);
	if (s->lmtp_listen && !s->mail_bounce_domain)
		check_say(c, CHECK_WEAK, "[mail] bounce_domain = bounces.example.org",
			  "[lmtp] listens, but notices have no return address of their own: nothing comes back");
	if (s->mail_bounce_domain)
		mx_check(c, s->mail_bounce_domain);
}
