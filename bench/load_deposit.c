/* Deposits: each client has a connection of its own and sends the next letter when the last was answered with 201. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop.h"

#include "load.h"

struct depositor {
	const struct load *load;
	unsigned number;
	char *message;			/* JSON string, without quotes */
	char *body, *request;
	size_t cap;
	struct wire wire;
};

/* Text as people write it: words and line breaks, so that nothing about it is special. */
static char *message_make(unsigned bytes)
{
	static const char LINE[] = "Veuillez trouver ci-joint la convention signee par les parties. \\n";
	char *text = malloc(bytes + sizeof(LINE) + 1);
	size_t n = 0, written = 0;

	if (!text)
		load_die("out of memory");
	/* A line counts one byte less than its JSON form: \n is one. */
	while (written + sizeof(LINE) - 2 <= bytes) {
		memcpy(text + n, LINE, sizeof(LINE) - 1);
		n += sizeof(LINE) - 1;
		written += sizeof(LINE) - 2;
	}
	memset(text + n, 'x', bytes - written);
	text[n + bytes - written] = 0;
	return text;
}

/* Appends to text, which ends the program rather than being cut. */
__attribute__((format(printf, 4, 5))) static void put(char *text, size_t cap, size_t *at, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text + *at, cap - *at, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= cap - *at)
		load_die("a request is too long");
	*at += (size_t)n;
}

static size_t request_write(const struct load *l, char *text, size_t cap, const char *body, size_t body_n)
{
	size_t n = 0;

	put(text, cap, &n, "POST /api/v1/letters HTTP/1.1\r\nHost: %s:%s\r\nAuthorization: Bearer %s\r\n", l->target.host,
	    l->target.port, l->token);
	put(text, cap, &n, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n", body_n);
	if (body_n >= cap - n)
		load_die("a request is too long");
	memcpy(text + n, body, body_n);
	return n + body_n;
}

static size_t letter_write(const struct depositor *d, unsigned long serial, char *body, size_t cap)
{
	const struct load *l = d->load;
	size_t n = 0;

	put(body, cap, &n, "{\"to\":[");
	for (unsigned i = 0; i < l->recipients; i++)
		put(body, cap, &n, "%s\"r%lu-%u-%u.%d@example.net\"", i ? "," : "", serial, d->number, i, (int)getpid());
	put(body, cap, &n, "],\"subject\":\"Convention %lu\",\"message\":\"%s\"}", serial, d->message);
	return n;
}

static void *depositor_begin(const struct load *l, unsigned number)
{
	struct depositor *d = calloc(1, sizeof(*d));

	if (!d)
		load_die("out of memory");
	d->load = l;
	d->number = number;
	d->message = message_make(l->message_bytes);
	d->cap = l->message_bytes * 2 + l->recipients * 64 + 4096;
	d->body = malloc(d->cap);
	d->request = malloc(d->cap);
	if (!d->body || !d->request || !wire_open(&d->wire, &l->target))
		load_die("no connection to %s:%s", l->target.host, l->target.port);
	return d;
}

static bool depositor_once(void *client, unsigned long serial)
{
	struct depositor *d = client;
	struct wire_reply reply;
	size_t n = letter_write(d, serial, d->body, d->cap);
	bool answered;

	n = request_write(d->load, d->request, d->cap, d->body, n);
	answered = wire_talk(&d->wire, d->request, n, &reply, d->body, d->cap);
	if (answered && reply.status == 201)
		return true;
	fprintf(stderr, "load: deposit: %d %.300s\n", answered ? reply.status : 0, answered ? d->body : "");
	wire_close(&d->wire);
	if (!wire_open(&d->wire, &d->load->target))
		load_die("no connection any more");
	return false;
}

static void depositor_end(void *client)
{
	struct depositor *d = client;

	wire_close(&d->wire);
	free(d->message);
	free(d->request);
	free(d->body);
	free(d);
}

int load_deposit(struct load *l)
{
	return loop_run(l, &(struct loop_job){ depositor_begin, depositor_once, depositor_end, "letters" });
}

int load_letter(struct load *l)
{
	char body[1024], request[4096];
	struct wire *w = calloc(1, sizeof(*w));
	struct wire_reply reply;
	size_t n = 0;

	put(body, sizeof(body), &n, "{\"to\":[\"%s\"],\"subject\":\"Un grand fichier\",\"uploads\":[\"%s\"]}", l->address, l->upload);
	n = request_write(l, request, sizeof(request), body, n);
	if (!w || !wire_open(w, &l->target) || !wire_talk(w, request, n, &reply, body, sizeof(body)))
		load_die("no answer from %s:%s", l->target.host, l->target.port);
	if (reply.status != 201)
		load_die("the letter was refused: %d %s", reply.status, body);
	wire_close(w);
	free(w);
	return 0;
}
