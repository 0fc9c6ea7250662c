/* The load generator of the bench: threads that talk HTTPS to a server, blocking, and print what they measured.
 *
 *   load deposit  --clients N --seconds S --message BYTES --recipients N   letters on kept-alive connections
 *   load open     --clients N --count N --path LINKS [--first]             opening; --first: connection and landing too
 *   load upload   --size BYTES          prints the upload's id last        one file by tus
 *   load letter   --upload ID --address A                                  a letter with it
 *   load download --path LINKS --size BYTES                                its file 1, by the last link in the file
 *   load session  --path LINKS                                             opens that letter, prints path and cookie
 *   load smtp     --clients N --message BYTES --recipients N --seconds S   messages to a mail server, by STARTTLS
 *   load get      --clients N --path PATH [--cookie C] --seconds S         one page on kept-alive connections
 *   load stamp    --clients N --seconds S                                 timestamps on kept-alive connections
 *   load receipts --count N                                                proofs of as many letters, PDF and bundle
 *   load put | fetch  --path PATH --size BYTES                             a peer's large file, up or down
 *   load start    [--count N] -- COMMAND…   until /readyz says yes; ends it again
 *   load ready | caught --path OUTBOX --count N --seconds S | memory --seconds S
 * with  --server HOST:PORT --ca FILE [--token-file F] [--pid SERVER] [--name FIGURE].  See doc/performance.md. */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

void load_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("load: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

char *load_dup(const char *s)
{
	char *copy = strdup(s);

	if (!copy)
		load_die("out of memory");
	return copy;
}

void load_print(const struct load *l, const char *suffix, double value, const char *unit)
{
	printf("%s%s %.*f %s\n", l->name, suffix, value >= 1000 ? 0 : value >= 10 ? 1 : 3, value, unit);
	fflush(stdout);
}

void load_threads(const struct load *l, void *(*body)(void *), void *args, size_t arg_bytes)
{
	pthread_t *threads = calloc(l->clients, sizeof(*threads));

	for (unsigned i = 0; i < l->clients; i++)
		if (!threads || pthread_create(&threads[i], NULL, body, (char *)args + i * arg_bytes) != 0)
			load_die("no thread");
	for (unsigned i = 0; i < l->clients; i++)
		pthread_join(threads[i], NULL);
	free(threads);
}

static const char *first_line(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[512];

	if (!f || !fgets(line, sizeof(line), f))
		load_die("cannot read %s", path);
	fclose(f);
	line[strcspn(line, "\r\n")] = 0;
	return load_dup(line);
}

enum { SERVER = 256, CA, TOKEN_FILE, NAME, CLIENTS, SECONDS, MESSAGE, RECIPIENTS, COUNT, SIZE, PATH, UPLOAD, ADDRESS, FIRST, PID, COOKIE };

static const struct option OPTIONS[] = {
	{ "server", 1, 0, SERVER },   { "ca", 1, 0, CA },	    { "token-file", 1, 0, TOKEN_FILE },
	{ "name", 1, 0, NAME },	      { "clients", 1, 0, CLIENTS }, { "seconds", 1, 0, SECONDS },
	{ "message", 1, 0, MESSAGE }, { "recipients", 1, 0, RECIPIENTS }, { "count", 1, 0, COUNT },
	{ "size", 1, 0, SIZE },	      { "path", 1, 0, PATH },	    { "upload", 1, 0, UPLOAD },
	{ "address", 1, 0, ADDRESS }, { "first", 0, 0, FIRST },	    { "pid", 1, 0, PID },
	{ "cookie", 1, 0, COOKIE },
	{ 0 },
};

static void option(struct load *l, int which, const char **server, const char **ca)
{
	switch (which) {
	case SERVER: *server = optarg; break;
	case CA: *ca = optarg; break;
	case TOKEN_FILE: l->token = first_line(optarg); break;
	case NAME: l->name = optarg; break;
	case CLIENTS: l->clients = (unsigned)atoi(optarg); break;
	case SECONDS: l->seconds = atof(optarg); break;
	case MESSAGE: l->message_bytes = (unsigned)atoi(optarg); break;
	case RECIPIENTS: l->recipients = (unsigned)atoi(optarg); break;
	case COUNT: l->count = (unsigned)atoi(optarg); break;
	case SIZE: l->size_bytes = strtoull(optarg, NULL, 10); break;
	case PATH: l->path = optarg; break;
	case UPLOAD: l->upload = optarg; break;
	case ADDRESS: l->address = optarg; break;
	case FIRST: l->first = true; break;
	case COOKIE: l->cookie = optarg; break;
	case PID: l->pid = (pid_t)atoi(optarg); break;
	default: exit(2);
	}
}

static const struct {
	const char *name;
	int (*run)(struct load *l);
} VERBS[] = {
	{ "deposit", load_deposit }, { "letter", load_letter },	  { "open", load_open }, { "upload", load_upload },
	{ "download", load_download }, { "session", load_session }, { "smtp", load_smtp }, { "get", load_get },
	{ "put", load_put },	     { "fetch", load_fetch },	  { "ready", load_ready },
	{ "stamp", load_stamp },     { "receipts", load_receipts },
};

int main(int argc, char **argv)
{
	struct load l = { .name = "figure", .token = "", .clients = 1, .seconds = 5, .message_bytes = 4096, .recipients = 1,
			  .count = 1, .size_bytes = 1u << 30 };
	const char *server = "localhost:8443", *ca = NULL, *verb = argc > 1 ? argv[1] : "";
	int which;

	signal(SIGPIPE, SIG_IGN);
	while ((which = getopt_long(argc - 1, argv + 1, "", OPTIONS, NULL)) != -1)
		option(&l, which, &server, &ca);
	if (l.clients < 1 || l.clients > 4096 || l.count < 1)
		load_die("--clients and --count are at least 1");
	if (strcmp(verb, "caught") == 0)
		return load_caught(&l);
	if (l.pid)
		procs_find(&l.procs, l.pid);
	if (strcmp(verb, "memory") == 0)
		return load_memory(&l);
	if (!ca)
		load_die("--ca is missing");
	wire_target_init(&l.target, server, ca);
	if (strcmp(verb, "start") == 0)
		return load_start(&l, argv + 1 + optind);
	for (size_t i = 0; i < sizeof(VERBS) / sizeof(*VERBS); i++)
		if (strcmp(verb, VERBS[i].name) == 0)
			return VERBS[i].run(&l);
	load_die("no verb '%s'", verb);
}
