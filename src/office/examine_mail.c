/* See examine_mail.h. */
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "uuid.h"

#include "db.h"

#include "journal.h"
#include "keeper.h"
#include "mail_check.h"
#include "mail_sign.h"

#include "office_own.h"

#include "examine_mail.h"

#define HEAD_MS 2000

/* By the id alone: a Message-ID names no entity. */
static const char NOTICE_FIND[] = "SELECT x.send FROM entity e JOIN notice x ON x.entity = e.entity AND x.notice = $1";
static const char HEAD_FIND[] = "SELECT root FROM head WHERE size = $1";

enum { SIGNATURE, NUMBER, HEAD, LINKS, CHECKS };

static const struct {
	const char *id, *command;
} checks[CHECKS] = {
	[SIGNATURE] = { "mail_signature", "openssl cms -verify -in mail.eml -CAfile root.pem -purpose smimesign -out /dev/null" },
	[NUMBER] = { "mail_number", "" },
	[HEAD] = { "mail_head", "" },
	[LINKS] = { "mail_links", "" },
};

static void settle(struct examine_mail_report *r, int check, enum examine_result result, const char *text)
{
	r->checks[check].result = result;
	r->checks[check].text = text;
	r->failed += result == EXAMINE_FAILS;
}

/* Mails may be signed by a certificate of an authority outside: whether it is ours shows where we sign something now. */
static bool signer_is_ours(struct office *office, const struct examine_mail *m)
{
	static const char probe[] = "Content-Type: text/plain; charset=utf-8\r\n\r\nWhose certificate is this?\r\n";
	AUTO_BUF own = { 0 };
	struct err why = { 0 };
	const struct keeper_mail_item item = { MAIL_SIGN_SMIME, probe, sizeof(probe) - 1, &own };

	return keeper_mail_sign(office->parts.keeper, &item, 1, &why) == PLI_OK && own.n &&
	       mail_check_same_signer(m->signature, m->signature_n, own.p, own.n);
}

static enum pli_status signature(struct office *office, struct pool *pool, const struct examine_mail *m, struct examine_mail_report *r,
				 bool *stranger_r)
{
	struct err why = { 0 };
	enum pli_status st;

	if (!m->content || !m->signature)
		return PLI_ABSENT;
	st = mail_check_signature(office->parts.root_pem, m->content, m->content_n, m->signature, m->signature_n, &why);
	/* Denied: the signature holds, under a certificate that our root has not signed. */
	if (st == PLI_DENIED && signer_is_ours(office, m))
		st = PLI_OK;
	*stranger_r = st == PLI_DENIED;
	settle(r, SIGNATURE, st == PLI_OK ? EXAMINE_HOLDS : EXAMINE_FAILS, st == PLI_OK ? NULL : pool_str(pool, why.text));
	return st;
}

/* ID in 32 hexadecimal digits, the send number, and any domain behind @. */
static bool number_parse(const char *id, struct uuid *notice_r, int64_t *send_r)
{
	const char *p;

	if (!id || strlen(id) < 35 || !hex_decode(notice_r->b, 16, id, 32) || id[32] != '.')
		return false;
	*send_r = 0;
	for (p = id + 33; *p >= '0' && *p <= '9' && p - id < 42; p++)
		*send_r = *send_r * 10 + (*p - '0');
	return p > id + 33 && *p == '@';
}

static enum pli_status number(struct db_conn *conn, const struct examine_mail *m, struct examine_mail_report *r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = PLI_ABSENT;
	struct uuid notice;
	int64_t send;

	if (number_parse(m->message_id, &notice, &send)) {
		st = db_query(conn, &rows, err, NOTICE_FIND, "u", &notice);
		if (st == PLI_OK)
			st = db_next(&rows, err);
		if (st == PLI_OK && db_int(&rows, 0) != send)
			st = PLI_ABSENT;
	}
	if (st == PLI_OK)
		settle(r, NUMBER, EXAMINE_HOLDS, NULL);
	else if (st == PLI_ABSENT && m->message_id)
		settle(r, NUMBER, EXAMINE_FAILS, "no notice of this number has been sent from here");
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* One that our log has signed: is it a head of our journal, still?  That of a mail of this moment may be on its way into the database. */
static enum pli_status head_look(struct office *office, struct db_conn *conn, uint64_t size, const uint8_t root[32], bool *there_r,
				 struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = PLI_OK;
	const void *p;
	size_t n;

	if (size <= journal_signed(office->parts.journal))
		st = journal_wait(office->parts.journal, size, HEAD_MS, err);
	if (st == PLI_OK)
		st = db_query(conn, &rows, err, HEAD_FIND, "i", (int64_t)size);
	if (st == PLI_OK)
		st = db_next(&rows, err);
	*there_r = st == PLI_OK && (p = db_blob(&rows, 0, &n)) && n == 32 && memcmp(p, root, 32) == 0;
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* Sees the heads that bear a signature; *gone_r: one of them is of a journal that is no more. */
static enum pli_status heads(struct office *office, struct pool *pool, struct db_conn *conn, const struct examine_mail *m,
			     struct examine_mail_report *r, bool *gone_r, struct err *err)
{
	bool holds = false, there;
	enum pli_status st = PLI_OK;

	*gone_r = false;
	for (unsigned i = 0; st == PLI_OK && i < m->head_count; i++) {
		uint8_t root[32];
		uint64_t size;

		if (!mail_check_head(pool, m->heads[i], strlen(m->heads[i]), office->parts.log_pub, &size, root))
			continue;
		st = head_look(office, conn, size, root, &there, err);
		holds = holds || there;
		*gone_r = *gone_r || !there;
	}
	if (*gone_r)
		settle(r, HEAD, EXAMINE_FAILS, "our key has signed a state of the journal that is not in our journal");
	else if (holds)
		settle(r, HEAD, EXAMINE_HOLDS, NULL);
	else if (m->head_count)
		settle(r, HEAD, EXAMINE_FAILS, "it names a state of a journal that our key has not signed");
	return st;
}

/* ---- links ---- */

static bool leads_here(const struct office *office, const char *link)
{
	const char *base = office->parts.base_url;
	size_t n = strlen(base);

	/* Nothing of ours climbs up again, above the service's own path. */
	return strncasecmp(link, base, n) == 0 && (link[n] == '\0' || strchr("/?#", link[n])) && !strstr(link + n, "/.") &&
	       !strcasestr(link + n, "%2e");
}

/* Behind the scheme, up to the path: what a person must look at. */
static const char *host_of(struct pool *pool, const char *link)
{
	const char *p = strstr(link, "://"), *at;
	size_t n;

	p = p ? p + 3 : link;
	n = strcspn(p, "/?#\\");
	/* Before an at sign stands who asks, not whom. */
	at = memrchr(p, '@', n);
	if (at && p != link) {
		n -= (size_t)(at + 1 - p);
		p = at + 1;
	}
	return pool_strn(pool, p, n < 200 ? n : 200);
}

static void links(struct office *office, struct pool *pool, const struct examine_mail *m, struct examine_mail_report *r)
{
	for (unsigned i = 0; i < m->link_count; i++) {
		const char *host;
		bool before = false;

		if (leads_here(office, m->links[i]))
			continue;
		host = host_of(pool, m->links[i]);
		for (unsigned k = 0; k < r->foreign_count && !before; k++)
			before = str_eq(r->foreign[k], host);
		if (!before)
			r->foreign[r->foreign_count++] = host;
	}
	if (r->foreign_count)
		settle(r, LINKS, EXAMINE_FAILS, "not all of its links lead to this service");
	else if (m->link_count)
		settle(r, LINKS, EXAMINE_HOLDS, NULL);
}

static enum examine_mail_verdict judge(const struct examine_mail *m, const struct examine_mail_report *r, bool stranger, bool gone)
{
	bool marks = r->checks[NUMBER].result == EXAMINE_HOLDS || r->checks[HEAD].result == EXAMINE_HOLDS || gone;

	if (r->checks[SIGNATURE].result == EXAMINE_HOLDS)
		return gone ? EXAMINE_MAIL_JOURNAL : m->enclosed ? EXAMINE_MAIL_ENCLOSED : EXAMINE_MAIL_OURS;
	/* Of mails about accounts nothing is kept, nor of letters that are no more. */
	if (!marks && !m->enclosed && r->checks[SIGNATURE].result == EXAMINE_UNREACHED && r->checks[HEAD].result != EXAMINE_FAILS &&
	    r->checks[LINKS].result == EXAMINE_HOLDS)
		return EXAMINE_MAIL_UNTOLD;
	if (!marks || stranger)
		return EXAMINE_MAIL_FOREIGN;
	if (r->checks[SIGNATURE].result == EXAMINE_FAILS || r->checks[LINKS].result == EXAMINE_FAILS)
		return EXAMINE_MAIL_ALTERED;
	return gone ? EXAMINE_MAIL_JOURNAL : EXAMINE_MAIL_UNSIGNED;
}

enum pli_status examine_mail(struct office *office, struct pool *pool, const struct examine_mail *mail, struct examine_mail_report *r,
			     struct err *err)
{
	bool stranger = false, gone = false;
	struct db_conn *conn;
	enum pli_status st;

	*r = (struct examine_mail_report){ 0 };
	for (int i = 0; i < CHECKS; i++) {
		r->checks[i] = (struct examine_check){ .id = checks[i].id, .result = EXAMINE_UNREACHED, .command = checks[i].command };
		if (i == HEAD)
			r->checks[i].command = pool_fmt(pool, "pli journal verify --url %s --log-key log.pub --mail mail.eml", office->parts.base_url);
	}
	links(office, pool, mail, r);
	/* What our key has signed we have written, when this service perhaps had another address. */
	if (signature(office, pool, mail, r, &stranger) == PLI_OK && r->foreign_count && !mail->enclosed) {
		r->checks[LINKS] = (struct examine_check){ .id = checks[LINKS].id, .result = EXAMINE_UNREACHED, .command = "" };
		r->failed = 0;
		r->foreign_count = 0;
	}
	conn = db_reader_take(office->parts.db);
	st = number(conn, mail, r, err);
	if (st == PLI_OK)
		st = heads(office, pool, conn, mail, r, &gone, err);
	db_reader_give(office->parts.db, conn);
	/* Numbers go with the letters that they were about, and mails about accounts have none that is kept. */
	if (st == PLI_OK && r->checks[SIGNATURE].result == EXAMINE_HOLDS && r->checks[NUMBER].result == EXAMINE_FAILS) {
		r->checks[NUMBER] = (struct examine_check){ .id = checks[NUMBER].id, .result = EXAMINE_UNREACHED, .command = "" };
		r->failed--;
	}
	if (st == PLI_OK)
		r->verdict = judge(mail, r, stranger, gone);
	return st;
}
