/* One path again and again on kept-alive connections: a static file of a peer, or the page of a letter that is open. */
#include <stdio.h>
#include <stdlib.h>

#include "loop.h"

#include "load.h"

#define PAGE_MAX 65536

struct getter {
	struct wire wire;
	char request[1024];
	int n;
};

static void *getter_begin(const struct load *l, unsigned number)
{
	struct getter *g = calloc(1, sizeof(*g));

	(void)number;
	if (!g || !wire_open(&g->wire, &l->target))
		load_die("no connection to %s:%s", l->target.host, l->target.port);
	g->n = snprintf(g->request, sizeof(g->request), "GET %.400s HTTP/1.1\r\nHost: %s:%s\r\n%s%.200s%s\r\n", l->path, l->target.host,
			l->target.port, l->cookie ? "Cookie: " : "", l->cookie ? l->cookie : "", l->cookie ? "\r\n" : "");
	return g;
}

static bool getter_once(void *client, unsigned long serial)
{
	struct getter *g = client;
	struct wire_reply reply;
	const struct wire_target *target = g->wire.target;

	(void)serial;
	if (wire_talk(&g->wire, g->request, (size_t)g->n, &reply, NULL, 0) && reply.status == 200)
		return true;
	fprintf(stderr, "load: the page did not come\n");
	wire_close(&g->wire);
	if (!wire_open(&g->wire, target))
		load_die("no connection any more");
	return false;
}

static void getter_end(void *client)
{
	struct getter *g = client;

	wire_close(&g->wire);
	free(g);
}

int load_get(struct load *l)
{
	return loop_run(l, &(struct loop_job){ getter_begin, getter_once, getter_end, "pages" });
}
