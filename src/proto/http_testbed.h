/* A bed for tests of the HTTP engine: a real server on a loopback port with a certificate made on the spot, the app of http_testapp.h behind it,
 * and a plain blocking TLS client.  Everything is static: each test program has its own bed. */
#ifndef PLI_HTTP_TESTBED_H
#define PLI_HTTP_TESTBED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "status.h"
#include "stream.h"

#include "http_testapp.h"

#define WAIT_S 60

/* ---- the server ---- */

struct fixture {
	struct http_server *server;
	int listen_fd;
	int port;
	SSL_CTX *client_ctx;
	char *cert_pem, *key_pem;
};

static inline char *bio_text(BIO *bio)
{
	char *p = NULL;
	long n = BIO_get_mem_data(bio, &p);
	char *text = mem_alloc((size_t)n + 1);

	memcpy(text, p, (size_t)n);
	BIO_free(bio);
	return text;
}

/* A self-signed P-256 certificate for localhost. */
static inline void make_certificate(char **cert_r, char **key_r)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	BIO *cert_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());
	X509_NAME *name = X509_get_subject_name(cert);

	assert_non_null(key);
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(cert_bio, cert), 1);
	assert_int_equal(PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL), 1);
	*cert_r = bio_text(cert_bio);
	*key_r = bio_text(key_bio);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static inline int listen_somewhere(int *port_r)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	*port_r = ntohs(addr.sin_port);
	return fd;
}

static const struct http_limits usual_limits __attribute__((unused)) = {
	.handshake_s = 10, .head_s = 10, .idle_s = 60, .stall_s = 60,
	.body_rate_bytes = 1024, .body_rate_s = 30, .head_bytes = 16384,
};

static inline void server_up(struct fixture *f, const struct http_limits *limits)
{
	struct http_server_config config = { .listen_count = 1, .loops = 2, .workers_max = 8, .limits = *limits, .http2 = true };
	struct err err;

	make_certificate(&f->cert_pem, &f->key_pem);
	f->listen_fd = listen_somewhere(&f->port);
	config.listen_fds = &f->listen_fd;
	config.cert_pem = f->cert_pem;
	config.key_pem = f->key_pem;
	if (http_server_start(&config, &test_app, &f->server, &err) != PLI_OK)
		fail_msg("%s", err.text);
	f->client_ctx = SSL_CTX_new(TLS_client_method());
	pthread_mutex_lock(&seen.lock);
	seen.planned = seen.handled = seen.done = seen.aborted = seen.broken = seen.waiting = 0;
	seen.gate_open = false;
	pthread_mutex_unlock(&seen.lock);
}

static inline void server_down(struct fixture *f)
{
	http_server_stop(f->server, 2000);
	close(f->listen_fd);
	SSL_CTX_free(f->client_ctx);
	mem_free(f->cert_pem);
	mem_free(f->key_pem);
	/* Each exchange that the app has planned was ended exactly once. */
	assert_int_equal(seen.planned, seen.done);
}

/* ---- the client ---- */

struct client {
	int fd;
	SSL *ssl;
	struct buf in;
	bool impatient;		/* the last read waited in vain */
};

struct reply {
	int status;
	struct buf head;
	struct buf body;
	uint64_t length;	/* Content-Length; UINT64_MAX: none */
	bool close;
};

static inline int tcp_open(const struct fixture *f)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				    .sin_port = htons((uint16_t)f->port) };
	struct timeval patience = { WAIT_S, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static inline void client_open(const struct fixture *f, struct client *c)
{
	c->fd = tcp_open(f);
	c->ssl = SSL_new(f->client_ctx);
	SSL_set_fd(c->ssl, c->fd);
	if (SSL_connect(c->ssl) != 1)
		fail_msg("no handshake: %s", ERR_error_string(ERR_get_error(), NULL));
	buf_init(&c->in);
}

static inline void client_close(struct client *c)
{
	SSL_free(c->ssl);
	close(c->fd);
	buf_free(&c->in);
}

/* False when the server has closed. */
static inline bool client_send(struct client *c, const void *p, size_t n)
{
	size_t done = 0, k;

	while (done < n) {
		ERR_clear_error();
		if (SSL_write_ex(c->ssl, (const char *)p + done, n - done, &k) != 1)
			return false;
		done += k;
	}
	return true;
}

static inline bool client_say(struct client *c, const char *s)
{
	return client_send(c, s, strlen(s));
}

/* Reads more into c->in; false at the end or on an error. */
static inline bool client_more(struct client *c)
{
	size_t n = 0;
	void *to = buf_reserve(&c->in, 65536);

	ERR_clear_error();
	if (SSL_read_ex(c->ssl, to, 65536, &n) != 1) {
		c->impatient = SSL_get_error(c->ssl, 0) == SSL_ERROR_WANT_READ;
		return false;
	}
	c->in.n += n;
	c->in.p[c->in.n] = '\0';
	return true;
}

static inline void reply_free(struct reply *r)
{
	buf_free(&r->head);
	buf_free(&r->body);
}

static const char *reply_field(const struct reply *r, const char *name, char *out, size_t cap)
{
	const char *line = r->head.p;

	while ((line = strstr(line, "\r\n"))) {
		line += 2;
		if (strncasecmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') {
			line += strlen(name) + 1;
			line += strspn(line, " ");
			snprintf(out, cap, "%.*s", (int)strcspn(line, "\r"), line);
			return out;
		}
	}
	return NULL;
}

/* The head of the next answer; false when the connection ended before. */
static inline bool client_head(struct client *c, struct reply *r)
{
	const char *end;
	char text[64];

	*r = (struct reply){ .length = UINT64_MAX };
	while (c->in.n == 0 || !(end = strstr(c->in.p, "\r\n\r\n")))
		if (!client_more(c))
			return false;
	buf_add(&r->head, c->in.p, (size_t)(end + 4 - c->in.p));
	buf_shift(&c->in, (size_t)(end + 4 - c->in.p));
	assert_int_equal(strncmp(r->head.p, "HTTP/1.1 ", 9), 0);
	r->status = atoi(r->head.p + 9);
	if (reply_field(r, "Content-Length", text, sizeof(text)))
		r->length = strtoull(text, NULL, 10);
	r->close = reply_field(r, "Connection", text, sizeof(text)) && strcmp(text, "close") == 0;
	if (r->status >= 200)
		assert_non_null(reply_field(r, "Date", text, sizeof(text)));
	return true;
}

/* A whole answer with its body. */
static inline bool client_reply(struct client *c, struct reply *r)
{
	if (!client_head(c, r))
		return false;
	while (r->length != UINT64_MAX && c->in.n < r->length)
		if (!client_more(c))
			return false;
	if (r->length != UINT64_MAX && r->length > 0) {
		buf_add(&r->body, c->in.p, (size_t)r->length);
		buf_shift(&c->in, (size_t)r->length);
	}
	return true;
}

static inline void expect_reply(struct client *c, int status, const char *body)
{
	struct reply r;

	if (!client_reply(c, &r))
		fail_msg("no answer where %d was expected", status);
	if (r.status != status)
		fail_msg("%d instead of %d: %s", r.status, status, r.body.p ? r.body.p : "");
	if (body)
		assert_string_equal(r.body.p ? r.body.p : "", body);
	reply_free(&r);
}

static inline void expect_end(struct client *c)
{
	assert_int_equal(c->in.n, 0);
	assert_false(client_more(c));
	assert_false(c->impatient);
}

/* One request on a connection of its own. */
static inline int one_request(const struct fixture *f, const char *request)
{
	struct client c;
	struct reply r;
	int status = 0;

	client_open(f, &c);
	client_say(&c, request);
	if (client_reply(&c, &r))
		status = r.status;
	reply_free(&r);
	client_close(&c);
	return status;
}

#define H "Host: localhost\r\n"

#endif
