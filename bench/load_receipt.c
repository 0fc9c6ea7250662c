/* A letter's proofs, asked for one after the other by its sender: the PDF of its deposit and his bundle, each when it has to be made
 * and once more when it has been. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "latency.h"

#include "load.h"

#define ANSWER_MAX 8192

enum { PDF, BUNDLE, PDF_AGAIN, BUNDLE_AGAIN, PROOFS };

static const struct {
	const char *path, *type;	/* what the file begins with */
	const char *p50, *p99;
} PROOF[PROOFS] = {
	[PDF] = { "proof.pdf?kind=deposit", "%PDF-", ".pdf.p50", ".pdf.p99" },
	[BUNDLE] = { "proof", "PK", ".bundle.p50", ".bundle.p99" },
	[PDF_AGAIN] = { "proof.pdf?kind=deposit", "%PDF-", ".pdf.again.p50", ".pdf.again.p99" },
	[BUNDLE_AGAIN] = { "proof", "PK", ".bundle.again.p50", ".bundle.again.p99" },
};

static void deposit(const struct load *l, struct wire *w, unsigned n, char id[64])
{
	static const char ID[] = "\"id\":\"";
	struct wire_reply reply;
	char request[2048], body[512], answer[ANSWER_MAX], *at;
	int size = snprintf(body, sizeof(body), "{\"to\":[\"proof-%u.%d@example.net\"],\"subject\":\"Convention %u\",\"message\":\"Bonjour\"}", n,
			    (int)getpid(), n);

	size = snprintf(request, sizeof(request),
			"POST /api/v1/letters HTTP/1.1\r\nHost: %s:%s\r\nAuthorization: Bearer %.200s\r\nContent-Type: application/json\r\n"
			"Content-Length: %d\r\n\r\n%s", l->target.host, l->target.port, l->token, size, body);
	if (size < 0 || (size_t)size >= sizeof(request) || !wire_talk(w, request, (size_t)size, &reply, answer, sizeof(answer)) ||
	    reply.status != 201 || !(at = strstr(answer, ID)))
		load_die("no letter");
	snprintf(id, 64, "%.*s", (int)strcspn(at + sizeof(ID) - 1, "\""), at + sizeof(ID) - 1);
}

static void fetch(const struct load *l, struct wire *w, const char *id, int proof, struct latency *latency)
{
	struct wire_reply reply;
	char request[1024], answer[64];
	int size = snprintf(request, sizeof(request), "GET /api/v1/letters/%s/%s HTTP/1.1\r\nHost: %s:%s\r\nAuthorization: Bearer %.200s\r\n\r\n", id,
			    PROOF[proof].path, l->target.host, l->target.port, l->token);
	int64_t begun_us = latency_now_us();

	if (!wire_talk(w, request, (size_t)size, &reply, answer, sizeof(answer)) || reply.status != 200 ||
	    strncmp(answer, PROOF[proof].type, strlen(PROOF[proof].type)) != 0)
		load_die("no %s: %d", PROOF[proof].path, reply.status);
	latency_add(latency, latency_now_us() - begun_us);
}

int load_receipts(struct load *l)
{
	struct wire *w = calloc(1, sizeof(*w));
	char (*ids)[64] = calloc(l->count, sizeof(*ids));
	struct latency latency[PROOFS] = { 0 };

	if (!w || !ids || !wire_open(w, &l->target))
		load_die("no connection to %s:%s", l->target.host, l->target.port);
	for (unsigned i = 0; i < l->count; i++)
		deposit(l, w, i, ids[i]);
	for (unsigned i = 0; i < l->count; i++)
		for (int proof = 0; proof < PROOFS; proof++)
			fetch(l, w, ids[i], proof, &latency[proof]);
	for (int proof = 0; proof < PROOFS; proof++) {
		load_print(l, PROOF[proof].p50, latency_ms(&latency[proof], 500), "ms");
		load_print(l, PROOF[proof].p99, latency_ms(&latency[proof], 990), "ms");
		latency_free(&latency[proof]);
	}
	wire_close(w);
	free(w);
	free(ids);
	return 0;
}
