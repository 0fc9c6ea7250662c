/* What a mail server accepts: messages over STARTTLS, envelope pipelined (RFC 2920), many on a connection, the next when the last was
 * answered with 250. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop.h"

#include "load.h"

/* After so many messages a client hangs up and connects anew, as mail programs that have much to send do. */
#define MESSAGES_EACH 100

struct mailer {
	const struct load *load;
	unsigned number;
	unsigned left;			/* on this connection */
	char *body, *envelope;
	size_t body_n, envelope_cap;
	struct wire wire;
};

static bool ask(struct wire *w, const char *line, int wanted)
{
	return wire_send(w, line, strlen(line)) && wire_smtp(w) == wanted;
}

static void mailer_connect(struct mailer *m)
{
	struct wire *w = &m->wire;

	if (!wire_dial(w, &m->load->target) || wire_smtp(w) != 220 || !ask(w, "EHLO bench.example\r\n", 250) ||
	    !ask(w, "STARTTLS\r\n", 220) || !wire_secure(w) || !ask(w, "EHLO bench.example\r\n", 250))
		load_die("no mail server with STARTTLS at %s:%s", m->load->target.host, m->load->target.port);
	m->left = MESSAGES_EACH;
}

/* A header and lines of 70 characters up to the size asked for. */
static void body_make(struct mailer *m)
{
	static const char HEADER[] = "From: <a@bench.example>\r\nTo: <r@bench.example>\r\nSubject: Convention\r\nMIME-Version: 1.0\r\n"
				     "Content-Type: text/plain; charset=utf-8\r\n\r\n";
	static const char LINE[] = "Veuillez trouver ci-joint la convention que les parties ont signee.\r\n";
	size_t cap = sizeof(HEADER) + m->load->message_bytes + sizeof(LINE) + 8;

	m->body = malloc(cap);
	if (!m->body)
		load_die("out of memory");
	m->body_n = (size_t)snprintf(m->body, cap, "%s", HEADER);
	for (size_t text = 0; text < m->load->message_bytes; text += sizeof(LINE) - 1) {
		memcpy(m->body + m->body_n, LINE, sizeof(LINE) - 1);
		m->body_n += sizeof(LINE) - 1;
	}
	memcpy(m->body + m->body_n, ".\r\n", 3);
	m->body_n += 3;
}

static void *mailer_begin(const struct load *l, unsigned number)
{
	struct mailer *m = calloc(1, sizeof(*m));

	if (!m)
		load_die("out of memory");
	m->load = l;
	m->number = number;
	m->envelope_cap = 256 + l->recipients * 80;
	m->envelope = malloc(m->envelope_cap);
	if (!m->envelope)
		load_die("out of memory");
	body_make(m);
	mailer_connect(m);
	return m;
}

static bool send_one(struct mailer *m, unsigned long serial)
{
	const unsigned recipients = m->load->recipients;
	size_t n = (size_t)snprintf(m->envelope, m->envelope_cap, "MAIL FROM:<a@bench.example>\r\n");

	for (unsigned i = 0; i < recipients; i++)
		n += (size_t)snprintf(m->envelope + n, m->envelope_cap - n, "RCPT TO:<r%lu-%u-%u.%d@bench.example>\r\n", serial, m->number, i,
				      (int)getpid());
	n += (size_t)snprintf(m->envelope + n, m->envelope_cap - n, "DATA\r\n");
	if (!wire_send(&m->wire, m->envelope, n) || wire_smtp(&m->wire) != 250)
		return false;
	for (unsigned i = 0; i < recipients; i++)
		if (wire_smtp(&m->wire) != 250)
			return false;
	return wire_smtp(&m->wire) == 354 && wire_send(&m->wire, m->body, m->body_n) && wire_smtp(&m->wire) == 250;
}

static bool mailer_once(void *client, unsigned long serial)
{
	struct mailer *m = client;

	if (m->left == 0) {
		ask(&m->wire, "QUIT\r\n", 221);
		wire_close(&m->wire);
		mailer_connect(m);
	}
	m->left--;
	if (send_one(m, serial))
		return true;
	fprintf(stderr, "load: a message was not accepted\n");
	wire_close(&m->wire);
	mailer_connect(m);
	return false;
}

static void mailer_end(void *client)
{
	struct mailer *m = client;

	ask(&m->wire, "QUIT\r\n", 221);
	wire_close(&m->wire);
	free(m->body);
	free(m->envelope);
	free(m);
}

int load_smtp(struct load *l)
{
	return loop_run(l, &(struct loop_job){ mailer_begin, mailer_once, mailer_end, "messages" });
}
