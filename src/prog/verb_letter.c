/* pli list, show, resend, journal, stats: what the API says, as text or as it came (--json, --csv). */
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "json_read.h"

#include "args.h"
#include "cli.h"
#include "client.h"
#include "sysexit.h"

#include "verb.h"

#define ANSWER_MAX (64U * 1024 * 1024)
#define ROWS_MAX 1000

static const char *member(const struct json_read *object, const char *name)
{
	const char *s = "";

	if (!object || json_read_str(object, name, &s, NULL) != PLI_OK)
		return "";
	return s;
}

static long long member_int(const struct json_read *object, const char *name)
{
	int64_t n = 0;

	if (json_read_int(object, name, 0, INT64_C(1) << 53, &n, NULL) != PLI_OK)
		return 0;
	return (long long)n;
}

static unsigned members(const struct json_read *object, const char *name, struct json_read ***items_r)
{
	size_t count = 0;

	if (json_read_objects(object, name, NULL, ROWS_MAX, items_r, &count, NULL) != PLI_OK)
		return 0;
	return (unsigned)count;
}

/* Opens, sends one request, hands the answer to print (NULL: nothing to say), closes. */
static int talk(struct cli_call *call, struct client *client, const struct client_request *request,
		void (*print)(const struct json_read *answer))
{
	struct client_response response;
	struct json_read *answer = NULL;
	struct err err = { 0 };
	enum pli_status st = client_send(client, request, &response, &err);

	if (st == PLI_OK && (call->json || !print)) {
		if (response.body.n)
			printf("%.*s%s", (int)response.body.n, response.body.p,
			       response.body.p[response.body.n - 1] == '\n' ? "" : "\n");
	} else if (st == PLI_OK) {
		st = json_read_open(call->pool, response.body.p, response.body.n, ANSWER_MAX, NULL, &answer, &err);
		if (st == PLI_OK)
			print(answer);
	}
	client_response_free(&response);
	client_close(client);
	return st == PLI_OK ? EX_OK : sysexit_say(&err);
}

/* A query from options: "?a=1&b=2". */
static void query_add(struct client *client, struct buf *query, const char *name, const char *value)
{
	if (value)
		buf_fmt(query, "%c%s=%s", query->n ? '&' : '?', name, client_escape(client, value));
}

static void nothing_to_say(const struct json_read *answer)
{
	(void)answer;
}

/* ------------------------------------------------------------------ list, show */

static void print_list(const struct json_read *answer)
{
	struct json_read **letters;
	unsigned count = members(answer, "letters", &letters);

	for (unsigned i = 0; i < count; i++)
		printf("%8lld  %.16s  %-15s  %s  %s\n", member_int(letters[i], "number"), member(letters[i], "created"),
		       member(letters[i], "state"), member(letters[i], "id"), member(letters[i], "subject"));
	if (member(answer, "next")[0])
		fprintf(stderr, "pli: there are more; --limit N shows up to 200\n");
}

int verb_list(struct cli_call *call)
{
	AUTO_BUF query = { 0 };
	struct client *client;
	struct err err = { 0 };
	struct client_request request = { .method = "GET" };

	if (client_open(call->pool, call->args, &client, &err) != PLI_OK)
		return sysexit_say(&err);
	query_add(client, &query, "state", args_value(call->args, "--state"));
	query_add(client, &query, "q", args_value(call->args, "--search"));
	query_add(client, &query, "limit", args_value(call->args, "--limit"));
	request.path = pool_fmt(call->pool, "/api/v1/letters%s", query.n ? query.p : "");
	return talk(call, client, &request, print_list);
}

static void print_letter(const struct json_read *letter)
{
	struct json_read **items;
	unsigned count;

	printf("letter    %s\nnumber    %lld\nsubject   %s\nstate     %s\ncreated   %s\nexpires   %s\n", member(letter, "id"),
	       member_int(letter, "number"), member(letter, "subject"), member(letter, "state"), member(letter, "created"),
	       member(letter, "expires"));
	count = members(letter, "recipients", &items);
	for (unsigned i = 0; i < count; i++)
		printf("%-9s %-32s %-12s sent %lld time%s%s%s\n", member(items[i], "kind"), member(items[i], "address"),
		       member(items[i], "state"), member_int(items[i], "sends"), member_int(items[i], "sends") == 1 ? "" : "s",
		       member(items[i], "read_at")[0] ? ", read " : "", member(items[i], "read_at"));
	count = members(letter, "parts", &items);
	for (unsigned i = 0; i < count; i++)
		printf("part %-4lld %-32s %12lld bytes  sha256 %s\n", member_int(items[i], "n"), member(items[i], "name"),
		       member_int(items[i], "size"), member(items[i], "sha256"));
}

int verb_show(struct cli_call *call)
{
	struct client *client;
	struct err err = { 0 };
	struct client_request request = { .method = "GET" };

	if (client_open(call->pool, call->args, &client, &err) != PLI_OK)
		return sysexit_say(&err);
	request.path = pool_fmt(call->pool, "/api/v1/letters/%s", client_escape(client, args_word(call->args, 0)));
	return talk(call, client, &request, print_letter);
}

/* ------------------------------------------------------------------ resend */

int verb_resend(struct cli_call *call)
{
	unsigned count;
	const char *const *to = args_values(call->args, "--to", &count);
	uint8_t random[16];
	char hex[33];
	const char *headers[] = { "Content-Type: application/json", NULL, NULL };
	struct client_request request = { .method = "POST", .headers = headers };
	struct client *client;
	struct err err = { 0 };
	AUTO_BUF body = { 0 };
	struct jsonw w;

	if (client_open(call->pool, call->args, &client, &err) != PLI_OK)
		return sysexit_say(&err);
	jsonw_init(&w, &body, false);
	jsonw_object(&w, NULL);
	if (count > 0)
		jsonw_array(&w, "recipients");
	for (unsigned i = 0; i < count; i++)
		jsonw_str(&w, NULL, to[i]);
	if (count > 0)
		jsonw_array_end(&w);
	jsonw_object_end(&w);
	mem_random(random, sizeof(random));
	headers[1] = pool_fmt(call->pool, "Idempotency-Key: %s", hex_encode(hex, random, sizeof(random)));
	request.path = pool_fmt(call->pool, "/api/v1/letters/%s/resend", client_escape(client, args_word(call->args, 0)));
	request.body = body.p;
	request.body_n = body.n;
	return talk(call, client, &request, nothing_to_say);
}

/* ------------------------------------------------------------------ journal */

static void print_journal(const struct json_read *answer)
{
	struct json_read **entries;
	unsigned count = members(answer, "entries", &entries);

	for (unsigned i = 0; i < count; i++)
		printf("%8lld  %.19s  %-13s  %-15s  %s\n", member_int(entries[i], "number"), member(entries[i], "date"),
		       member(entries[i], "type"), member(entries[i], "state"), member(entries[i], "message"));
	if (member(answer, "next")[0])
		fprintf(stderr, "pli: there are more; --limit N shows up to 200\n");
}

int verb_journal(struct cli_call *call)
{
	bool csv = args_flag(call->args, "--csv");
	const char *lang = args_value(call->args, "--lang");
	const char *headers[3] = { NULL };
	struct client_request request = { .method = "GET", .headers = headers };
	struct client *client;
	struct err err = { 0 };
	AUTO_BUF query = { 0 };
	int n = 0;

	if (client_open(call->pool, call->args, &client, &err) != PLI_OK)
		return sysexit_say(&err);
	if (csv)
		headers[n++] = "Accept: text/csv";
	if (lang)
		headers[n++] = pool_fmt(call->pool, "Accept-Language: %s", client_escape(client, lang));
	query_add(client, &query, "letter", args_value(call->args, "--letter"));
	query_add(client, &query, "q", args_value(call->args, "--search"));
	query_add(client, &query, "limit", args_value(call->args, "--limit"));
	request.path = pool_fmt(call->pool, "/api/v1/journal%s", query.n ? query.p : "");
	return talk(call, client, &request, csv ? NULL : print_journal);
}

/* ------------------------------------------------------------------ stats */

static void duration_print(const struct json_read *row)
{
	long long s = member_int(row, "median_seconds_to_read");

	if (!member_int(row, "read"))
		printf("  %10s", "-");
	else if (s < 3600)
		printf("  %6lldm%02llds", s / 60, s % 60);
	else
		printf("  %6lldh%02lldm", s / 3600, s / 60 % 60);
}

static void print_row(const struct json_read *row, const char *name)
{
	long long delivered = member_int(row, "delivered"), read = member_int(row, "read");

	printf("%-10s  %8lld  %9lld  %8lld", name, member_int(row, "sent"), delivered, read);
	if (delivered)
		printf("  %4lld%%", (200 * read + delivered) / (2 * delivered));
	else
		printf("  %5s", "-");
	duration_print(row);
	printf("  %8lld  %14lld\n", member_int(row, "failures"), member_int(row, "bytes"));
}

/* Days on which nothing happened are in the answer, and say nothing to a reader. */
static bool is_empty(const struct json_read *row)
{
	static const char *const FIGURES[] = { "sent", "delivered", "read", "failures", "bytes" };

	for (size_t i = 0; i < sizeof(FIGURES) / sizeof(*FIGURES); i++)
		if (member_int(row, FIGURES[i]))
			return false;
	return true;
}

static void print_stats(const struct json_read *answer)
{
	struct json_read **rows, *total;
	unsigned count = members(answer, "rows", &rows);

	printf("%-10s  %8s  %9s  %8s  %5s  %10s  %8s  %14s\n", "period", "sent", "delivered", "read", "rate", "median", "failures", "bytes");
	for (unsigned i = 0; i < count; i++)
		if (!is_empty(rows[i]))
			print_row(rows[i], member(rows[i], "period"));
	if (json_read_object(answer, "total", NULL, &total, NULL) == PLI_OK)
		print_row(total, "total");
}

int verb_stats(struct cli_call *call)
{
	struct client *client;
	struct err err = { 0 };
	struct client_request request = { .method = "GET" };
	AUTO_BUF query = { 0 };

	if (client_open(call->pool, call->args, &client, &err) != PLI_OK)
		return sysexit_say(&err);
	query_add(client, &query, "from", args_value(call->args, "--from"));
	query_add(client, &query, "to", args_value(call->args, "--to"));
	query_add(client, &query, "by", args_value(call->args, "--by"));
	request.path = pool_fmt(call->pool, "/api/v1/statistics%s", query.n ? query.p : "");
	return talk(call, client, &request, print_stats);
}
