/* One large file: up by tus in a single PATCH or, to a peer, by PUT; down as the recipient gets it or, from a peer, as it lies there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "latency.h"

#include "load.h"

#define PIECE_BYTES (1u << 20)
#define PAGE_MAX 65536

/* What one transfer cost: MB/s of 10^6 bytes, CPU seconds for 10^9 bytes, memory. */
struct cost {
	const struct load *load;
	struct procs_peak peak;
	int64_t begun_us, cpu_us, before_kib;
};

static void cost_begin(struct cost *c, const struct load *l)
{
	c->load = l;
	if (l->pid) {
		c->before_kib = procs_pss_kib(&l->procs);
		procs_peak_begin(&c->peak, &l->procs);
		c->cpu_us = procs_cpu_us(&l->procs);
	}
	c->begun_us = latency_now_us();
}

static void cost_end(struct cost *c)
{
	const struct load *l = c->load;
	double us = (double)(latency_now_us() - c->begun_us), bytes = (double)l->size_bytes;
	int64_t peak_kib;

	load_print(l, "", bytes / us, "MB/s");
	if (!l->pid)
		return;
	load_print(l, ".cpu", (double)(procs_cpu_us(&l->procs) - c->cpu_us) * 1e3 / bytes, "s/GB");
	peak_kib = procs_peak_end(&c->peak);
	if (!c->before_kib)
		return;
	load_print(l, ".pss", (double)peak_kib / 1024, "MiB");
	load_print(l, ".pss_growth", (double)(peak_kib > c->before_kib ? peak_kib - c->before_kib : 0) / 1024, "MiB");
}

static struct wire *connected(const struct load *l)
{
	struct wire *w = calloc(1, sizeof(*w));

	if (!w || !wire_open(w, &l->target))
		load_die("no connection to %s:%s", l->target.host, l->target.port);
	return w;
}

static void upload_make(const struct load *l, struct wire *w, struct wire_reply *reply)
{
	char request[1024], body[512];
	int n = snprintf(request, sizeof(request),
			 "POST /api/v1/uploads HTTP/1.1\r\nHost: %s:%s\r\nAuthorization: Bearer %s\r\nTus-Resumable: 1.0.0\r\n"
			 "Upload-Length: %llu\r\nUpload-Metadata: filename ZmlsZS5iaW4=\r\nContent-Length: 0\r\n\r\n",
			 l->target.host, l->target.port, l->token, (unsigned long long)l->size_bytes);

	if (!wire_talk(w, request, (size_t)n, reply, body, sizeof(body)) || reply->status != 201)
		load_die("the upload was refused: %d %s", reply->status, body);
}

static bool pieces_send(struct wire *w, uint64_t bytes)
{
	unsigned char *piece = malloc(PIECE_BYTES);
	bool sent = piece && RAND_bytes(piece, (int)PIECE_BYTES) == 1;

	while (sent && bytes) {
		size_t n = bytes < PIECE_BYTES ? (size_t)bytes : PIECE_BYTES;

		sent = wire_send(w, piece, n);
		bytes -= n;
	}
	free(piece);
	return sent;
}

/* The request whose head is given, with a body of --size bytes, or without one. */
static void up(struct load *l, struct wire *w, const char *head, int head_n)
{
	struct wire_reply reply = { 0 };
	struct cost cost;
	char body[512] = "";

	cost_begin(&cost, l);
	if (!wire_send(w, head, (size_t)head_n) || !pieces_send(w, l->size_bytes) || !wire_head(w, &reply) ||
	    !wire_body(w, &reply, body, sizeof(body)))
		load_die("the upload was cut off");
	if (reply.status != 201 && reply.status != 204)
		load_die("the upload was refused: %d %s", reply.status, body);
	cost_end(&cost);
	wire_close(w);
	free(w);
}

static void down(struct load *l, struct wire *w, const char *head, int head_n)
{
	struct wire_reply reply = { 0 };
	struct cost cost;

	cost_begin(&cost, l);
	if (!wire_send(w, head, (size_t)head_n) || !wire_head(w, &reply) || !wire_body(w, &reply, NULL, 0))
		load_die("the download was cut off");
	if (reply.status != 200 || reply.body_bytes != l->size_bytes)
		load_die("the download is not what went up: %d, %llu bytes", reply.status, (unsigned long long)reply.body_bytes);
	cost_end(&cost);
	wire_close(w);
	free(w);
}

int load_upload(struct load *l)
{
	struct wire *w = connected(l);
	struct wire_reply reply = { 0 };
	char request[1024], path[sizeof(reply.location)], *id;
	int n;

	upload_make(l, w, &reply);
	snprintf(path, sizeof(path), "%s", reply.location);
	id = strrchr(path, '/');
	n = snprintf(request, sizeof(request),
		     "PATCH %.512s HTTP/1.1\r\nHost: %s:%s\r\nAuthorization: Bearer %s\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
		     "Content-Type: application/offset+octet-stream\r\nContent-Length: %llu\r\n\r\n",
		     path, l->target.host, l->target.port, l->token, (unsigned long long)l->size_bytes);
	if (!id)
		load_die("the upload has no place");
	up(l, w, request, n);
	printf("%s.id %s -\n", l->name, id + 1);
	return 0;
}

/* Opens the letter of the last link in the file; what comes back is the reading session's cookie. */
static void letter_open(const struct load *l, struct wire *w, char *link, size_t cap, struct wire_reply *reply)
{
	static const char FIELD[] = "name=\"form\" value=\"";
	char request[1024], *page = calloc(1, PAGE_MAX), *form;
	FILE *f = fopen(l->path, "r");
	int n;

	link[0] = 0;
	while (f && page && fgets(page, (int)cap, f))
		snprintf(link, cap, "%.*s", (int)strcspn(page, "\r\n"), page);
	if (f)
		fclose(f);
	n = snprintf(request, sizeof(request), "GET %.200s HTTP/1.1\r\nHost: %s:%s\r\n\r\n", link, l->target.host, l->target.port);
	if (!wire_talk(w, request, (size_t)n, reply, page, PAGE_MAX) || !(form = strstr(page, FIELD)))
		load_die("no landing page at the link in %s", l->path);
	form += sizeof(FIELD) - 1;
	form[strcspn(form, "\"")] = 0;
	n = snprintf(request, sizeof(request),
		     "POST %.200s/open HTTP/1.1\r\nHost: %s:%s\r\nContent-Type: application/x-www-form-urlencoded\r\n"
		     "Content-Length: %zu\r\n\r\nform=%.200s",
		     link, l->target.host, l->target.port, strlen(form) + 5, form);
	if (!wire_talk(w, request, (size_t)n, reply, NULL, 0) || reply->status != 303)
		load_die("the letter does not open: %d", reply->status);
	free(page);
}

int load_download(struct load *l)
{
	struct wire *w = connected(l);
	struct wire_reply reply = { 0 };
	char request[1024], link[256];
	int n;

	letter_open(l, w, link, sizeof(link), &reply);
	n = snprintf(request, sizeof(request), "GET %.200s/files/1 HTTP/1.1\r\nHost: %s:%s\r\nCookie: %s\r\n\r\n", link,
		     l->target.host, l->target.port, reply.cookie);
	down(l, w, request, n);
	return 0;
}

int load_session(struct load *l)
{
	struct wire *w = connected(l);
	struct wire_reply reply = { 0 };
	char link[256];

	letter_open(l, w, link, sizeof(link), &reply);
	printf("%s.path %s -\n%s.cookie %s -\n", l->name, link, l->name, reply.cookie);
	wire_close(w);
	free(w);
	return 0;
}

int load_put(struct load *l)
{
	char request[1024];
	int n = snprintf(request, sizeof(request), "PUT %.400s HTTP/1.1\r\nHost: %s:%s\r\nContent-Length: %llu\r\n\r\n", l->path,
			 l->target.host, l->target.port, (unsigned long long)l->size_bytes);

	up(l, connected(l), request, n);
	return 0;
}

int load_fetch(struct load *l)
{
	char request[1024];
	int n = snprintf(request, sizeof(request), "GET %.400s HTTP/1.1\r\nHost: %s:%s\r\n\r\n", l->path, l->target.host, l->target.port);

	down(l, connected(l), request, n);
	return 0;
}
