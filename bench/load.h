/* The load generator's verbs and what they share.  Each prints figures as `name value unit` lines, `name` being what
 * --name says, and ends with 1 when one request did not get the answer it should have. */
#ifndef PLI_BENCH_LOAD_H
#define PLI_BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "procs.h"
#include "wire.h"

struct load {
	struct wire_target target;
	const char *name;
	const char *token;		/* API token */
	unsigned clients;
	double seconds;
	unsigned message_bytes, recipients;
	unsigned count;
	uint64_t size_bytes;
	const char *path;		/* file of links, directory of caught mails, or path of a request */
	const char *upload, *address;
	const char *cookie;		/* NAME=VALUE, or NULL */
	bool first;
	pid_t pid;			/* of the server; 0: its use is not measured */
	struct procs procs;
};

void load_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
char *load_dup(const char *s);
void load_print(const struct load *l, const char *suffix, double value, const char *unit);

/* Runs body once in each of l->clients threads. */
void load_threads(const struct load *l, void *(*body)(void *), void *args, size_t arg_bytes);

/* load_deposit.c: letters by JSON on kept-alive connections for a while. */
int load_deposit(struct load *l);
/* One letter with an upload and an address, so that it can be opened and read. */
int load_letter(struct load *l);
/* load_open.c: the recipients' side. */
int load_open(struct load *l);
/* load_file.c: one large file up by tus, or down. */
int load_upload(struct load *l);
int load_download(struct load *l);
/* Opens the last link's letter and prints its path and the reading session's cookie. */
int load_session(struct load *l);
/* The same for a peer: PUT of --size bytes to --path; GET of as many. */
int load_put(struct load *l);
int load_fetch(struct load *l);
/* load_get.c: one page again and again. */
int load_get(struct load *l);
/* load_receipt.c: proofs of letters, made and made already. */
int load_receipts(struct load *l);
/* load_stamp.c: timestamps. */
int load_stamp(struct load *l);
/* load_smtp.c: messages to a mail server. */
int load_smtp(struct load *l);
/* load_server.c */
int load_start(struct load *l, char **command);
int load_ready(struct load *l);
int load_caught(struct load *l);
int load_memory(struct load *l);

#endif
